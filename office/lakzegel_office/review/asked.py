# SPDX-License-Identifier: EUPL-1.2
"""What a page's address asks for: which units, in which order, from where on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lakzegel_office.collection.model import Query
from lakzegel_office.collection.parsers.times import DUTCH
from lakzegel_office.errors import UsageError
from lakzegel_office.review.listing import SHOWN, Order, Wanted

FIELDS: Final = (
    *("q", "state", "custody", "device", "source", "app", "party", "label"),
    *("from", "to", "conversation", "order"),
)
_LOCAL: Final = re.compile(r"/(?!/)[A-Za-z0-9/_.~%=&?+:@,*-]*\Z")
_MAX_PATH: Final = 4_096


@dataclass(frozen=True, slots=True)
class Asked:
    """The fields of an address that say something, and what they mean."""

    fields: Mapping[str, str]
    wanted: Wanted

    @property
    def shown(self) -> dict[str, str]:
        """Every field, empty where it says nothing."""
        return {name: self.fields.get(name, "") for name in FIELDS}

    def with_(self, **more: str) -> dict[str, str]:
        """Return the fields and these; an empty one is left out."""
        return {name: value for name, value in {**self.fields, **more}.items() if value}


def asked(parameters: Mapping[str, str]) -> Asked:
    """Return what an address asks.

    Raises:
        UsageError: a field means nothing.
    """
    fields = {name: parameters[name].strip() for name in FIELDS if parameters.get(name, "").strip()}
    state, order = fields.get("state", ""), fields.get("order", Order.DUE)
    if state not in SHOWN or order not in list(Order):
        raise UsageError("state, order: not one of these")
    until = _day(fields.get("to"))
    query = Query(
        text=fields.get("q", ""),
        custodies=_one(fields.get("custody")),
        devices=_one(fields.get("device")),
        sources=_one(fields.get("source")),
        apps=_one(fields.get("app")),
        conversation=fields.get("conversation", ""),
        label=fields.get("label", ""),
        party=fields.get("party", ""),
        since=_day(fields.get("from")),
        until=until + timedelta(days=1) if until else None,
    )
    return Asked(fields, Wanted(query, state, Order(order), parameters.get("after", "")))


def safe_path(path: str) -> str:
    """Return a place on this page to go back to; the first page for any other."""
    return path if len(path) <= _MAX_PATH and _LOCAL.match(path) else "/"


def _one(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


def _day(value: str | None) -> datetime | None:
    """Return the begin of a day, by the clock that the page shows times on."""
    if not value:
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=DUTCH)
    except ValueError:
        raise UsageError("from, to: a day is YYYY-MM-DD") from None
