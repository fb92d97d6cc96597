#!/usr/bin/env python3
"""./dev bench: every benchmark, one table, and bench/results/*.json.

Each comparison runs its two sides in turn within one call, takes CPU time from the processes themselves, checks that
both sides saw the same data and that marquee's answer is right (answers.py), and prints the median ratio. `--quick`
shrinks everything; `--only NAME…` chooses. `memory` takes an hour, and is run only when it is named.

`--gpu` runs what needs a GPU, and nothing else: marquee-gpu-bench, and replays with each engine. `--gpu FILE` takes
what `marquee-gpu-bench --json FILE` wrote on another machine. Both draw a plot (gpu_report.py).
"""

import argparse
import filecmp
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import answers
import exactly_once
import gpu_report
import memory
import serving
from answers import check
from place import commit, machine
from processes import Watched, free_port, metric, run_cpu

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
MARQUEE = BUILD / "marquee"
CUDA_BUILD = ROOT / "build" / "cuda"
RESULTS = ROOT / "bench" / "results"
NO_GPU = 77  # what programs say, and we


def against(ours, theirs, events):
    ns = [statistics.median(seconds) * 1e9 / events for seconds in (ours, theirs)]
    return f"{ns[0]:.0f} against {ns[1]:.0f} CPU-ns an event"


class Report:
    def __init__(self, quick):
        self.quick = quick
        self.rows = []

    def row(self, measure, reached, at_least=None, aim=None, higher_is_better=True, note=""):
        """Without `at_least` and `aim`: for orientation."""
        ok = at_least is None or (reached >= at_least if higher_is_better else reached <= at_least)
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
            notes = ("" if r["met"] else "  (not reached)") + ("  " + r["note"] if r["note"] else "")
            at_least, aim = ("" if r[k] is None else f"{r[k]:g}" for k in ("at_least", "aim"))
            print(f"{r['measure']:<{width}}  {r['reached']:>9g}  {at_least:>9}  {aim:>7}{notes}")

    def write_table(self, whole):
        """The rows of this run; of one that was not `whole`, in place of the same measures' in an earlier one."""
        table = RESULTS / "table.json"
        old = json.loads(table.read_text(encoding="utf8"))["rows"] if table.exists() and not whole else []
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
    """Google Benchmark binaries; each checks its own answers and says so of a benchmark when one is wrong."""
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
            check(not b.get("error_occurred"), f"{binary.name} {b['name']}: {b.get('error_message')}")
            rate = b.get("events/s", b.get("items_per_second", 0))
            ratio = f"  ratio {b['ratio']:.2f}" if "ratio" in b else ""
            speed = f"{rate / 1e6:.1f} M/s" if rate else ""
            time_and_unit = f"{b['cpu_time']:.3g} {b['time_unit']}"
            print(f"{binary.name:<17} {b['name']:<56} {speed:>12} {time_and_unit:>12}{ratio}")
    report.write("micro", {"figures": figures})
    by_name = {b["name"]: b for group in figures.values() for b in group}
    decode = by_name.get("ratio/small/manual_time")
    if decode:
        report.row(
            "decode / simdjson loop, the same six fields (speed)",
            decode["ratio"],
            0.85,
            1.2,
            note=f"{decode['decode_ns/event']:.0f} against {decode['simdjson_ns/event']:.0f} CPU-ns an event",
        )
    engine = by_name.get("Aggregate/keys:1000000/skew:1/batch:16384")
    if engine:
        report.row("CPU engine, 1 M keys, Zipf 1.0 (M events/s a core)", engine["events/s"] / 1e6, 60, 80)


GEN = [MARQUEE, "gen", "--profile", "small", "--seed", "7", "--bad-share", "0", "--late-share", "0"]
GEN += ["--titles", "100000"]


def generate(folder, count):
    """A file of events, and its ledger's totals."""
    path, ledger = folder / f"small-{count}.ndjson", folder / f"small-{count}.ledger.json"
    if not path.exists():
        run_cpu([*GEN, "--count", count, "--output", path, "--ledger", ledger])
    return path, answers.totals(ledger)


def replay(report, args, folder):
    """Two configurations, each beside a loop that parses the fields that it reads, and no others."""
    count = 1_000_000 if args.quick else 5_000_000
    path, totals = generate(folder, count)
    boards = answers.Boards(MARQUEE, path, ROOT / "bench" / "replay_whole.toml", totals)
    watch_ms = sum(watch for _, watch in totals.values())
    summary_path = folder / "summary.json"
    figures = {}
    for fields, config, what, ranked, wanted in (
        (4, "replay.toml", "one board, four fields", {"trending": "category"}, (0.5, 0.7)),
        (6, "replay_six.toml", "two boards, six fields", {"trending": "category", "by-country": "country"}, ()),
    ):
        loop_cpu, replay_cpu, ratios = [], [], []
        for _ in range(3 if args.quick else 7):
            out, cpu_loop = run_cpu([BUILD / "bench" / "parse_loop", path, fields])
            loop = json.loads(out)
            command = [MARQUEE, "replay", path, "--config", ROOT / "bench" / config, "--threads", "1"]
            out, cpu_replay = run_cpu([*command, "--summary", summary_path])
            summary = json.loads(summary_path.read_text(encoding="utf8"))
            check(loop["records"] == count, f"the loop read {loop['records']} of {count} records")
            check(loop["watch_ms"] == watch_ms, f"the loop's watch_ms are {loop['watch_ms']}, not {watch_ms}")
            check(summary["counted"] == count, f"replay counted {summary['counted']} of {count}")
            boards.check(out, ranked)
            loop_cpu.append(cpu_loop)
            replay_cpu.append(cpu_replay)
            ratios.append(cpu_loop / cpu_replay)
        report.row(
            f"replay, {what} / simdjson loop, the same (speed, CPU)",
            statistics.median(ratios),
            *wanted,
            note=against(replay_cpu, loop_cpu, count),
        )
        figures[config] = {
            "ratio": [round(r, 3) for r in ratios],
            "loop_cpu_ns_per_event": [round(c * 1e9 / count, 1) for c in loop_cpu],
            "replay_cpu_ns_per_event": [round(c * 1e9 / count, 1) for c in replay_cpu],
        }
    report.write(
        "replay",
        {
            "events": count,
            "event_bytes": round(path.stat().st_size / count, 1),
            "profile": "small: 8 fields, 100,000 titles",
            "figures": figures,
        },
    )


def allocations(report, args, folder):
    count = 1_000_000 if args.quick else 2_000_000
    path, _ = generate(folder, count)
    out, _ = run_cpu([BUILD / "bench" / "allocations", path])
    figures = json.loads(out)
    check(figures["events"] == count, f"the replay counted {figures['events']} of {count} events")
    report.row(
        "allocations per event after warm-up",
        figures["per_event"],
        0.001,
        0,
        False,
        note=f"{figures['allocations_twice'] - figures['allocations_once']} more for {figures['events']:,} more events",
    )
    report.write("allocations", figures)


def drain_with_marquee(folder, brokers, topic, events, tag, totals):
    """marquee run from the topic's beginning until every record is committed; its CPU seconds and highest memory."""
    config = folder / f"{tag}.toml"
    port = free_port()
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
    marquee = Watched([MARQUEE, "run", "--config", config], folder / f"{tag}.log", port)
    text, seconds = marquee.until(lambda text: metric(text, "marquee_records_total") >= events, 0.1)
    cpu = marquee.end()
    counted = metric(text, 'marquee_records_total{verdict="counted"')
    check(counted == events, f"marquee counted {counted:.0f} of {events} events")
    answers.check_topic(brokers, f"popularity-{tag}", totals)
    return cpu, marquee.peak_mb, seconds


def kafka(report, args, folder):
    events = 500_000 if args.quick else 3_000_000
    rounds = 1 if args.quick else 9
    state = folder / "kafka"
    broker = ROOT / "tests" / "kafka" / "broker"
    start = [broker, "start", "--dir", state, "--port", "0", "--owner", str(os.getpid())]
    brokers = subprocess.run(start, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    figures = {}
    try:
        for tag, pack in (("single", 1), ("packed", 100)):
            topic = f"bench-{tag}"
            # All of the events in one window, and that one in the past: the last revisions then hold every event.
            start = int(time.time()) // 60 * 60_000 - 30_000
            ledger = folder / f"{topic}.ledger.json"
            where = ["--brokers", brokers, "--topic", topic, "--partitions", "4", "--pack", pack, "--rate", "max"]
            run_cpu([*GEN, *where, "--count", events, "--start", start, "--ledger", ledger])
            totals = answers.totals(ledger)
            messages = events // pack
            drains, runs, ratios, peaks, walls = [], [], [], [], []
            for i in range(rounds):
                _, cpu_drain = run_cpu([BUILD / "bench" / "kafka_drain", brokers, topic, str(messages)])
                cpu_run, peak, seconds = drain_with_marquee(folder, brokers, topic, events, f"{tag}{i}", totals)
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
                    note=against(runs, drains, events),
                )
            else:
                report.row(
                    "the same, 100 events a message (CPU-ns an event)",
                    statistics.median(runs) * 1e9 / events,
                    250,
                    180,
                    False,
                    note=f"the bare drain takes {statistics.median(drains) * 1e9 / events:.0f}",
                )
    finally:
        subprocess.run([broker, "stop", "--dir", state], check=False, stdout=subprocess.DEVNULL)
    report.write(
        "kafka", {"profile": "small: 8 fields, 100,000 titles, lz4, 4 partitions, one broker", "figures": figures}
    )


def demo(report, args, folder):
    seconds = 15 if args.quick else 30
    port = free_port()
    command = [MARQUEE, "demo", "--for", f"{seconds}s", "--listen", f"127.0.0.1:{port}"]
    watched = Watched(command, folder / "demo.log", port)
    text, first = watched.until(lambda text: metric(text, "marquee_results_total") > 0, 0.05)
    counted = metric(text, 'marquee_records_total{verdict="counted"')
    while time.monotonic() - watched.begin < seconds - 3:
        watched.look()
        time.sleep(0.5)
    text, then = watched.until(lambda _: True, 0.05)
    counted = metric(text, 'marquee_records_total{verdict="counted"') - counted
    due = 20_000 / 60 * (then - first)
    check(0.9 * due < counted < 1.1 * due, f"the demo counted {counted:.0f} events where about {due:.0f} were due")
    cpu = watched.end(told=False) / seconds
    peak = watched.peak_mb
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


def replay_seconds(events, config, engine, folder):
    """A replay with the default settings of [engine], but all cores to decode; its seconds, and where its output is."""
    threads = os.cpu_count()
    out, summary = folder / f"{engine}.ndjson", folder / "summary.json"
    command = [CUDA_BUILD / "marquee", "replay", events, "--config", config, "--engine", engine, "--summary", summary]
    command += ["--threads", threads, "--set", f"engine.batches={2 * threads + 4}"]
    with open(out, "w", encoding="utf8") as stdout:
        done = subprocess.run([str(c) for c in command], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    check(done.returncode == 0, f"{' '.join(str(c) for c in command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(summary.read_text(encoding="utf8")), out


def gpu_replay(args, folder):
    """Replays with either engine, in turn, from the page cache; and of one event, which is start-up.

    The outputs must be the same to the byte, and every event of the generator's ledger counted.
    """
    count = 1_000_000 if args.quick else 100_000_000
    path, ledger, one = folder / "events.ndjson", folder / "ledger.json", folder / "one.ndjson"
    gen = [CUDA_BUILD / "marquee", *GEN[1:], "--density", "1000000/min", "--threads", os.cpu_count()]
    run_cpu([*gen, "--count", count, "--output", path, "--ledger", ledger])
    run_cpu([*gen, "--count", 1, "--output", one])
    due = sum(views for views, _ in answers.totals(ledger).values())
    figures = {}
    for config in ("replay.toml", "replay_five.toml"):
        seconds = {"cpu": [], "cuda": []}
        startup = {"cpu": [], "cuda": []}
        for _ in range(3):
            outputs = {}
            for engine in seconds:
                started, _ = replay_seconds(one, ROOT / "bench" / config, engine, folder)
                summary, outputs[engine] = replay_seconds(path, ROOT / "bench" / config, engine, folder)
                check(summary["counted"] == due, f"replay counted {summary['counted']} of {due} events")
                startup[engine].append(started["seconds"])
                seconds[engine].append(summary["seconds"])
            check(filecmp.cmp(*outputs.values(), shallow=False), f"the engines' results with {config} differ")
        figures[config] = {
            "events": count,
            "cores": os.cpu_count(),
            "seconds": seconds,
            "startup_seconds": startup,
        }
    return figures


def gpu(report, args, folder):
    """Leaves bench/results alone where there is no GPU, and with --quick."""
    if args.gpu == "here":
        result = folder / "gpu.json"
        command = [CUDA_BUILD / "marquee-gpu-bench", "--json", result, *(["--quick"] if args.quick else [])]
        done = subprocess.run([str(c) for c in command], check=False)
        if done.returncode == NO_GPU:
            sys.exit(NO_GPU)
        check(done.returncode == 0, f"marquee-gpu-bench left with {done.returncode}")
        document = json.loads(result.read_text(encoding="utf8"))
        document["replay"] = gpu_replay(args, folder)
    else:
        try:
            document = json.loads(pathlib.Path(args.gpu).read_text(encoding="utf8"))
        except (OSError, json.JSONDecodeError) as error:
            sys.exit(f"{args.gpu} cannot be read as a result of marquee-gpu-bench: {error}")
    check(document.get("benchmark") == "gpu", f"{args.gpu} is no result of marquee-gpu-bench")
    check("error" not in document, f"{args.gpu} ended early: {document.get('error')}")
    gpu_report.rows(report, document)
    if args.quick or document["quick"]:
        print("quick: too little to keep, bench/results stays as it was")
        return
    RESULTS.mkdir(parents=True, exist_ok=True)
    document["rows"] = report.rows
    (RESULTS / "gpu.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf8")
    (RESULTS / "gpu.svg").write_text(gpu_report.svg(document), encoding="utf8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--only", nargs="+", choices=["micro", "replay", "allocations", "kafka", "exactly", "demo", "http", "memory"]
    )
    parser.add_argument("--gpu", nargs="?", const="here", metavar="FILE")
    args = parser.parse_args()
    if args.gpu:
        report = Report(args.quick)
        with tempfile.TemporaryDirectory(prefix="marquee-bench-") as folder:
            gpu(report, args, pathlib.Path(folder))
        report.print()
        return
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
        if not args.only or "exactly" in args.only:
            exactly_once.measure(report, MARQUEE, GEN, folder, args.quick)
        if not args.only or "http" in args.only:
            serving.measure(report, MARQUEE, GEN, BUILD / "bench" / "http_load", folder, args.quick)
        if args.only and "memory" in args.only:
            memory.measure(report, MARQUEE, GEN, folder, args.quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report.print()
    report.write_table(whole=not args.only)


if __name__ == "__main__":
    main()
