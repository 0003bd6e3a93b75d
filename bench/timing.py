# SPDX-License-Identifier: EUPL-1.2
"""How long one page takes: of processor and clock, by question, and whether the aim is met."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.questions import ASKED, Asking
from lakzegel_office.collection.model import Query

_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Time:
    """One page, in milliseconds."""

    kind: str  # of the question
    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class Page:
    """Every time that a page was asked for."""

    name: str
    times: Sequence[Time]
    is_bound: bool = True  # whether the aim is meant for it

    def cpu(self, share: float) -> float:
        """Return the time that this share of all took at most."""
        return _at([one.cpu for one in self.times], share)

    def wall(self, share: float) -> float:
        """Return likewise of the clock."""
        return _at([one.wall for one in self.times], share)

    @property
    def worst(self) -> Time:
        """The one that took longest."""
        return max(self.times, key=lambda one: one.cpu)

    def told(self) -> dict[str, object]:
        """Return it for a program."""
        return {
            "page": self.name,
            "asked": len(self.times),
            "cpu_ms": {"50": self.cpu(0.5), "99": self.cpu(0.99), "most": self.worst.cpu},
            "wall_ms": {"50": self.wall(0.5), "99": self.wall(0.99)},
            "worst": self.worst.kind,
        }


def time_page(
    name: str,
    asking: Asking,
    ask: Callable[[Query], object],
    times: int,
    *,
    once: bool = False,
    is_bound: bool = True,
) -> Page:
    """Return how long a page took, `times` with each kind of question; `once` with none."""
    found = []
    for kind, question in [("", Query)] if once else ASKED.items():
        for _ in range(times):
            query = Query() if once else question(asking)
            cpu, wall = time.thread_time(), time.perf_counter()
            ask(query)
            found.append(
                Time(
                    kind,
                    _MS * (time.thread_time() - cpu),
                    _MS * (time.perf_counter() - wall),
                )
            )
    return Page(name, found, is_bound=is_bound)


def print_pages(pages: Iterable[Page], aim: float) -> None:
    """Print one line a page."""
    heads = f"{'asked':>7}{'median':>8}{'99 %':>8}{'most':>8}{'clock 99 %':>12}{'aim':>7}"
    print(f"{'':30}{heads}")
    for page in pages:
        times = f"{page.cpu(0.5):8.1f}{page.cpu(0.99):8.1f}{page.worst.cpu:8.1f}"
        met = "met" if page.cpu(0.99) <= aim else "not met"
        aims = f"{aim:7.0f}  {met:8}" if page.is_bound else f"{'':17}"
        line = f"{page.name:30}{len(page.times):7}{times}{page.wall(0.99):12.1f}{aims}"
        print(f"{line} {page.worst.kind}".rstrip())


def _at(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
