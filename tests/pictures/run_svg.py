#!/usr/bin/env python3
"""Draws docs/run.svg: a true run of the sample batch on the gateway in a box, as an 80-column terminal
shows it. Needs pyte (PyPI). Usage: run_svg.py LEVY SAMPLE.csv OUT.svg"""

import fcntl
import html
import os
import pty
import select
import shutil
import struct
import sys
import tempfile
import termios
import time

import pyte

COLUMNS, LINES = 80, 50
CELL, LINE = 8.43, 19
# A bar that is well under way.
LOOKED_AT_SECONDS = 2.0


def recorded(levy, sample):
    """The screen in mid-run, and at the end."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(sample, os.path.join(directory, "sample_batch.csv"))
        command = [levy, "run", "sample_batch.csv", "--sandbox", "--wait", "5"]
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(directory)
            os.environ["TERM"] = "xterm-256color"
            time.sleep(0.3)
            os.execv(levy, command)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        screen = pyte.Screen(COLUMNS, LINES)
        stream = pyte.ByteStream(screen)
        begun, middle = time.monotonic(), None
        while True:
            ready, _, _ = select.select([terminal], [], [], 0.05)
            if middle is None and time.monotonic() - begun > LOOKED_AT_SECONDS:
                middle = shown(screen)
            if ready:
                try:
                    data = os.read(terminal, 65536)
                except OSError:
                    break
                if not data:
                    break
                stream.feed(data)
        os.waitpid(child, 0)
        return middle or [], shown(screen)


def shown(screen):
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def drawn(lines):
    width, height = COLUMNS * CELL + 40, len(lines) * LINE + 62
    text = []
    for n, line in enumerate(lines):
        if line:
            kind = ' class="typed"' if line.startswith("$ ") else ""
            text.append(f'<text x="20" y="{52 + n * LINE}"{kind} textLength="{len(line) * CELL:.1f}">{html.escape(line)}</text>')
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" role="img" aria-label="levy runs the sample batch in a terminal">
<style>
rect {{ fill: #f7f8fa; stroke: #ccd2da; }} circle {{ fill: #ccd2da; }}
text {{ font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1b2330; white-space: pre; }}
.typed {{ font-weight: 700; }}
@media (prefers-color-scheme: dark) {{ rect {{ fill: #171c24; stroke: #2e3743; }} circle {{ fill: #2e3743; }} text {{ fill: #e4e8ee; }} }}
</style>
<rect x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}" rx="8"/>
<circle cx="20" cy="17" r="5"/><circle cx="37" cy="17" r="5"/><circle cx="54" cy="17" r="5"/>
{chr(10).join(text)}
</svg>
"""


levy, sample, out = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
middle, end = recorded(levy, sample)
at = next((n for n, line in enumerate(middle) if "[" in line and "orders," in line), None)
assert at is not None, "no bar was seen"
bar = middle[at : at + 2]
lines = ["$ levy run sample_batch.csv --sandbox --wait 5", *end[:at], *bar, *end[at:]]
with open(out, "w", encoding="utf-8") as file:
    file.write(drawn(lines))
