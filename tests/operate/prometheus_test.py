#!/usr/bin/env python3
"""Every query of every dashboard and alert, asked of a real Prometheus that scrapes a real marquee.

    tests/operate/prometheus_test.py --marquee FILE SOURCE

Two processes on a real Kafka: `main`, under load, and `stuck`, whose fetches are throttled and one of whose partitions
has stood still since its first event. Each class of failure that the alerts know is provoked once: invalid records,
full budgets, no room for titles, commits that fail, a pane log from which nothing may be removed, input that retention
took, a broker that hangs at the start, a long recovery, a lag that grows, a watermark that stands still, a process that
is gone. A lost GPU is not, for there is none, nor a commit that waits for minutes (promtool's tests fire those alerts).

What must hold: Prometheus evaluates every rule; every other alert becomes pending or firing; every query of
every panel returns at least one series over the time of the test. Prints a table: dashboard, panel, query, series.
Exit status: 0 passed, 1 failed, 77 skipped, with a word why.
"""

import argparse
import collections.abc
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "kafka"))
import wire
from end_to_end import EVENT, SKIPPED, Broker, Run, Skipped, World, check, equal, free_port, need_tools, until

NOT_PROVOKED = {"MarqueeDegraded", "MarqueeNothingCommitted"}  # there is no GPU; and it would take five minutes
SCRAPE_S = 0.5
# What Grafana puts in place of its variables, in this order; the dashboards' own are "all".
VARIABLES = {
    "${group:regex}": ".*",
    "$__rate_interval": "10s",
    "$__range": "5m",
    "$job": ".+",
    "$instance": ".+",
    "$leaderboard": ".+",
}
BOARDS = """
[[leaderboard]]
name = "trending"
by = ["category"]
window = "tumbling 10s"
top = 10
emit_every = "200ms"
display = "title"

[[leaderboard]]
name = "watched"
by = ["country", "device"]
window = "hopping 20s every 10s"
measure = "watch_ms"
top = 5
emit_every = "200ms"
"""


class Prometheus:
    """Debian's, with the alerting rules, in a folder of its own."""

    def __init__(self, folder: pathlib.Path, rules: pathlib.Path, targets: list[int]):
        self.port = free_port()
        self.log = folder / "prometheus.log"
        config = folder / "prometheus.yml"
        ports = ", ".join(f'"127.0.0.1:{port}"' for port in targets)
        config.write_text(
            f"global: {{ scrape_interval: {int(SCRAPE_S * 1000)}ms, evaluation_interval: 1s }}\n"
            f"rule_files: [{json.dumps(str(rules))}]\n"
            f"scrape_configs:\n  - job_name: marquee\n    static_configs: [{{ targets: [{ports}] }}]\n"
        )
        line = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
        line += [f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.is_ready, lambda: f"Prometheus is ready:\n{self.log.read_text()}")

    def is_ready(self) -> bool:
        check(self.process.poll() is None, f"Prometheus has left:\n{self.log.read_text()}")
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5).status == 200
        return False

    def ask(self, path: str, **parameters: object) -> dict:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: Prometheus says {error.read().decode()}") from None

    def series(self, query: str, since: float) -> list[dict]:
        return self.ask("query_range", query=query, start=since, end=time.time(), step=1)["result"]

    def alerts_seen(self, since: float) -> set[str]:
        """Pending or firing at any moment."""
        return {series["metric"]["alertname"] for series in self.series("ALERTS", since)}

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class Operated(World):
    """The broker, both processes of marquee, and what is done to them."""

    def __init__(self, options: argparse.Namespace, folder: pathlib.Path):
        super().__init__(options, "main", folder)
        self.name, self.input, self.output, self.dead, self.late = "main", "events", "results", "dead", "late"
        self.ports = {"main": self.http_port, "stuck": free_port()}
        # Who has no permission named for a resource may do all with it, so that one can be taken away.
        more = ["authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"]
        more += ["allow.everyone.if.no.acl.found=true"]
        settings = [part for setting in more for part in ("--config", setting)]
        self.broker = Broker(folder / "broker").start(os.getpid(), 0, *settings)
        self.admin = self.broker.client()
        for topic, partitions in (("events", 4), ("brief", 1), ("lonely", 1), ("dead", 1), ("late", 1)):
            self.admin.create(topic, partitions, {})

    def config(self, who: str) -> pathlib.Path:
        path = self.folder / f"{who}.toml"
        topics = '["events", "brief"]' if who == "main" else '["events", "lonely"]'
        idle = "1s" if who == "main" else "never"
        client = f'client.id = "{who}"\n'
        limits = "[limits]\nitems = 300\ntitle_bytes = 4096\n" if who == "main" else ""
        letters = f'dead_letter_topic = "{self.dead}"\nlate_topic = "{self.late}"\n' if who == "main" else ""
        path.write_text(
            f'[source]\nbrokers = "{self.broker.address}"\ntopic = {topics}\ngroup = "{who}"\non_gap = "continue"\n'
            f"[source.kafka]\n{client}[event]{EVENT}[time]\n"
            f'disorder = "1s"\nlateness = "2s"\nidle_after = "{idle}"\n{BOARDS}\n{limits}'
            f'[sink]\ntopic = "{self.output}-{who}"\n{letters}commit_every = "200ms"\n[sink.kafka]\n{client}'
            f'[pane_log]\nbase_after = "1KiB"\n[http]\nlisten = "127.0.0.1:{self.ports[who]}"\nitem_labels = 1000\n'
        )
        return path

    def start(self, who: str) -> Run:
        return Run(self.options.marquee, self.config(who), self.ports[who])


def provoke(world: Operated, prometheus: Prometheus, began: float) -> None:
    """Every failure, one after the other; each is waited for as the alert that knows it."""

    def seen(*alerts: str) -> None:
        until(
            lambda: set(alerts) <= prometheus.alerts_seen(began),
            lambda: f"{alerts} among the alerts; there are {sorted(prometheus.alerts_seen(began))}",
        )
        print(f"{time.time() - began:.0f} s: {', '.join(alerts)}", flush=True)

    with contextlib.ExitStack() as stack:
        # One event, and nothing more: its partition holds all others up. And fetches of a few kB a second.
        world.gen(1, "--bad-share", "0", topic="lonely", start="now")
        world.gen(1, "--bad-share", "0", topic="brief", start="now")
        world.admin.set_quota("stuck", "consumer_byte_rate", 20_000)
        streaming = world.start_gen(10_000_000, "--rate", "1500/s", "--bad-share", "0.05", "--late-share", "0.01",
                                    start="now")  # fmt: skip
        stack.callback(streaming.wait)
        stack.callback(streaming.kill)
        stuck = stack.enter_context(world.start("stuck"))
        with world.start("main") as main:
            main.wait_ready()
            seen("MarqueeInvalidShare", "MarqueeBudgetHit", "MarqueeTitlesLeftOut")
            # What was read of the topic's settings is true no more: letters are refused until they are dropped.
            world.admin.set_configs(world.dead, {"max.message.bytes": "100"})
            seen("MarqueeCommitsFail")
            world.admin.set_configs(world.dead, {"max.message.bytes": "1000000"})
            world.admin.allow("ANONYMOUS", *(("topic", "main-panes", may) for may in ("Read", "Write", "Describe")))
            seen("MarqueePaneLogGrows")
            for path in ("/api/v1/top", "/api/v1/nowhere", "/"):
                main.get(path)
            main.wait_ready()
            main.stop(within_s=15)
        seen("MarqueeWatermarkStandsStill", "MarqueeDown")

        # While it is away retention takes what it has not read; then the broker hangs as it starts.
        behind = world.admin.committed("main", "brief")[0]
        world.gen(1000, topic="brief", start="now")
        world.admin.delete_records("brief", 0, 500)
        check(world.admin.offsets("brief", -2)[0] == 500 > behind >= 0, f"nothing was taken behind {behind}")
        world.admin.set_quota("main", "consumer_byte_rate", 500)
        world.broker.do("pause")
        with world.start("main") as main:
            main.wait_unready("does not answer")
            seen("MarqueeNotReady")
            world.broker.do("resume")
            seen("MarqueeRecoveryTooLong")
            world.admin.set_quota("main", "consumer_byte_rate", None)
            main.wait_ready()
            seen("MarqueeInputWasLost")
            world.gen(150_000, start="now")
            seen("MarqueeLagGrows")
            until(lambda: main.metrics().get("marquee_restore_duration_seconds_count", 0) > 0, "a recovery counted")
            streaming.kill()
            main.stop(within_s=15)
        equal(stuck.process.poll(), None, "exit status of stuck")


def substituted(expr: str) -> str:
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    check("$" not in expr, f"a variable that Grafana alone knows is left in {expr}")
    return expr


def panels(dashboard: dict) -> collections.abc.Iterator[dict]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def judge(source: pathlib.Path, prometheus: Prometheus, began: float) -> None:
    wrong, asked = [], 0
    print(f"\n{'dashboard':12} {'panel':36} {'series':>6}  query")
    for file in sorted((source / "grafana" / "dashboards").glob("*.json")):
        for panel in panels(json.loads(file.read_text(encoding="utf8"))):
            for target in panel.get("targets", []):
                # What stands in where there is nothing must not stand in for what is asked.
                found = prometheus.series(substituted(target["expr"]).removesuffix(" or vector(0)"), began)
                values = [v for series in found for _, v in series["values"] if v != "NaN"]
                asked += 1
                print(f"{file.stem:12} {panel['title'][:36]:36} {len(found):6}  {target['expr'][:200]}")
                if not values:
                    wrong.append(f"{file.stem}, panel {panel['title']}: nothing for {target['expr']}")
                labels = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
                for missing in labels - {name for series in found for name in series["metric"]}:
                    wrong.append(f"{file.stem}, panel {panel['title']}: no series has the label {missing}")
        for variable in json.loads(file.read_text(encoding="utf8"))["templating"]["list"]:
            if variable["type"] == "query":
                asked += 1
                names = label_values(prometheus, variable["definition"], began)
                print(f"{file.stem:12} {'variable ' + variable['name']:36} {len(names):6}  {variable['definition']}")
                if not names:
                    wrong.append(f"{file.stem}, variable {variable['name']}: nothing for {variable['definition']}")
    seen = prometheus.alerts_seen(began)
    for rule in prometheus.ask("rules")["groups"][0]["rules"]:
        asked += 1
        series = len(prometheus.series(rule["query"], began))
        print(f"{'alert':12} {rule['name']:36} {series:6}  {' '.join(rule['query'].split())[:200]}")
        if rule["health"] != "ok":
            wrong.append(f"alert {rule['name']}: {rule['health']}, {rule.get('lastError')}")
        if rule["name"] not in seen | NOT_PROVOKED:
            wrong.append(f"alert {rule['name']} was neither pending nor firing")
        for metric in sorted(set(re.findall(r"\bmarquee_\w+", rule["query"]))):
            if not prometheus.series(metric, began):
                wrong.append(f"alert {rule['name']}: there is no {metric}")
    print(f"{asked} queries")
    check(asked > 100, "too few queries to be all of them")
    check(not wrong, "\n".join(["", *wrong]))


def label_values(prometheus: Prometheus, definition: str, began: float) -> set[str]:
    """What Grafana offers for a variable `label_values(SELECTOR, LABEL)`."""
    selector, label = re.fullmatch(r"label_values\((.*), *(\w+)\)", definition).groups()
    found = prometheus.series(substituted(selector), began)
    return {series["metric"][label] for series in found if label in series["metric"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--marquee", type=lambda p: pathlib.Path(p).resolve(), required=True, metavar="FILE")
    parser.add_argument("source", type=lambda p: pathlib.Path(p).resolve(), metavar="SOURCE")
    options = parser.parse_args()
    try:
        if not shutil.which("prometheus"):
            raise Skipped("no prometheus is installed: ./dev test installs it where it can be had")
        need_tools()
        with tempfile.TemporaryDirectory(prefix="marquee-operate-") as folder:
            world = Operated(options, pathlib.Path(folder).resolve())
            ports = list(world.ports.values())
            prometheus = Prometheus(world.folder, options.source / "grafana" / "alerts.yaml", ports)
            try:
                began = time.time()
                provoke(world, prometheus, began)
                judge(options.source, prometheus, began)
            finally:
                prometheus.stop()
                world.close()
    except Skipped as why:
        print(f"SKIPPED operate: {why}")
        return SKIPPED
    except (AssertionError, OSError, wire.KafkaError, LookupError, subprocess.SubprocessError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
