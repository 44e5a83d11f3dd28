#!/usr/bin/env python3
"""How cost grows, as a picture: benches/plot.py [docs/growth.tsv [docs/growth.svg]]

Reads what `cargo bench --bench end_to_end -- growth` prints: series, size and microseconds of processor time a row.
Nothing but the standard library is needed."""

import math
import sys

SOURCE = sys.argv[1] if len(sys.argv) > 1 else "docs/growth.tsv"
PICTURE = sys.argv[2] if len(sys.argv) > 2 else "docs/growth.svg"
WIDTH, HEIGHT, MARGIN = 330, 220, 52
PANELS = [
    ("rows of a file", ["check", "staging"]),
    ("merchants of a run of 4,000 rows", ["merchants"]),
    ("latency of the gateway, ms", ["latency"]),
    ("orders in the ledger, 10,000 rows staged", ["ledger"]),
]
COLOURS = ["#1f5fa8", "#b8510d"]


def read():
    series = {}
    for line in open(SOURCE):
        cells = line.rstrip("\n").split("\t")
        if len(cells) == 3:
            series.setdefault(cells[0], []).append((int(cells[1]), float(cells[2])))
    return series


def short(number):
    for unit, sign in ((1_000_000, "M"), (1_000, "k")):
        if number >= unit:
            return f"{number / unit:g}{sign}"
    return f"{number:g}"


def panel(left, top, title, names, series):
    points = [point for name in names for point in series[name]]
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    most = max(y for _, y in points) * 1.15
    inner, tall = WIDTH - MARGIN - 16, HEIGHT - 2 * 38

    def place(x, y):
        across = (math.log(x) - math.log(low)) / (math.log(high) - math.log(low))
        return left + MARGIN + across * inner, top + 38 + (1 - y / most) * tall

    floor = top + 38 + tall
    out = [f'<text x="{left + MARGIN}" y="{top + 22}" font-weight="bold">{title}</text>']
    out.append(f'<path d="M{left + MARGIN} {top + 38} V{floor} H{left + MARGIN + inner}" fill="none" stroke="#888"/>')
    for share in (0.5, 1.0):
        value = most / 1.15 * share
        _, y = place(low, value)
        out.append(f'<path d="M{left + MARGIN} {y:.1f} h{inner}" stroke="#ddd"/>')
        out.append(f'<text x="{left + MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    for x in sorted({x for x, _ in points}):
        across, _ = place(x, 0)
        out.append(f'<text x="{across:.1f}" y="{floor + 16}" text-anchor="middle">{short(x)}</text>')
    for name, colour in zip(names, COLOURS):
        places = [place(x, y) for x, y in series[name]]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        if len(names) > 1:
            x, y = places[-1]
            out.append(f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="end" fill="{colour}">{name}</text>')
    return out


def main():
    series = read()
    width, height = 2 * WIDTH + 10, 2 * HEIGHT + 24
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{width / 2}" y="16" text-anchor="middle">microseconds of processor time a row (sizes in powers)</text>',
    ]
    for n, (title, names) in enumerate(PANELS):
        out += panel(n % 2 * WIDTH, 16 + n // 2 * HEIGHT, title, names, series)
    out.append("</svg>")
    open(PICTURE, "w").write("\n".join(out) + "\n")


main()
