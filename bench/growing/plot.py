# SPDX-License-Identifier: EUPL-1.2
"""A plot of figures against the length of a log: logarithms both ways, as SVG of our own."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

WIDTH: Final = 760
HEIGHT: Final = 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 40, 50
_COLOURS: Final = ("#154273", "#b4430c", "#2a7d3f", "#7b2d8b", "#5b5b5b", "#a3003c", "#00717a")
Point = tuple[float, float]


def plot(title: str, unit: str, lines: Mapping[str, Sequence[Point]]) -> str:
    """The plot: entries of the log to the right, a time or a number upwards."""
    points = [point for line in lines.values() for point in line]
    x0, x1 = _decades(x for x, _ in points)
    y0, y1 = _decades(y for _, y in points)
    frame = _Frame(x0, x1, y0, y1)
    drawn = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    said = f'role="img" aria-label="{escape(title)}"'
    parts = [
        "<!-- SPDX-License-Identifier: EUPL-1.2 -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" {drawn} {said}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="14">{escape(title)}</text>',
        *frame.grid(unit),
    ]
    names = sorted(lines, key=lambda name: -lines[name][-1][1])
    low = float(_TOP)
    for number, name in enumerate(names):
        colour = _COLOURS[number % len(_COLOURS)]
        spots = [frame.place(point) for point in lines[name]]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in spots]
        low = max(low + 15, spots[-1][1] + 4)
        text = f'<text x="{WIDTH - _RIGHT + 8}" y="{low:.1f}" fill="{colour}">{escape(name)}</text>'
        parts.append(text)
    return "\n".join([*parts, "</svg>", ""])


class _Frame:
    """Where a point lies between whole powers of ten."""

    def __init__(self, x0: int, x1: int, y0: int, y1: int) -> None:
        self._x, self._y = (x0, x1), (y0, y1)

    def place(self, point: Point) -> Point:
        """Its place on the page."""
        across = (math.log10(point[0]) - self._x[0]) / (self._x[1] - self._x[0])
        up = (math.log10(point[1]) - self._y[0]) / (self._y[1] - self._y[0])
        return (
            _LEFT + across * (WIDTH - _LEFT - _RIGHT),
            HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM),
        )

    def grid(self, unit: str) -> list[str]:
        """Lines and numbers at each power of ten."""
        parts = []
        for power in range(self._x[0], self._x[1] + 1):
            x, _ = self.place((10.0**power, 10.0 ** self._y[0]))
            parts.append(_line(x, _TOP, x, HEIGHT - _BOTTOM))
            text = f'<text x="{x:.1f}" y="{HEIGHT - 30}" text-anchor="middle">{10**power:,}</text>'
            parts.append(text)
        for power in range(self._y[0], self._y[1] + 1):
            _, y = self.place((10.0 ** self._x[0], 10.0**power))
            parts.append(_line(_LEFT, y, WIDTH - _RIGHT, y))
            label = f"{10.0**power:g} {unit}"
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
        middle = (_LEFT + WIDTH - _RIGHT) / 2
        place = f'x="{middle}" y="{HEIGHT - 10}" text-anchor="middle"'
        return [*parts, f"<text {place}>entries of the log</text>"]


def _decades(values: object) -> tuple[int, int]:
    found = [math.log10(value) for value in values]  # type: ignore[attr-defined]
    low, high = math.floor(min(found)), math.ceil(max(found))
    return low, max(high, low + 1)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="#ddd"/>'
