"""Breaks the pipeline on purpose, one way at a time, and wants the simulated world to notice.

    mutants.py BUILD [--seeds N] [--jobs N] [--only NAME ...]

BUILD is a build in which marquee-simulate is built. A mutant is a file, or more, of the pipeline or of the simulation's
own driver, with a piece of its text replaced (white space apart it has to stand there exactly once, else this fails),
compiled and linked with the objects of that build. It is run until a schedule is wrong or the program crashes, with N
seeds at most. One that survives is something that the world cannot show, or that the auditor does not look at.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = "marquee-simulate"
RUN_SECONDS_MAX = 300
SAID_MAX = 70


@dataclasses.dataclass(frozen=True)
class Edit:
    file: str  # of src/host/pipeline, or tests/simulation/…
    old: str
    new: str

    @property
    def path(self):
        return ROOT / (self.file if "/" in self.file else f"src/host/pipeline/{self.file}")


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    what: str
    edits: tuple


def mutant(name, what, *edits):
    """A mutant; edits: file, old, new, and so on."""
    assert len(edits) % 3 == 0
    return Mutant(name, what, tuple(Edit(*edits[i : i + 3]) for i in range(0, len(edits), 3)))


ALL = [
    # --- the life of an epoch
    mutant(
        "commit-first",
        "commits before the pane log and the results are written",
        "commit_stage.cpp",
        "return writer_.append(*epoch_);",
        "return parts_.sink->commit(*epoch_, acknowledged_);",
        "commit_stage.cpp",
        "case Step::kCommit: return parts_.sink->commit(*epoch_, acknowledged_);",
        "case Step::kCommit: return writer_.append(*epoch_);",
    ),
    mutant(
        "publish-first",
        "shows an epoch before it has committed",
        "commit_stage.cpp",
        "return parts_.sink->write(*epoch_);",
        "publish(); return parts_.sink->write(*epoch_);",
    ),
    mutant(
        "no-pane-log",
        "commits without the pane log",
        "commit_stage.cpp",
        "return writer_.append(*epoch_);",
        "return {};",
    ),
    mutant(
        "no-abort",
        "does not give up an epoch that failed",
        "generations.cpp",
        "Status s = parts_.sink->abort();",
        "Status s;",
    ),
    mutant(
        "verdicts-twice",
        "counts verdicts twice",
        "engine_stage.cpp",
        "epoch_->verdicts += batch->verdicts;",
        "epoch_->verdicts += batch->verdicts; epoch_->verdicts += batch->verdicts;",
    ),
    mutant(
        "letters-twice",
        "writes letters twice",
        "engine_stage.cpp",
        "note_letters(*batch);",
        "note_letters(*batch); note_letters(*batch);",
    ),
    mutant(
        "block-as-base",
        "lets the pane log be cut at what is no base",
        "pane_log_writer.cpp",
        "log_.append(block.partition, std::move(value), block.base)",
        "log_.append(block.partition, std::move(value), true)",
    ),
    # --- titles
    mutant(
        "titles-not-written",
        "keeps titles out of the pane log",
        "partial_block.cpp",
        "block->set_title(out, title->time, title->text);",
        "static_cast<void>(title);",
    ),
    mutant(
        "titles-not-restored",
        "forgets titles in a recovery",
        "partial_block.cpp",
        "titles.restore(pane.leaderboard, pane.pane, out.group, out.item, title.time, block.text_of(title));",
        "static_cast<void>(title); static_cast<void>(titles);",
    ),
    mutant(
        "titles-not-in-bases",
        "puts into a base what the epoch has seen of titles, not all that is known",
        "engine_stage.cpp",
        "WhichTitles::kKnown",
        "WhichTitles::kSeen",
    ),
    mutant(
        "title-ties",
        "takes the least bytes where two titles are of one time",
        "title_book.cpp",
        "time == slot.time && text < now",
        "time == slot.time && text > now",
    ),
    mutant(
        "title-of-another-time",
        "takes the title that was seen last",
        "title_book.cpp",
        "if (time < slot.time) return true;",
        "",
    ),
    mutant(
        "titles-of-the-epoch-alone",
        "forgets what it has known of titles when an epoch ends",
        "engine_stage.cpp",
        "titles_.forget_seen();",
        "titles_.forget_seen(); for (std::uint32_t l = 0; l < job_.leaderboards.size(); ++l)"
        " for (const auto& p : partials.value()->panes) titles_.drop(LeaderboardIndex{l}, p.pane);",
    ),
    # --- who reads
    mutant(
        "seek-ahead",
        "goes on one record too far",
        "generations.cpp",
        "parts_.source->seek(starts)",
        "[&] { auto off = starts; for (auto& o : off) o.offset = Offset{raw(o.offset) + 1};"
        " return parts_.source->seek(off); }()",
    ),
    mutant(
        "seek-behind",
        "goes on one record too early",
        "generations.cpp",
        "parts_.source->seek(starts)",
        "[&] { auto off = starts; for (auto& o : off) o.offset = Offset{std::max<std::int64_t>(raw(o.offset) - 1, 0)};"
        " return parts_.source->seek(off); }()",
    ),
    mutant(
        "starts-before-session",
        "takes the offsets that were committed before it became the only one",
        "generations.cpp",
        "epoch_failed_ = false; if (!session_) {",
        "epoch_failed_ = false; Result<std::vector<PartitionStart>> starts = parts_.source->starts(); if (!session_) {",
        "generations.cpp",
        "Result<std::vector<PartitionStart>> starts = parts_.source->starts();"
        " if (!starts.ok()) return starts.status(); CommitMetadata",
        "if (!starts.ok()) return starts.status(); CommitMetadata",
    ),
    mutant(
        "no-claim-check",
        "goes on after another has taken over",
        "generations.cpp",
        "if (claim_ == 0) return {};",
        "if (claim_ == 0 || !committed.by.empty()) return {};",
    ),
    mutant("no-claim", "writes no claim", "generations.cpp", "if (!claimed_) {", "if (starts.value().empty()) {"),
    mutant(
        "claim-not-raised",
        "claims with the number there is",
        "generations.cpp",
        "claim_ = committed.claim + 1;",
        "claim_ = std::max<std::uint64_t>(committed.claim, 1);",
    ),
    mutant(
        "zombie-restores",
        "takes the pane log of who has taken over for a damaged one",
        "generations.cpp",
        "if (restored.ok() || can_answer(restored)) return restored;",
        "if (restored.ok() || !can_answer(restored)) return restored;",
    ),
    # --- what is committed beside the offsets
    mutant(
        "job-watermark",
        "loses the job watermark",
        "progress.cpp",
        "m.job_watermark = job_watermark_;",
        "m.job_watermark = kNoTime;",
    ),
    mutant(
        "partition-highest",
        "loses a partition's highest time",
        "progress.cpp",
        "m.partition_max = p.highest;",
        "m.partition_max = kNoTime;",
    ),
    mutant("high", "loses the highest time of all", "progress.cpp", "m.high = high_;", "m.high = kNoTime;"),
    mutant(
        "hole-until",
        "forgets from when on the input is whole",
        "progress.cpp",
        "raise_hole(m->hole_until);",
        "",
    ),
    mutant(
        "hole-open",
        "forgets that the input began in the middle",
        "progress.cpp",
        "p.hole_open = s.gap || (m ? m->hole_open : !s.at_beginning);",
        "p.hole_open = s.gap || (!m && !s.at_beginning);",
    ),
    mutant(
        "blocks-epoch",
        "does not note that it wrote blocks",
        "engine_stage.cpp",
        "if (epoch_->writes_blocks) common_.blocks = epoch_->number;",
        "",
    ),
    # --- what goes to the pane log
    mutant(
        "partial-row",
        "forgets a partial",
        "partial_block.cpp",
        "for (const PartialRow& row : pane.rows) {",
        "for (const PartialRow& row : pane.rows) { if (&row == &pane.rows.back() && pane.rows.size() > 1) continue;",
    ),
    mutant(
        "base-part",
        "forgets a part of a base",
        "pane_log_writer.cpp",
        "if (Status s = log_.append(",
        "if (block.base && block.parts > 1 && block.part == 1) continue; if (Status s = log_.append(",
    ),
    mutant(
        "base-part-rows",
        "forgets what is in a part of a base",
        "pane_log_writer.cpp",
        "block.partials = std::move(parts[block.part]);",
        "if (!block.base || block.part == 0) block.partials = std::move(parts[block.part]);",
    ),
    mutant(
        "block-part-rows",
        "forgets what is in a part of a block",
        "pane_log_writer.cpp",
        "block.partials = std::move(parts[block.part]);",
        "if (block.base || block.part == 0) block.partials = std::move(parts[block.part]);",
    ),
    mutant(
        "base-delta",
        "brings a base without what its own epoch added",
        "engine_stage.cpp",
        "Result<const Partials*> partials = engine_.end_epoch();",
        "if (const auto partition = parts_.writer->take_base_request()) {"
        " if (Status s = bring_base(*partition); !s.ok()) return s; }"
        " Result<const Partials*> partials = engine_.end_epoch();",
    ),
    mutant(
        "base-covered",
        "forgets how far a base goes",
        "pane_log_writer.cpp",
        "p.covered = std::move(w.covered);",
        "if (!w.base) p.covered = std::move(w.covered);",
    ),
    mutant(
        "refused-panes",
        "forgets which panes were refused",
        "window_book.cpp",
        "boards_[raw(leaderboard)].state = state;",
        "boards_[raw(leaderboard)].state.exact_from = state.exact_from;",
    ),
    mutant(
        "base-marks",
        "leaves the marks of refused groups out of a base",
        "engine_stage.cpp",
        "wanted[l][raw(kRefusedGroup)] = partition == 0 ? 1 : 0;",
        "wanted[l][raw(kRefusedGroup)] = 0;",
    ),
    mutant(
        "base-and-delta",
        "writes what an epoch added beside the base that holds it",
        "pane_log_writer.cpp",
        "for (const std::uint32_t p : to) {",
        "if (epoch.base && epoch.partials != nullptr && !parts[epoch.base->partition].rows.empty()) {"
        " block.base = false; block.partition = epoch.base->partition;"
        " block.covered = cover(epoch.base->partition, epoch.offsets);"
        " if (Status s = append_parts(block, renamed(parts[epoch.base->partition])); !s.ok()) return s; }"
        " for (const std::uint32_t p : to) {",
        "pane_log_reader.cpp",
        "p.blocks.clear();",
        "std::erase_if(p.blocks, [&](const Kept& k) { return k.head.epoch < head.epoch; });",
    ),
    mutant(
        "written-ago",
        "says wrongly when a partition was written last",
        "pane_log_writer.cpp",
        "epoch.number - partitions_[p].epoch}",
        "epoch.number - partitions_[p].epoch + 1}",
    ),
    mutant(
        "exact-from-new",
        "takes an added leaderboard for whole",
        "pane_log_writer.cpp",
        "log.boards.empty() ? kNoTime : added_exact_from",
        "log.boards.empty() || !boards.empty() ? kNoTime : added_exact_from",
    ),
    mutant(
        "exact-from-lost",
        "forgets from when on an added leaderboard is whole",
        "engine_stage.cpp",
        "book_.restore_board(LeaderboardIndex{l}, boards[b].state);",
        "if (log.state().boards.size() != boards.size()) book_.restore_board(LeaderboardIndex{l}, boards[b].state);",
    ),
    mutant(
        "renamed",
        "takes a leaderboard of the pane log for another",
        "pane_log_writer.cpp",
        "row.leaderboard = board_of_[row.leaderboard];",
        "row.leaderboard = std::min<std::uint32_t>(row.leaderboard, board_of_[row.leaderboard]);",
    ),
    # --- what is read from it
    mutant(
        "covered-range",
        "does not check that blocks follow on each other",
        "pane_log_reader.cpp",
        "if (c.from != from || c.to < from) {",
        "if (c.to < from && c.from != from) {",
    ),
    mutant(
        "offset-back",
        "notices by neither check that an offset was turned back",
        "pane_log_reader.cpp",
        "if (raw(c.to) > raw(start->offset)) {",
        "if (raw(c.to) > raw(start->offset) && p.blocks.size() + p.base.size() == 0) {",
        "generations.cpp",
        "if (m && m->epoch == committed.epoch && m->claim == committed.claim) continue;",
        "if (m) continue;",
    ),
    mutant(
        "last-epoch",
        "does not check that the last epoch's blocks are there",
        "pane_log_reader.cpp",
        "if (found != blocks_epoch) {",
        "if (found > blocks_epoch) {",
    ),
    mutant(
        "last-of-each",
        "does not check that each partition's last block is there",
        "pane_log_reader.cpp",
        "if (is != expected[i]) {",
        "if (is > expected[i]) {",
    ),
    mutant(
        "base-whole",
        "takes a base that lacks a part",
        "pane_log_reader.cpp",
        "if (!head.base || head.epoch != before.epoch || head.part != before.part + 1) {",
        "if (!head.base || head.epoch != before.epoch) {",
    ),
    mutant(
        "block-whole",
        "takes a block that lacks a part",
        "pane_log_reader.cpp",
        "if (head.part != part_next || (head.part > 0 && head.epoch != epoch)) {",
        "if (head.part == 0 && part_next > head.parts) {",
    ),
    mutant(
        "base-and-before",
        "adds to a base what came before it",
        "pane_log_reader.cpp",
        "p.blocks.clear();",
        "",
        "pane_log_reader.cpp",
        "if (head.epoch <= epoch) return",
        "if (head.epoch == 0) return",
        "pane_log_reader.cpp",
        "if (c.from != from || c.to < from) {",
        "if (c.to < from && c.from != from) {",
    ),
    # --- what is restored
    mutant(
        "pane-restored-late",
        "does not restore a pane that an open window still needs",
        "engine_stage.cpp",
        "const PaneIndex last = window.panes_of(window.last_window_with(pane)).last;",
        "const PaneIndex last = pane;",
    ),
    mutant(
        "engine-not-cleared",
        "restores into an engine that was not cleared",
        "generations.cpp",
        "engine_->clear();",
        "",
    ),
    mutant(
        "removed-restored",
        "restores what a removed leaderboard held into another",
        "engine_stage.cpp",
        "const auto leaderboard = leaderboard_of.at(row.leaderboard);",
        "const auto leaderboard ="
        " leaderboard_of.at(row.leaderboard) ? leaderboard_of.at(row.leaderboard) : LeaderboardIndex{0};",
    ),
    mutant(
        "open-not-due",
        "takes the results of open windows for written",
        "window_book.cpp",
        "window.dirty = true; } else if",
        "} else if",
    ),
    mutant(
        "emitted-forgotten",
        "forgets which final results went out",
        "window_book.cpp",
        "} else if (Status s = rank_window(",
        "} else if (Status s = options_.emission == Emission::kLive ? Status{} : rank_window(",
    ),
    mutant(
        "lanes-forget",
        "judges lateness anew after a recovery",
        "tests/simulation/process.cpp",
        "stage_->progress().highest()));",
        "std::vector<EventTimeMs>{}));",
    ),
    # --- while it runs
    mutant(
        "pane-dropped",
        "drops a pane that an open window still needs",
        "window_book.cpp",
        "const auto over = [&](PaneIndex pane) {"
        " return window_settled(window, window.last_window_with(pane), watermark, job_.time.lateness_ms); };",
        "const auto over = [&](PaneIndex pane) { return progress.settled(window, pane); };",
    ),
    mutant(
        "ids-reused",
        "gives an id anew while a batch under way names it",
        "engine_stage.cpp",
        "ids_.reclaim(parts_.pool->oldest_era() - 1, committed_, engine_);",
        "ids_.reclaim(parts_.pool->era() - 1, committed_, engine_);",
    ),
    mutant(
        "ids-not-looked-up",
        "takes an id that was taken back",
        "ids.cpp",
        "if (batch.era <= last_retire_era_) {",
        "if (batch.era < last_retire_era_ && batch.era == 0) {",
    ),
    mutant(
        "old-batch",
        "keeps a batch of the old generation",
        "tests/simulation/process.cpp",
        "lanes_.clear(); queue_.reset(0); pool_.raise_generation();",
        "lanes_.clear(); pool_.raise_generation();",
        "tests/simulation/process.cpp",
        "queue_.reset(options_.lanes);",
        "",
    ),
    mutant(
        "old-batch-unchecked",
        "keeps a batch of the old generation, and does not look at it",
        "tests/simulation/process.cpp",
        "lanes_.clear(); queue_.reset(0); pool_.raise_generation();",
        "lanes_.clear(); pool_.raise_generation();",
        "tests/simulation/process.cpp",
        "queue_.reset(options_.lanes);",
        "",
        "engine_stage.cpp",
        "MARQUEE_CHECK(batch->generation == parts_.pool->generation());",
        "",
    ),
    mutant(
        "epoch-in-flight",
        "does not wait for the epoch in flight before a recovery",
        "tests/simulation/process.cpp",
        "while (commit.status().ok() && (waiting_ != nullptr || !commit.idle())) {",
        "while (commit.status().ok() && waiting_ != nullptr && commit.idle()) {",
    ),
    mutant(
        "waiting-epoch",
        "commits an epoch that the recovery has made up for",
        "tests/simulation/process.cpp",
        "while (commit.status().ok() && (waiting_ != nullptr || !commit.idle())) {",
        "while (commit.status().ok() && !commit.idle()) {",
        "tests/simulation/process.cpp",
        "waiting_.reset();",
        "",
    ),
]


def mutated(path, edits):
    """The file's text, changed."""
    text = path.read_text()
    for edit in edits:
        words = r"\s+".join(re.escape(word) for word in edit.old.split())
        found = list(re.finditer(words, text))
        if len(found) != 1:
            sys.exit(f"{path.relative_to(ROOT)}: found {len(found)} times, and to be changed once: {edit.old}")
        text = text[: found[0].start()] + edit.new + text[found[0].end() :]
    return text


class Build:
    def __init__(self, folder):
        self.folder = folder.resolve()
        listed = subprocess.run(
            ["ninja", "-C", folder, "-t", "commands", TARGET], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        self.compiles = {c.rsplit(" ", 1)[1]: c for c in listed if " -c " in c}
        links = [c for c in listed if f" -o tests/simulation/{TARGET} " in c]
        if len(links) != 1:
            sys.exit(f"{folder} is no build of {TARGET}")
        self.link = links[0].removeprefix(": && ").split(" && ")[0]

    def mutant(self, of):
        """Builds it; its program."""
        place = self.folder / "mutants" / of.name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        linking = self.link.replace(f"-o tests/simulation/{TARGET} ", f"-o {shlex.quote(str(place / TARGET))} ")
        for path in sorted({edit.path for edit in of.edits}):
            source = place / path.name
            source.write_text(mutated(path, [edit for edit in of.edits if edit.path == path]))
            compiling = self.compiles[str(path)]
            built = re.search(r"-o (\S+)", compiling)[1]
            compiling = compiling.replace(built, f"{source}.o").replace(f"-c {path}", f"-O1 -Wno-error -w -c {source}")
            self.run(of, compiling)
            if f" {built} " in linking:
                linking = linking.replace(f" {built} ", f" {source}.o ")
            else:  # in a library: what comes before it is taken instead
                linking = linking.replace(" tests/simulation/", f" {source}.o tests/simulation/", 1)
        self.run(of, linking)
        return place / TARGET

    def run(self, of, command):
        done = subprocess.run(command, shell=True, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{of.name}: the mutant does not build\n{done.stdout}{done.stderr}")


def caught_by(program, seeds):
    """The seed, and what is said of it; None where all are well."""
    try:
        done = subprocess.run(
            [program, "--seeds", str(seeds), "--until-wrong"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=RUN_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        sys.exit(f"{program}: no end after {RUN_SECONDS_MAX} s")
    if done.returncode == 0:
        return None
    if wrong := re.search(r"^seed (\d+) is wrong:\n  (.*)", done.stdout, re.MULTILINE):
        return int(wrong[1]), wrong[2]
    if crashed := re.search(r"^seed (\d+) crashed", done.stderr, re.MULTILINE):
        check = re.search(r"CHECK failed: (.*) at (\S+)$", done.stderr, re.MULTILINE)
        return int(crashed[1]), f"CHECK: {check[1]}" if check else f"signal {-done.returncode}"
    sys.exit(f"{program}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=6000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    args = parser.parse_args()
    build = Build(args.build)
    todo = [m for m in ALL if not args.only or m.name in args.only]
    if len({m.name for m in ALL}) != len(ALL) or not todo:
        sys.exit("nothing to break, or two mutants of one name")
    began = time.monotonic()

    def tried(of):
        program = build.mutant(of)
        try:
            return caught_by(program, args.seeds)
        finally:
            program.unlink()

    survivors = 0
    print(f"{'what is broken':<70} {'seed':>5}  caught by", flush=True)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        try:
            running = [pool.submit(tried, m) for m in todo]
            for of, each in zip(todo, running, strict=True):
                caught = each.result()
                survivors += caught is None
                seed, said = caught or ("-", f"NOTHING in {args.seeds} schedules ({of.name})")
                print(f"{of.what:<70} {seed:>5}  {said[:SAID_MAX]}", flush=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    print(f"{len(todo) - survivors} of {len(todo)} caught; {time.monotonic() - began:.0f} s")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
