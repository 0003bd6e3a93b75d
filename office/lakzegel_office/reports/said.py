# SPDX-License-Identifier: EUPL-1.2
"""One pass over what a mirror's items say of themselves; what is not well formed says nothing.

Devices are believed as far as their statements go: a count that is no number counts nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from lakzegel_core.encoding import format_time, parse_time
from lakzegel_core.errors import FormatError
from lakzegel_office.catalog import Catalog
from lakzegel_office.coverage import Span
from lakzegel_office.index import IndexedItem
from lakzegel_office.reports.owning import Own

DEVICE: Final = "device"  # what a device says of itself
MAX_LABEL: Final = 80  # characters of a source's label that a page shows
Said = tuple[str, Mapping[str, Any]]  # when the batch was closed, and the payload


@dataclass(slots=True)
class Sealed:
    """What was sealed of one source."""

    kind: str = ""
    weeks: dict[date, list[int]] = field(default_factory=dict)  # versions, bytes


@dataclass(slots=True)
class DeviceSays:
    """What one device sealed: its observations with their sources, and what was captured."""

    said: list[tuple[str, Said]] = field(default_factory=list)
    sealed: defaultdict[str, Sealed] = field(default_factory=lambda: defaultdict(Sealed))
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def of_sources(self) -> bool:
        """Whether anything is of a source, and not of the device itself."""
        return bool(self.sealed) or any(source != DEVICE for source, _ in self.said)

    def of(self, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the source and the payload of each observation of a type."""
        for source, (_, payload) in self.said:
            if payload.get("type") == kind:
                yield source, payload


def listen(catalog: Catalog, own: Own) -> dict[str, DeviceSays]:
    """Return what each device sealed of what a report is about."""
    found = {device: DeviceSays() for device in own.devices}
    for record in catalog.headers():
        device = record.header.device
        if device not in found:
            continue
        closed = record.header.closed
        monday = closed.date() - timedelta(days=closed.weekday())
        for line in catalog.batch_items(record):
            if _is_told(own, device, line):
                _take(found[device], line, format_time(closed), monday)
    return found


def _is_told(own: Own, device: str, line: IndexedItem) -> bool:
    """Whether a report is about an item; of a host of somebody's phone its attestations are."""
    if line.source != DEVICE:
        return own.source(device, line.source)
    return own.whole(device) or (line.payload or {}).get("type") == "attestation"


def _take(says: DeviceSays, line: IndexedItem, closed: str, monday: date) -> None:
    if line.payload is None:
        return
    if line.kind == "observation":
        says.said.append((line.source, (closed, line.payload)))
        says.counts[plain(line.payload.get("type"))] += 1
    elif line.kind == "capture":
        sealed = says.sealed[line.source]
        sealed.kind = plain(line.context.get("reader") or sealed.kind)
        week = sealed.weeks.setdefault(monday, [0, 0])
        week[0] += 1
        week[1] += number(line.payload.get("size"))


def number(value: object) -> int:
    """Return a count that a device stated, 0 where it is none."""
    return value if type(value) is int and value >= 0 else 0


def counted(value: object) -> dict[str, int]:
    """Return counts by reason, those that are some."""
    rows = value.items() if isinstance(value, Mapping) else ()
    return {plain(name): number(count) for name, count in sorted(rows) if number(count)}


def plain(text: object) -> str:
    """Return a text that fits a line of a page."""
    return "".join(c if c.isprintable() else "?" for c in str(text or ""))[:MAX_LABEL]


def moment(text: object) -> str:
    """Return a moment that a device stated, nothing where it is none."""
    try:
        return format_time(parse_time(text, what="moment")) if isinstance(text, str) else ""
    except FormatError:
        return ""


def span(begin: object, end: object) -> Span | None:
    """Return a stretch that a device stated, None where it is none."""
    if not isinstance(begin, str) or not isinstance(end, str):
        return None
    try:
        found = parse_time(begin, what="from"), parse_time(end, what="until")
    except FormatError:
        return None
    return found if found[0] < found[1] else None
