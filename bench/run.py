#!/usr/bin/env python3
"""./dev bench: every benchmark, one table, and bench/results/*.json.

Each comparison runs its two sides in turn within one call, takes CPU time from the processes themselves, checks that
both sides saw the same data, and prints the median ratio. `--quick` shrinks everything; `--only NAME…` chooses.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
MARQUEE = BUILD / "marquee"
RESULTS = ROOT / "bench" / "results"


def machine():
    model = "unknown"
    for line in open("/proc/cpuinfo", encoding="utf8"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory_kb = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo", encoding="utf8").read()).group(1))
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kb / 2**20, 1),
        "kernel": platform.release(),
    }


def commit():
    got = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return got.stdout.strip() or "unknown"


def run_cpu(command, **kwargs):
    """Runs a command to its end; its stdout, and its own user + system seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **kwargs)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(c) for c in command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def check(condition, sentence):
    if not condition:
        sys.exit(f"wrong answer, so no figure: {sentence}")


class Report:
    def __init__(self, quick):
        self.quick = quick
        self.rows = []

    def row(self, measure, reached, at_least, aim, higher_is_better=True, note=""):
        ok = reached >= at_least if higher_is_better else reached <= at_least
        self.rows.append(
            {
                "measure": measure,
                "reached": round(reached, 3),
                "at_least": at_least,
                "aim": aim,
                "met": ok,
                "note": note,
            }
        )

    def print(self):
        width = max(len(r["measure"]) for r in self.rows)
        print(f"\n{'measure':<{width}}  {'reached':>9}  {'at least':>9}  {'aim':>7}")
        for r in self.rows:
            mark = "" if r["met"] else "  (not reached)"
            print(
                f"{r['measure']:<{width}}  {r['reached']:>9g}  {r['at_least']:>9g}  {r['aim']:>7g}{mark}{'  ' + r['note'] if r['note'] else ''}"
            )

    def write_table(self):
        """The rows of this run, in place of those of the same measures in an earlier one."""
        table = RESULTS / "table.json"
        old = json.loads(table.read_text(encoding="utf8"))["rows"] if table.exists() else []
        fresh = {r["measure"] for r in self.rows}
        self.write("table", {"rows": self.rows + [r for r in old if r["measure"] not in fresh]})

    def write(self, name, figures):
        RESULTS.mkdir(parents=True, exist_ok=True)
        document = {
            "benchmark": name,
            "machine": machine(),
            "commit": commit(),
            "command": "./dev bench " + " ".join(sys.argv[1:]),
            "quick": self.quick,
            **figures,
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf8")


def micro(report, args):
    """Google Benchmark binaries; each checks its own answers and exits non-zero when one is wrong."""
    figures = {}
    for binary in sorted(BUILD.glob("bench/*_bench")):
        arguments = [binary, "--benchmark_format=json"]
        if args.quick:
            arguments.append("--benchmark_min_time=0.05")
        out, _ = run_cpu(arguments)
        housekeeping = ("index", "repetition", "run_type", "run_name", "threads", "iterations")
        figures[binary.name] = [
            {k: v for k, v in b.items() if not any(h in k for h in housekeeping)} for b in json.loads(out)["benchmarks"]
        ]
        for b in figures[binary.name]:
            rate = b.get("events/s", b.get("items_per_second", 0))
            ratio = f"  ratio {b['ratio']:.2f}" if "ratio" in b else ""
            time_and_unit = f"{b['cpu_time']:.3g} {b['time_unit']}"
            print(f"{binary.name:<17} {b['name']:<56} {rate / 1e6:>8.1f} M/s {time_and_unit:>12}{ratio}")
    report.write("micro", {"figures": figures})
    by_name = {b["name"]: b for group in figures.values() for b in group}
    decode = by_name.get("ratio/small/manual_time")
    if decode:
        report.row("decode / simdjson loop, six fields (speed)", decode["ratio"], 0.85, 1.2)
    engine = by_name.get("Aggregate/keys:1000000/skew:1/batch:16384")
    if engine:
        report.row("CPU engine, 1 M keys, Zipf 1.0 (M events/s a core)", engine["events/s"] / 1e6, 60, 80)


def generate(folder, count):
    path = folder / f"small-{count}.ndjson"
    if not path.exists():
        run_cpu(
            [
                MARQUEE,
                "gen",
                "--profile",
                "small",
                "--count",
                str(count),
                "--seed",
                "7",
                "--bad-share",
                "0",
                "--late-share",
                "0",
                "--titles",
                "100000",
                "--output",
                path,
            ]
        )
    return path


def replay(report, args, folder):
    count = 1_000_000 if args.quick else 5_000_000
    path = generate(folder, count)
    rounds = 3 if args.quick else 7
    loop_cpu, replay_cpu, ratios = [], [], []
    for _ in range(rounds):
        out, cpu_loop = run_cpu([BUILD / "bench" / "parse_loop", path])
        loop = json.loads(out)
        summary_path = folder / "summary.json"
        out, cpu_replay = run_cpu(
            [
                MARQUEE,
                "replay",
                path,
                "--config",
                ROOT / "bench" / "replay.toml",
                "--threads",
                "1",
                "--summary",
                summary_path,
            ]
        )
        summary = json.loads(summary_path.read_text(encoding="utf8"))
        events = sum(json.loads(line)["events"] for line in out.splitlines())
        check(loop["records"] == count, f"the loop read {loop['records']} of {count} records")
        check(
            summary["counted"] == count and events == count,
            f"replay counted {summary['counted']}, its results hold {events}, of {count}",
        )
        loop_cpu.append(cpu_loop)
        replay_cpu.append(cpu_replay)
        ratios.append(cpu_loop / cpu_replay)
    report.row(
        "replay / simdjson loop (speed, CPU)",
        statistics.median(ratios),
        0.5,
        0.7,
        note=f"{statistics.median(replay_cpu) * 1e9 / count:.0f} against {statistics.median(loop_cpu) * 1e9 / count:.0f} CPU-ns an event",
    )
    report.write(
        "replay",
        {
            "events": count,
            "event_bytes": round(path.stat().st_size / count, 1),
            "profile": "small: 8 fields, 100,000 titles",
            "ratio": [round(r, 3) for r in ratios],
            "loop_cpu_ns_per_event": [round(c * 1e9 / count, 1) for c in loop_cpu],
            "replay_cpu_ns_per_event": [round(c * 1e9 / count, 1) for c in replay_cpu],
        },
    )


def allocations(report, args, folder):
    path = generate(folder, 1_000_000 if args.quick else 2_000_000)
    out, _ = run_cpu([BUILD / "bench" / "allocations", path])
    figures = json.loads(out)
    report.row(
        "allocations per event after warm-up",
        figures["per_event"],
        0.001,
        0,
        False,
        note=f"{figures['allocations_twice'] - figures['allocations_once']} more for {figures['events']:,} more events",
    )
    report.write("allocations", figures)


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


def drain_with_marquee(folder, brokers, topic, events, tag):
    """marquee run from the topic's beginning until every record is committed; its CPU seconds and highest memory."""
    config = folder / f"{tag}.toml"
    port = 18080
    config.write_text(
        (ROOT / "bench" / "replay.toml").read_text(encoding="utf8")
        + f"""
[source]
brokers = "{brokers}"
topic = "{topic}"
group = "bench-{tag}"
start = "earliest"
[sink]
topic = "popularity-{tag}"
[http]
listen = "127.0.0.1:{port}"
""",
        encoding="utf8",
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    with open(folder / f"{tag}.log", "w", encoding="utf8") as log:
        process = subprocess.Popen([MARQUEE, "run", "--config", config], stdout=log, stderr=log)
        peak = 0.0
        while True:
            if process.poll() is not None:
                sys.exit(f"marquee run left with {process.returncode}: {(folder / f'{tag}.log').read_text()[-2000:]}")
            try:
                read = metric(scrape(port), "marquee_records_total")
            except OSError:
                read = 0
            peak = max(peak, resident_mb(process.pid))
            if read >= events:
                break
            time.sleep(0.1)
        seconds = time.monotonic() - begin
        text = scrape(port)
        process.send_signal(signal.SIGTERM)
        check(process.wait(timeout=30) == 0, "marquee run did not leave with 0")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    counted = metric(text, 'marquee_records_total{verdict="counted"') or metric(text, "marquee_records_total")
    check(counted == events, f"marquee counted {counted:.0f} of {events} events")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak, seconds


def kafka(report, args, folder):
    events = 500_000 if args.quick else 3_000_000
    rounds = 1 if args.quick else 3
    state = folder / "kafka"
    broker = ROOT / "tests" / "kafka" / "broker"
    port = 19092
    brokers = f"127.0.0.1:{port}"
    subprocess.run(
        [broker, "start", "--dir", state, "--port", str(port), "--owner", str(os.getpid())],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    figures = {}
    try:
        for tag, pack in (("single", 1), ("packed", 100)):
            topic = f"bench-{tag}"
            run_cpu(
                [
                    MARQUEE,
                    "gen",
                    "--profile",
                    "small",
                    "--brokers",
                    brokers,
                    "--topic",
                    topic,
                    "--partitions",
                    "4",
                    "--pack",
                    str(pack),
                    "--rate",
                    "max",
                    "--count",
                    str(events),
                    "--seed",
                    "7",
                    "--bad-share",
                    "0",
                    "--late-share",
                    "0",
                    "--titles",
                    "100000",
                ]
            )
            messages = events // pack
            drains, runs, ratios, peaks, walls = [], [], [], [], []
            for i in range(rounds):
                _, cpu_drain = run_cpu([BUILD / "bench" / "kafka_drain", brokers, topic, str(messages)])
                cpu_run, peak, seconds = drain_with_marquee(folder, brokers, topic, events, f"{tag}{i}")
                drains.append(cpu_drain)
                runs.append(cpu_run)
                ratios.append(cpu_drain / cpu_run)
                peaks.append(peak)
                walls.append(seconds)
            figures[tag] = {
                "events": events,
                "messages": messages,
                "drain_cpu_ns_per_event": [round(c * 1e9 / events, 1) for c in drains],
                "run_cpu_ns_per_event": [round(c * 1e9 / events, 1) for c in runs],
                "ratio": [round(r, 3) for r in ratios],
                "resident_mb_peak": [round(p, 1) for p in peaks],
                "seconds": [round(s, 2) for s in walls],
            }
            if pack == 1:
                report.row(
                    "Kafka → top-K → Kafka / bare drain (speed, CPU)",
                    statistics.median(ratios),
                    0.6,
                    0.75,
                    note=f"{statistics.median(runs) * 1e9 / events:.0f} against {statistics.median(drains) * 1e9 / events:.0f} CPU-ns an event",
                )
            else:
                report.row(
                    "the same, 100 events a message (CPU-ns an event)",
                    statistics.median(runs) * 1e9 / events,
                    250,
                    180,
                    False,
                )
    finally:
        subprocess.run([broker, "stop", "--dir", state], check=False, stdout=subprocess.DEVNULL)
    report.write(
        "kafka", {"profile": "small: 8 fields, 100,000 titles, lz4, 4 partitions, one broker", "figures": figures}
    )


def demo(report, args, folder):
    seconds = 15 if args.quick else 30
    port = 18081
    begin = time.monotonic()
    first = None
    peak = 0.0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(folder / "demo.log", "w", encoding="utf8") as log:
        process = subprocess.Popen(
            [MARQUEE, "demo", "--for", f"{seconds}s", "--listen", f"127.0.0.1:{port}"], stdout=log, stderr=log
        )
        while process.poll() is None:
            try:
                peak = max(peak, resident_mb(process.pid))
                if first is None and metric(scrape(port), "marquee_results_total") > 0:
                    first = time.monotonic() - begin
            except (OSError, AttributeError):
                pass
            time.sleep(0.05)
        check(process.returncode == 0, f"marquee demo left with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / seconds
    check(first is not None, "the demo had no result")
    report.row("demo at 20,000 events/min: resident MB", peak, 80, 60, False)
    report.row("demo at 20,000 events/min: % of a core", cpu * 100, 3, 1, False)
    report.row("start to first result in the demo (s)", first, 5, 3, False)
    report.write(
        "demo",
        {
            "resident_mb_peak": round(peak, 1),
            "cpu_share": round(cpu, 4),
            "first_result_s": round(first, 2),
            "seconds": seconds,
        },
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=["micro", "replay", "allocations", "kafka", "demo"])
    args = parser.parse_args()
    for needed in (MARQUEE, BUILD / "bench" / "parse_loop"):
        if not needed.exists():
            sys.exit(f"{needed.relative_to(ROOT)} is missing; ./dev bench builds it")
    report = Report(args.quick)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="marquee-bench-"))
    print(f"{machine()}, commit {commit()}")
    try:
        if not args.only or "micro" in args.only:
            micro(report, args)
        if not args.only or "replay" in args.only:
            replay(report, args, folder)
        if not args.only or "allocations" in args.only:
            allocations(report, args, folder)
        if not args.only or "demo" in args.only:
            demo(report, args, folder)
        if not args.only or "kafka" in args.only:
            kafka(report, args, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report.print()
    report.write_table()


if __name__ == "__main__":
    main()
