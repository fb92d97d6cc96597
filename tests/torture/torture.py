#!/usr/bin/env python3
"""Kills marquee and its broker again and again, and then asks whether every result is right.

    tests/torture/torture.py --marquee FILE --oracle FILE [--kills N] [--seed S] ...      (./dev torture [args])

Runs a broker and a proxy of its own. What is done follows from --kills and --seed (plan.py); when exactly, from the
machine too. The last line says how many kills there were and how much was wrong. Exit status: 0 nothing was wrong and
every phase of the plan was reached, 1 something was, 77 skipped, with a word why.
"""

import argparse
import collections
import contextlib
import http.client
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "kafka"), str(HERE.parent.parent / "bench")]

import checker  # noqa: E402
import end_to_end  # noqa: E402
import markers  # noqa: E402
import plan  # noqa: E402
import wire  # noqa: E402
from checker import Problem  # noqa: E402
from end_to_end import Broker, Run, Skipped, World, check, equal, free_port, until  # noqa: E402
from place import commit, machine  # noqa: E402
from proxy import Proxy  # noqa: E402

FENCED = 75
TRANSACTION_TIMEOUT_MS = 4000
# How often the broker looks for transactions that have timed out: Kafka's default. A broker that looks while it starts,
# and has no leaders yet, forgets the partitions of what it rolls back (see markers.py).
BROKER_LOOKS_EVERY_MS = 10_000
LEAVES_WITHIN_S = 20
GIVE_UP_AFTER = 5  # steps that ended in trouble

BOARDS = """
[[leaderboard]]
name = "trending"
by = ["category"]
window = "tumbling 10s"
top = 10
emit_every = "500ms"

[[leaderboard]]
name = "watched"
by = ["device"]
window = "hopping 20s every 5s"
measure = "watch_ms"
top = 5
emit_every = "500ms"
"""


class Instance(Run):
    """One `marquee run` that may stop itself at a phase."""

    ANSWERS_WITHIN_S = 1.0

    def __init__(self, field: "Field", port: int, stop_at: str):
        self.stop_at, self.recovery_s, self._committed = stop_at, None, 0
        self.recovers = True  # it is not the first, which makes topics instead
        self.with_broker = False  # its recovery waited for the broker's, and is measured from that one's return
        environment = {"MARQUEE_HTTP__LISTEN": f"127.0.0.1:{port}"} | field.settings
        if stop_at:
            environment["MARQUEE_DEBUG_STOP_AT"] = stop_at
        self.began = time.monotonic()
        super().__init__(field.options.marquee, field.config_path, port, **environment)

    def get(self, path: str) -> tuple[int, str]:
        """One that has left does not answer: whether it may have, the step knows."""
        try:
            return super().get(path)
        except AssertionError:
            return 0, ""

    def lives(self) -> bool:
        return self.process.poll() is None

    def stopped(self) -> bool:
        with contextlib.suppress(OSError):
            stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
            return stat.rpartition(")")[2].split()[0] == "T"
        return False

    def committed(self) -> int:
        """Records that this process has committed, as far as it has answered; never falls."""
        if not self.stopped():
            with contextlib.suppress(http.client.HTTPException):
                self._committed = max(self._committed, sum(self.verdicts().values()))
        if self._committed and self.recovery_s is None:
            self.recovery_s = time.monotonic() - self.began
        return self._committed

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.lives():
            self.process.kill()
        self.process.wait()

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])


class Field(World):
    """Where a campaign happens: broker, proxy, topics, configuration, generator. marquee comes through the proxy, the
    generator and the readers do not."""

    proxy: Proxy | None = None

    def open(self, first_port: int | None) -> None:
        ports = iter(range(first_port, first_port + 8)) if first_port else iter(free_port, None)
        direct, behind, before = next(ports), next(ports), next(ports)
        self.http_ports = [next(ports), next(ports)]
        self.broker = Broker(self.folder / "broker").start(
            os.getpid(),
            direct,
            *("--behind", f"{behind}:{before}", "--partitions-default", "3"),
        )
        self.proxy = Proxy(before, behind)
        address = f"127.0.0.1:{before}"
        self.configure(address=address, boards=BOARDS, disorder="1s", lateness="5s", commit="200ms")
        with open(self.config_path, "a") as config:
            config.write(f'[sink.kafka]\n"transaction.timeout.ms" = {TRANSACTION_TIMEOUT_MS}\n')
            config.write(f'"socket.timeout.ms" = {TRANSACTION_TIMEOUT_MS}\n')  # librdkafka wants it no longer than that
            config.write('[pane_log]\nbase_after = "4KiB"\n')  # state is small here, and bases shall come often
        pairs = (setting.partition("=")[::2] for setting in self.options.set)
        self.settings = {"MARQUEE_" + key.replace(".", "__").upper(): value for key, value in pairs}

    def close(self, keep: bool = False) -> None:
        """With `keep` the broker can be started again (tests/kafka/broker restart --dir) and asked."""
        if self.proxy:
            self.proxy.close()
        if keep:
            self.broker.do("stop", "--keep")
        else:
            super().close()

    def generate(self) -> subprocess.Popen:
        # Event time runs at four times the clock's pace, so that windows close all the time.
        return self.start_gen(
            10**9,
            *("--rate", f"{self.options.rate}/s", "--density", f"{self.options.rate // 4 * 60}/min"),
            *("--bad-share", "0.005", "--late-share", "0.005"),
            *("--ledger", str(self.folder / "ledger.json")),
        )

    def close_windows(self) -> None:
        """An event in each partition that is far enough ahead to close every window of the stream."""
        newest = max(partition.get("event_time_max", 0) for partition in self.ledger()["partitions"])
        event = {"content_id": "closing", "event_time": newest + 120_000, "watch_ms": 1}
        event |= {"category": "closing", "country": "XX", "device": "closing"}
        for partition in range(end_to_end.PARTITIONS):
            line = ["kcat", "-b", self.broker.address, "-P", "-t", self.input, "-p", str(partition)]
            subprocess.run(line, check=True, input=json.dumps(event).encode(), timeout=60)


class Campaign:
    def __init__(self, field: Field, steps: list[plan.Step]):
        self.field, self.steps, self.options = field, steps, field.options
        self.problems: list[Problem] = []
        self.journal: list[tuple[int, int, str]] = []  # began and ended, wall clock in ms; what
        self.instances: list[Instance] = []  # those that live
        self.current: Instance | None = None
        self.next_stop_at = ""
        self.broker_is_down = self.broker_is_paused = False
        self.recoveries: list[tuple[str, float]] = []  # log, seconds from a process's start to its first commit
        self.with_broker: list[tuple[str, float]] = []  # likewise, where the broker had been killed too
        self.resumed: dict[str, list[float]] = {}  # from the end of a trouble to the next commit, by kind of step
        self.done: collections.Counter[str] = collections.Counter()  # steps by kind
        self.kills_at: collections.Counter[str] = collections.Counter()  # by phase reached
        self.stops_at: collections.Counter[str] = collections.Counter()  # of zombies and troubles, likewise
        self.missed: collections.Counter[str] = collections.Counter()
        self.kills = {"marquee": 0, "broker": 0}
        self.lost_markers = 0  # transactions that a restarted broker left undecided (markers.py), and we ended for it

    # --- processes

    def launch(self, stop_at: str = "") -> Instance:
        taken = {i.port for i in self.instances if i.lives()}
        port = next(port for port in self.field.http_ports if port not in taken)
        instance = Instance(self.field, port, stop_at)
        self.instances = [i for i in self.instances if i.lives()] + [instance]
        return instance

    def start(self) -> None:
        """The next one, so that it stops where the next step wants it."""
        self.current = self.launch(self.next_stop_at)

    def forget(self, instance: Instance) -> None:
        """It has gone: its recovery is counted."""
        if instance.recovery_s is not None and instance.recovers:
            (self.with_broker if instance.with_broker else self.recoveries).append(
                (instance.log.name, instance.recovery_s)
            )

    def kill(self, instance: Instance) -> None:
        self.look(instance)
        instance.kill()
        self.kills["marquee"] += 1
        self.forget(instance)

    def leaves(self, instance: Instance, code: int) -> None:
        try:
            found = instance.process.wait(timeout=self.options.patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"a marquee that should leave with {code} is there; its log ends:\n{instance.tail()}"
            ) from None
        check(found == code, f"marquee left with {found}, not {code}; its log ends:\n{instance.tail()}")
        self.forget(instance)

    def end(self, instance: Instance) -> None:
        """SIGTERM, and 0. One that stops itself on the way is continued."""
        self.look(instance)
        instance.signal(signal.SIGTERM)
        self.wait(lambda: self.has_left(instance), "marquee leaves after SIGTERM", LEAVES_WITHIN_S)
        self.leaves(instance, 0)

    def has_left(self, instance: Instance) -> bool:
        if instance.stopped():
            instance.signal(signal.SIGCONT)
        return not instance.lives()

    def look(self, instance: Instance) -> int:
        """What it has committed; a process that has left by itself is a failure."""
        if not instance.lives():
            words = f"marquee left by itself with {instance.process.returncode}; its log ends:\n{instance.tail()}"
            raise AssertionError(words)
        return instance.committed()

    def wait(self, holds, what, timeout_s: float | None = None):
        return until(holds, what, timeout_s or self.options.patience)

    def commits(self, instance: Instance, beyond: int = 0) -> None:
        def words() -> str:
            ready = instance.get("/readyz")
            return (
                f"marquee commits (it has committed {beyond}); /readyz says {ready}; its log ends:\n{instance.tail()}"
            )

        self.wait(lambda: self.look(instance) > beyond, words)

    def healthy(self, step: plan.Step) -> None:
        """The current process has committed, and the step's random moment has come."""
        if self.current.stop_at:  # it would stop before its time
            self.end(self.current)
            self.current = self.launch()
        self.commits(self.current)
        time.sleep(step.after_ms / 1000)
        self.look(self.current)

    def resumes(self, step: plan.Step, instance: Instance) -> None:
        """Goes on committing, all trouble being over."""
        began = time.monotonic()
        self.commits(instance, beyond=instance.committed())
        self.resumed.setdefault(step.kind, []).append(time.monotonic() - began)

    def reach(self, step: plan.Step) -> None:
        """The current process has stopped itself at the step's phase. Where it does not get there, any moment will do:
        it is counted as missed."""
        if self.current.stop_at != step.stop_at:
            self.end(self.current)
            self.current = self.launch(step.stop_at)
        if not self.arrives(self.current, step):
            self.end(self.current)
            self.current = self.launch()
            self.commits(self.current)

    def arrives(self, instance: Instance, step: plan.Step) -> bool:
        end = time.monotonic() + self.options.phase_within
        while not instance.stopped():
            self.look(instance)
            if time.monotonic() > end:
                self.missed[step.phase] += 1
                return False
            time.sleep(0.02)  # between two looks
        if instance.recovery_s is None:
            instance.recovers = False  # what it takes from here on is our doing
        (self.kills_at if step.kind == "kill_at_phase" else self.stops_at)[step.phase] += 1
        return True

    # --- steps, by kind

    def kill_at_phase(self, step: plan.Step) -> None:
        self.reach(step)
        self.kill(self.current)
        self.start()

    def kill_step(self, step: plan.Step) -> None:
        self.healthy(step)
        self.kill(self.current)
        self.start()

    def kill_twice(self, step: plan.Step) -> None:
        self.healthy(step)
        self.kill(self.current)
        self.current = self.launch()
        time.sleep(step.for_ms / 1000)
        self.kill(self.current)
        self.start()

    def kill_muted(self, step: plan.Step) -> None:
        self.healthy(step)
        self.field.proxy.mute()
        time.sleep(step.for_ms / 1000)
        self.kill(self.current)
        self.field.proxy.drop()
        self.field.proxy.go_on()
        self.start()

    def kill_taker(self, step: plan.Step) -> None:
        """The first goes on as long as the claim that is committed is its own, and else it leaves."""
        self.healthy(step)
        taker, first = self.launch(step.stop_at), self.current
        there = self.arrives(taker, step)
        self.kill(taker)
        if not there:  # it was somewhere, and either is right
            before = first.committed()
            self.wait(lambda: not first.lives() or first.committed() > before, "the first goes on, or leaves")
        if step.phase in plan.AFTER_CLAIM or not first.lives():
            self.leaves(first, FENCED)
            self.start()
        else:
            self.resumes(step, first)

    def kill_broker(self) -> None:
        self.field.broker.do("kill")
        self.broker_is_down = True
        self.kills["broker"] += 1

    def restart_broker(self) -> None:
        """Comes back when the broker has its own transactions in order; only then does marquee reach it again, for a
        marker that comes late would end what is under way by then."""
        with self.field.proxy.closed():
            since = self.field.broker.log_size()
            self.field.broker.do("restart")
            for lost in markers.lost(self.field.broker.log_from(since)):
                with self.field.broker.client() as client:
                    client.write_markers(
                        lost.producer_id, lost.producer_epoch, lost.coordinator_epoch, lost.commit, lost.partitions
                    )
                self.lost_markers += 1
                print(f"  the broker had lost markers of its own: {lost}", flush=True)
        self.broker_is_down = False

    def broker_kill(self, step: plan.Step) -> None:
        self.healthy(step)
        self.kill_broker()
        time.sleep(step.for_ms / 1000)
        self.restart_broker()
        self.resumes(step, self.current)

    def broker_and_marquee_kill(self, step: plan.Step) -> None:
        self.healthy(step)
        if step.first:
            self.kill(self.current)
            self.kill_broker()
        else:
            self.kill_broker()
            time.sleep(step.for_ms / 1000)
            self.kill(self.current)
        if step.first:
            self.start()
            self.restart_broker()
            self.current.began = time.monotonic()
        else:
            self.restart_broker()
            self.start()
        self.current.with_broker = True

    def replace(self) -> None:
        """A second process takes over."""
        taker = self.launch()
        self.commits(taker)
        self.current = taker

    def takeover(self, step: plan.Step) -> None:
        self.healthy(step)
        first = self.current
        self.replace()
        self.leaves(first, FENCED)
        self.resumes(step, self.current)

    def sleep(self, step: plan.Step) -> None:
        """The current process is stopped, at the step's phase or just so."""
        if step.phase:
            self.reach(step)
        else:
            self.healthy(step)
        self.current.signal(signal.SIGSTOP)

    def zombie_replaced(self, step: plan.Step) -> None:
        self.sleep(step)
        zombie = self.current
        time.sleep(step.for_ms / 1000)
        self.replace()
        zombie.signal(signal.SIGCONT)
        self.leaves(zombie, FENCED)
        self.resumes(step, self.current)

    def zombie_orphaned(self, step: plan.Step) -> None:
        """Who replaced it has died meanwhile, but the claim is that one's."""
        self.sleep(step)
        zombie = self.current
        self.replace()
        self.kill(self.current)
        zombie.signal(signal.SIGCONT)
        self.leaves(zombie, FENCED)
        self.start()

    def zombie_alone(self, step: plan.Step) -> None:
        self.sleep(step)
        time.sleep(step.for_ms / 1000)
        self.goes_on(step)

    def stop_short(self, step: plan.Step) -> None:
        self.healthy(step)
        self.current.signal(signal.SIGSTOP)
        time.sleep(step.for_ms / 1000)
        self.current.signal(signal.SIGCONT)
        self.resumes(step, self.current)

    def term(self, step: plan.Step) -> None:
        self.healthy(step)
        self.end(self.current)
        self.start()

    def broker_pause(self, step: plan.Step) -> None:
        self.healthy(step)
        self.field.broker.do("pause")
        self.broker_is_paused = True
        time.sleep(step.for_ms / 1000)
        self.resume_broker()
        self.resumes(step, self.current)

    def resume_broker(self) -> None:
        self.field.broker.do("resume")
        self.broker_is_paused = False

    def drop(self, step: plan.Step) -> None:
        self.healthy(step)
        self.field.proxy.drop()
        self.resumes(step, self.current)

    def drop_at_phase(self, step: plan.Step) -> None:
        self.reach(step)
        self.field.proxy.drop()
        self.goes_on(step)

    def goes_on(self, step: plan.Step) -> None:
        """The current process, which is stopped, or was."""
        self.current.signal(signal.SIGCONT)
        self.current.stop_at = ""
        self.resumes(step, self.current)

    def stall(self, step: plan.Step) -> None:
        self.healthy(step)
        self.field.proxy.stall()
        time.sleep(step.for_ms / 1000)
        self.field.proxy.go_on()
        self.resumes(step, self.current)

    def mute(self, step: plan.Step) -> None:
        self.healthy(step)
        self.field.proxy.mute()
        time.sleep(step.for_ms / 1000)
        self.field.proxy.drop()
        self.field.proxy.go_on()
        self.resumes(step, self.current)

    def mute_at_phase(self, step: plan.Step) -> None:
        self.reach(step)
        self.field.proxy.mute()
        self.current.signal(signal.SIGCONT)
        time.sleep(step.for_ms / 1000)
        self.field.proxy.drop()
        self.field.proxy.go_on()
        self.goes_on(step)

    # --- the whole

    def perform(self) -> None:
        """Every step, or as many as there are until it is given up."""
        generator = self.field.generate()
        try:
            self.start()
            self.current.recovers = False
            self.commits(self.current)
            for number, step in enumerate(self.steps, 1):
                following = self.steps[number] if number < len(self.steps) else plan.Step("end")
                self.next_stop_at = "" if following.kind == "kill_taker" else following.stop_at
                self.perform_one(number, step)
                check(generator.poll() is None, f"the generator left with {generator.returncode}")
                if len(self.problems) >= GIVE_UP_AFTER:
                    print(f"given up after {number} of {len(self.steps)} steps", flush=True)
                    break
            self.finish(generator)
        except (AssertionError, OSError, wire.KafkaError, subprocess.SubprocessError) as error:
            self.problems.append(Problem("campaign", str(error)))
        finally:
            for process in (generator, *(i.process for i in self.instances)):
                if process.poll() is None:
                    process.kill()
                process.wait()

    def perform_one(self, number: int, step: plan.Step) -> None:
        began, began_ms = time.monotonic(), time.time_ns() // 1_000_000
        act = {"kill": self.kill_step}.get(step.kind) or getattr(self, step.kind)
        try:
            act(step)
            self.done[step.kind] += 1
        except (AssertionError, OSError, wire.KafkaError, subprocess.SubprocessError) as error:
            self.problems.append(Problem("step failed", f"{number}, {step}: {error}"))
            print(f"step {number}, {step}, failed: {error}", flush=True)
            self.begin_anew()
        self.journal.append((began_ms, time.time_ns() // 1_000_000, f"step {number}, {step}"))
        took = time.monotonic() - began
        print(f"[{number:4d}/{len(self.steps)}] {took:5.1f} s  {step}", flush=True)

    def begin_anew(self) -> None:
        """After a step that failed: everything as it should be, and another marquee."""
        self.field.proxy.go_on()
        if self.broker_is_paused:
            self.resume_broker()
        if self.broker_is_down:
            self.restart_broker()
        for instance in self.instances:
            instance.kill()
        self.start()

    def finish(self, generator: subprocess.Popen) -> None:
        """The stream ends, everything is committed and final, and marquee leaves."""
        generator.terminate()
        equal(generator.wait(timeout=self.options.patience), 0, "exit status of the generator")
        if self.current.stop_at:
            self.end(self.current)
            self.current = self.launch()
        self.field.close_windows()
        self.field.wait_committed()
        self.end(self.current)

    def step_at(self, at_ms: int) -> str:
        """What was being done, or had been done last."""
        last = ""
        for began, _, words in self.journal:
            if began > at_ms:
                break
            last = words
        return last


def judge(field: Field) -> tuple[list[Problem], dict]:
    """Everything that is wrong with what the campaign has left in Kafka; and how much there was to judge."""
    broker, folder = field.broker, field.folder
    kcat, java = checker.Held(), checker.Held()
    with open(folder / "results.tsv", "wb") as dump, open(folder / "places.tsv", "w") as places:
        for record in broker.each(field.output):
            kcat.take(record)
            dump.write(b"%s\t%s\n" % (record.key, record.value))
            places.write(f"{record.partition}\t{record.offset}\t{record.timestamp}\n")
    for record in broker.each_with_java(field.output):
        java.take(record)
    problems = kcat.problems + checker.same_to_both(kcat, java)

    sent = collections.Counter({p["partition"]: sum(p["records"].values()) for p in field.ledger()["partitions"]})
    sent.update(range(end_to_end.PARTITIONS))  # close_windows
    there: collections.Counter[int] = collections.Counter()

    def messages():
        for record in broker.each(field.input):
            there[record.partition] += 1
            yield record

    letters_file = folder / "letters.tsv"
    more = ("--letters", str(letters_file), "--check-topic", str(folder / "results.tsv"), "--upto-watermark")
    done = field.oracle(messages(), *more, timeout_s=3600)
    compared, differences = checker.oracle_problems(done.stdout, kcat)
    problems += differences
    if there != sent:
        problems.append(
            Problem("campaign", f"the topic holds {dict(there)}, and the ledger {dict(sent)}: not judged right")
        )
    # Each partition's closing event leaves three windows of its own open: one tumbling, four hopping ones.
    if compared < len(kcat.last) - 5 or compared < 10:
        problems.append(Problem("campaign", f"only {compared} of {len(kcat.last)} results could be compared in full"))

    dead, late = checker.expected_letters(letters_file.read_text())
    places = dead.keys() | late.keys()
    originals = {(r.partition, r.offset): r for r in broker.each(field.input) if (r.partition, r.offset) in places}
    for topic, expected in ((field.dead, dead), (field.late, late)):
        problems += checker.letters(topic, broker.each(topic), field.input, expected, originals)
    with broker.client() as client:
        for topic in (name for name in client.metadata().topics if name.startswith(field.name)):
            stable, last = client.offsets(topic, -1, True), client.offsets(topic, -1)
            if stable != last:
                words = f"{topic}: stable up to {stable}, and written up to {last}; does the broker know of it?"
                problems.append(Problem("undecided transaction", words))
    committed, end = field.committed()
    if committed != end:
        problems.append(Problem("offsets", f"committed are {committed}, and the ends {end}"))
    counts = {"events": sum(there.values()), "results": kcat.records, "windows": len(kcat.last), "compared": compared}
    return problems, counts | {"letters_dead": len(dead), "letters_late": len(late)}


def distribution(seconds: list[float]) -> dict:
    """Percentiles by rank, and how many were below each bound."""
    if not seconds:
        return {"count": 0}
    ordered = sorted(seconds)

    def rank(share: float) -> float:
        return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3)

    bounds = (0.25, 0.5, 1, 2, 3, 5, 10, 30)
    below = {str(bound): sum(s <= bound for s in ordered) for bound in bounds}
    return {"count": len(ordered), "p50": rank(0.5), "p99": rank(0.99), "max": rank(1), "at_most": below}


def document(campaign: Campaign, wrong: int, counts: dict, seconds: float) -> dict:
    options = campaign.options
    done = campaign.done
    return {
        "benchmark": "torture",
        "machine": machine(),
        "commit": commit(),
        "command": f"./dev torture --kills {options.kills} --seed {options.seed}",
        "settings": options.set,
        "seed": options.seed,
        "kills": sum(campaign.kills.values()),
        "wrong": wrong,
        "kills_of": campaign.kills,
        "kills_at_phase": {phase: campaign.kills_at[phase] for phase in plan.PHASES},
        "other_stops_at_phase": dict(campaign.stops_at),
        "missed_phases": dict(campaign.missed),
        "broker_lost_markers": campaign.lost_markers,
        "takeovers_and_zombies": sum(done[kind] for kind in (*plan.TAKEOVERS, "kill_taker", "zombie_orphaned")),
        "steps_by_kind": {kind: done[kind] for kind in (*plan.KILLS, *plan.TAKEOVERS, *plan.TROUBLES)},
        "recovery_s": distribution([took for _, took in campaign.recoveries]),
        "recovery_with_broker_s": distribution([took for _, took in campaign.with_broker]),
        "resumed_s": {kind: distribution(took) for kind, took in sorted(campaign.resumed.items())},
        "transaction_timeout_ms": TRANSACTION_TIMEOUT_MS,
        "events_per_second": options.rate,
        **counts,
        "seconds": round(seconds),
    }


def perform(options: argparse.Namespace, folder: pathlib.Path) -> int:
    timeout_ms = TRANSACTION_TIMEOUT_MS + BROKER_LOOKS_EVERY_MS + 500
    steps = plan.plan(options.seed, options.kills, timeout_ms)
    about = plan.seconds_about(steps)
    print(
        f"seed {options.seed}: {options.kills} kills, {len(steps)} steps, about {about / 60:.0f} min; in {folder}",
        flush=True,
    )
    began = time.monotonic()
    field = Field(options, "torture", folder)
    problems: list[Problem] = []
    try:
        field.open(options.port)
        campaign = Campaign(field, steps)
        campaign.perform()
        by_time = sorted(campaign.recoveries, key=lambda recovery: recovery[1])
        (folder / "recoveries.tsv").write_text("".join(f"{took:.3f}\t{log}\n" for log, took in by_time))
        (folder / "journal.tsv").write_text("".join(f"{a}\t{b}\t{words}\n" for a, b, words in campaign.journal))
        problems, counts = campaign.problems, {}
        try:
            found, counts = judge(field)
            problems = problems + found
        except (AssertionError, OSError, wire.KafkaError, subprocess.SubprocessError, ValueError) as error:
            problems.append(Problem("campaign", f"cannot be judged: {error}"))
    finally:
        field.close(keep=bool(problems))
    result = document(campaign, len(problems), counts, time.monotonic() - began)
    if options.summary:
        options.summary.parent.mkdir(parents=True, exist_ok=True)
        options.summary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf8")
    if problems:
        print(checker.report(problems, campaign.step_at))
        print(f"marquee's logs, topics as text, the broker and what was done when (journal.tsv) are in {folder}")
    shown = ("kills_of", "kills_at_phase", "takeovers_and_zombies", "recovery_s", *counts)
    print(json.dumps({name: result[name] for name in shown}))
    for phase, count in campaign.missed.items():
        print(f"phase {phase} was not reached within {options.phase_within:.0f} s, {count} times: another moment did")
    print(f"{result['kills']} kills, {len(problems)} wrong")
    return 1 if problems or campaign.missed else 0


def main() -> int:
    text = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="tests/torture/torture.py", description=__doc__, formatter_class=text)
    file = lambda p: pathlib.Path(p).resolve()  # noqa: E731
    parser.add_argument("--marquee", type=file, required=True, metavar="FILE")
    parser.add_argument("--oracle", type=file, required=True, metavar="FILE")
    parser.add_argument("--kills", type=int, default=plan.FROM_SMALL, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--rate", type=int, default=400, metavar="N", help="events a second (%(default)s)")
    parser.add_argument("--summary", type=file, metavar="FILE", help="figures, as JSON")
    parser.add_argument("--dir", type=file, metavar="DIR", help="where it works; kept (default: a temporary folder)")
    parser.add_argument("--port", type=int, metavar="P", help="ports from P to P + 4 (default: free ones)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="of marquee's configuration"
    )
    parser.add_argument("--patience", type=float, default=90, metavar="S", help="for what should come soon")
    parser.add_argument("--phase-within", type=float, default=30, metavar="S", help="how long a phase is waited for")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left running
    try:
        end_to_end.need_tools()
    except Skipped as why:
        print(f"SKIPPED torture: {why}")
        return end_to_end.SKIPPED
    folder = options.dir or pathlib.Path(tempfile.mkdtemp(prefix="marquee-torture-"))
    folder.mkdir(parents=True, exist_ok=True)
    status = perform(options, folder)
    if status == 0 and not options.dir:
        shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
