"""Runs clang-tidy over src/, remembering what was clean: `tidy.py CLANG_TIDY`.

A file is looked at again when it, a header of the project that it reaches, its flags, .clang-tidy or the tool has
changed. Flags come from build/compile_commands.json.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / ".tools" / "tidy"
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
# The flags are GCC's; what Clang does not know of them is no finding.
QUIET = (
    "-Wno-unknown-warning-option",
    "-Wno-ignored-optimization-argument",
    "-Wno-unused-command-line-argument",
)


@functools.cache
def reached(file: pathlib.Path) -> frozenset[pathlib.Path]:
    """The project's own files that `file` includes directly."""
    found = set()
    for name in INCLUDE.findall(file.read_bytes()):
        for folder in (file.parent, ROOT / "src" / "host", ROOT / "src", ROOT / "tests"):
            candidate = folder / os.fsdecode(name)
            if candidate.is_file():
                found.add(candidate.resolve())
                break
    return frozenset(found)


def closure(file: pathlib.Path) -> list[pathlib.Path]:
    seen, todo = set(), [file]
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo.extend(reached(at))
    return sorted(seen)


def key(entry: dict, tool: bytes) -> str:
    digest = hashlib.sha256(tool + (ROOT / ".clang-tidy").read_bytes() + " ".join(QUIET).encode())
    digest.update(entry.get("command", "").replace(str(ROOT), "").encode())
    for path in closure(ROOT / entry["file"]):
        digest.update(os.fsencode(path.relative_to(ROOT)) + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def check(tidy: str, entry: dict, stamp: pathlib.Path) -> bool:
    line = [tidy, "--quiet", "-p", str(ROOT / "build"), *(f"--extra-arg={flag}" for flag in QUIET), entry["file"]]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        stamp.touch()
        return True
    words = [row for row in done.stderr.splitlines() if not re.match(r"\d+ warnings? (generated|treated)", row)]
    print(done.stdout + "\n".join(words), file=sys.stderr)
    return False


def main() -> int:
    tidy = sys.argv[1]
    tool = subprocess.run([tidy, "--version"], capture_output=True, check=True).stdout
    commands = ROOT / "build" / "compile_commands.json"  # CMake writes none while there is nothing to compile
    entries = json.loads(commands.read_text()) if commands.is_file() else []
    files = ((e, pathlib.Path(e["file"])) for e in entries)
    entries = [e for e, file in files if file.is_relative_to(ROOT / "src") and file.suffix == ".cpp"]  # nvcc's not
    CACHE.mkdir(parents=True, exist_ok=True)
    stamps = {CACHE / key(entry, tool): entry for entry in entries}
    for old in CACHE.iterdir():
        if old not in stamps:
            old.unlink()
    todo = {stamp: entry for stamp, entry in stamps.items() if not stamp.exists()}
    if todo:
        print(f"clang-tidy: {len(todo)} of {len(entries)} files", file=sys.stderr)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(lambda item: check(tidy, item[1], item[0]), todo.items()))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
