#!/usr/bin/env python3
"""Draws a terminal's text, colours and all, as an SVG: for the README, from real output.

    tmux capture-pane -e -p -t demo | tests/serve/terminal_picture.py --title "./dev demo" > docs/demo.svg

Reads UTF-8 with SGR sequences (as `tmux capture-pane -e -p` prints it) and drops every other escape sequence.
Nothing but the standard library.
"""

import argparse
import html
import re
import sys
import unicodedata

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, MARGIN = 8.4, 18, 14, 16
TITLE_BAR = 30
BACKGROUND, FOREGROUND = "#11151c", "#d5dbe5"
PALETTE = [
    "#3b4252",
    "#f0717a",
    "#8fd18a",
    "#e8c87a",
    "#7fb2f0",
    "#c79be8",
    "#6fd0d8",
    "#d5dbe5",
    "#6b7589",
    "#ff8a93",
    "#a9e6a4",
    "#ffe09a",
    "#9fc8ff",
    "#dcb5f7",
    "#8fe6ee",
    "#ffffff",
]
ESCAPE = re.compile(r"\x1b(?:\[([0-9;:?<=>]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|.)")


class Style:
    def __init__(self):
        self.reset()

    def reset(self):
        self.color, self.bold, self.dim = None, False, False

    def apply(self, parameters):
        codes = [int(p or 0) for p in re.split("[;:]", parameters)] if parameters else [0]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code == 1:
                self.bold = True
            elif code == 2:
                self.dim = True
            elif code == 22:
                self.bold = self.dim = False
            elif 30 <= code <= 37:
                self.color = PALETTE[code - 30]
            elif 90 <= code <= 97:
                self.color = PALETTE[code - 82]
            elif code == 39:
                self.color = None
            elif code in (38, 48):
                kind = codes.pop(0) if codes else None
                if kind == 5 and codes:
                    index = codes.pop(0)
                    color = palette_256(index)
                elif kind == 2 and len(codes) >= 3:
                    color = "#{:02x}{:02x}{:02x}".format(*codes[:3])
                    del codes[:3]
                else:
                    continue
                if code == 38:
                    self.color = color

    def key(self):
        return self.color, self.bold, self.dim


def palette_256(index):
    if index < 16:
        return PALETTE[index]
    if index >= 232:
        return "#%02x%02x%02x" % ((8 + 10 * (index - 232),) * 3)
    steps = [0, 95, 135, 175, 215, 255]
    index -= 16
    return f"#{steps[index // 36]:02x}{steps[index // 6 % 6]:02x}{steps[index % 6]:02x}"


def columns_of(char):
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def runs_of(line, style):
    """Yields (column, columns, text, style key) for each run of one style; runs end at wide gaps."""
    column, start, text, key = 0, 0, "", style.key()
    at = 0

    def flush():
        nonlocal text
        if text.strip():
            lead = len(text) - len(text.lstrip(" "))
            shown = text.strip(" ")
            yield start + lead, sum(map(columns_of, shown)), shown, key
        text = ""

    while at < len(line):
        match = ESCAPE.match(line, at)
        if match:
            yield from flush()
            if match.group(2) == "m":
                style.apply(match.group(1))
            key, start, at = style.key(), column, match.end()
            continue
        char = line[at]
        at += 1
        if ord(char) < 32:
            continue
        if text.endswith("  ") and char != " ":
            yield from flush()
            start = column
        if not text:
            start = column
        text += char
        column += columns_of(char)
    yield from flush()


def picture(text, title):
    lines = text.replace("\r", "").rstrip("\n").split("\n")
    style = Style()
    body, width = [], 0
    for row, line in enumerate(lines):
        for column, columns, shown, (color, bold, dim) in runs_of(line, style):
            width = max(width, column + columns)
            attributes = ""
            if color:
                attributes += f' fill="{color}"'
            if bold:
                attributes += ' font-weight="700"'
            if dim:
                attributes += ' opacity="0.6"'
            x, y = MARGIN + column * CELL_WIDTH, TITLE_BAR + MARGIN + row * CELL_HEIGHT + FONT_SIZE - 1
            if set(shown) <= {"━", "─"}:  # fonts leave gaps between these: draw them
                thick = 2.5 if shown[0] == "━" else 1
                body.append(
                    f'<rect x="{x:.1f}" y="{y - 5 - thick / 2:.1f}" width="{columns * CELL_WIDTH:.1f}" '
                    f'height="{thick}"{attributes or ""}/>'
                )
                continue
            body.append(
                f'<text x="{x:.1f}" y="{y}" textLength="{columns * CELL_WIDTH:.1f}" '
                f'lengthAdjust="spacingAndGlyphs"{attributes}>{html.escape(shown)}</text>'
            )
    total_width = 2 * MARGIN + width * CELL_WIDTH
    total_height = TITLE_BAR + 2 * MARGIN + len(lines) * CELL_HEIGHT
    dots = "".join(
        f'<circle cx="{20 + 18 * i}" cy="{TITLE_BAR / 2 + 2}" r="5.5" fill="{color}"/>'
        for i, color in enumerate(("#f0717a", "#e8c87a", "#8fd18a"))
    )
    caption = (
        (
            f'<text x="{total_width / 2:.1f}" y="{TITLE_BAR / 2 + 7}" text-anchor="middle" opacity="0.6">'
            f"{html.escape(title)}</text>"
        )
        if title
        else ""
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total_width:.0f} {total_height}" '
        f'width="{total_width:.0f}" height="{total_height}" role="img" aria-label="{html.escape(title or "terminal")}">'
        f'<rect width="100%" height="100%" rx="10" fill="{BACKGROUND}"/>{dots}'
        f'<g fill="{FOREGROUND}" xml:space="preserve" font-size="{FONT_SIZE}" '
        f"font-family=\"ui-monospace,'SF Mono','Cascadia Mono','DejaVu Sans Mono',Menlo,Consolas,monospace\">"
        f"{caption}\n" + "\n".join(body) + "\n</g></svg>\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--title", default="", help="shown in the window's bar")
    parser.add_argument("file", nargs="?", help="text to draw; standard input if absent")
    options = parser.parse_args()
    if options.file:
        with open(options.file, encoding="utf-8") as file:
            text = file.read()
    else:
        text = sys.stdin.buffer.read().decode("utf-8")
    sys.stdout.write(picture(text, options.title))


if __name__ == "__main__":
    main()
