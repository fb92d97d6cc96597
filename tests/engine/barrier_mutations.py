"""Takes each barrier out of the kernels, one at a time, and wants the engine tests to notice.

    barrier_mutations.py BUILD [--seeds N] [--jobs N] [--only FILE:LINE ...]

BUILD is a build with ThreadSanitizer in which engine_tests is built. What is taken out: every barrier() and
warp_barrier() in src/kernels/*.cuh, and every place where a stream is made to wait for another. Each mutant is the
engine over the stand-in, compiled against a tree with that one header changed, and run with a few seeds until
ThreadSanitizer reports a race, the stand-in complains or an answer is wrong. One that nothing is said of is either
redundant, and to be deleted from the source, or lacks a test.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = ROOT / "src/kernels"
TARGET = "engine_tests"
MUTATED_SOURCE = "standin_engine.cpp"  # the only one of its sources that includes kernels
FILTER = "*/Standin"
RUN_SECONDS_MAX = 900
RACE_EXIT_CODE = 66  # ThreadSanitizer's

BARRIER = re.compile(r"\bsimt::(?:warp_)?barrier\([^;]*\);")
STREAM_WAIT = re.compile(r"[\w.>-]*\bdevice\.wait\([^()]*\)")
ANY_OF_THEM = re.compile(r"\bbarrier\(|\bdevice\.wait\(|\bdevice->wait\(")


@dataclasses.dataclass(frozen=True)
class Mutation:
    header: pathlib.Path
    line: int  # from 1
    kernel: str  # the struct or class around it
    what: str
    text: str  # the whole header, changed

    @property
    def name(self):
        return f"{self.header.name}:{self.line}"


def mutations():
    found = []
    for header in sorted(KERNELS.glob("*.cuh")):
        lines = header.read_text().splitlines(keepends=True)
        around = "-"
        for i, line in enumerate(lines):
            if opened := re.match(r"(?:struct|class) (\w+)", line):
                around = opened[1]
            code = line.split("//")[0]
            here = [(m, "") for m in BARRIER.finditer(code)] + [(m, "Status{}") for m in STREAM_WAIT.finditer(code)]
            if len(here) != len(ANY_OF_THEM.findall(code)):
                sys.exit(f"{header}:{i + 1}: a barrier or a wait that this script cannot take out: {code.strip()}")
            for m, instead in here:
                changed = code[: m.start()] + instead + code[m.end() :].rstrip() + "\n"
                text = "".join([*lines[:i], changed, *lines[i + 1 :]])
                found.append(Mutation(header, i + 1, around, m[0].rstrip(";"), text))
    return found


class Build:
    def __init__(self, folder):
        self.folder = folder
        listed = subprocess.run(
            ["ninja", "-C", folder, "-t", "commands", TARGET], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        compiles = [c for c in listed if c.endswith("/" + MUTATED_SOURCE) and f"/{TARGET}.dir/" in c]
        links = [c for c in listed if f" -o tests/engine/{TARGET} " in c]
        if len(compiles) != 1 or len(links) != 1 or "-fsanitize=thread" not in compiles[0]:
            sys.exit(f"{folder} is no build of {TARGET} with ThreadSanitizer")
        self.compile = compiles[0]
        self.link = links[0].removeprefix(": && ").split(" && ")[0]
        self.object = re.search(r"-o (\S+)", self.compile)[1]

    def mutant(self, mutation):
        """Builds it; its program."""
        place = self.folder.resolve() / "mutants" / mutation.name.replace(":", "-")
        shutil.rmtree(place, ignore_errors=True)
        (place / "kernels").mkdir(parents=True)
        (place / "kernels" / mutation.header.name).write_text(mutation.text)
        changed = str(place / MUTATED_SOURCE) + ".o"
        compiling = self.compile.replace(self.object, changed).replace(" -I", f" -I{place} -I", 1)
        linking = self.link.replace(self.object, changed).replace(f"-o tests/engine/{TARGET} ", f"-o {place / TARGET} ")
        for command in (compiling, linking):
            done = subprocess.run(command, shell=True, cwd=self.folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"{mutation.name}: the mutant does not build\n{done.stdout}{done.stderr}")
        return place / TARGET

    def program(self):
        return self.folder.resolve() / "tests/engine" / TARGET


def caught_by(program, seed):
    """What the tests say of it; None: nothing."""
    calm = ["setarch", platform.machine(), "-R"] if shutil.which("setarch") else []
    options = f"suppressions={ROOT / 'tests/tsan.supp'}:halt_on_error=1:exitcode={RACE_EXIT_CODE}"
    done = subprocess.run(
        [*calm, program, f"--gtest_filter={FILTER}", "--gtest_fail_fast"],
        env={**os.environ, "MARQUEE_SEED": str(seed), "TSAN_OPTIONS": options},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    said = done.stdout + done.stderr
    tests = re.findall(r"^\[ RUN      \] \w+/(\S+)/", said, re.MULTILINE)
    if done.returncode == 0:
        if not tests:
            sys.exit(f"{program}: no test ran")
        return None
    where = tests[-1] if tests else "?"
    if done.returncode == RACE_EXIT_CODE and (reported := re.search(r"ThreadSanitizer: (data race|SEGV)", said)):
        line = re.search(r"/kernels/(\w+\.cuh:\d+)", said[reported.start() :])
        return f"{'race' if reported[1] == 'data race' else 'wild access'} at {line[1] if line else '?'} in {where}"
    if complaint := re.search(r"^standin: (.*?)(?::|$)", said, re.MULTILINE):
        return f"stand-in: {complaint[1]} in {where}"
    if done.returncode == 1 and "[  FAILED  ]" in said:
        return f"wrong answer in {where}"
    if done.returncode < 0:
        return f"signal {-done.returncode} in {where}"
    sys.exit(f"{program}: exit code {done.returncode}\n{said[-4000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="+", default=[], metavar="FILE:LINE")
    args = parser.parse_args()
    build = Build(args.build)
    todo = mutations()
    if not any("barrier" in m.what for m in todo):
        sys.exit(f"there is no barrier in {KERNELS}: has their spelling changed?")
    todo = [m for m in todo if not args.only or m.name in args.only]
    if not todo:
        sys.exit("nothing to take out")
    began = time.monotonic()

    def clean(seed):
        if caught := caught_by(build.program(), seed):
            sys.exit(f"nothing is taken out, and yet: {caught}")

    def tried(mutation):
        program = build.mutant(mutation)
        try:
            for seed in range(1, args.seeds + 1):
                if caught := caught_by(program, seed):
                    return caught, seed
            return None, None
        finally:
            program.unlink()

    print(f"{'kernel':<12} {'line':<22} {'taken out':<44} caught by", flush=True)
    survivors = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        try:
            running = [pool.submit(tried, m) for m in todo]
            for mutation, each in zip(todo, running, strict=True):
                caught, seed = each.result()
                survivors += caught is None
                said = f"{caught}, seed {seed}" if caught else "NOTHING: delete it, or write the test that needs it"
                print(f"{mutation.kernel:<12} {mutation.name:<22} {mutation.what:<44} {said}", flush=True)
            list(pool.map(clean, range(1, args.seeds + 1)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    print(
        f"{len(todo) - survivors} of {len(todo)} caught; with nothing taken out, {args.seeds} seeds are clean; "
        f"{time.monotonic() - began:.0f} s"
    )
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
