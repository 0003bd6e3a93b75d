# SPDX-License-Identifier: EUPL-1.2
"""What a policy agrees on about that which a device does not capture, or not now.

    [[elsewhere]]                # an app that is archived somewhere else
    app = "teams"
    attested_by = "functional-management"
    until = 2027-06-30
    why = "archived on the server"

    [[absence]]                  # a source that will be silent, as planned
    source = "s2"
    from = 2026-12-24
    until = 2027-01-02

    [mail]
    domains = ["minxyz.example"]

docs/spec/policy.md §8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from lakzegel_core import fields
from lakzegel_core.errors import PolicyError
from lakzegel_core.tables import Table

MAX_WHY: Final = 200  # characters
MAX_DOMAIN: Final = 253  # characters, as DNS has it
_DOMAIN: Final = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?){1,126}"
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An app that is covered by other means, as a function attests, until a moment."""

    app: str  # a name of the agent's table of apps
    attested_by: str  # a function, not a person
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Absence:
    """A source that will be silent, as was planned."""

    source: str
    begin: datetime
    until: datetime


def parse_elsewhere(tables: Sequence[Table]) -> tuple[Elsewhere, ...]:
    """The attestations of a policy, at most one an app.

    Raises:
        PolicyError: names the key and what is wrong with it.
    """
    found = tuple(_elsewhere(table) for table in tables)
    if len({one.app for one in found}) != len(found):
        raise PolicyError("policy: elsewhere: one app is named twice")
    return found


def parse_absences(tables: Sequence[Table], sources: Sequence[str]) -> tuple[Absence, ...]:
    """The absences of a policy with these sources; those of one source do not overlap.

    Raises:
        PolicyError: names the key and what is wrong with it.
    """
    found = tuple(_absence(table) for table in tables)
    for one in found:
        if one.source not in sources:
            raise PolicyError(f"policy: absence of {one.source!r}, which is no source")
    in_order = sorted(found, key=lambda one: (one.source, one.begin))
    for one, other in pairwise(in_order):
        if one.source == other.source and other.begin < one.until:
            raise PolicyError(f"policy: two absences of {one.source!r} overlap")
    return found


def parse_domains(table: Table) -> tuple[str, ...]:
    """The agreed mail domains of a ``[mail]`` table, each once.

    Raises:
        PolicyError: names the key and what is wrong with it.
    """
    domains = table.strings("domains")
    table.done()
    what = table.name("domains")
    for name in domains:
        if len(name) > MAX_DOMAIN or not _DOMAIN.fullmatch(name):
            raise PolicyError(f"{what}: {name!r} is not a domain in lower-case ASCII")
    if len(set(domains)) != len(domains):
        raise PolicyError(f"{what}: one is named twice")
    return domains


def _elsewhere(table: Table) -> Elsewhere:
    found = Elsewhere(
        app=table.parsed("app", fields.slug),
        attested_by=table.parsed("attested_by", fields.slug),
        until=table.time("until"),
        why=table.parsed("why", _why),
    )
    table.done()
    return found


def _absence(table: Table) -> Absence:
    found = Absence(table.take("source", str), table.time("from"), table.time("until"))
    table.done()
    if not found.begin < found.until:
        raise PolicyError(f"{table.name('from')} is not before until")
    return found


def _why(text: str, *, what: str) -> str:
    """A short text that all may read; an address in it would be somebody's."""
    if not 1 <= len(text) <= MAX_WHY or not text.isprintable() or not text.strip():
        raise PolicyError(f"{what}: not a text of 1 to {MAX_WHY} characters")
    if "@" in text:
        raise PolicyError(f"{what}: holds an address; say it without names")
    return text
