# SPDX-License-Identifier: EUPL-1.2
"""Plots as SVG, coloured by classes alone: the page's style sheet, or the print's, says how.

Every state has a colour and a pattern, and every plot a title and a description; what it shows
stands in a table beside it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from markupsafe import Markup

from lakzegel_office.reports.days import LABELS, STATES, days_between
from lakzegel_office.reports.model import DeviceFacts, Risk, Scope, Week

WIDTH: Final = 1120
LEFT: Final = 230  # of labels
ROW: Final = 22
STRIP: Final = 92  # days side by side; a longer period is in several strips
MAX_LABEL: Final = 32  # characters that fit there
BAR: Final = 40

MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

Say = Callable[..., str]

PATTERNS: Final = Markup(
    '<defs><pattern id="p-asleep" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect class="b-asleep" width="6" height="6"/><circle class="i-asleep" cx="3" cy="3" r="1"/>'
    '</pattern><pattern id="p-away" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect class="b-away" width="6" height="6"/><circle class="i-away" cx="3" cy="3" r="1"/>'
    '</pattern><pattern id="p-gap" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect class="b-gap" width="6" height="6"/>'
    '<rect class="i-gap" width="2.5" height="6"/></pattern>'
    '<pattern id="p-none" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect class="b-none" width="6" height="6"/>'
    '<path class="i-none" d="M0 0L6 6M6 0L0 6"/></pattern></defs>'
)


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot: its SVG, and what an eye takes from it, in words."""

    svg: Markup
    title: str


def _plot(name: str, title: str, told: str, height: float, parts: Sequence[Markup]) -> Plot:
    head = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{0}-t {0}-d" '
        'viewBox="0 0 {1} {2:.0f}" width="{1}" height="{2:.0f}"><title id="{0}-t">{3}</title>'
        '<desc id="{0}-d">{4}</desc>'
    ).format(name, WIDTH, height, title, told)
    return Plot(head + Markup("").join(parts) + Markup("</svg>"), title)


def _text(x: float, y: float, text: object, kind: str = "t") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(kind, x, y, text)


def calendar(name: str, device: DeviceFacts, scope: Scope, say: Say) -> Plot:
    """Return how each day of a device and its sources was covered."""
    days = days_between(scope.first, scope.last)
    rows = [(say("the device"), device.days), *((s.label, s.days) for s in device.sources)]
    parts: list[Markup] = []
    top = 0.0
    for begin in range(0, len(days), STRIP):
        part = days[begin : begin + STRIP]
        wide = min(26.0, (WIDTH - LEFT) / len(part))
        parts += _months(part, wide, top, say)
        top += ROW
        for label, states in rows:
            parts.append(_text(0, top + 14, _short(label)))
            parts += _cells(states[begin : begin + STRIP], wide, top)
            top += ROW
        top += 10
    told = "; ".join(_told(label, states, say) for label, states in rows)
    title = say("Coverage of {device}, day by day", device=device.name)
    return _plot(name, title, told, top, parts)


def _months(days: Sequence[date], wide: float, top: float, say: Say) -> Iterator[Markup]:
    last = -1000.0
    for place, day in enumerate(days):
        x = LEFT + place * wide
        if (place == 0 or day.day == 1) and x - last > 60:  # noqa: PLR2004 - room for a name
            yield _text(x, top + 14, f"{say(MONTHS[day.month - 1])} {day.year}", "m")
            last = x
        if day.weekday() == 0:
            yield Markup('<path class="w" d="M{:.1f} {:.1f}v4"/>').format(x, top + 17)


def _cells(states: Sequence[str], wide: float, top: float) -> Iterator[Markup]:
    """Yield one path for all days of a state: thousands of days stay a small page."""
    for state in STATES:
        cells = "".join(
            f"M{LEFT + place * wide:.1f} {top:.1f}h{wide - 1:.1f}v{ROW - 4}h-{wide - 1:.1f}z"
            for place, one in enumerate(states)
            if one == state
        )
        if cells:
            yield Markup('<path class="d-{}" d="{}"/>').format(state, cells)


def _told(label: str, states: Sequence[str], say: Say) -> str:
    counts = [(state, sum(1 for one in states if one == state)) for state in STATES]
    said = ", ".join(f"{say(LABELS[state])}: {count}" for state, count in counts if count)
    return f"{label}: {said or say('nothing is known')}"


def risks(name: str, device: DeviceFacts, scope: Scope, say: Say) -> Plot | None:
    """Return when settings were at risk, a row for each guard that ever was; None: never."""
    rows = [guard for guard in device.guards if guard.risks]
    if not rows:
        return None
    parts = list(_months_axis(scope, len(rows) * ROW + ROW, say))
    for place, guard in enumerate(rows, 1):
        top = float(place * ROW)
        parts.append(_text(0, top + 14, _short(guard.name)))
        parts.append(Markup('<path class="l" d="M{} {:.1f}H{}"/>').format(LEFT, top + 9, WIDTH))
        parts += (_bar(one, scope, top) for one in guard.risks)
    told = "; ".join(_told_risks(guard.name, guard.risks, say) for guard in rows)
    title = say("Settings of {device} at risk", device=device.name)
    return _plot(name, title, told, (len(rows) + 1) * ROW + 6, [one for one in parts if one])


def _bar(one: Risk, scope: Scope, top: float) -> Markup:
    begin = _x(scope, one.begin) if one.begin else float(LEFT)
    end = _x(scope, one.end) if one.end else float(WIDTH)
    if end <= LEFT or begin >= WIDTH:
        return Markup("")
    begin, end = max(float(LEFT), begin), min(float(WIDTH), max(end, begin + 3))
    kind = "d-gap" if one.end else "d-none"
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="14"/>').format(
        kind, begin, top + 2, end - begin
    )


def _told_risks(name: str, found: Sequence[Risk], say: Say) -> str:
    spans = (
        f"{one.begin or say('before the first look')} to {one.end or say('now')}" for one in found
    )
    return f"{name}: {', '.join(spans)}"


def _x(scope: Scope, moment: str) -> float:
    begin = datetime.combine(scope.first, time(), UTC)
    whole = ((scope.last - scope.first).days + 1) * 86_400
    at = datetime.fromisoformat(moment)
    return LEFT + (at - begin).total_seconds() / whole * (WIDTH - LEFT)


def _months_axis(scope: Scope, height: float, say: Say) -> Iterator[Markup]:
    days = days_between(scope.first, scope.last)
    wide = (WIDTH - LEFT) / len(days)
    last = -1000.0
    for place, day in enumerate(days):
        x = LEFT + place * wide
        if place and day.day != 1:
            continue
        yield Markup('<path class="w" d="M{:.1f} 4V{:.0f}"/>').format(x, height)
        if x - last > 100:  # noqa: PLR2004 - room for a month and a year
            yield _text(x + 4, 14, f"{say(MONTHS[day.month - 1])} {day.year}", "m")
            last = x


def volumes(name: str, device: DeviceFacts, scope: Scope, say: Say) -> Plot | None:
    """Return how many versions were sealed each week, a row a source; None: none at all."""
    rows = [source for source in device.sources if source.weeks]
    if not rows:
        return None
    high = BAR + 16
    parts = list(_months_axis(scope, len(rows) * high + ROW, say))
    for place, source in enumerate(rows):
        top = float(ROW + place * high)
        most = max(week.versions for week in source.weeks)
        parts.append(_text(0, top + BAR - 14, _short(source.label)))
        parts.append(_text(0, top + BAR, say("at most {count} a week", count=most), "m"))
        parts.append(Markup('<path class="l" d="M{} {:.1f}H{}"/>').format(LEFT, top + BAR, WIDTH))
        parts += (_week(week, scope, most, top) for week in source.weeks)
    told = "; ".join(
        f"{source.label}: {sum(week.versions for week in source.weeks)}" for source in rows
    )
    title = say("What {device} sealed, by week", device=device.name)
    return _plot(name, title, told, len(rows) * high + ROW + 6, parts)


def _week(week: Week, scope: Scope, most: int, top: float) -> Markup:
    begin = _x(scope, week.monday.isoformat() + "T00:00:00+00:00")
    wide = 7 * (WIDTH - LEFT) / ((scope.last - scope.first).days + 1)
    left, right = max(float(LEFT), begin), min(float(WIDTH), begin + wide - 1)
    tall = max(2.0, BAR * week.versions / most)
    return Markup(
        '<rect class="d-whole" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
    ).format(left, top + BAR - tall, max(1.0, right - left), tall)


def _short(label: str) -> str:
    return label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1] + "…"
