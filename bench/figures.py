# SPDX-License-Identifier: EUPL-1.2
"""Each figure that there is an aim for, beside restic's where it has one, and whether it is met."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict

OURS: Final = "lakzegel, receiver included"
STANDARD: Final = "restic backup"
MIB: Final = 2**20 / 10**6  # in MB
AIMS: Final = {"rescan": 0.15, "append": 1 / 50}  # ratios to restic
TEXTS: Final = {
    "rescan": "nothing new, CPU s",
    "append": "one mail appended to the mbox, CPU s",
}
CHECKED: Final = "the next look at everything, which reads it, CPU s"
FIRST: Final = 0.7  # ratio of wall times
LATENCY: Final = 0.5  # seconds over the settle time
PERCENT: Final = 0.1  # of one core
RESIDENT: Final = 60 * MIB


class Figure(TypedDict):
    """One line: what was measured, of whom, and the aim; `ratio` where the aim is one."""

    what: str
    ours: float
    restic: float | None
    ratio: float | None
    aim: float | None
    met: bool | None


def first_figure(rows: Mapping[str, Mapping[str, Any]]) -> list[Figure]:
    """Return the first capture's ratio, where both were measured."""
    if OURS not in rows or STANDARD not in rows:
        return []
    return [_ratio("first capture, wall s", rows[OURS]["wall"], rows[STANDARD]["wall"], FIRST)]


def life_figures(ours: Mapping[str, float], theirs: Mapping[str, float]) -> list[Figure]:
    """Return the figures of a resident agent, as far as they were measured."""
    found = [
        _ratio(TEXTS[name], ours[name], theirs[name], aim)
        for name, aim in AIMS.items()
        if name in ours and name in theirs
    ]
    if not ours:
        return found
    return [
        *found,
        Figure(what=CHECKED, ours=ours["checked"], restic=None, ratio=None, aim=None, met=None),
        _plain(
            "written to verified receipt, s, settle 0, the slowest", ours["latency most"], LATENCY
        ),
        _plain("at rest, % of one core", ours["percent"], PERCENT),
        _plain("at rest, MB resident", ours["resident"], RESIDENT),
    ]


def print_figures(figures: Iterable[Figure]) -> None:
    """Print one line a figure."""
    lines = list(figures)
    if not lines:
        return
    print(f"\n{'':54}{'ours':>8}{'restic':>8}{'ratio':>8}{'aim':>8}")
    for one in lines:
        restic = "-" if one["restic"] is None else f"{one['restic']:.2f}"
        ratio = "-" if one["ratio"] is None else f"{one['ratio']:.3f}"
        line = f"{one['what']:54}{one['ours']:>8.3f}{restic:>8}{ratio:>8}"
        met = "met" if one["met"] else "not met"
        print(line if one["aim"] is None else f"{line}{one['aim']:>8.2f}  {met}")


def _ratio(what: str, ours: float, restic: float, aim: float) -> Figure:
    ratio = ours / restic
    return Figure(what=what, ours=ours, restic=restic, ratio=ratio, aim=aim, met=ratio <= aim)


def _plain(what: str, ours: float, aim: float) -> Figure:
    return Figure(what=what, ours=ours, restic=None, ratio=None, aim=aim, met=ours <= aim)
