"""Processes that benchmarks run: what they cost, and what a marquee says of itself while it runs."""

import contextlib
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from answers import check


class Cpu:
    """CPU seconds, user and system, of the child processes that ended within a `with`."""

    def __enter__(self):
        self._before = resource.getrusage(resource.RUSAGE_CHILDREN)
        return self

    def __exit__(self, *_):
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds = after.ru_utime + after.ru_stime - self._before.ru_utime - self._before.ru_stime


def run_cpu(command, **kwargs):
    """Runs a command to its end; its stdout, and its own user + system seconds."""
    with Cpu() as cpu:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **kwargs)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(c) for c in command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout, cpu.seconds


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def metric(text, name):
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith(name) and not line.startswith("#")
    )


def resident_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status", encoding="utf8").read()).group(1)) / 1024


class Watched:
    """A marquee process, its HTTP server at `port`: its metrics, its highest resident memory, its CPU seconds."""

    def __init__(self, command, log, port):
        self.port, self.log, self.peak_mb, self.begin = port, log, 0.0, time.monotonic()
        self._cpu = Cpu().__enter__()
        with open(log, "w", encoding="utf8") as words:
            self.process = subprocess.Popen([str(c) for c in command], stdout=words, stderr=words)

    def until(self, holds, pause_s):
        """Looks again and again; the first scrape of which `holds` is true, and its seconds since the start."""
        while True:
            if self.process.poll() is not None:
                sys.exit(f"marquee left with {self.process.returncode}: {self.log.read_text()[-2000:]}")
            self.look()
            with contextlib.suppress(OSError):  # not listening yet
                text = scrape(self.port)
                if holds(text):
                    return text, time.monotonic() - self.begin
            time.sleep(pause_s)

    def look(self):
        with contextlib.suppress(OSError, AttributeError):  # it may be gone, or not be a program yet
            self.peak_mb = max(self.peak_mb, resident_mb(self.process.pid))

    def end(self, told=True):
        """Waits for its end, which SIGTERM brings if it is to be `told`; its CPU seconds."""
        if told:
            self.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 120
        while self.process.poll() is None and time.monotonic() < end:
            self.look()
            time.sleep(0.05)
        check(self.process.poll() == 0, f"marquee left with {self.process.returncode}: see {self.log}")
        self._cpu.__exit__()
        return self._cpu.seconds
