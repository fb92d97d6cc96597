#!/usr/bin/env python3
"""The served OpenAPI document against the running server: openapi_test.py MARQUEE TOOLS [EXAMPLES].

schemathesis makes requests from the document, right ones and wrong ones, and compares every answer with it.
Exit status: 0 nothing found, 1 something, 77 skipped with a word why.
"""

import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

PATIENCE_S = 60
STREAM = "/api/v1/stream"  # never ends, so no tool waits for it: tests/serve reads it


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_results(origin: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"{origin}/api/v1/top?window=final", timeout=5) as answer:
                if b'"rank"' in answer.read():
                    return
        except (urllib.error.URLError, ConnectionError):
            pass  # it is not listening yet, or not ready
        if time.monotonic() > end:
            raise TimeoutError(f"no result at {origin} within {PATIENCE_S} s")
        time.sleep(0.1)


def main() -> int:
    marquee, tools = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    examples = sys.argv[3] if len(sys.argv) > 3 else "60"
    schemathesis = tools / "bin" / "schemathesis"
    if not (tools / "complete").is_file():
        print("SKIPPED openapi: schemathesis is missing; ./dev test fetches it")
        return 77
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    demo = subprocess.Popen(
        [marquee, "demo", "--listen", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_results(origin)
        run = subprocess.run(
            [
                schemathesis,
                "run",
                f"{origin}/api/v1/openapi.json",
                "--checks=all",
                f"--max-examples={examples}",
                f"--exclude-path={STREAM}",
                "--seed=1",
                "--generation-database=none",
                "--no-color",
                "--header=Authorization: Bearer none",  # the demo asks for none; the document allows one
            ],
            check=False,
        )
        if demo.poll() is not None:
            print(f"the server has ended with {demo.returncode}")
            return 1
        return 1 if run.returncode else 0
    finally:
        demo.kill()
        demo.wait()


if __name__ == "__main__":
    sys.exit(main())
