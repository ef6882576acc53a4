#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws a recorded failover: packets per millisecond over both uplinks, Sallyport beside the bond.

    docs/failover/plot.py RECORD.json PICTURE.svg

RECORD.json is what `dts/bench/failover_bench.py --out` has written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

_WIDTH, _HEIGHT = 860, 150
_LEFT, _TOP, _GAP = 60, 56, 66
_OLD, _NEW = "#c2410c", "#1d4ed8"
_ROWS = (("one", "Sallyport"), ("bond10", "Linux's bond, miimon 10"),
         ("bond100", "Linux's bond, miimon 100"))


def text(x: float, y: float, words: str, **attributes: str) -> str:
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:g}" y="{y:g}"{more}>{words}</text>'


def bars(counts: list[int], x_step: float, y_of, colour: str) -> str:
    """A step for each millisecond that has packets, as one path."""
    parts = []
    for index, count in enumerate(counts):
        if count:
            left = _LEFT + index * x_step
            parts.append(f"M{left:.1f} {y_of(0):.1f}V{y_of(count):.1f}H{left + x_step:.1f}"
                         f"V{y_of(0):.1f}Z")
    return f'<path d="{"".join(parts)}" fill="{colour}" fill-opacity="0.85"/>'


def panel(top: float, title: str, part: dict, most: int) -> list[str]:
    shown = part["picture"]
    old, new, first = shown["old"], shown["new"], shown["from_ms"]
    x_step = _WIDTH / len(old)

    def y_of(count: float) -> float:
        return top + _HEIGHT - _HEIGHT * min(count, most) / most

    silence = part["summary"]["silence_us"]
    lines = [text(_LEFT, top - 8, f"{title}: silent for {silence['median'] / 1000:.2f} ms "
                  f"(median of {silence['count']}; 99th percentile {silence['p99'] / 1000:.2f} ms)",
                  font_weight="bold")]
    for count in range(0, most + 1, 10):
        lines.append(f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y_of(count):g}" '
                     f'y2="{y_of(count):g}" stroke="#ddd"/>')
        lines.append(text(_LEFT - 8, y_of(count) + 4, str(count), text_anchor="end"))
    lines += [bars(old, x_step, y_of, _OLD), bars(new, x_step, y_of, _NEW)]
    for milliseconds in range(first, first + len(old) + 1, 20):
        x = _LEFT + (milliseconds - first) * x_step
        lines.append(f'<line x1="{x:g}" x2="{x:g}" y1="{top + _HEIGHT}" y2="{top + _HEIGHT + 4}" '
                     'stroke="#555"/>')
        lines.append(text(x, top + _HEIGHT + 17, str(milliseconds), text_anchor="middle"))
    return lines


def draw(record: dict) -> str:
    rows = [(title, record[key]) for key, title in _ROWS if key in record]
    assert rows, "the record has no failovers"
    most = 2 * record["rate"] // 1000
    height = _TOP + len(rows) * (_HEIGHT + _GAP)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 30} {height}" '
             'font-family="sans-serif" font-size="12" fill="#222">',
             f'<rect width="{_LEFT + _WIDTH + 30}" height="{height}" fill="white"/>',
             text(_LEFT, 20, f"Packets per millisecond by both cables through one failover, "
                  f"{record['rate']:,} a second are sent; 0 is the last packet by the old cable"),
             f'<rect x="{_LEFT + 620}" y="26" width="11" height="11" fill="{_OLD}"/>',
             text(_LEFT + 636, 36, "old cable"),
             f'<rect x="{_LEFT + 720}" y="26" width="11" height="11" fill="{_NEW}"/>',
             text(_LEFT + 736, 36, "new cable")]
    for index, (title, part) in enumerate(rows):
        lines += panel(_TOP + 16 + index * (_HEIGHT + _GAP), title, part, most)
    lines.append(text(_LEFT + _WIDTH, height - 10, "milliseconds", text_anchor="end"))
    return "\n".join([*lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Path(sys.argv[2]).write_text(draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))),
                                 encoding="utf-8")
