"""What the measured commands must have answered.

Totals come from the ledger of the generator, which shares no code with the pipeline; rows from boards so fine that they
leave no item out (replay_whole.toml), added up and ranked here.
"""

import collections
import heapq
import json
import pathlib
import subprocess
import sys

TOP = 10


def check(condition, sentence):
    if not condition:
        sys.exit(f"wrong answer, so no figure: {sentence}")


def totals(ledger_path):
    """(minute, category): [views, watch_ms], over all partitions of a ledger."""
    ledger = json.loads(pathlib.Path(ledger_path).read_text(encoding="utf8"))
    check(ledger["complete"], f"the generator did not deliver everything: {ledger_path}")
    found = collections.defaultdict(lambda: [0, 0])
    for partition in ledger["partitions"]:
        for row in partition["minutes"]:
            cell = found[row["minute"], row["category"]]
            cell[0] += row["views"]
            cell[1] += row["watch_ms"]
    return dict(found)


def compare(found, expected, what):
    for key in found.keys() | expected.keys():
        check(found.get(key) == expected.get(key), f"{what}, {key}: {found.get(key)}, but {expected.get(key)} is right")


class Boards:
    """The boards of a replayed file: every item of every window, from a replay of `replay_whole.toml`.

    Its sums must be the ledger's. `expected(by)` is what a board by category, or by country, has to print.
    """

    def __init__(self, marquee, events, config, ledger_totals):
        self._by = {"category": {}, "country": {}}
        sums = collections.defaultdict(lambda: [0, 0])
        window, items = None, {}
        with subprocess.Popen(
            [marquee, "replay", events, "--config", config], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as replay:
            for line in replay.stdout:  # in the order of the windows
                board = json.loads(line)
                if board["window_start"] != window:
                    self._close(window, items)
                    window = board["window_start"]
                    items = {by: collections.defaultdict(dict) for by in self._by}
                views = sum(row["views"] for row in board["items"])
                check(views == board["events"] and board["exact"], f"a board of {config} does not hold all its items")
                cell = sums[window, board["group"]["category"]]
                cell[0] += views
                cell[1] += sum(row["watch_ms"] for row in board["items"])
                for by, groups in items.items():
                    group = groups[board["group"][by]]
                    for row in board["items"]:
                        item = group.setdefault(row["item"], [0, 0])
                        item[0] += row["views"]
                        item[1] += row["watch_ms"]
        check(replay.returncode == 0, f"replay with {config} left with {replay.returncode}")
        self._close(window, items)
        compare(dict(sums), ledger_totals, "views and watch_ms of a minute and category")

    def _close(self, window, items):
        for by, groups in items.items():
            for group, held in groups.items():
                best = heapq.nsmallest(TOP, held.items(), key=lambda row: (-row[1][0], row[0].encode()))
                self._by[by][window, group] = (
                    sum(views for views, _ in held.values()),
                    [(item, views, watch) for item, (views, watch) in best],
                )

    def expected(self, by):
        return self._by[by]

    def check(self, output, by_of_leaderboard):
        """The output of a replay, line by line; its leaderboards and what each ranks by."""
        found = {by: {} for by in by_of_leaderboard.values()}
        for line in output.splitlines():
            board = json.loads(line)
            check(board["final"] and board["exact"], f"not a final and exact result: {line[:200]}")
            by = by_of_leaderboard[board["leaderboard"]]
            rows = [(row["item"], row["views"], row["watch_ms"]) for row in board["items"]]
            found[by][board["window_start"], board["group"][by]] = (board["events"], rows)
        for by, boards in found.items():
            compare(boards, self.expected(by), f"the board by {by}")


def check_topic(brokers, topic, ledger_totals):
    """The last revision of every key of a board by category, against the ledger's views."""
    line = ["kcat", "-q", "-b", brokers, "-C", "-t", topic, "-o", "beginning", "-e", "-f", "%s\n"]
    held = {}
    for value in subprocess.run(line, check=True, capture_output=True, timeout=120).stdout.splitlines():
        board = json.loads(value)
        key = (board["window_start"], board["group"]["category"])
        if board["revision"] > held.get(key, {"revision": -1})["revision"]:
            held[key] = board
    compare(
        {key: board["events"] for key, board in held.items()},
        {key: views for key, (views, _) in ledger_totals.items()},
        f"events of topic {topic} at {brokers}",
    )
    check(all(board["exact"] for board in held.values()), f"topic {topic} holds inexact boards")
