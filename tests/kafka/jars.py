"""The jars of Apache Kafka: listed in jars.txt, fetched from Maven Central once, checked by SHA-256.

They lie in .tools/kafka, which git ignores. MAVEN_CENTRAL names another repository of the same layout; without it a
mirror in ~/.m2/settings.xml is used, else Maven Central itself. Needs a JRE of 17 or newer to run them.
"""

import concurrent.futures
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE.parent.parent / ".tools" / "kafka"
CENTRAL = "https://repo.maven.apache.org/maven2"


class Failure(Exception):
    """A sentence for the person at the terminal: what, where, what to do."""


def repository() -> str:
    """The address to fetch from, without a slash at its end."""
    if address := os.environ.get("MAVEN_CENTRAL"):
        return address.rstrip("/")
    settings = pathlib.Path.home() / ".m2" / "settings.xml"
    if settings.is_file():
        try:
            root = ElementTree.parse(settings).getroot()
        except ElementTree.ParseError:
            return CENTRAL
        for mirror in root.iterfind(".//{*}mirror"):
            of = [part.strip() for part in mirror.findtext("{*}mirrorOf", "").split(",")]
            url = mirror.findtext("{*}url", "").strip()
            if url and ("central" in of or ("*" in of and "!central" not in of)):
                return url.rstrip("/")
    return CENTRAL


def listed() -> list[tuple[str, str, str]]:
    """(file name, path in the repository, SHA-256) of each jar."""
    jars = []
    for line in (HERE / "jars.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, digest = line.split()
            group, artifact, version = name.split(":")
            file = f"{artifact}-{version}.jar"
            jars.append((file, f"{group.replace('.', '/')}/{artifact}/{version}/{file}", digest))
    return jars


def fetch_one(source: str, file: str, path: str, digest: str) -> None:
    url = f"{source}/{path}"
    last = ""
    for _ in range(3):
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                body = answer.read()
        except OSError as error:
            last = str(error)
            continue
        if hashlib.sha256(body).hexdigest() != digest:
            raise Failure(f"{url} does not have the SHA-256 that tests/kafka/jars.txt lists; it was not kept.")
        part = FOLDER / f"{file}.part"
        part.write_bytes(body)
        part.rename(FOLDER / file)
        return
    raise Failure(f"Cannot fetch {url}: {last}. Is the network there? MAVEN_CENTRAL may name another repository.")


def ensure() -> None:
    """Fetches what is missing. Quiet and quick when nothing is; safe when several processes ask at once."""
    wanted = listed()
    stamp = FOLDER / "complete"
    signature = hashlib.sha256((HERE / "jars.txt").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == signature:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == signature:
            return
        names = {file for file, _, _ in wanted}
        for old in FOLDER.glob("*.jar"):
            if old.name not in names:
                old.unlink()
        shutil.rmtree(FOLDER / "formatted", ignore_errors=True)  # belongs to the version that wrote it
        (FOLDER / "classes.jsa").unlink(missing_ok=True)
        missing = [
            jar
            for jar in wanted
            if not (FOLDER / jar[0]).is_file() or hashlib.sha256((FOLDER / jar[0]).read_bytes()).hexdigest() != jar[2]
        ]
        if missing:
            source = repository()
            print(f"kafka: fetching {len(missing)} jars from {source}", file=sys.stderr)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for done in [pool.submit(fetch_one, source, *jar) for jar in missing]:
                    done.result()
        stamp.write_text(signature)


def java() -> str:
    """The Java to use, checked to be 17 or newer."""
    home = os.environ.get("JAVA_HOME")
    program = f"{home}/bin/java" if home and os.access(f"{home}/bin/java", os.X_OK) else shutil.which("java")
    if not program:
        raise Failure("No java was found: `./dev kafka status` installs it, or set JAVA_HOME to 17 or newer.")
    checked = FOLDER / "java"  # asking a JVM its version costs more than the rest of this script
    stamp = f"{os.path.realpath(program)} {pathlib.Path(program).stat().st_mtime_ns}"
    if checked.is_file() and checked.read_text() == stamp:
        return program
    answer = subprocess.run([program, "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', answer)
    if not found or int(found[1]) < 17:
        raise Failure(f"{program} is not Java 17 or newer, which Apache Kafka 4 needs; set JAVA_HOME.")
    checked.write_text(stamp)
    return program


def command(main: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    """A command line that runs one class of the jars. Fetches them first."""
    ensure()
    path = ":".join(str(FOLDER / file) for file, _, _ in listed())
    return [java(), *options, "-cp", path, main, *arguments]
