"""What the checks of this folder share: the tools of requirements.txt, which `./dev test` puts into .tools/operate."""

import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = SOURCE / ".tools" / "operate" / "bin"


def with_tools() -> None:
    """Goes on in the environment that has them; without one the check is skipped with a word."""
    if not (TOOLS.parent / "complete").is_file():
        print("SKIPPED operate: there is no .tools/operate (./dev test makes it)")
        sys.exit(77)
    if pathlib.Path(sys.prefix) != TOOLS.parent:
        os.execv(TOOLS / "python", [str(TOOLS / "python"), *sys.argv])


def run(*command: object, **more: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **more)


class Findings:
    def __init__(self) -> None:
        self.wrong: list[str] = []

    def expect(self, good: object, words: str) -> None:
        if not good:
            self.wrong.append(words)

    def same(self, what: str, found: object, wanted: object) -> None:
        self.expect(found == wanted, f"{what} is {found!r}, and should be {wanted!r}")

    def succeeds(self, what: str, done: subprocess.CompletedProcess) -> str:
        self.expect(done.returncode == 0, f"{what} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def leave(self, words: str) -> int:
        print("\n".join(self.wrong) or words)
        return 1 if self.wrong else 0


def project_version() -> str:
    text = (SOURCE / "CMakeLists.txt").read_text("utf8")
    return text.partition("project(marquee VERSION ")[2].split()[0]
