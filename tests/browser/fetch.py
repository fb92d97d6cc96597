#!/usr/bin/env python3
"""Fetches what packages.txt names from the npm registry and unpacks it, unless it is there: fetch.py FOLDER.

Exit status: 0 it is there, 1 with a sentence.
"""

import hashlib
import io
import pathlib
import sys
import tarfile
import urllib.request

PACKAGES = pathlib.Path(__file__).resolve().parent / "packages.txt"
REGISTRY = "https://registry.npmjs.org"


def fetch(folder: pathlib.Path, name: str, version: str, sha512: str) -> None:
    stamp = folder / f"{name}.sha512"
    if stamp.is_file() and stamp.read_text() == sha512:
        return
    url = f"{REGISTRY}/{name}/-/{name}-{version}.tgz"
    with urllib.request.urlopen(url, timeout=60) as answer:
        data = answer.read()
    if hashlib.sha512(data).hexdigest() != sha512:
        raise ValueError(f"{url} is not what packages.txt says")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive.getmembers():
            path = pathlib.PurePosixPath(member.name)
            if not member.isfile() or ".." in path.parts:
                continue
            target = folder / name / pathlib.Path(*path.parts[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile(member).read())
    stamp.write_text(sha512)


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for line in PACKAGES.read_text().splitlines():
            fetch(folder, *line.split())
    except (OSError, ValueError) as error:
        print(f"browser: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
