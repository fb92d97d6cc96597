"""What is done to marquee and to the broker, and when: a pure function of the seed and the number of kills.

A *kill* is one SIGKILL, of a marquee or of the broker. Between the kills stand takeovers and zombies, a fifth as many,
and other troubles: signals, and connections that drop or stall.
"""

import collections
import dataclasses
import itertools
import random

# Where marquee can stop itself (MARQUEE_DEBUG_STOP_AT, src/host/pipeline/phase_hook.hpp).
PHASES = (
    *("claim", "restore", "begin", "panelog", "produce", "flush", "offsets", "commit", "committed"),
    *("base", "delete_records"),
)
ONCE = {"claim", "restore", "base", "delete_records"}  # a process may come there no second time
AFTER_CLAIM = {"committed", "restore"}  # where a process that comes there for the first time has claimed the group
TAKEN = ("claim", "begin", "commit", "committed", "restore")  # of a takeover, in their order
IN_TRANSACTION = ("panelog", "produce", "flush", "offsets", "commit")

# kind: SIGKILLs in it
KILLS = {
    "kill_at_phase": 1,  # stops itself at a phase, is killed, and the next one starts
    "kill": 1,  # at a random moment
    "kill_twice": 2,  # the next one too, while it is young
    "kill_muted": 1,  # while the broker's answers do not arrive
    "kill_taker": 1,  # a second process is killed at a phase of its takeover
    "zombie_orphaned": 1,  # the first is stopped and replaced, the second killed, the first continued
    "broker_kill": 1,  # marquee lives through it
    "broker_and_marquee_kill": 2,
}
# Beside kill_taker and zombie_orphaned, which are takeovers too.
TAKEOVERS = (
    "takeover",  # a second process starts while the first runs
    "zombie_replaced",  # the first one is stopped, replaced, and continued
    "zombie_alone",  # it is stopped past its transaction's time-out, and continued: nobody took over
)
TROUBLES = (
    "term",  # SIGTERM, and the next one starts
    "stop_short",  # SIGSTOP, and SIGCONT before anything times out
    "broker_pause",  # likewise, of the broker
    "drop",  # every connection of marquee is closed
    "drop_at_phase",
    "stall",  # nothing passes, neither way
    "mute",  # requests pass, answers do not, then the connections drop: what was done there is not known here
    "mute_at_phase",
)
AT_PHASE = {"kill_at_phase", "kill_taker", "drop_at_phase", "mute_at_phase"}  # and a zombie may be, or not

FROM_SMALL = 20  # from so many kills on, everything there is occurs at least once


@dataclasses.dataclass(frozen=True)
class Step:
    kind: str
    phase: str = ""  # marquee stops itself there; empty: at a random moment
    times: int = 0  # when it comes there so many times
    after_ms: int = 0  # the random moment: so long after it has committed
    for_ms: int = 0  # how long what was done lasts
    first: bool = False  # of two things, which comes first

    @property
    def stop_at(self) -> str:
        return f"{self.phase}#{self.times}" if self.phase else ""

    def __str__(self) -> str:
        words = [self.kind]
        if self.phase:
            words.append(f"at {self.stop_at}")
        return " ".join(words)


def plan(seed: int, kills: int, timeout_ms: int) -> list[Step]:
    """`timeout_ms`: the time-out of a transaction, and what the broker may add to it."""
    draw = random.Random(seed)
    all_phases = itertools.cycle(draw.sample(PHASES, len(PHASES)))
    taken = itertools.cycle(draw.sample(TAKEN, len(TAKEN)))
    within = itertools.cycle(draw.sample(IN_TRANSACTION, len(IN_TRANSACTION)))

    def step(kind: str, phase: str = "", for_ms: tuple[int, int] = (0, 0)) -> Step:
        times = 0 if not phase else 1 if phase in ONCE else draw.randint(1, 6)
        return Step(kind, phase, times, draw.randint(0, 1200), draw.randint(*for_ms), draw.random() < 0.5)

    steps = [step("kill_at_phase", phase) for phase in PHASES for _ in range(kills // FROM_SMALL)]
    left = kills - len(steps)
    if kills < FROM_SMALL:
        steps += [step("kill_at_phase", next(all_phases)) for _ in range(left // 2)]
        left -= len(steps)
    kinds = (
        "broker_and_marquee_kill",
        "kill_twice",
        "kill",
        "kill_taker",
        "zombie_orphaned",
        "kill_muted",
        "broker_kill",
    )
    for kind in itertools.cycle((*kinds, "kill", "kill", "kill", "kill_taker")):
        if left == 0:
            break
        if KILLS[kind] > left:
            continue
        left -= KILLS[kind]
        if kind == "kill_taker":
            phase = next(taken)
            steps.append(dataclasses.replace(step(kind, phase), times=1))
        else:
            lasts = {"kill_twice": (0, 900), "kill_muted": (50, 1500), "broker_kill": (0, 1500)}
            steps.append(step(kind, for_ms=lasts.get(kind, (0, 500))))

    past = (timeout_ms, timeout_ms + 1500)
    takeovers = (
        lambda: step("takeover"),
        lambda: step("zombie_replaced", next(all_phases), (0, 300)),
        lambda: step("zombie_alone", "", past),
        lambda: step("zombie_replaced", "", past if draw.random() < 0.5 else (0, 300)),
        lambda: step("zombie_alone", next(within), past),
    )
    steps += [make() for make in itertools.islice(itertools.cycle(takeovers), -(-kills // 5))]
    if kills >= FROM_SMALL and kills // 5 < len(takeovers):
        steps.append(takeovers[-1]())

    lasts = {"stop_short": (50, 1500), "broker_pause": (200, 4000), "stall": (200, 6000), "mute": (50, 1500)}
    lasts["mute_at_phase"] = (50, 1000)
    count = kills * 3 // 20 if kills < FROM_SMALL else max(len(TROUBLES), kills * 3 // 20)
    for kind in itertools.islice(itertools.cycle(TROUBLES), count):
        steps.append(step(kind, next(within) if kind in AT_PHASE else "", lasts.get(kind, (0, 0))))
    draw.shuffle(steps)
    return steps


def kills_in(steps: list[Step]) -> int:
    return sum(KILLS.get(step.kind, 0) for step in steps)


def kills_by_phase(steps: list[Step]) -> dict[str, int]:
    """Those at phases of a process that is alone."""
    found = collections.Counter(step.phase for step in steps if step.kind == "kill_at_phase")
    return {phase: found[phase] for phase in PHASES}


def seconds_about(steps: list[Step]) -> float:
    """How long such a plan takes on an idle machine, roughly: for the one who waits."""
    each = {"broker_kill": 9, "broker_and_marquee_kill": 10, "kill_twice": 3, "takeover": 4, "zombie_replaced": 5}
    return sum(each.get(step.kind, 2.5) + step.for_ms / 1000 for step in steps)
