"""Each way in which a recorded output can be wrong is reported, and a right one is not.

checker_test.py ORACLE      marquee-oracle judges the windows here as it does after a campaign
"""

import base64
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "kafka"))

import checker
from end_to_end import Record

ORACLE = pathlib.Path(sys.argv.pop(1)).resolve()

CONFIG = """
[source]
topic = "events"
[event]
item = "id"
time = "t"
[time]
disorder = "0ms"
lateness = "1s"
[[leaderboard]]
name = "b"
window = "tumbling 10s"
top = 2
"""


def result(end_ms: int, items: dict[str, int], *, final: bool = True, exact: bool = True) -> Record:
    """What marquee writes of that window of the board above."""
    start_ms, events = end_ms - 10_000, sum(items.values())
    best = sorted(items.items(), key=lambda row: (-row[1], row[0]))[:2]
    rows = [{"rank": i + 1, "item": item, "views": views, "watch_ms": 0} for i, (item, views) in enumerate(best)]
    revision = 4 * events + 2 * (not exact) + final
    value = {"schema": 1, "leaderboard": "b", "group": {}, "window_start": start_ms, "window_end": end_ms}
    value |= {"revision": revision, "final": final, "exact": exact, "events": events, "items": rows}
    key = json.dumps(["b", [], start_ms, end_ms], separators=(",", ":")).encode()
    return Record(0, 0, end_ms, "", key, json.dumps(value, separators=(",", ":")).encode())


def in_order(*records: Record) -> list[Record]:
    return [dataclasses.replace(record, offset=offset) for offset, record in enumerate(records)]


def held(records: list[Record]) -> checker.Held:
    consumer = checker.Held()
    for record in records:
        consumer.take(record)
    return consumer


def kinds(problems: list[checker.Problem]) -> list[str]:
    return [problem.what for problem in problems]


class Revisions(unittest.TestCase):
    RIGHT = in_order(
        result(10_000, {"a": 1}, final=False),
        result(20_000, {"a": 1}, final=False),
        result(10_000, {"a": 2}, final=False),
        result(10_000, {"a": 2}),
        result(10_000, {"a": 2}),
    )

    def test_rising_ones_and_one_that_is_repeated_as_it_was_are_right(self):
        self.assertEqual(held(self.RIGHT).problems, [])

    def test_a_falling_one(self):
        found = held(in_order(*self.RIGHT, result(10_000, {"a": 1}, final=False))).problems
        self.assertEqual(kinds(found), ["falling revision"])
        self.assertEqual(found[0].at_ms, 10_000)

    def test_the_one_before_the_last_again(self):
        self.assertEqual(kinds(held(in_order(*self.RIGHT, self.RIGHT[2])).problems), ["falling revision"])

    def test_a_repeated_one_with_other_content(self):
        found = held(in_order(*self.RIGHT, result(10_000, {"a": 1, "b": 1}))).problems
        self.assertEqual(kinds(found), ["repeated revision with other content"])

    def test_something_that_is_no_result(self):
        for value in (b"", b"{", b"[]", b"{}", None):
            broken = dataclasses.replace(self.RIGHT[0], value=value)
            self.assertEqual(kinds(held([broken]).problems), ["no result"])


class Readers(unittest.TestCase):
    ALL = Revisions.RIGHT

    def test_who_see_the_same_are_right(self):
        self.assertEqual(checker.same_to_both(held(self.ALL), held(self.ALL)), [])

    def test_one_that_sees_less(self):
        found = checker.same_to_both(held(self.ALL), held(self.ALL[:-1]))
        self.assertEqual(kinds(found), ["readers differ"])  # in their number

    def test_one_that_holds_an_older_revision(self):
        found = checker.same_to_both(held(self.ALL), held(self.ALL[:2]))
        self.assertEqual(kinds(found), ["readers differ"] * 2)

    def test_one_that_lacks_a_key(self):
        found = checker.same_to_both(held(self.ALL), held([r for r in self.ALL if r.key != self.ALL[1].key]))
        self.assertEqual(kinds(found), ["readers differ"] * 2)

    def test_one_that_sees_other_content_of_the_same_revision(self):
        other = [*self.ALL[:1], dataclasses.replace(self.ALL[1], value=result(20_000, {"b": 1}, final=False).value)]
        found = checker.same_to_both(held(self.ALL[:2]), held(other))
        self.assertEqual(kinds(found), ["readers differ"])


class Letters(unittest.TestCase):
    MESSAGES = {  # noqa: RUF012
        (0, 7): Record(0, 7, 1, "", b"key", b"{"),
        (1, 3): Record(1, 3, 1, "", None, b""),
        (1, 5): Record(1, 5, 1, "", b"k", b"[1]"),
    }
    EXPECTED = {(0, 7): "malformed", (1, 3): "empty", (1, 5): "item_type"}  # noqa: RUF012

    @staticmethod
    def letter(partition: int, offset: int, reason: str, key: bytes | None, value: bytes | None) -> Record:
        where = {"topic": "events", "partition": partition, "offset": offset, "exception.class.name": reason}
        headers = ",".join(f"__connect.errors.{name}={text}" for name, text in where.items())
        return Record(0, 0, 99, headers, key, value)

    def right(self) -> list[Record]:
        letters = [self.letter(*at, self.EXPECTED[at], m.key, m.value or None) for at, m in self.MESSAGES.items()]
        return in_order(*letters)

    def judge(self, letters: list[Record]) -> list[str]:
        return kinds(checker.letters("dead", letters, "events", self.EXPECTED, self.MESSAGES))

    def test_each_once_is_right(self):
        self.assertEqual(self.judge(self.right()), [])

    def test_one_missing(self):
        self.assertEqual(self.judge(self.right()[1:]), ["letter missing"])

    def test_all_missing(self):
        self.assertEqual(self.judge([]), ["letter missing"] * 3)

    def test_one_twice(self):
        self.assertEqual(self.judge([*self.right(), self.right()[0]]), ["letter twice"])

    def test_one_twice_and_another_missing_do_not_make_up_for_each_other(self):
        right = self.right()
        self.assertEqual(self.judge([right[0], right[0], right[1]]), ["letter twice", "letter missing"])

    def test_one_that_should_not_be(self):
        extra = self.letter(0, 8, "malformed", b"key", b"{")
        self.assertEqual(self.judge([*self.right(), extra]), ["letter that should not be"])

    def test_one_of_another_topic(self):
        right = self.right()
        other = dataclasses.replace(right[0], headers=right[0].headers.replace("=events", "=others"))
        self.assertEqual(self.judge([other, *right[1:]]), ["letter that should not be", "letter missing"])

    def test_one_without_a_place(self):
        self.assertEqual(self.judge([*self.right(), Record(0, 3, 1, "", b"", b"")]), ["letter of nothing"])

    def test_another_reason(self):
        right = self.right()
        right[0] = self.letter(0, 7, "not_object", b"key", b"{")
        self.assertEqual(self.judge(right), ["letter with another reason"])

    def test_other_bytes(self):
        for key, value in ((b"key", b"}"), (b"other", b"{"), (None, b"{"), (b"key", None)):
            right = self.right()
            right[0] = self.letter(0, 7, "malformed", key, value)
            self.assertEqual(self.judge(right), ["letter with other bytes"])


class Windows(unittest.TestCase):
    """Judged by the oracle, as after a campaign. The last window is open, the others are complete."""

    EVENTS = (("a", 1), ("a", 2), ("b", 3), ("a", 10_001), ("c", 10_002), ("c", 19_999), ("a", 20_000), ("b", 39_000))
    RIGHT = (
        result(10_000, {"a": 2, "b": 1}),
        result(20_000, {"a": 1, "c": 2}),
        result(30_000, {"a": 1}),
        result(40_000, {"b": 1}, final=False),
    )

    def judge(self, results: tuple[Record, ...], extra: tuple[bytes, ...] = ()) -> tuple[int, list[str], str]:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "job.toml").write_text(CONFIG)
            values = [json.dumps({"id": item, "t": t}).encode() for item, t in self.EVENTS]
            lines = [
                f"0\t{offset}\t1\t{base64.b64encode(value).decode()}\n"
                for offset, value in enumerate((*values, *extra))
            ]
            (folder / "messages.tsv").write_text("".join(lines))
            (folder / "results.tsv").write_bytes(b"".join(b"%s\t%s\n" % (r.key, r.value) for r in results))
            line = [ORACLE, "--config", "job.toml", "--kafka", "messages.tsv", "--letters", "letters.tsv"]
            line += ["--check-topic", "results.tsv", "--upto-watermark"]
            done = subprocess.run(line, cwd=folder, stdout=subprocess.PIPE, text=True)
            letters = (folder / "letters.tsv").read_text()
        compared, problems = checker.oracle_problems(done.stdout, held(in_order(*results)))
        return compared, kinds(problems), letters

    def test_all_there_and_right(self):
        self.assertEqual(self.judge(self.RIGHT), (3, [], ""))

    def test_an_open_window_may_be_missing_or_behind(self):
        self.assertEqual(self.judge(self.RIGHT[:3])[1], [])

    def test_a_missing_window(self):
        for i in range(3):
            self.assertEqual(self.judge(self.RIGHT[:i] + self.RIGHT[i + 1 :])[1], ["wrong result"])

    def test_every_window_missing(self):
        self.assertEqual(self.judge(())[1], ["wrong result"] * 3)

    def wrong(self, *instead: Record) -> None:
        self.assertEqual(self.judge((*self.RIGHT, *instead))[1], ["wrong result"])

    def test_an_event_counted_twice(self):
        self.wrong(result(10_000, {"a": 3, "b": 1}))

    def test_an_event_lost(self):
        found = self.judge((result(10_000, {"a": 1, "b": 1}), *self.RIGHT[1:]))
        self.assertEqual(found[1], ["wrong result"])

    def test_an_event_in_another_item(self):
        found = self.judge((result(10_000, {"a": 1, "b": 2}), *self.RIGHT[1:]))
        self.assertEqual(found[1], ["wrong result"])

    def test_a_window_that_says_it_is_not_exact(self):
        self.wrong(result(20_000, {"a": 1, "c": 2}, exact=False))

    def test_a_window_that_did_not_become_final(self):
        found = self.judge((self.RIGHT[0], result(20_000, {"a": 1, "c": 2}, final=False), *self.RIGHT[2:]))
        self.assertEqual(found[1], ["wrong result"])

    def test_an_open_window_that_counts_too_much(self):
        self.wrong(result(40_000, {"b": 2}, final=False))

    def test_a_window_that_should_not_be_there(self):
        self.wrong(result(90_000, {"b": 1}))

    def test_more_differences_than_the_oracle_says_in_full_are_counted(self):
        many = tuple(result(end_ms, {"x": 1}) for end_ms in range(100_000, 400_000, 10_000))
        self.assertEqual(self.judge((*self.RIGHT, *many))[1], ["wrong result"] * 30)

    def test_an_oracle_that_fails(self):
        self.assertEqual(kinds(checker.oracle_problems("", checker.Held())[1]), ["oracle"])

    def test_what_must_leave_as_a_letter(self):
        late = json.dumps({"id": "a", "t": 20_001}).encode()  # 39,000 is past 30,000 and a second of lateness
        _, problems, letters = self.judge(self.RIGHT, (b"{", late, b""))
        self.assertEqual(problems, [])
        dead, late = checker.expected_letters(letters)
        self.assertEqual(dead, {(0, 8): "malformed", (0, 10): "empty"})
        self.assertEqual(late, {(0, 9): "late"})


if __name__ == "__main__":
    unittest.main()
