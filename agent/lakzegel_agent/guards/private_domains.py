# SPDX-License-Identifier: EUPL-1.2
"""How much business mail goes to private addresses, and to whom it is forwarded by hand.

    new mails of the sources -> sent or received, private domains -> rows of 30 days -> readings

Heads only. docs/spec/settings-guarded.md
"""

from __future__ import annotations

import json
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, NamedTuple

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    NOT_UNDERSTOOD,
    TOO_MANY,
    Declaration,
    Guard,
    Notes,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
)
from lakzegel_agent.guards.of_addresses import domain_of
from lakzegel_agent.guards.of_mailheads import Head
from lakzegel_agent.guards.of_newmail import KINDS, Budget, Found, Progress, Walked, new_mail
from lakzegel_agent.guards.of_providers import is_private
from lakzegel_core.encoding import JsonValue

DAYS: Final = 30  # that are counted
MAX_MAILS: Final = 2_000  # that one look opens
MAX_ROWS: Final = 5_000  # that are remembered
MAX_BOXES: Final = 5_000  # mailboxes of which it is remembered how far they were read
MAX_ADDRESSES: Final = 1_000  # that are stated
FORWARDS: Final = 3  # to one private address within the days

RECEIVED: Final = "received-from-private"
SENT: Final = "sent-to-private"
BY_HAND: Final = "forwards-by-hand"
NOT_FINISHED: Final = "not-finished"
NO_DOMAINS: Final = "no-agreed-domains"
_BROKEN: Final = "not-understood"
_FILE: Final = struct.Struct(">8sI")  # name, day
_PART: Final = re.compile(r"[^\W\d_]{2,64}")


class Row(NamedTuple):
    """One thing that one mail is: ``what`` with a domain, forwards with the address."""

    id: str
    day: int
    what: str
    where: str


@dataclass(slots=True)
class _Memory:
    """What is known of the last days, as it is kept between looks."""

    progress: Progress = field(default_factory=Progress)
    rows: dict[Row, None] = field(default_factory=dict)
    more: bool = False

    @classmethod
    def of(cls, notes: Notes, first: int) -> _Memory:
        """Return what was kept, without what is older than the first day."""
        files = notes.get("files") or b""
        try:
            known = {name: day for name, day in _FILE.iter_unpack(files) if day >= first}
            rest = json.loads(notes.get("rest") or b"{}")
            rows = {Row(*row): None for row in rest.get("rows", []) if row[1] >= first}
            boxes = {key: (one[0], one[1], one[2], one[3]) for key, one in rest.get("boxes", [])}
        except (ValueError, TypeError, LookupError, AttributeError, struct.error):
            return cls()  # of another version: everything is found anew
        return cls(Progress(known, boxes), rows)

    def keep(self, notes: Notes) -> None:
        """Keep it."""
        files = sorted(self.progress.files.items())
        notes.put("files", b"".join(_FILE.pack(name, day) for name, day in files))
        boxes = list(self.progress.boxes.items())[-MAX_BOXES:]
        rest = {"rows": list(self.rows), "boxes": boxes}
        notes.put("rest", json.dumps(rest).encode())

    def add(self, row: Row) -> None:
        """Remember a row, once."""
        if len(self.rows) < MAX_ROWS:
            self.rows[row] = None
        else:
            self.more = self.more or row not in self.rows


@dataclass(frozen=True, slots=True)
class _Own:
    """Whose mail it is: agreed addresses where the policy has them, and agreed domains."""

    addresses: frozenset[str]
    domains: frozenset[str]
    names: frozenset[str]

    def wrote(self, senders: Iterable[str]) -> bool:
        """Whether one of these is an own address, or where none is agreed of an own domain."""
        if self.addresses:
            return not self.addresses.isdisjoint(senders)
        return any(domain_of(one) in self.domains for one in senders)


class PrivateDomains(ReportingGuard):
    """Counts mail from and to private domains, and tells who gets forwards again and again."""

    declaration: ClassVar[Declaration] = Declaration(
        "private-domains",
        (9, 10),
        EVERYWHERE,
        enforces=False,
        reasons=frozenset({RECEIVED, SENT, BY_HAND, NOT_FINISHED, NO_DOMAINS}),
        cannot="It counts by the head of a mail. It does not see mail in Outlook's data files, in "
        "a browser, or that was deleted before the look, and cannot tell why somebody writes.",
    )

    def look(self, surroundings: Surroundings) -> Iterator[Reading]:
        """Look at what is new, and yield what the last 30 days come to."""
        sources = [one for one in surroundings.sources if one.kind in KINDS]
        if not sources:
            return
        own = _own(surroundings)
        if not own.domains:
            yield Reading("mail", State.UNKNOWN, NO_DOMAINS)
            return
        since = surroundings.now - timedelta(days=DAYS)
        memory = _Memory.of(surroundings.notes, since.toordinal())
        budget = Budget(MAX_MAILS)
        walks: dict[str, Walked] = {}
        for source in sources:
            walked = walks[source.name] = Walked()
            for found in new_mail(source, surroundings, since, memory.progress, budget, walked):
                for row in _rows(found, source.name, own, surroundings.now):
                    if row.day >= since.toordinal():
                        memory.add(row)
        memory.keep(surroundings.notes)
        yield from _of_sources(walks, memory)
        yield from _counts(memory.rows, surroundings.now)
        yield from _forwards(memory.rows)


def _own(surroundings: Surroundings) -> _Own:
    named = [name for source in surroundings.policy.sources for name in source.accounts]
    addresses = frozenset(name.lower() for name in named if "@" in name)
    names = {name for one in addresses if (name := _name(one, parts=2))}
    return _Own(addresses, surroundings.domains, frozenset(names))


def _name(address: str, *, parts: int = 1) -> str:
    """Return the letters of whom an address is, empty where it has fewer parts than a name has."""
    found = _PART.findall(address.partition("@")[0].partition("+")[0].lower())
    return "".join(found) if len(found) >= parts else ""


def _rows(found: Found, source: str, own: _Own, now: datetime) -> Iterator[Row]:
    """Yield what one mail is."""
    head = found.head
    if head is None:
        yield Row(found.place, _day(found.moment, now), _BROKEN, source)
        return
    day = _day(head.moment or found.moment, now)
    if own.wrote(head.sender):
        for domain in sorted({domain_of(one) for one in head.to}):
            if is_private(domain) and domain not in own.domains:
                yield Row(head.id, day, SENT, domain)
    else:
        for domain in sorted({domain_of(one) for one in head.sender}):
            if is_private(domain) and domain not in own.domains:
                yield Row(head.id, day, RECEIVED, domain)
    for address in sorted(_forwarded_to(head, own)):
        yield Row(head.id, day, BY_HAND, address)


def _forwarded_to(head: Head, own: _Own) -> set[str]:
    """Return the private addresses that a mail was forwarded to, or that bear an own name."""
    found = set()
    if own.wrote(head.sender):
        found |= {one for one in head.to if head.forwarded or _name(one) in own.names}
    if own.wrote(head.resent_by):
        found |= set(head.resent_to)
    return {
        one
        for one in found
        if domain_of(one) not in own.domains
        and (is_private(domain_of(one)) or _name(one) in own.names)
    }


def _day(moment: datetime, now: datetime) -> int:
    return min(moment, now).astimezone(UTC).toordinal()


def _of_sources(walks: Mapping[str, Walked], memory: _Memory) -> Iterator[Reading]:
    """Yield how far it is with each source."""
    broken = Counter(row.where for row in memory.rows if row.what == _BROKEN)
    for name, walked in walks.items():
        subject = f"source {name}"
        if walked.why:
            yield Reading(subject, State.UNKNOWN, walked.why)
        elif walked.left:
            yield Reading(subject, State.UNKNOWN, NOT_FINISHED, {"left": walked.left})
        elif broken[name]:
            yield Reading(subject, State.UNKNOWN, NOT_UNDERSTOOD, {"count": broken[name]})
        else:
            yield Reading(subject, State.COMPLIANT)
    if memory.more:
        yield Reading("mail", State.UNKNOWN, TOO_MANY)


def _counts(rows: Iterable[Row], now: datetime) -> Iterator[Reading]:
    """Yield a count a domain and direction, up to yesterday: it changes once a day."""
    today = _day(now, now)
    counts = Counter(
        (row.what, row.where) for row in rows if row.what in {RECEIVED, SENT} and row.day < today
    )
    for (what, domain), count in sorted(counts.items()):
        value: JsonValue = {"count": count, "days": DAYS}
        yield Reading(f"{what} {domain}", State.COMPLIANT, what, value, count=count)


def _forwards(rows: Iterable[Row]) -> Iterator[Reading]:
    """Yield to whom mail was forwarded again and again, those who got most first.

    Of who got one or two nothing is stated: that is how people work together.
    """
    days: dict[str, list[int]] = {}
    for row in rows:
        if row.what == BY_HAND:
            days.setdefault(row.where, []).append(row.day)
    often = [(address, found) for address, found in days.items() if len(found) >= FORWARDS]
    often.sort(key=lambda one: (-len(one[1]), one[0]))
    for address, found in often[:MAX_ADDRESSES]:
        yield Reading(
            f"forwarded to {address}",
            State.DRIFTED,
            BY_HAND,
            {"count": len(found), "days": DAYS},
            since=_midnight(min(found)),
            count=len(found),
        )


def _midnight(day: int) -> datetime:
    return datetime.fromordinal(day).replace(tzinfo=UTC)


GUARD: Final[Guard] = PrivateDomains()
