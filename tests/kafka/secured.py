#!/usr/bin/env python3
"""marquee on a Kafka with TLS, SCRAM and permissions, with certificates made here.

    tests/kafka/secured.py --marquee FILE --oracle FILE [--librdkafka DIR] SCENARIO...

Scenarios: `check` (`run --check`: all is there; each thing that can be missing, by its own sentence; nothing is changed
by it), `unlimited` (the one broker where a check may change something), `start` (a run without a permission), `run`
(the job itself, with no permission but those that README names; `--check` beside it disturbs nothing) and `secrets` (no
output of marquee's holds a password or token). Kafka 4 and librdkafka before 2.6.1 cannot do SCRAM with
each other: where the system's is older, the one that the Python package confluent-kafka carries is taken, which
`./dev test` puts into DIR. Exit status: 0 passed, 1 failed, 77 skipped, with a word why.
"""

import argparse
import collections.abc
import contextlib
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import wire
from end_to_end import (
    EVENT,
    PARTITIONS,
    PATIENCE_S,
    SKIPPED,
    Broker,
    Run,
    Skipped,
    World,
    check,
    equal,
    free_port,
    need_tools,
    until,
)

USER, PASSWORD = "marquee", "canary-scram-4711"
KEY_PASSWORD, TOKEN = "canary-key-4712", "canary-token-4713"
CANARIES = (PASSWORD, KEY_PASSWORD, TOKEN)
SCRAM_MENDED_IN = 0x020601FF

# All that README asks for: kind, name, operation; and what --check says where it is missing.
INPUT, OUTPUT, DEAD, LATE, PANES = "events", "results", "dead", "late", "marquee-panes"
PERMISSIONS = {
    ("topic", INPUT, "Read"): "this user may not see events: give it Describe on topic events",
    ("group", "marquee", "Read"): "this user may not commit for it: give it Read on group marquee",
    ("topic", OUTPUT, "Write"): "this user may not see results: give it Describe on topic results",
    ("topic", DEAD, "Write"): "this user may not see dead: give it Describe on topic dead",
    ("topic", LATE, "Write"): "this user may not see late: give it Describe on topic late",
    ("topic", PANES, "Write"): "this user may not write marquee-panes: give it Write on topic marquee-panes",
    ("topic", PANES, "Read"): "this user may not read marquee-panes: give it Read on topic marquee-panes",
    ("topic", PANES, "Delete"): "this user may not remove what is needless from marquee-panes: give it Delete on topic",
    ("transactional id", "marquee-marquee", "Write"): "give it Write and Describe on the transactional id",
}
# With Describe given besides, what is told of the operation itself.
BUT_DESCRIBED = {
    ("topic", INPUT, "Read"): "this user may not read events: give it Read on topic events",
    ("topic", OUTPUT, "Write"): "this user may not write results: give it Write on topic results",
    ("group", "marquee", "Read"): "this user may not commit for it: give it Read on group marquee",
    ("transactional id", "marquee-marquee", "Write"): "give it Write and Describe on the transactional id",
}
TOPICS = {INPUT: {}, OUTPUT: {}, DEAD: {}, LATE: {}, PANES: {"retention.ms": "-1"}}


def openssl(folder: pathlib.Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True)
    check(done.returncode == 0, f"openssl {' '.join(arguments)}:\n{done.stderr}")


def make_certificates(folder: pathlib.Path) -> None:
    """ca.pem and what it has signed, server.pem (with its key) for 127.0.0.1; other.pem of another authority; and
    client.key, encrypted."""
    request = ["req", "-newkey", "rsa:2048", "-nodes"]
    for name in ("ca", "other"):
        openssl(folder, *request, "-x509", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl(folder, *request, "-keyout", f"{name}.plain", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2"]
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed)
    (folder / "server.pem").write_bytes((folder / "server.plain").read_bytes() + (folder / "server.crt").read_bytes())
    openssl(folder, "rsa", "-aes256", "-in", "client.plain", "-out", "client.key", "-passout", f"pass:{KEY_PASSWORD}")


class Secured(World):
    """A broker with a secured listener, its topics and users, and a configuration for it."""

    def __init__(self, options: argparse.Namespace, scenario: str, folder: pathlib.Path):
        super().__init__(options, scenario, folder)
        self.name, self.input, self.output, self.dead, self.late = "marquee", INPUT, OUTPUT, DEAD, LATE
        make_certificates(folder)
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        more = ["--secure", f"{port}:{folder / 'server.pem'}", "--config", "auto.create.topics.enable=true"]
        if scenario == "unlimited":
            more += ["--config", f"transaction.max.timeout.ms={2**31 - 1}"]
        self.broker = Broker(folder / "broker").start(os.getpid(), 0, *more)
        self.admin = self.broker.client()
        self.admin.set_password(USER, PASSWORD)
        for topic, settings in TOPICS.items():
            self.admin.create(topic, PARTITIONS, settings)
        self.admin.allow(USER, *PERMISSIONS)
        self.secure()
        self.environment = {
            "MARQUEE_SOURCE__KAFKA__SASL_PASSWORD": PASSWORD,
            "MARQUEE_SINK__KAFKA__SASL_PASSWORD_FILE": str(self.secret_file("sasl", PASSWORD + "\n")),
        }
        if options.librdkafka:
            self.environment["LD_LIBRARY_PATH"] = str(options.librdkafka)

    def secret_file(self, name: str, secret: str) -> pathlib.Path:
        path = self.folder / f"{name}.secret"
        path.write_text(secret)
        path.chmod(0o600)
        return path

    def secure(self, *, ca: str = "ca.pem", protocol: str = "SASL_SSL", more: str = "", create: bool = True) -> None:
        kafka = (
            f'security.protocol = "{protocol}"\nsasl.mechanism = "SCRAM-SHA-256"\nsasl.username = "{USER}"\n'
            f'ssl.ca.location = "{self.folder / ca}"\n{more}'
        )
        self.config_path.write_text(
            f'[source]\nbrokers = "{self.address}"\ntopic = "{INPUT}"\n[source.kafka]\n{kafka}[event]{EVENT}'
            f'[time]\nidle_after = "never"\n[[leaderboard]]\nname = "trending"\nby = ["category"]\n'
            f'window = "tumbling 1m"\nemit_every = "200ms"\n[sink]\ntopic = "{OUTPUT}"\n'
            f'dead_letter_topic = "{DEAD}"\nlate_topic = "{LATE}"\n'
            f'commit_every = "200ms"\ncreate_topics = {"true" if create else "false"}\n[sink.kafka]\n{kafka}'
            f'[pane_log]\npartitions = {PARTITIONS}\n[http]\nlisten = "127.0.0.1:{self.http_port}"\n'
            f'token_file = "{self.secret_file("token", TOKEN)}"\n'
        )

    def marquee(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        line = [self.options.marquee, *arguments]
        env = os.environ | self.environment | environment
        done = subprocess.run(line, capture_output=True, text=True, env=env, timeout=120, stdin=subprocess.DEVNULL)
        self.words = done.stdout + done.stderr
        return done

    def checked(
        self, code: int, *sentences: str, missing: int | None = None, changed: bool = False, **environment: str
    ) -> str:
        """`run --check` leaves with `code`, says these sentences, and so many things are missing (as many)."""
        done = self.marquee("run", "--config", str(self.config_path), "--check", **environment)
        equal(done.returncode, code, f"exit status of --check, which says:\n{self.words}")
        for sentence in sentences:
            check(sentence in done.stdout, f"'{sentence}' is not in what --check says:\n{self.words}")
        count = sum(line.startswith("missing ") for line in done.stdout.splitlines())
        equal(count, len(sentences) if missing is None else missing, f"things that are missing:\n{self.words}")
        last = done.stdout.splitlines()[-1]
        check(("nothing was changed" in last) != changed, f"the last line of --check:\n{done.stdout}")
        return done.stdout

    def state(self) -> dict:
        """All that a check might change: begin and end of every partition, Kafka's own too, and what is committed."""
        topics = {t: (self.admin.offsets(t, -2), self.admin.offsets(t, -1)) for t in self.admin.metadata().topics}
        return {"topics": topics, "committed offsets": self.admin.committed("marquee", INPUT)}

    def run(self, *more: str) -> Run:
        return Run(self.options.marquee, self.config_path, self.http_port, token=TOKEN, more=more, **self.environment)


def check_scenario(world: Secured) -> None:
    world.gen(2_000, "--bad-share", "0.01")
    with world.run() as run:  # so that there is something to lose: records, a pane log, offsets, a transactional id
        run.wait_read(2_000)
        world.wait_committed()
        run.stop()
    before = world.state()
    check(all(sum(ends.values()) > 0 for _, ends in before["topics"].values()), f"a topic is empty: {before}")
    said = world.checked(0, missing=0)
    for what in (f"topic {INPUT}, to read: 4 partitions", f"topic {OUTPUT}, to write", f"topic {PANES}, the pane log"):
        check(what in said, f"'{what}' is not said:\n{said}")

    world.checked(69, "refuses the credentials", missing=1, MARQUEE_SOURCE__KAFKA__SASL_PASSWORD="wrong")
    check("check sasl.* under [source.kafka]" in world.words, world.words)
    world.secure(ca="other.pem")
    world.checked(69, "certificate verify failed", missing=2)
    check("cannot be reached over TLS" in world.words, world.words)
    world.secure(protocol="SASL_PLAINTEXT")
    world.checked(69, "is it running, and is the address right?", missing=2)
    world.secure()

    for permission, sentence in PERMISSIONS.items():
        world.admin.forbid(USER, *permission)
        world.checked(69, sentence)
        if permission in BUT_DESCRIBED:
            described = (*permission[:2], "Describe")
            world.admin.allow(USER, described)
            world.checked(69, BUT_DESCRIBED[permission])
            world.admin.forbid(USER, *described)
        world.admin.allow(USER, permission)
    world.checked(0, missing=0)
    equal(world.state(), before, "what --check might have changed")

    check_signals(world)

    world.admin.delete(LATE)
    world.checked(69, "the broker would not let us create it")
    world.admin.allow(USER, ("topic", LATE, "Create"))
    check("topic late, to write: is not there, and would be created" in world.checked(0, missing=0), world.words)
    world.secure(create=False)
    world.checked(69, "there is no such topic, and sink.create_topics is false: create it with kafka-topics.sh")
    check(LATE not in world.admin.metadata().topics, "--check has created a topic")
    world.admin.create(LATE, PARTITIONS, {})
    world.admin.allow(USER, ("topic", PANES, "DescribeConfigs"))  # without it they are not judged
    world.admin.set_configs(PANES, {"retention.ms": "60000"})
    world.checked(78, "must have retention.ms=-1")


def check_signals(world: Secured) -> None:
    """While nothing answers, it ends at once with the signal, and not as if all were there."""
    world.broker.do("pause")
    line = [world.options.marquee, "run", "--config", world.config_path, "--check"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, env=os.environ | world.environment)
    comm = pathlib.Path(f"/proc/{process.pid}/task")
    until(lambda: len(list(comm.iterdir())) > 1, "threads of librdkafka's, so that it asks")
    process.terminate()
    equal(process.wait(timeout=10), 128 + signal.SIGTERM, "exit status of --check after SIGTERM")
    world.broker.do("resume")


def unlimited_scenario(world: Secured) -> None:
    """A broker that allows transactions of any length would give the transactional id away."""
    cluster = ("cluster", "kafka-cluster", "DescribeConfigs")
    world.admin.allow(USER, cluster)
    check("unknown  transactional id marquee-marquee: not asked" in world.checked(0, missing=0), world.words)
    check("all that a run needs, as far as it was asked" in world.words, world.words)
    world.admin.forbid(USER, *cluster)
    world.checked(69, "asking has taken the id", changed=True)


def start_scenario(world: Secured) -> None:
    """A start without a permission says which, and leaves, or waits and says so in /readyz too."""

    def leaves(permission: tuple[str, str, str], sentence: str) -> None:
        world.admin.forbid(USER, *permission)
        with world.run() as run:
            equal(run.process.wait(timeout=PATIENCE_S), 69, f"exit status without {permission}")
            check(sentence in run.log.read_text(), f"'{sentence}' is not in the log:\n{run.log.read_text()}")
        world.admin.allow(USER, permission)

    def waits(permission: tuple[str, str, str], sentence: str) -> None:
        world.admin.forbid(USER, *permission)
        with world.run() as run:
            run.wait_unready(re.escape(sentence))
            world.admin.allow(USER, permission)
            run.wait_ready()
            run.stop()

    world.gen(2_000, "--bad-share", "0.01")
    leaves(("group", "marquee", "Read"), "give this user Read on group marquee")
    leaves(
        ("transactional id", "marquee-marquee", "Write"), "Write and Describe on the transactional id marquee-marquee"
    )
    leaves(("topic", PANES, "Write"), "give this user Write and Describe on every topic written to, the pane log's too")
    waits(("topic", OUTPUT, "Write"), "or this user may not see it")
    waits(("topic", INPUT, "Read"), "may this user describe and read it?")
    world.admin.allow(USER, ("topic", INPUT, "Describe"))
    leaves(("topic", INPUT, "Read"), "give this user Read on every topic that is read")


def run_scenario(world: Secured) -> None:
    world.gen(20_000, "--density", "6000/min")
    with world.run() as run:
        run.wait_ready()
        run.wait_read(20_000)
        world.wait_committed()
        epochs = run.metrics()["marquee_epochs_total"]
        world.checked(0, missing=0)  # beside the run
        world.gen(5_000, start="2025-11-22T09:00:00Z")
        run.wait_read(25_000)
        until(lambda: run.metrics()["marquee_epochs_total"] > epochs, "an epoch after a check beside it")
        equal(run.metrics()["marquee_commit_failures_total"], 0, "commits that failed")
        world.wait_committed()
        run.stop()
    world.check_results(world.read_input(), world.read_results(), 20)


def secrets_scenario(world: Secured) -> None:
    key, certificate = world.folder / "client.key", world.folder / "client.crt"
    more = f'ssl.key.location = "{key}"\nssl.certificate.location = "{certificate}"\n'
    world.secure(more=more + 'debug = "security,broker,protocol,conf"\n')
    world.environment |= {
        "MARQUEE_SOURCE__KAFKA__SSL_KEY_PASSWORD": KEY_PASSWORD,
        "MARQUEE_SINK__KAFKA__SSL_KEY_PASSWORD": KEY_PASSWORD,
    }
    outputs: dict[str, str] = {}

    def say(name: str, *arguments: str, code: int = 0, **environment: str) -> None:
        done = world.marquee(*arguments, **environment)
        equal(done.returncode, code, f"exit status of {name}, which says:\n{world.words[-3000:]}")
        outputs[name] = world.words

    config = ["--config", str(world.config_path)]
    world.admin.allow(USER, ("topic", OUTPUT, "Read"))  # for `top`
    world.gen(2_000, "--bad-share", "0.01")
    with world.run("--log-level", "debug") as run:
        run.wait_ready()
        run.wait_read(2_000)
        until(lambda: run.metrics().get("marquee_epochs_total", 0) > 0, "an epoch")
        for path in PATHS:
            for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": "Bearer wrong"}):
                outputs[f"GET {path} {headers}"] = fetch(world.http_port, path, headers)
        say("healthcheck", "healthcheck", *config)
        say("top", "top", "--topic", OUTPUT, *config, "--once")
        say("panelog", "panelog", "dump", *config)
        run.stop()
    outputs["log"] = run.log.read_text(errors="replace")
    check("SASL" in outputs["log"], "the log at level debug says nothing of SASL: this test looks at too little")
    say("config", "config", *config)
    check('"sasl.password" = "***"' in outputs["config"], outputs["config"])
    say("validate", "validate", *config)
    say("check", "run", *config, "--check", "--log-level", "debug")
    say("wrong key password", "run", *config, "--check", code=78, MARQUEE_SINK__KAFKA__SSL_KEY_PASSWORD=f"x{TOKEN}")
    say("a secret on the command line", "config", *config, "--set", f"sink.kafka.sasl.password={PASSWORD}", code=78)
    say("a table of them", "config", *config, "--set", f'sink.kafka={{sasl.password="{PASSWORD}"}}', code=78)
    say("of the wrong type", "config", *config, MARQUEE_SOURCE__KAFKA__SASL_PASSWORD=f'["{PASSWORD}"]')
    say("a file that is not there", "config", *config, code=78, MARQUEE_SINK__KAFKA__SASL_PASSWORD_FILE="/nowhere")
    for topic in (OUTPUT, DEAD, PANES):
        outputs[f"topic {topic}"] = "".join(f"{r.headers} {r.key} {r.value}" for r in world.broker.read(topic))
    check(len(outputs) > 40, f"only {len(outputs)} outputs were looked at")
    for name, text in outputs.items():
        for canary in CANARIES:
            check(canary not in text, f"{name} holds the secret {canary}")


def fetch(port: int, path: str, headers: dict[str, str]) -> str:
    """The whole answer, its head too; of a stream, what comes within a second."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        head = str(answer.headers)
        if "event-stream" in head:
            return head + answer.readline().decode() + answer.readline().decode()
        return head + answer.read().decode(errors="replace")


PATHS = [
    *("/", "/metrics", "/healthz", "/readyz", "/nowhere", "/api", "/api/v1/leaderboards", "/api/v1/top"),
    *("/api/v1/history?leaderboard=trending", "/api/v1/stream", "/api/v1/status", "/api/v1/openapi.json"),
]

SCENARIOS: dict[str, collections.abc.Callable[[Secured], None]] = {
    "check": check_scenario,
    "unlimited": unlimited_scenario,
    "start": start_scenario,
    "run": run_scenario,
    "secrets": secrets_scenario,
}


def newer_librdkafka(folder: pathlib.Path | None) -> pathlib.Path | None:
    """None where the system's will do; else a folder with a librdkafka.so.1 that does."""
    version = ctypes.CDLL("librdkafka.so.1").rd_kafka_version()
    if version >= SCRAM_MENDED_IN:
        return None
    found = sorted(folder.glob("lib/python3*/site-packages/confluent_kafka.libs/librdkafka-*.so.1")) if folder else []
    if not found:
        raise Skipped("librdkafka is older than 2.6.1, and no newer one was found: ./dev test fetches one")
    link = folder / "newer"
    link.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (link / "librdkafka.so.1").symlink_to(found[-1])
    return link


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--marquee", type=lambda p: pathlib.Path(p).resolve(), required=True, metavar="FILE")
    parser.add_argument("--oracle", type=lambda p: pathlib.Path(p).resolve(), required=True, metavar="FILE")
    parser.add_argument("--librdkafka", type=lambda p: pathlib.Path(p).resolve(), metavar="DIR")
    parser.add_argument("scenarios", nargs="+", choices=list(SCENARIOS), metavar="SCENARIO")
    options = parser.parse_args()
    try:
        need_tools()
        options.librdkafka = newer_librdkafka(options.librdkafka)
        for scenario in options.scenarios:
            began = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="marquee-secured-") as folder:
                world = Secured(options, scenario, pathlib.Path(folder).resolve())
                try:
                    SCENARIOS[scenario](world)
                finally:
                    world.close()
            print(f"{scenario}: passed in {time.monotonic() - began:.1f} s", flush=True)
    except Skipped as why:
        print(f"SKIPPED: {why}")
        return SKIPPED
    except (AssertionError, OSError, wire.KafkaError, LookupError, subprocess.SubprocessError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
