"""Judges what a campaign has left in Kafka, from records alone: no broker, no process, no clock.

What a window must hold, the oracle says (tests/oracle); here is what it cannot see: the order of revisions, what two
readers make of the same topic, and letters.
"""

import collections.abc
import dataclasses
import json
import re

from end_to_end import Record

SHOWN = 10  # problems of one kind that are said
WORDS = 600  # and as much of each


@dataclasses.dataclass(frozen=True)
class Problem:
    what: str
    words: str
    at_ms: int | None = None  # Kafka timestamp of the record that shows it

    def __str__(self) -> str:
        return f"{self.what}: {self.words}"


class Held:
    """What a consumer holds of the results that applies, for each key, the highest revision; and what is wrong with the
    order in which they came. A key lies in one partition, so the order within partitions is enough."""

    def __init__(self) -> None:
        self.records = 0
        self.last: dict[bytes, tuple[int, bytes, int]] = {}  # by key: revision, value, timestamp
        self.problems: list[Problem] = []

    def take(self, record: Record) -> None:
        self.records += 1
        where = f"{record.key!r} at {record.partition}:{record.offset}"
        try:
            revision = json.loads(record.value)["revision"]
        except (ValueError, TypeError, KeyError):
            self.problems.append(Problem("no result", where, record.timestamp))
            return
        before, value, _ = self.last.get(record.key, (-1, b"", 0))
        if revision < before:
            words = f"{where}: {revision} after {before}"
            self.problems.append(Problem("falling revision", words, record.timestamp))
        elif revision == before and value != record.value:
            words = f"{where}: {record.value!r} after {value!r}"
            self.problems.append(Problem("repeated revision with other content", words, record.timestamp))
        if revision > before:
            self.last[record.key] = (revision, record.value, record.timestamp)


def same_to_both(kcat: Held, java: Held) -> list[Problem]:
    """Two readers of the same topic must hold the same."""
    problems = []
    if kcat.records != java.records:
        words = f"kcat {kcat.records} records, Java's consumer {java.records}"
        problems.append(Problem("readers differ", words))
    for key in sorted(kcat.last.keys() | java.last.keys()):
        ours, theirs = kcat.last.get(key), java.last.get(key)
        if ours is None or theirs is None or ours[:2] != theirs[:2]:
            words = f"{key!r}: kcat holds {ours and ours[1]!r}, Java's consumer {theirs and theirs[1]!r}"
            problems.append(Problem("readers differ", words, (ours or theirs)[2]))
    return problems


Place = tuple[int, int]  # partition and offset of a message of one event


def letters(
    topic: str,
    found: collections.abc.Iterable[Record],
    source: str,
    expected: dict[Place, str],
    messages: dict[Place, Record],
) -> list[Problem]:
    """`expected`: where in the source which reason must be; `messages` are those, as they stand there. Each must have
    left exactly once, as it was."""
    problems = []
    seen: set[Place] = set()
    for letter in found:
        names = ("topic", "partition", "offset", "exception.class.name")
        of, partition, offset, reason = (letter.header(f"__connect.errors.{name}") for name in names)
        what = f"{topic}/{letter.partition}:{letter.offset}, of {of}/{partition}:{offset}"
        try:
            place = int(partition), int(offset)
        except (TypeError, ValueError):
            problems.append(Problem("letter of nothing", what, letter.timestamp))
            continue
        if of != source or place not in expected:
            problems.append(Problem("letter that should not be", f"{what}, {reason}", letter.timestamp))
            continue
        if place in seen:
            problems.append(Problem("letter twice", what, letter.timestamp))
            continue
        seen.add(place)
        if reason != expected[place]:
            words = f"{what}: {reason}, expected {expected[place]}"
            problems.append(Problem("letter with another reason", words, letter.timestamp))
        message = messages[place]
        if (letter.key, letter.value or b"") != (message.key, message.value or b""):
            problems.append(Problem("letter with other bytes", what, letter.timestamp))
    for place in sorted(expected.keys() - seen):
        problems.append(Problem("letter missing", f"{topic}: {source}/{place[0]}:{place[1]}, {expected[place]}"))
    return problems


def oracle_problems(words: str, kcat: Held) -> tuple[int, list[Problem]]:
    """What marquee-oracle --check-topic printed: results compared, and a problem for each difference."""
    head, _, rest = words.partition("\n")
    numbers = re.fullmatch(r"\d+ records, \d+ keys, (\d+) compared, (\d+) differences", head)
    if not numbers:
        return 0, [Problem("oracle", words[:2000])]
    compared, count = int(numbers[1]), int(numbers[2])
    problems = []
    for said in re.split(r"\n(?! )", rest.rstrip("\n")) if rest else []:
        if said.startswith("... and "):
            continue
        key = re.search(r'\["[^\n]*?,\d+,\d+\]', said)
        held = kcat.last.get(key[0].encode()) if key else None
        problems.append(Problem("wrong result", said, held and held[2]))
    problems += [Problem("wrong result", "the oracle says no more of it")] * (count - len(problems))
    return compared, problems


def expected_letters(lines: str) -> tuple[dict[Place, str], dict[Place, str]]:
    """(dead, late) of what marquee-oracle --letters wrote, for messages of one event."""
    dead, late = {}, {}
    for line in lines.splitlines():
        partition, offset, element, reason = line.split("\t")
        if element != "0":
            raise ValueError(f"a message of many events: {line}")
        (late if reason == "late" else dead)[int(partition), int(offset)] = reason
    return dead, late


def report(problems: list[Problem], step_at=lambda _: "") -> str:
    """In sentences, those of one kind together, cut; `step_at(ms)` names what was done at that time."""
    lines = []
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.what, []).append(problem)
    for what, of_kind in kinds.items():
        lines.append(f"{what}, {len(of_kind)} of them:")
        for problem in of_kind[:SHOWN]:
            step = step_at(problem.at_ms) if problem.at_ms is not None else ""
            lines.append(f"  {problem.words[:WORDS]}" + (f" [{step}]" if step else ""))
        if len(of_kind) > SHOWN:
            lines.append(f"  ... and {len(of_kind) - SHOWN} more")
    return "\n".join(lines)
