# SPDX-License-Identifier: EUPL-1.2
"""Which records of the trail an address asks for (docs/spec/dashboard.md §10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from urllib.parse import urlencode

from lakzegel_core.encoding import format_time
from lakzegel_core.errors import FormatError
from lakzegel_server.people.records import Action
from lakzegel_server.people.trailreading import END, Place, Wanted

MAX_TEXT: Final = 128  # characters of anything that is asked for
RESULTS: Final = ("ok", "refused")
_NAMES: Final = ("account", "action", "result", "from", "to", "before")


@dataclass(frozen=True, slots=True)
class TrailQuery:
    """What was asked for; what nobody can ask for counts as not asked."""

    account: str = ""
    action: str = ""
    result: str = ""
    since: str = ""  # the first day
    until: str = ""  # the last one
    before: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> TrailQuery:
        """The query of an address."""
        taken = [asked.get(name, "").strip()[:MAX_TEXT] for name in _NAMES]
        account, action, result, since, until, before = taken
        return cls(
            account,
            action if action in set(Action) else "",
            result if result in RESULTS else "",
            since if _day(since) else "",
            until if _day(until) else "",
            before if _place(before) else "",
        )

    def address(self, path: str = "/trail", **changes: str) -> str:
        """Where the same is shown with something changed; from the newest on."""
        other = replace(self, **{"before": "", **changes})
        said = {name: value for name, value in zip(_NAMES, astuple(other), strict=True) if value}
        return f"{path}?{urlencode(said)}" if said else path

    @property
    def filtered(self) -> bool:
        """Whether it asks for less than all."""
        return any((self.account, self.action, self.result, self.since, self.until))

    @property
    def place(self) -> Place:
        """Records from before this one."""
        return _place(self.before) or END

    def wanted(self, zone: tzinfo) -> Wanted:
        """The records that this asks for; days are those of a zone."""
        last = _day(self.until)
        return Wanted(
            self.account,
            self.action,
            self.result,
            _start(_day(self.since), zone),
            _start(last + timedelta(days=1) if last else None, zone),
        )


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.isoformat() == text and date.min < found < date.max else None


def _start(day: date | None, zone: tzinfo) -> str:
    """The first second of a day, as records tell times."""
    if day is None:
        return ""
    return format_time(datetime.combine(day, time(), zone).astimezone(UTC))


def _place(text: str) -> Place | None:
    try:
        return Place.parse(text)
    except FormatError:
        return None
