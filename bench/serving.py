"""What clients cost: throughput from Kafka with a thousand idle connections, 50 slow readers, 200 viewers and 20
scrapes a second against none, how long scrapes take meanwhile, and how long a board at a thousand requests a second."""

import json
import os
import pathlib
import statistics
import subprocess
import time

from answers import check
from exactly_once import configuration
from processes import Watched, metric, run_cpu

ROOT = pathlib.Path(__file__).resolve().parent.parent
CROWD = {"idle": 1000, "slow": 50, "viewers": 200, "scrapes": 20}


def begin_load(load, port, **asked):
    command = [str(load), str(port), *(f"{key}={number}" for key, number in asked.items())]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def end_load(client):
    out, _ = client.communicate()  # closes its stdin, which ends it
    check(client.returncode == 0, f"http_load left with {client.returncode}")
    return json.loads(out)


def drain(marquee, load, folder, brokers, topic, tag, messages, crowd):
    """A run until all is read: seconds from first record to last, CPU seconds, highest memory, clients' view."""
    board = 'window = "tumbling 1m"\ntop = 10'
    config, port = configuration(folder, tag, brokers, topic, "1s", board)
    run = Watched([marquee, "run", "--config", config], folder / f"{tag}.log", port)
    _, began = run.until(lambda text: metric(text, "marquee_messages_total") > 0, 0.02)
    client = begin_load(load, port, **CROWD) if crowd else None
    try:
        text, ended = run.until(lambda text: metric(text, "marquee_messages_total") >= messages, 0.05)
        streams = metric(text, "marquee_http_streams")
        seen = end_load(client) if crowd else None
    finally:
        if client and client.poll() is None:
            client.kill()
            client.wait()
    if crowd:
        check(streams == CROWD["slow"] + CROWD["viewers"], f"{streams:.0f} streams were open")
        check(seen["frames_each_viewer"]["least"] > 0, "a viewer saw nothing")
        check(seen["scrape"]["wrong"] == 0 and sum(seen["closed"].values()) == 0, f"clients were cut off: {seen}")
    cpu = run.end()
    return {"seconds": ended - began, "cpu_s": cpu, "peak_mb": run.peak_mb, "clients": seen}


def board_latency(marquee, load, folder, brokers, topic, events, quick):
    """A thousand requests a second for a board, everything read and nothing else to do."""
    config, port = configuration(folder, "boards", brokers, topic, "1s", 'window = "tumbling 1m"\ntop = 10')
    run = Watched([marquee, "run", "--config", config], folder / "boards.log", port)
    run.until(lambda text: metric(text, "marquee_records_total") >= events, 0.05)  # which counts what is committed
    client = begin_load(load, port, top=1000, seconds=3 if quick else 30)
    out, _ = client.communicate()
    run.end()
    seen = json.loads(out)["top"]
    check(seen["wrong"] == 0 and seen["unanswered"] == 0, f"boards were not answered: {seen}")
    return seen


def measure(report, marquee, gen, load, folder, quick):
    events, pack = (2_000_000 if quick else 20_000_000), 100
    state, topic = folder / "kafka-serving", "bench-serving"
    broker = ROOT / "tests" / "kafka" / "broker"
    start = [broker, "start", "--dir", state, "--port", "0", "--owner", str(os.getpid())]
    brokers = subprocess.run(start, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    alone, crowded = [], []
    try:
        where = ["--brokers", brokers, "--topic", topic, "--partitions", "4", "--rate", "max", "--pack", str(pack)]
        begin = int(time.time()) // 60 * 60_000 - 30_000
        run_cpu([*gen, *where, "--count", events, "--start", begin])
        for i in range(1 if quick else 7):
            for tag, crowd, runs in (("alone", False, alone), ("crowd", True, crowded)):
                runs.append(drain(marquee, load, folder, brokers, topic, f"{tag}{i}", events // pack, crowd))
        boards = board_latency(marquee, load, folder, brokers, topic, events, quick)
    finally:
        subprocess.run([broker, "stop", "--dir", state], check=False, stdout=subprocess.DEVNULL)
    ratios = [a["seconds"] / c["seconds"] for a, c in zip(alone, crowded, strict=True)]
    cpu_ratios = [a["cpu_s"] / c["cpu_s"] for a, c in zip(alone, crowded, strict=True)]
    scrapes = [c["clients"]["scrape"]["p99"] for c in crowded]
    client_share = statistics.median(c["clients"]["cpu_s"] / c["clients"]["seconds"] for c in crowded)
    report.row(
        "1,250 clients and 20 scrapes a second / none (speed)", statistics.median(ratios), 0.97, 1.0,
        note=f"by CPU {statistics.median(cpu_ratios):.3f}; the clients themselves take {client_share:.2f} of a core",
    )  # fmt: skip
    report.row(
        "a scrape then, p99 (ms)", statistics.median(scrapes), 200, 50, False,
        note=f"worst of {len(scrapes)} runs {max(scrapes):.1f}",
    )  # fmt: skip
    report.row(
        "highest memory with clients / without",
        statistics.median(c["peak_mb"] / a["peak_mb"] for a, c in zip(alone, crowded, strict=True)), 2, 1.2, False,
        note=f"{max(c['peak_mb'] for c in crowded):.0f} MB",
    )  # fmt: skip
    report.row(
        "/api/v1/top at 1,000 requests a second, p99 (ms)", boards["p99"], 1, 0.5, False,
        note=f"median {boards['p50']:.2f}, highest {boards['max']:.1f}",
    )  # fmt: skip
    report.write(
        "http",
        {"events": events, "crowd": CROWD, "alone": alone, "crowded": crowded, "speed_ratio": ratios,
         "cpu_ratio": cpu_ratios, "top_at_1000_a_second_ms": boards},
    )  # fmt: skip
