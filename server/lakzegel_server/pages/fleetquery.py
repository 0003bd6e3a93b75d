# SPDX-License-Identifier: EUPL-1.2
"""What of the fleet is asked for: searched, filtered, sorted, one page of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from lakzegel_server.fleet.model import Condition, DeviceHealth

PAGE: Final = 50  # devices
MAX_TEXT: Final = 128  # characters of anything that is asked for
MAX_PAGE: Final = 10_000


def _number(asked: str) -> int:
    """A page's number; the first where there is no such page."""
    if not (asked.isascii() and asked.isdigit() and len(asked) <= len(str(MAX_PAGE))):
        return 1
    return min(max(int(asked), 1), MAX_PAGE)


SORTS: Final = ("worst", "device", "sealed", "version", "spool")


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
