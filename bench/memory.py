"""Whether memory grows: an hour of Kafka → top-K → Kafka at full speed, a commit each second, windows opening and
closing all the while. The generator tops the topic up whenever marquee has read half of what is there, so there is
always more to read; retention removes what was read."""

import os
import pathlib
import statistics
import subprocess
import time

from answers import check
from exactly_once import TOPIC_TOOL, configuration
from processes import Watched, metric, resident_mb

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOOK_EVERY_S = 5
WARM_UP = 0.2  # of the time: tables grow to the size of their windows, librdkafka's queues to theirs


def slope(points):
    """Least squares of (x, y): the growth of y per x."""
    mean_x, mean_y = (statistics.fmean(p[i] for p in points) for i in (0, 1))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def measure(report, marquee, gen, folder, quick):
    minutes, portion = (2, 1_000_000) if quick else (60, 10_000_000)
    state, topic, tag = folder / "kafka-memory", "bench-memory", "memory"
    broker = ROOT / "tests" / "kafka" / "broker"
    start = [broker, "start", "--dir", state, "--port", "0", "--owner", str(os.getpid())]
    start += ["--config", "log.retention.check.interval.ms=10000"]
    brokers = subprocess.run(start, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    create = [TOPIC_TOOL, "--broker", brokers, "create", topic, "--partitions", "4"]
    kept = ["--config", "retention.bytes=600000000", "--config", "segment.bytes=50000000"]
    samples, sent, filler = [], 0, None
    words = folder / "memory-gen.log"
    try:
        subprocess.run([*create, *kept], check=True)
        # A portion is a minute of event time, and takes less than one of the clock: hence so long ago.
        event_time = (int(time.time()) // 3600 - 12) * 3_600_000
        board = 'window = "hopping 5m every 1m"\ntop = 100\nemit_every = "1s"'
        config, port = configuration(folder, tag, brokers, topic, "1s", board, lateness="10s")
        run = Watched([marquee, "run", "--config", config], folder / f"{tag}.log", port)
        next_look = time.monotonic()
        while time.monotonic() < run.begin + minutes * 60:
            text, seconds = run.until(lambda _: True, 0.5)
            records = metric(text, "marquee_records_total")
            if filler and filler.poll() is not None:
                check(filler.returncode == 0, f"the generator left with {filler.returncode}: {words.read_text()}")
                filler = None
                sent += portion
            if not filler and sent - records < portion / 2:
                pace = ["--pack", "100", "--rate", "max", "--density", f"{portion}/min"]
                where = ["--brokers", brokers, "--topic", topic, "--count", str(portion), "--start", str(event_time)]
                with open(words, "w", encoding="utf8") as log:
                    filler = subprocess.Popen([*gen, *where, *pace], stdout=log, stderr=log)
                event_time += 60_000
            samples.append((seconds, resident_mb(run.process.pid), records))
            next_look += LOOK_EVERY_S
            time.sleep(max(0, next_look - time.monotonic()))
        check(metric(text, "marquee_results_total") > 0, "results")
        run.end()
    finally:
        if filler:
            filler.kill()
            filler.wait()
        subprocess.run([broker, "stop", "--dir", state], check=False, stdout=subprocess.DEVNULL)
    steady = [(seconds / 3600, mb) for seconds, mb, _ in samples if seconds > WARM_UP * minutes * 60]
    mean = statistics.fmean(mb for _, mb in steady)
    growth = slope(steady) / mean * 100
    speed = samples[-1][2] / samples[-1][0]
    report.row(
        "memory at full speed, growth (% an hour)", growth, 0.5, 0, False,
        note=f"{mean:.0f} MB, {samples[-1][0] / 60:.0f} min, {speed / 1e3:.0f}k events/s",
    )  # fmt: skip
    every = max(1, len(samples) // 120)
    report.write(
        "memory",
        {
            "seconds": round(samples[-1][0]),
            "warm_up_share": WARM_UP,
            "events": samples[-1][2],
            "epochs": metric(text, "marquee_epochs_total"),
            "results": metric(text, "marquee_results_total"),
            "growth_percent_per_hour": round(growth, 3),
            "resident_mb": [(round(seconds), round(mb, 2)) for seconds, mb, _ in samples[::every]],
        },
    )
