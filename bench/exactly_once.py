"""What exactly-once costs, and how long it makes anybody wait: throughput with a commit each second against none, from
an event's sending to the committed result that has it, and from a process's start after KILL to where it goes on."""

import json
import os
import pathlib
import signal
import statistics
import subprocess
import time

from answers import check
from processes import Watched, free_port, metric, run_cpu

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOPIC_TOOL = ROOT / "tests" / "kafka" / "topic"


def configuration(folder, tag, brokers, topic, commit_every, board, lateness="1m"):
    port = free_port()
    config = folder / f"{tag}.toml"
    config.write_text(
        f"""
[source]
brokers = "{brokers}"
topic = "{topic}"
group = "{tag}"
[event]
item = "content_id"
time = "event_time"
watch = "watch_ms"
dimensions = {{ category = "category" }}
[time]
disorder = "5s"
lateness = "{lateness}"
[[leaderboard]]
name = "trending"
by = ["category"]
{board}
[sink]
topic = "{tag}-results"
commit_every = "{commit_every}"
[http]
listen = "127.0.0.1:{port}"
""",
        encoding="utf8",
    )
    return config, port


def drain(marquee, folder, brokers, topic, tag, commit_every, events):
    """CPU seconds of a run until all is read and, once told to leave, committed."""
    config, port = configuration(folder, tag, brokers, topic, commit_every, 'window = "tumbling 1m"\ntop = 10')
    run = Watched([marquee, "run", "--config", config], folder / f"{tag}.log", port)
    text, seconds = run.until(lambda text: metric(text, "marquee_messages_total") >= events, 0.05)
    cpu = run.end()
    return cpu, seconds, metric(text, "marquee_epochs_total")


def throughput(report, marquee, gen, folder, brokers, quick):
    events = 500_000 if quick else 4_000_000
    topic = "bench-commit"
    where = ["--brokers", brokers, "--topic", topic, "--partitions", "4", "--rate", "max"]
    start = int(time.time()) // 60 * 60_000 - 30_000
    run_cpu([*gen, *where, "--count", events, "--start", start])
    figures = {"events": events, "each_second_cpu_s": [], "never_cpu_s": [], "ratio": [], "epochs": []}
    for i in range(1 if quick else 5):
        never, _, _ = drain(marquee, folder, brokers, topic, f"never{i}", "1h", events)
        often, _, epochs = drain(marquee, folder, brokers, topic, f"often{i}", "1s", events)
        figures["never_cpu_s"].append(round(never, 3))
        figures["each_second_cpu_s"].append(round(often, 3))
        figures["ratio"].append(round(never / often, 3))
        figures["epochs"].append(epochs)
    report.row(
        "a commit each second / none (speed, CPU)", statistics.median(figures["ratio"]), 0.9, 0.97,
        note=f"{statistics.median(figures['epochs']):.0f} epochs in a run",
    )  # fmt: skip
    return figures


def latency(report, marquee, folder, brokers, quick):
    """One event after the other, each sent when it is its turn; a result has it when its `events` have risen to it."""
    count = 40 if quick else 400
    topic, tag = "bench-latency", "latency"
    subprocess.run([TOPIC_TOOL, "--broker", brokers, "create", topic, "--partitions", "1"], check=True)
    board = 'window = "tumbling 1h"\ntop = 10\nemit_every = "200ms"'
    config, port = configuration(folder, tag, brokers, topic, "200ms", board)
    run = Watched([marquee, "run", "--config", config], folder / f"{tag}.log", port)
    run.until(lambda text: metric(text, "marquee_epochs_total") >= 1, 0.05)
    reader = subprocess.Popen(
        ["kcat", "-b", brokers, "-C", "-t", f"{tag}-results", "-o", "beginning", "-u", "-q", "-f", "%s\n",
         "-X", "isolation.level=read_committed", "-X", "fetch.wait.max.ms=10", "-X", "fetch.error.backoff.ms=10"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    writer = subprocess.Popen(
        ["kcat", "-b", brokers, "-P", "-t", topic, "-X", "linger.ms=0"], stdin=subprocess.PIPE, text=True
    )
    os.set_blocking(reader.stdout.fileno(), False)
    sent, seen_ms, hour = [], [], int(time.time()) // 3_600 * 3_600_000
    next_at, pending = time.monotonic() + 1, b""
    while len(seen_ms) < count:
        now = time.monotonic()
        if len(sent) < count and now >= next_at:
            event = {"content_id": f"m-{len(sent)}", "category": "movie", "event_time": hour, "watch_ms": 1}
            writer.stdin.write(json.dumps(event).ljust(2047) + "\n")  # kcat takes its input 1,024 bytes at a time
            writer.stdin.flush()
            sent.append(time.monotonic())
            next_at = now + 0.137
        pending += reader.stdout.read() or b""
        *lines, pending = pending.split(b"\n")
        for line in lines:
            events = json.loads(line)["events"]
            while len(seen_ms) < events:
                seen_ms.append((time.monotonic() - sent[len(seen_ms)]) * 1e3)
        check(run.process.poll() is None, "marquee left by itself")
        time.sleep(0.001)
    writer.stdin.close()
    writer.wait()
    reader.kill()
    run.end()
    seen_ms.sort()
    at = {f"p{p}": round(seen_ms[min(len(seen_ms) - 1, len(seen_ms) * p // 100)], 1) for p in (50, 90, 99)}
    report.row(
        "event sent → committed result, p99, commit_every and emit_every 200 ms (ms)", at["p99"], 500, 300, False,
        note=f"median {at['p50']:.0f}",
    )  # fmt: skip
    return {"events": count, "ms": at, "max_ms": round(seen_ms[-1], 1)}


def recovery(report, marquee, gen, folder, brokers, quick):
    """Killed with a million open entries; from the next start to where it reads on."""
    titles = 50_000 if quick else 1_000_000
    topic, tag = "bench-recovery", "recovery"
    where = ["--brokers", brokers, "--topic", topic, "--partitions", "4", "--rate", "max"]
    start = int(time.time()) // 86_400 * 86_400_000
    few = gen.index("--titles")
    run_cpu([*gen[:few], *gen[few + 2 :], *where, "--count", titles * 4, "--titles", titles * 3, "--start", start])
    board = 'window = "tumbling 1d"\ntop = 10'
    config, port = configuration(folder, tag, brokers, topic, "1s", board)
    command = [marquee, "run", "--config", config]
    run = Watched(command, folder / f"{tag}.log", port)
    text, _ = run.until(lambda text: metric(text, "marquee_records_total") >= titles * 4, 0.1)
    entries = metric(text, "marquee_entries")
    figures = {"entries": entries, "seconds": [], "bytes": 0}
    for i in range(2 if quick else 12):
        run.process.send_signal(signal.SIGKILL)
        run.process.wait()
        run = Watched(command, folder / f"{tag}{i}.log", port)
        text, seconds = run.until(ready, 0.01)
        check(metric(text, "marquee_entries") == entries, "entries restored")
        figures["seconds"].append(round(seconds, 3))
        figures["bytes"] = metric(text, "marquee_restored_bytes")
    run.end()
    report.row(
        "recovery after KILL, slowest of 12 (s)", max(figures["seconds"]), 10, 3, False,
        note=f"{entries:.0f} entries, {figures['bytes'] / 1e6:.1f} MB of pane log",
    )  # fmt: skip
    return figures


def ready(text):
    return metric(text, "marquee_ready") == 1 and metric(text, "marquee_entries") > 0


def measure(report, marquee, gen, folder, quick):
    state = folder / "kafka-exactly"
    broker = ROOT / "tests" / "kafka" / "broker"
    start = [broker, "start", "--dir", state, "--port", "0", "--owner", str(os.getpid())]
    brokers = subprocess.run(start, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        figures = {
            "throughput": throughput(report, marquee, gen, folder, brokers, quick),
            "latency": latency(report, marquee, folder, brokers, quick),
            "recovery": recovery(report, marquee, gen, folder, brokers, quick),
        }
    finally:
        subprocess.run([broker, "stop", "--dir", state], check=False, stdout=subprocess.DEVNULL)
    report.write("exactly_once", {"figures": figures})
