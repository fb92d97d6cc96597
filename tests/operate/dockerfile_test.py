#!/usr/bin/env python3
"""docker/Dockerfile, as hadolint judges it, and what it says against the sources and the program:
dockerfile_test.py MARQUEE.

That it builds, and that its image runs, is docker/try-image's to show.
"""

import json
import re
import sys

import operate

operate.with_tools()


def main() -> int:
    marquee, found = sys.argv[1], operate.Findings()
    path = operate.SOURCE / "docker" / "Dockerfile"
    found.succeeds("hadolint", operate.run(operate.TOOLS / "hadolint", "--failure-threshold", "style", path))
    text = path.read_text("utf8")
    last = text[text.rindex("\nFROM ") :].replace("\\\n", " ")
    version = operate.project_version()
    found.same("ARG VERSION", re.search(r"^ARG VERSION=(\S+)", last, re.M)[1], version)
    for tag in re.findall(r"-t marquee:(\S+)", text):
        found.expect(tag.removesuffix("-cuda") == version, f"the tag {tag} is not of version {version}")
    found.expect(re.search(r"^ARG BASE=\S+:[a-z]+-\d{8}-slim$", text, re.M), "the base has no tag with a date")
    found.expect(re.search(r"^USER 65532:65532$", last, re.M), "its user is not 65532 by number")
    for stage in re.findall(r"^FROM (\S+)", text, re.M):
        found.expect(stage in ("${BASE}", "flavour-${CUDA}"), f"a stage is from {stage}, not from BASE")

    check = json.loads(re.search(r"^HEALTHCHECK .*?CMD (\[.*\])$", last, re.M)[1])
    found.same("the program of the health check", check[0], "marquee")
    found.expect("--live" in check, "the health check asks for more than that it works")
    config = str(operate.SOURCE / "docker" / "marquee.toml")
    words = [config if word == "/etc/marquee/marquee.toml" else word for word in check[1:]]
    # Port 1: nobody is there, and that is what it must say, not that it does not know these words.
    asked = operate.run(marquee, *words, "--set", "http.listen=127.0.0.1:1")
    found.same(f"the exit status of {words} where nobody answers", asked.returncode, 69)

    for line in (operate.SOURCE / ".dockerignore").read_text("utf8").splitlines():
        if line.startswith("!"):
            found.expect((operate.SOURCE / line[1:]).exists(), f".dockerignore lets {line[1:]} in, which is not there")
    return found.leave(f"docker/Dockerfile: hadolint has nothing to say, version {version}, health check {check}")


if __name__ == "__main__":
    sys.exit(main())
