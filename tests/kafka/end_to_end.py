#!/usr/bin/env python3
"""marquee against a real Kafka, from the generator to what other clients read of the results.

    tests/kafka/end_to_end.py --marquee FILE --oracle FILE [--broker-dir DIR] [--data DIR] SCENARIO...

Without a scenario it lists them. --broker-dir names a broker that several runs share (see `broker`); it is started if
it does not run. Scenarios that stop a broker have one of their own. `broker-up` and `broker-down` start and stop the
shared one, for CTest. What is expected comes from the generator's ledger and from marquee-oracle, which shares no code
with marquee. Exit status: 0 passed, 1 failed, 77 skipped, with a word why.
"""

import argparse
import base64
import collections
import collections.abc
import contextlib
import dataclasses
import gzip
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import jars
import wire

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
PATIENCE_S = 90  # for things that take a second on an idle machine
LEAVES_WITHIN_S = 5
START = "2025-11-22T08:00:00Z"
START_MS = 1763798400000
PARTITIONS = 4

# What marquee must say of the generator's bad records (src/gen/README.md, src/README.md).
REASON = {
    **dict.fromkeys(("truncated", "missing_brace", "open_string", "invalid_utf8", "deep_nesting"), "malformed"),
    **dict.fromkeys(("bad_escape", "lone_surrogate"), "malformed"),
    **dict.fromkeys(("not_object", "byte_order_mark"), "not_object"),
    **dict.fromkeys(("item_type", "item_float"), "item_type"),
    **dict.fromkeys(("time_negative", "time_huge"), "time_range"),
    **dict.fromkeys(("watch_negative", "watch_over_day"), "watch_range"),
}


class Skipped(Exception):
    """With a word why."""


def check(holds: bool, words: str) -> None:
    if not holds:
        raise AssertionError(words)


def equal(found, expected, what: str) -> None:
    check(found == expected, f"{what}: found {found}, expected {expected}")


def until(holds, what, timeout_s: float = PATIENCE_S):
    """Asks again and again; returns the first answer that is true. `what` may be a function, asked at the end."""
    end = time.monotonic() + timeout_s
    while not (answer := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what() if callable(what) else what}")
        time.sleep(0.05)  # between two questions
    return answer


def free_port() -> int:
    """Below the range of outgoing connections, as brokers do it: it stays free until it is used."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port := random.randint(15000, 32000)))
            return port


def murmur2(data: bytes) -> int:
    """As Java's client hashes keys (org.apache.kafka.common.utils.Utils.murmur2), made positive."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


@dataclasses.dataclass(frozen=True)
class Record:
    partition: int
    offset: int
    timestamp: int
    headers: str  # name=value,name=value
    key: bytes | None
    value: bytes | None

    def header(self, name: str) -> str | None:
        """For values without a comma."""
        found = re.search(rf"(?:^|,){re.escape(name)}=([^,]*)", self.headers)
        return found[1] if found else None


class Broker:
    """A broker of tests/kafka/broker."""

    def __init__(self, folder: pathlib.Path, address: str = ""):
        self.folder, self.address = folder, address

    def do(self, verb: str, *more: str) -> str:
        line = [sys.executable, HERE / "broker", verb, "--dir", self.folder, *more]
        return subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def start(self, owner: int, port: int = 0, *more: str) -> "Broker":
        self.address = self.do("start", "--port", str(port), "--owner", str(owner), *more)
        return self

    def client(self) -> wire.Client:
        return wire.Client(self.address, timeout_s=30)

    def log_size(self) -> int:
        return (self.folder / "broker.log").stat().st_size

    def log_from(self, offset: int) -> str:
        with open(self.folder / "broker.log", "rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def read(self, topic: str) -> list[Record]:
        return sorted(self.each(topic), key=lambda r: (r.partition, r.offset))

    def each(self, topic: str) -> collections.abc.Iterator[Record]:
        """What is committed, with kcat, from beginning to end, in the order of each partition. Any bytes survive, for
        each field comes with its length."""
        line = ["kcat", "-q", "-b", self.address, "-C", "-t", topic, "-o", "beginning", "-e"]
        line += ["-X", "isolation.level=read_committed", "-f", r"%p %o %T %K %S %h\n%k%s\n"]
        with subprocess.Popen(line, stdout=subprocess.PIPE) as kcat:
            while head := kcat.stdout.readline():
                partition, offset, stamp, key_size, size, headers = head.decode().rstrip("\n").split(" ", 5)
                fields = []
                for length in (int(key_size), int(size)):
                    fields.append(kcat.stdout.read(length) if length >= 0 else None)
                check(kcat.stdout.read(1) == b"\n", "kcat's framing broke")
                yield Record(int(partition), int(offset), int(stamp), headers, *fields)
        check(kcat.returncode == 0, f"kcat left with {kcat.returncode}, reading {topic}")

    def read_with_java(self, topic: str) -> list[Record]:
        return sorted(self.each_with_java(topic), key=lambda r: (r.partition, r.offset))

    def each_with_java(self, topic: str, idle_s: float = 10) -> collections.abc.Iterator[Record]:
        """As `each`, with Kafka's own Java consumer; for keys and values without tabs and line feeds."""
        line = [sys.executable, HERE / "read-topic", topic, "--broker", self.address, "--idle", str(idle_s)]
        with subprocess.Popen(line, stdout=subprocess.PIPE) as consumer:
            for row in consumer.stdout:
                partition, offset, stamp, headers, key, value = row.rstrip(b"\n").split(b"\t", 5)
                headers = re.sub(r"(^|,)([\w-]+):", r"\1\2=", headers.decode())
                yield Record(int(partition), int(offset), int(stamp), headers, key, value)
        check(consumer.returncode == 0, f"read-topic left with {consumer.returncode}, reading {topic}")


class Run:
    """One `marquee run`."""

    ANSWERS_WITHIN_S = 10.0

    def __init__(
        self,
        marquee: pathlib.Path,
        config: pathlib.Path,
        port: int,
        *,
        token: str = "",
        more: tuple[str, ...] = (),
        **environment: str,
    ):
        self.port, self.token = port, token
        self.log = config.with_suffix(f".{time.monotonic_ns()}.log")
        line = [marquee, "run", "--config", config, "--log-format", "human", *more]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | environment
            )

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind, *_) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind:
            tail = self.log.read_text(errors="replace").splitlines()[-20:]
            print("--- the log of marquee ends:", *tail, "---", sep="\n", file=sys.stderr)

    def get(self, path: str) -> tuple[int, str]:
        """(status, body); status 0: nobody answers."""
        if self.process.poll() is not None:
            raise AssertionError(f"marquee left by itself with {self.process.returncode}")
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=self.ANSWERS_WITHIN_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metrics(self) -> dict[str, float]:
        """By name and labels, as they are written."""
        rows = (line.rpartition(" ") for line in self.get("/metrics")[1].splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in rows if name}

    def verdicts(self) -> dict[str, int]:
        """counted, filtered, late, and the reasons of invalid ones; without those that did not occur."""
        found = {}
        for name, value in self.metrics().items():
            if name.startswith("marquee_records_total{") and value:
                labels = dict(re.findall(r'(\w+)="([^"]*)"', name))
                found[labels.get("reason", labels["verdict"])] = int(value)
        return found

    def wait_ready(self) -> None:
        until(lambda: self.get("/readyz")[0] == 200, lambda: f"ready; /readyz says {self.get('/readyz')}")

    def wait_unready(self, pattern: str) -> None:
        """503 and a reason that matches, while /healthz is content."""

        def says() -> bool:
            status, body = self.get("/readyz")
            return status == 503 and re.search(pattern, json.loads(body)["reason"])

        until(says, lambda: f"503 and '{pattern}'; /readyz says {self.get('/readyz')}")
        equal(self.get("/healthz")[0], 200, "/healthz")

    def wait_read(self, count: int, *, exactly: bool = True) -> dict[str, int]:
        until(lambda: sum(self.verdicts().values()) >= count, lambda: f"{count} records; there are {self.verdicts()}")
        verdicts = self.verdicts()
        check(not exactly or sum(verdicts.values()) == count, f"more than {count} records: {verdicts}")
        return verdicts

    def stop(self, within_s: float = LEAVES_WITHIN_S) -> float:
        """SIGTERM; seconds until it has left with 0."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            raise AssertionError("SIGTERM: marquee is there after 30 s") from None
        took = time.monotonic() - began
        equal(code, 0, "exit status after SIGTERM")
        check(took <= within_s, f"SIGTERM: marquee took {took:.1f} s to leave")
        return took


BOARDS = """
[[leaderboard]]
name = "trending"
by = ["category"]
window = "tumbling 1m"
top = 10
emit_every = "200ms"

[[leaderboard]]
name = "watched"
by = ["country", "device"]
window = "hopping 1m every 20s"
measure = "watch_ms"
top = 5
emit_every = "200ms"
"""

EVENT = """
item = "content_id"
time = "event_time"
watch = "watch_ms"
dimensions = { category = "category", country = "country", device = "device" }
"""


class World:
    """A scenario's broker, topics, files and programs. Topics have names of their own: brokers are shared."""

    def __init__(self, options: argparse.Namespace, scenario: str, folder: pathlib.Path):
        self.options, self.folder = options, folder
        self.name = f"{scenario}-{os.getpid()}"
        self.input, self.output = f"{self.name}-events", f"{self.name}-results"
        self.dead, self.late = f"{self.name}-dead", f"{self.name}-late"
        self.broker: Broker | None = None
        self.config_path = folder / "marquee.toml"
        self.http_port = free_port()

    def shared_broker(self) -> None:
        if self.options.broker_dir:
            self.broker = Broker(self.options.broker_dir).start(os.getppid())
        else:
            self.own_broker()

    def own_broker(self, port: int = 0) -> None:
        self.broker = Broker(self.folder / "broker").start(os.getpid(), port)

    def close(self) -> None:
        if (self.folder / "broker").is_dir():
            Broker(self.folder / "broker").do("stop")

    def configure(self, *, address: str = "", topics: list[str] | None = None, lateness: str = "10s",
                  event: str = EVENT, boards: str = BOARDS, disorder: str = "5s",
                  idle: str = "never", commit: str = "200ms", group: str = "") -> None:  # fmt: skip
        self.config_path.write_text(
            f'[source]\nbrokers = "{address or self.broker.address}"\ntopic = {json.dumps(topics or [self.input])}\n'
            f'group = "{group or self.name}"\n[event]{event}\n[time]\n'
            f'disorder = "{disorder}"\nlateness = "{lateness}"\n'
            f'idle_after = "{idle}"\n{boards}\n[sink]\ntopic = "{self.output}"\ndead_letter_topic = "{self.dead}"\n'
            f'late_topic = "{self.late}"\ncommit_every = "{commit}"\n[http]\nlisten = "127.0.0.1:{self.http_port}"\n'
        )

    def run(self) -> Run:
        return Run(self.options.marquee, self.config_path, self.http_port)

    def start_gen(self, count: int, *more: str, topic: str = "", start: str = START) -> subprocess.Popen:
        line = [self.options.marquee, "gen", "--brokers", self.broker.address, "--topic", topic or self.input]
        line += ["--partitions", str(PARTITIONS), "--count", str(count), "--seed", "7", "--start", start]
        return subprocess.Popen([*line, *(("--rate", "max") if "--rate" not in more else ()), *more])

    def gen(self, count: int, *more: str, topic: str = "", start: str = START) -> None:
        equal(self.start_gen(count, *more, topic=topic, start=start).wait(timeout=240), 0, "exit status of gen")

    def ledger(self) -> dict:
        ledger = json.loads((self.folder / "ledger.json").read_text())
        check(ledger["complete"], "the ledger is not complete")
        return ledger

    # --- what other clients and the oracle say

    def read_input(self, topics: list[str] | None = None) -> list[Record]:
        """Partitions of several topics are numbered through, as marquee does it."""
        records, first = [], 0
        for topic in topics or [self.input]:
            records += [dataclasses.replace(r, partition=r.partition + first) for r in self.broker.read(topic)]
            first += PARTITIONS
        return records

    def read_results(self, *, killed: bool = False) -> list[Record]:
        """Read with kcat; what holds for every record of the topic is checked. Who was killed may say once more what it
        had said: the state that it goes on with does not hold what was shown of it."""
        records = self.broker.read(self.output)
        partitions = len(self.broker.client().metadata().topics[self.output])
        revisions: dict[bytes, int] = {}
        for r in records:
            value = json.loads(r.value)
            key, revision = r.key.decode(), value["revision"]
            what = f"result at {r.partition}:{r.offset}, {key}"
            parts = [value["leaderboard"], list(value["group"].values()), value["window_start"], value["window_end"]]
            equal(key, json.dumps(parts, separators=(",", ":"), ensure_ascii=False), f"key of {what}")
            equal(r.partition, murmur2(r.key) % partitions, f"partition of {what}")
            headers = (
                f"ce_specversion=1.0,ce_id={key}#{revision},ce_type=marquee.result.v1,"
                f"ce_source=/marquee/{self.name},content-type=application/json"
            )
            equal(r.headers, headers, f"headers of {what}")
            check(r.timestamp > START_MS, f"timestamp of {what} is {r.timestamp}")
            least = revisions.get(r.key, -1) + (0 if killed else 1)
            check(revision >= least, f"{what}: revision {revision} after {revisions.get(r.key)}")
            revisions[r.key] = revision
        return records

    def oracle(
        self, messages: collections.abc.Iterable[Record], *more: str, timeout_s: float = PATIENCE_S
    ) -> subprocess.CompletedProcess:
        """marquee-oracle of these messages; its counts are in s.json."""
        dump = self.folder / "messages.tsv"
        with open(dump, "wb") as file:
            for r in messages:
                value = base64.b64encode(r.value or b"")
                file.write(b"%d\t%d\t%d\t%s\n" % (r.partition, r.offset, r.timestamp, value))
        line = [self.options.oracle, "--config", self.config_path, "--kafka", dump, "--summary", self.folder / "s.json"]
        return subprocess.run([*line, *more], stdout=subprocess.PIPE, text=True, timeout=timeout_s)

    def ask_oracle(self, messages: list[Record], *more: str) -> str:
        done = self.oracle(messages, *more)
        check(done.returncode == 0, f"the oracle says ({done.returncode}):\n{done.stdout[:3000]}")
        return done.stdout

    def check_results(
        self, messages: list[Record], results: list[Record], least: int, *, everything_is_final: bool = False
    ) -> dict:
        """The oracle compares the topic with what it must hold, at least so many results in full; its counts."""
        dump = self.folder / "results.tsv"
        dump.write_bytes(b"".join(b"%s\t%s\n" % (r.key, r.value) for r in results))
        words = self.ask_oracle(
            messages, "--check-topic", str(dump), *([] if everything_is_final else ["--upto-watermark"])
        )
        compared = int(re.search(r"(\d+) compared", words)[1])
        check(compared >= least, f"only {compared} results could be compared: {words}")
        return self.oracle_verdicts()

    def oracle_verdicts(self) -> dict[str, int]:
        summary = json.loads((self.folder / "s.json").read_text())
        found = {name: summary[name] for name in ("counted", "filtered", "late")} | summary["invalid"]
        return {name: count for name, count in found.items() if count}

    def committed(self) -> tuple[dict[int, int], dict[int, int]]:
        """Offsets committed under the group's name, and the ends."""
        with self.broker.client() as client:
            return client.committed(self.name, self.input), client.offsets(self.input, -1)

    def check_committed(self) -> None:
        committed, end = self.committed()
        equal(committed, end, f"committed offsets of {self.input}")

    def wait_committed(self) -> None:
        def holds() -> bool:
            with contextlib.suppress(
                wire.KafkaError
            ):  # a broker on a busy machine may lose its leadership for a moment
                committed, end = self.committed()
                return committed == end
            return False

        until(holds, "all offsets committed")

    def check_letters(self, topic: str, messages: list[Record], reasons: dict[str, int]) -> None:
        """A letter for each record, with the bytes, the key and the place it had."""
        origin = {(m.partition, m.offset): m for m in messages}
        found: collections.Counter[str] = collections.Counter()
        seen = set()
        for letter in self.broker.read(topic):
            where = [letter.header(f"__connect.errors.{part}") for part in ("topic", "partition", "offset")]
            what = f"letter at {topic}/{letter.partition}:{letter.offset}"
            equal(where[0], self.input, f"__connect.errors.topic of {what}")
            message = origin[(int(where[1]), int(where[2]))]
            element = letter.header("marquee.element")
            value = message.value.split(b"\n")[int(element)] if element else message.value
            equal(letter.value or b"", value, f"value of {what}")
            equal(letter.key, message.key, f"key of {what}")
            check(letter.header("__connect.errors.exception.message"), f"{what} has no exception.message")
            found[letter.header("__connect.errors.exception.class.name")] += 1
            seen.add((*where, element))
        equal(dict(found), reasons, f"letters in {topic} by reason")
        equal(len(seen), sum(reasons.values()), f"different records in {topic}")


def ledger_reasons(ledger: dict) -> dict[str, int]:
    reasons: collections.Counter[str] = collections.Counter()
    for partition in ledger["partitions"]:
        for kind, count in partition["bad"].items():
            reasons[REASON.get(kind, kind)] += count
    return dict(reasons)


def ledger_events(ledger: dict, late_after_s: int) -> dict[tuple[int, str], int]:
    """Events of each minute and category that a board of minutes counts."""
    events: collections.Counter[tuple[int, str]] = collections.Counter()
    for partition in ledger["partitions"]:
        for cell in partition["minutes"]:
            late = sum(views for seconds, views, _ in cell["behind"] if seconds >= late_after_s)
            events[(cell["minute"], cell["category"])] += cell["views"] - late
    return dict(events)


def newest(results: list[Record]) -> dict[bytes, dict]:
    """Of each key what a consumer holds that applies rising revisions."""
    held: dict[bytes, dict] = {}
    for r in results:
        value = json.loads(r.value)
        if r.key not in held or value["revision"] > held[r.key]["revision"]:
            held[r.key] = value
    return held


def never_falls(results: list[Record]) -> None:
    """Of a key no revision is below the one before it, and one revision has one content."""
    held: dict[bytes, tuple[int, bytes]] = {}
    for r in results:
        revision = json.loads(r.value)["revision"]
        before = held.get(r.key, (0, b""))
        check(revision >= before[0], f"revision {revision} of {r.key} behind {before[0]}")
        check(revision > before[0] or r.value == before[1], f"two contents of {r.key} at revision {revision}")
        held[r.key] = (revision, r.value)


# --- Scenarios


def straight(world: World, count: int, *more: str) -> None:
    """generate, run, read with kcat and with Java, compare with oracle and ledger."""
    world.shared_broker()
    ledger_file = str(world.folder / "ledger.json")
    world.gen(count, "--density", "6000/min", "--ledger", ledger_file, *more)
    world.configure()
    with world.run() as run:
        verdicts = run.wait_read(count)
        run.wait_ready()
        took = run.stop()
    print(f"left within {took:.2f} s")
    messages = world.read_input()
    results = world.read_results()
    by_java = world.broker.read_with_java(world.output)
    equal(len(by_java), len(results), "records that Java's consumer sees")
    for ours, theirs in zip(results, by_java, strict=True):
        equal(theirs, ours, "a record as Java's consumer sees it, and as kcat does")
    equal(world.check_results(messages, results, 50), verdicts, "verdicts of the oracle, and of marquee")

    ledger = world.ledger()
    equal(ledger["records"], count, "records of the ledger")
    sent = collections.Counter()
    for partition in ledger["partitions"]:
        sent.update(partition["records"])
    bad = {name: n for name, n in verdicts.items() if name not in ("counted", "late", "filtered")}
    equal(bad, ledger_reasons(ledger), "invalid records by reason, and the ledger")
    equal(verdicts["counted"] + verdicts["late"], sent["good"] + sent["far_behind"], "counted + late, and the ledger")
    check(verdicts["late"] > 10 and len(bad) > 5, f"too little that is late or bad to prove anything: {verdicts}")
    events, compared = ledger_events(ledger, 15), 0
    for value in newest(results).values():
        if value["leaderboard"] == "trending" and value["final"]:
            minute = (value["window_start"], value["group"]["category"])
            equal(value["events"], events[minute], f"events of {minute}, and the ledger")
            compared += 1
    check(compared > 20, f"only {compared} minutes could be compared with the ledger")
    world.check_letters(world.dead, messages, bad)
    world.check_letters(world.late, messages, {"late": verdicts["late"]})
    world.check_committed()


def one_event_a_message(world: World) -> None:
    straight(world, 30_000)


def packed(world: World) -> None:
    straight(world, 30_000, "--pack", "100", "--bad-share", "0.01", "--late-share", "0.01")


def compressions(world: World) -> None:
    """Each codec on a topic of its own, all read by one process."""
    world.shared_broker()
    codecs = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
    topics = [f"{world.name}-{codec}" for codec in codecs]
    for topic, (codec, number) in zip(topics, codecs.items(), strict=True):
        world.gen(2000, "--density", "600/min", "--compression", codec, topic=topic)
        with world.broker.client() as client:
            equal(client.codec(topic, 0), number, f"codec of the batches of {topic}")
    world.configure(topics=topics)
    with world.run() as run:
        verdicts = run.wait_read(8000)
        run.stop()
    messages = world.read_input(topics)
    equal(world.check_results(messages, world.read_results(), 50), verdicts, "verdicts of the oracle, and of marquee")


def broker_restarted(world: World) -> None:
    """In the middle of generator and marquee: nothing is lost, nothing counted twice."""
    world.own_broker()
    count = 12_000
    world.configure()
    gen = world.start_gen(
        count, "--rate", "1000/s", "--density", "3000/min", "--ledger", str(world.folder / "ledger.json")
    )
    try:
        with world.run() as run:
            run.wait_read(2000, exactly=False)
            world.broker.do("restart")
            check(gen.poll() is None, "the generator was done before the broker was back: too fast to prove anything")
            equal(gen.wait(timeout=120), 0, "exit status of gen")
            verdicts = run.wait_read(count)
            run.wait_ready()
            run.stop()
    finally:
        gen.kill()
        gen.wait()
    equal(world.ledger()["records"], count, "records of the ledger")
    messages = world.read_input()
    equal(len(messages), count, "messages in the topic")
    equal(world.check_results(messages, world.read_results(), 40), verdicts, "verdicts of the oracle, and of marquee")
    world.check_committed()


def missing_at_start(world: World) -> None:
    """No broker, then no topic: it waits and says so. It leaves in time without a broker, early and late."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    world.configure(address=address)
    with world.run() as run:
        run.wait_unready(f"{address}.*")
        run.stop()
    with world.run() as run:
        run.wait_unready(f"{address}.*")
        world.own_broker(port)
        run.wait_unready(f"topic {world.input}.* does not exist")
        world.gen(3000, "--density", "600/min")
        verdicts = run.wait_read(3000)
        run.wait_ready()
        until(lambda: run.metrics()["marquee_source_lag_messages"] == 0, "no lag")
        world.wait_committed()
        world.broker.do("kill")
        took = run.stop()
    print(f"left within {took:.2f} s, the broker being away")
    world.broker.do("restart")
    messages = world.read_input()
    equal(world.check_results(messages, world.read_results(), 40), verdicts, "verdicts of the oracle, and of marquee")


def left_uncommitted(world: World) -> None:
    """Told to leave while all it has read is uncommitted and the broker has died, or hangs: it leaves with 0.

    Where there are results, their acknowledgement is waited for; where there are none, that of the offsets, and for
    this librdkafka would wait up to a minute before it lets go of its client. So the bound on leaving is generous."""

    def read_and_leave(verb: str, back: str, read: int) -> None:
        with world.run() as run:
            until(lambda: run.metrics().get("marquee_messages_total") == read, f"{read} messages read")
            equal(run.verdicts(), {}, "verdicts committed")
            world.broker.do(verb)
            print(f"{verb}: left within {run.stop(within_s=20):.2f} s", flush=True)
        world.broker.do(back)

    world.own_broker()
    world.gen(2000, "--density", "600/min", "--bad-share", "0")
    world.configure(commit="1h")
    read_and_leave("kill", "restart", 2000)
    world.configure()
    with world.run() as run:
        verdicts = run.wait_read(2000)  # once more
        run.stop()
    equal(world.check_results(world.read_input(), world.read_results(), 40), verdicts, "verdicts of the oracle")
    world.check_committed()

    world.gen(2000, "--density", "600/min", "--bad-share", "0")
    world.configure(event=EVENT + 'where = { category = "none such" }\n', commit="1h", group=world.name + "-none")
    read_and_leave("pause", "resume", 4000)


def partitions_added(world: World) -> None:
    """While it runs: the new partitions are read from their beginnings."""
    world.shared_broker()
    with world.broker.client() as client:
        client.create(world.input, 2, {})
    # Nothing settles here, so what the new partitions held before they were found is not expired.
    world.configure(lateness="2h")
    with world.run() as run:
        world.gen(4000, "--density", "1200/min")
        run.wait_read(4000)
        equal(run.metrics()["marquee_source_partitions"], 2, "partitions read")
        with world.broker.client() as client:
            client.grow(world.input, 4)
        world.gen(4000, "--density", "1200/min", start=str(START_MS + 200_000))
        verdicts = run.wait_read(8000)
        metrics = run.metrics()
        equal(metrics["marquee_source_partitions"], 4, "partitions read")
        equal(metrics["marquee_expired_events_total"], 0, "expired events")
        run.stop()
    messages = world.read_input()
    check({m.partition for m in messages} == set(range(4)), "the new partitions hold nothing")
    equal(world.check_results(messages, world.read_results(), 50), verdicts, "verdicts of the oracle, and of marquee")
    world.check_committed()


def quiet(world: World) -> None:
    """Nothing comes any more: the partitions become idle, the last windows close, and every last revision is final."""
    world.shared_broker()
    world.gen(5000, "--density", "12000/min")
    boards = BOARDS.replace("tumbling 1m", "tumbling 5s").replace("hopping 1m every 20s", "hopping 6s every 2s")
    world.configure(idle="5s", boards=boards)  # longer than a connection may be silent (LeaderHealth)
    with world.run() as run:
        verdicts = run.wait_read(5000)
        run.wait_ready()

        def open_windows() -> int:
            return sum(not value["final"] for value in newest(world.read_results()).values())

        until(lambda: open_windows() == 0, lambda: f"every window final; {open_windows()} are not")
        until(
            lambda: run.metrics()["marquee_source_partitions_idle"] == PARTITIONS,
            lambda: f"every partition idle: {run.metrics()['marquee_source_partitions_idle']}",
        )
        run.stop()
    results = world.read_results()
    found = world.check_results(world.read_input(), results, 50, everything_is_final=True)
    equal(found, verdicts, "verdicts of the oracle, and of marquee")
    world.check_committed()


def restarted(world: World) -> None:
    """It goes on at the commit, whether it left or was killed, as if it had never been away."""
    world.shared_broker()
    world.configure()
    world.gen(6000, "--density", "2400/min", "--bad-share", "0.01")  # two minutes and a half
    with world.run() as run:
        first = run.wait_read(6000)
        run.stop()
    world.check_committed()
    world.gen(9000, "--density", "2400/min", "--bad-share", "0.01", start=str(START_MS + 150_000))
    with world.run() as run:
        second = run.wait_read(9000)
        run.stop()
    world.check_committed()
    both = collections.Counter(first) + collections.Counter(second)
    equal(
        world.check_results(world.read_input(), world.read_results(), 60), dict(both), "verdicts of both runs together"
    )

    sender = world.start_gen(
        9000, "--density", "2400/min", "--bad-share", "0.01", "--rate", "3k/s", start=str(START_MS + 375_000)
    )
    for least in (500, 1500):  # committed since its start, then killed
        with world.run() as run:
            run.wait_read(least, exactly=False)
            run.process.kill()
    equal(sender.wait(timeout=240), 0, "exit status of gen")
    with world.run() as run:
        world.wait_committed()
        run.stop()
    messages = world.read_input()
    verdicts = world.check_results(messages, world.read_results(killed=True), 100)
    never_falls(world.broker.read(world.output))
    world.check_letters(world.dead, messages, {k: n for k, n in verdicts.items() if k not in ("counted", "late")})
    world.check_letters(world.late, messages, {"late": verdicts["late"]})


def broker_that_ends(world: World) -> None:
    """A broker that cannot live is told at once, with what its log says, not when patience is over."""
    line = [sys.executable, HERE / "broker", "start", "--dir", world.folder / "broker", "--port", "0"]
    done = subprocess.run([*line, "--config", "log.retention.ms=never"], stderr=subprocess.PIPE, text=True)
    equal(done.returncode, 1, "exit status of broker start")
    check("The broker left with 1" in done.stderr, done.stderr)
    check("Invalid value never for configuration log.retention.ms" in done.stderr, done.stderr)


def movietweetings(world: World) -> None:
    """Real ratings, shuffled, with a lateness that takes them all."""
    file = pathlib.Path(world.options.data or "") / "movietweetings-100k.ndjson.gz"
    if not world.options.data or not file.is_file():
        raise Skipped("no movietweetings-100k.ndjson.gz: --data or MARQUEE_DATA_DIR names its folder")
    world.shared_broker()
    with gzip.open(file, "rb") as lines:
        ratings = [next(lines) for _ in range(20_000)]
    random.Random(7).shuffle(ratings)
    with world.broker.client() as client:
        client.create(world.input, PARTITIONS, {})
    for partition in range(PARTITIONS):
        line = ["kcat", "-b", world.broker.address, "-P", "-t", world.input, "-p", str(partition)]
        subprocess.run(line, check=True, input=b"".join(ratings[partition::PARTITIONS]), timeout=PATIENCE_S)
    event = '\nitem = "content_id"\ntime = "event_time"\ntime_unit = "s"\nwatch = ""\n'
    event += 'dimensions = { category = "category" }\n'
    boards = (
        '[[leaderboard]]\nname = "day"\nby = ["category"]\nwindow = "tumbling 1d"\ntop = 10\n'
        '[[leaderboard]]\nname = "week"\nby = []\nwindow = "hopping 7d every 1d"\ntop = 10\n'
        '[[leaderboard]]\nname = "so-far-today"\nby = []\nwindow = "cumulative 1d step 6h"\ntop = 10\n'
    )
    world.configure(event=event, boards=boards, lateness="365d")
    with world.run() as run:
        verdicts = run.wait_read(20_000)
        equal(verdicts, {"counted": 20_000}, "verdicts")
        run.stop()
    world.check_results(world.read_input(), world.read_results(), 500)


def signals(world: World) -> None:
    world.shared_broker()
    world.gen(1_000)
    world.configure()
    with world.run() as run:
        run.wait_ready()

        def says(pattern: str) -> None:
            log = run.log
            until(lambda: re.search(pattern, log.read_text()), lambda: f"'{pattern}' in the log:\n{log.read_text()}")

        check(" debug " not in run.log.read_text(), "the log says everything from the start")
        run.process.send_signal(signal.SIGHUP)
        says("warning.* SIGHUP: nothing is read anew")
        run.process.send_signal(signal.SIGUSR1)
        says("info.* SIGUSR1: the log says everything")
        world.gen(1_000, start="2025-11-22T09:00:00Z")
        says("(?s)SIGUSR1.* debug ")
        run.process.send_signal(signal.SIGUSR2)
        says("info.* SIGUSR2: the log is again at the level that is configured")
        run.wait_read(2_000)
        world.wait_committed()
        equal(run.get("/readyz")[0], 200, "/readyz after all of them")
        run.stop()
    check(" debug " not in run.log.read_text().rpartition("SIGUSR2")[2], "SIGUSR2 took nothing back")


SCENARIOS = {
    "signals": signals,
    "one-event-a-message": one_event_a_message,
    "packed": packed,
    "compressions": compressions,
    "broker-restarted": broker_restarted,
    "missing-at-start": missing_at_start,
    "left-uncommitted": left_uncommitted,
    "partitions-added": partitions_added,
    "quiet": quiet,
    "restarted": restarted,
    "broker-that-ends": broker_that_ends,
    "movietweetings": movietweetings,
}


def need_tools() -> None:
    if not shutil.which("kcat"):
        raise Skipped("no kcat was found: ./dev test installs it")
    try:
        jars.FOLDER.mkdir(parents=True, exist_ok=True)
        jars.java()
    except jars.Failure as failure:
        raise Skipped(str(failure)) from None


def perform(options: argparse.Namespace, scenario: str) -> None:
    began = time.monotonic()
    need_tools()
    with tempfile.TemporaryDirectory(prefix="marquee-e2e-") as folder:
        world = World(options, scenario, pathlib.Path(folder).resolve())
        try:
            SCENARIOS[scenario](world)
        finally:
            world.close()
    print(f"{scenario}: passed in {time.monotonic() - began:.1f} s", flush=True)


def main() -> int:
    text = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="tests/kafka/end_to_end.py", description=__doc__, formatter_class=text)
    parser.add_argument("--marquee", type=lambda p: pathlib.Path(p).resolve(), required=True, metavar="FILE")
    parser.add_argument("--oracle", type=lambda p: pathlib.Path(p).resolve(), required=True, metavar="FILE")
    parser.add_argument("--broker-dir", type=lambda p: pathlib.Path(p).resolve(), metavar="DIR")
    parser.add_argument("--data", default=os.environ.get("MARQUEE_DATA_DIR"), metavar="DIR", help="real data sets")
    parser.add_argument(
        "scenarios", nargs="*", choices=["broker-up", "broker-down", *SCENARIOS, []], metavar="SCENARIO"
    )
    options = parser.parse_args()
    if not options.scenarios:
        print(*SCENARIOS, sep="\n")
    for scenario in options.scenarios:
        try:
            if scenario == "broker-up":
                need_tools()
                print(Broker(options.broker_dir).start(os.getppid()).address)
            elif scenario == "broker-down":
                Broker(options.broker_dir).do("stop")
            else:
                perform(options, scenario)
        except Skipped as why:
            print(f"SKIPPED {scenario}: {why}")
            if scenario != "broker-up":  # those that need it say it themselves
                return SKIPPED
        except (AssertionError, OSError, wire.KafkaError, subprocess.SubprocessError) as error:
            print(f"{scenario}: FAILED: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
