# SPDX-License-Identifier: EUPL-1.2
"""What of the fleet was asked for: searched, filtered, sorted, one page of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from lakzegel_server.fleet.model import Condition, DeviceHealth, Fleet
from lakzegel_server.pages.conditions import LISTED, ORDER, since

PAGE: Final = 50  # devices
MAX_TEXT: Final = 128  # characters of anything that is asked for
MAX_PAGE: Final = 10_000
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
Key = Callable[[DeviceHealth], Any]


def _worst(device: DeviceHealth) -> tuple[int, datetime]:
    return ORDER[device.condition], since(device) or _NEVER


def _sealed(device: DeviceHealth) -> datetime:
    return device.newest.at if device.newest else _BEGINNING


def version_key(version: str | None) -> tuple[int, ...]:
    """Something that versions can be compared by; what is no number counts as 0."""
    parts = (version or "").split(".")
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in parts)


def _number(asked: str) -> int:
    """A page's number; the first where there is no such page."""
    if not (asked.isascii() and asked.isdigit() and len(asked) <= len(str(MAX_PAGE))):
        return 1
    return min(max(int(asked), 1), MAX_PAGE)


SORTS: Final[dict[str, Key]] = {
    "worst": _worst,
    "device": lambda device: device.device,
    "sealed": _sealed,
    "version": lambda device: version_key(device.version),
    "spool": lambda device: -device.spool_bytes,
}


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked for; what nobody can ask for counts as not asked."""

    search: str = ""
    condition: str = ""
    group: str = ""
    problem: str = ""
    sort: str = "worst"
    page: int = 1

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Query:
        """The query of an address."""
        taken = {
            name: asked.get(name, "").strip()[:MAX_TEXT]
            for name in ("search", "condition", "group", "problem", "sort")
        }
        page = _number(asked.get("page", ""))
        if taken["condition"] not in set(Condition):
            taken["condition"] = ""
        if taken["sort"].removeprefix("-") not in SORTS:
            taken["sort"] = "worst"
        return cls(**taken, page=page)

    def address(self, path: str = "/", **changes: str | int) -> str:
        """Where the same is shown with something changed; from its first page on."""
        other = replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]
        fresh = Query()
        said = {
            name: value
            for name in ("search", "condition", "group", "problem", "sort", "page")
            if (value := getattr(other, name)) != getattr(fresh, name)
        }
        return f"{path}?{urlencode(said)}" if said else path

    @property
    def filtered(self) -> bool:
        """Whether it asks for less than all."""
        return bool(self.search or self.condition or self.group or self.problem)

    def takes(self, device: DeviceHealth) -> bool:
        """Whether a device is asked for."""
        wanted = self.search.casefold()
        return (
            (not wanted or wanted in device.device or wanted in (device.group or ""))
            and self.condition in {"", device.condition}
            and (not self.group or device.group == self.group)
            and (not self.problem or any(one.code == self.problem for one in device.troubles))
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the fleet is shown."""

    rows: tuple[DeviceHealth, ...]
    found: int  # devices, on all pages
    pages: int
    page: int
    counts: Mapping[Condition, int]  # of the whole fleet
    groups: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def first(self) -> int:
        """Which of those that were found the page begins with, from 1."""
        return (self.page - 1) * PAGE + 1 if self.found else 0

    @property
    def last(self) -> int:
        """Which it ends with."""
        return min(self.page * PAGE, self.found)


def chosen(fleet: Fleet, query: Query) -> list[DeviceHealth]:
    """Every device that is asked for, in order."""
    found = [device for device in fleet.devices if query.takes(device)]
    name = query.sort.removeprefix("-")
    found.sort(key=lambda device: device.device)
    found.sort(key=SORTS[name], reverse=query.sort.startswith("-"))
    return found


def select(fleet: Fleet, query: Query) -> Selection:
    """One page of what is asked for, and what can be asked for."""
    found = chosen(fleet, query)
    pages = max(1, -(-len(found) // PAGE))
    page = min(query.page, pages)
    counts = Counter(device.condition for device in fleet.devices)
    codes = {one.code for device in fleet.devices for one in device.troubles}
    return Selection(
        rows=tuple(found[(page - 1) * PAGE : page * PAGE]),
        found=len(found),
        pages=pages,
        page=page,
        counts={condition: counts[condition] for condition in LISTED},
        groups=tuple(sorted({device.group for device in fleet.devices if device.group})),
        problems=tuple(sorted(codes)),
    )
