"""Reads values of the pane log, written from docs/pane-log.md alone, and prints them as `marquee panelog dump` does.

pane_block_reader.py FILE...            each file one value
pane_block_reader.py --check PROGRAM DOC    a test: PROGRAM writes values and what is in them (pane_block_samples.cpp);
                                        and the example in DOC is one of them
"""

import ctypes
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

SKIPPED = 77


class Broken(Exception):
    """A value that is not as the page says."""


def expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Broken(otherwise)


def load_libzstd():
    try:
        library = ctypes.CDLL("libzstd.so.1")
    except OSError:
        return None
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    return library


LIBZSTD = load_libzstd()
ZSTD_PROGRAM = shutil.which("zstd")


def unpack(frame: bytes, size: int) -> bytes:
    if LIBZSTD is not None:
        room = ctypes.create_string_buffer(size + 1)
        got = LIBZSTD.ZSTD_decompress(room, size + 1, frame, len(frame))
        expect(got == size, "the frame does not unpack to its size")
        return room.raw[:size]
    unpacked = subprocess.run([ZSTD_PROGRAM, "-dcq"], input=frame, capture_output=True, check=False)
    expect(unpacked.returncode == 0 and len(unpacked.stdout) == size, "the frame does not unpack to its size")
    return unpacked.stdout


class Body:
    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def bytes(self, size: int) -> bytes:
        expect(size <= len(self.data) - self.at, "the body ends early")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self) -> int:
        value = shift = 0
        while True:
            (byte,) = self.bytes(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                expect(byte > 0 or shift == 7, "a number is longer than it needs to be")
                expect(value < 1 << 64, "a number is too large")
                return value

    def signed(self) -> int:
        number = self.number()
        return number // 2 if number % 2 == 0 else -(number // 2) - 1

    def text(self) -> str:
        return self.bytes(self.number()).decode()

    def list(self, element) -> list:
        return [element() for _ in range(self.number())]


def running_sums(steps: list) -> list:
    return [sum(steps[: i + 1]) for i in range(len(steps))]


def read_covered(body: Body) -> dict:
    topic, partition, begin, end = body.text(), body.signed(), body.signed(), body.signed()
    return {"topic": topic, "partition": partition, "from": None if begin == -1 else begin, "to": end}


def read_leaderboard(body: Body) -> dict:
    name, meaning, removed = body.text(), body.text(), body.number()
    expect(removed <= 1, "a leaderboard is neither removed nor not")
    exact_from, first, last = body.signed(), body.signed(), body.signed()
    return {
        "name": name,
        "meaning": meaning,
        "removed": removed == 1,
        "exact_from": None if exact_from == -(1 << 63) else exact_from,
        "refused": None if last < first else {"first": first, "last": last},
    }


def read_rows(body: Body, leaderboards: list, groups: list) -> list:
    rows = []
    leaderboard = pane = 0
    for _ in range(body.number()):
        leaderboard += body.number()
        pane = (pane + body.signed() + (1 << 63)) % (1 << 64) - (1 << 63)
        group, count = body.number(), body.number()
        expect(leaderboard < len(leaderboards) and group <= len(groups) and count > 0, "a run names what is not there")
        row = {"leaderboard": leaderboards[leaderboard]["name"], "pane": pane}
        row["group"] = groups[group - 1] if group > 0 else None
        rows += [dict(row) for _ in range(count)]
    sizes = [body.number() for _ in rows]
    views = [body.number() for _ in rows]
    watch_ms = [body.number() for _ in rows]
    for row, size, row_views, row_watch_ms in zip(rows, sizes, views, watch_ms, strict=True):
        if size == 0:
            row["refused"] = True
        else:
            expect(row["group"] is not None, "an item without a group")
            row["item"] = body.bytes(size).decode()
        row["views"] = row_views
        row["watch_ms"] = row_watch_ms
    return rows


def read_titles(body: Body, rows: list) -> list:
    """The rows with their titles, which stand behind the items."""
    count = body.number()
    expect(count > 0, "version 2 without titles")
    distances = [body.number() for _ in range(count)]
    times = running_sums([body.signed() for _ in range(count)])
    sizes = [body.number() for _ in range(count)]
    titles = {}
    place = -1
    for distance, time, size in zip(distances, times, sizes, strict=True):
        place += 1 + distance
        expect(place < len(rows) and "item" in rows[place] and 0 < size <= 256, "a title of nothing")
        time = (time + (1 << 63)) % (1 << 64) - (1 << 63)
        titles[place] = (body.bytes(size).decode(), time)
    titled = []
    for i, row in enumerate(rows):
        if i in titles:
            counts = {name: row[name] for name in ("views", "watch_ms")}
            front = {name: value for name, value in row.items() if name not in counts}
            row = front | {"title": titles[i][0], "title_time": titles[i][1]} | counts
        titled.append(row)
    return titled


def read_value(value: bytes) -> tuple[dict, list]:
    """What the value says of itself, and its rows."""
    expect(len(value) > 4 and value[:4] == b"MQPL", "not a value of the pane log")
    expect(value[4] in (1, 2), f"version {value[4]}")
    expect(len(value) > 32 and value[5:8] == bytes(3), "the head is damaged")
    checksum, kind, zero, size, epoch = struct.unpack_from("<IB3sQQ", value, 8)
    expect(checksum == zlib.crc32(value[12:]), "the checksum is another")
    expect(kind <= 1 and zero == bytes(3), "an unknown kind")
    body = Body(unpack(value[32:], size))
    head = {"kind": "base" if kind == 1 else "block", "epoch": epoch}
    for name in ("part", "parts", "of_partition", "partitions"):
        head[name] = body.number()
    written = body.list(lambda: (body.number(), body.number()))
    partitions = running_sums([step for step, _ in written])
    head["written"] = [{"partition": p, "ago": ago} for p, (_, ago) in zip(partitions, written, strict=True)]
    head["covered"] = body.list(lambda: read_covered(body))
    head["meaning"] = body.text()
    head["leaderboards"] = body.list(lambda: read_leaderboard(body))
    groups = body.list(lambda: body.list(body.text))
    rows = read_rows(body, head["leaderboards"], groups)
    if value[4] == 2:
        rows = read_titles(body, rows)
    expect(body.at == len(body.data), "bytes follow the body's end")
    head["groups"] = len(groups)
    head["rows"] = len(rows)
    head["marks"] = sum("refused" in row for row in rows)
    return head, rows


def line(thing: dict) -> str:
    return json.dumps(thing, ensure_ascii=False, separators=(",", ":"))


def dump(value: bytes, partition: int, offset: int) -> list:
    head, rows = read_value(value)
    place = {"partition": partition, "offset": offset, "bytes": len(value)}
    return [line(place | head)] + [line(row) for row in rows]


def example_of(page: str) -> bytes:
    """The bytes of the page's last block of code: pairs of hexadecimal digits at the beginning of each line."""
    block = page.split("```")[-2]
    pairs = [re.match(r"(?:[0-9a-f]{2} )*[0-9a-f]{2}(?=  |$)", row) for row in block.strip().splitlines()]
    return bytes.fromhex(" ".join(pair.group() for pair in pairs if pair))


def is_refused(value: bytes) -> bool:
    try:
        read_value(value)
    except Broken:
        return True
    return False


def check(program: str, page: str) -> int:
    wrong = values = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, folder], check=True)
        for path in sorted(Path(folder).glob("*.value"), key=lambda p: int(p.stem)):
            values += 1
            value = path.read_bytes()
            got, want = dump(value, 3, int(path.stem)), path.with_suffix(".json").read_text().splitlines()
            if got != want:
                wrong += 1
                differing = [(a, b) for a, b in zip(got, want, strict=False) if a != b][:1]
                print(f"{path.name}: {len(got)} lines read, {len(want)} written; the first that differ: {differing}")
            damaged = bytearray(value)
            damaged[12 + len(value) // 2 % (len(value) - 12)] ^= 16
            if not is_refused(bytes(damaged)):
                wrong += 1
                print(f"{path.name}: damage was not noticed")
        example, first = (
            dump(example_of(Path(page).read_text()), 3, 0),
            (Path(folder) / "0.json").read_text().splitlines(),
        )
        size = re.compile(r'"bytes":\d+')  # zstd's next version may pack it
        if [size.sub("", text) for text in example] != [size.sub("", text) for text in first]:
            wrong += 1
            print(f"the page's example is not the first value: {example}, {first}")
    print(f"{values} values read, {wrong} wrong")
    return 1 if wrong > 0 or values < 100 else 0


def main(arguments: list) -> int:
    if LIBZSTD is None and ZSTD_PROGRAM is None:
        print("SKIPPED: there is neither libzstd.so.1 nor a program zstd to unpack with")
        return SKIPPED
    if arguments[:1] == ["--check"]:
        return check(*arguments[1:])
    for i, path in enumerate(arguments):
        print("\n".join(dump(Path(path).read_bytes(), 0, i)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
