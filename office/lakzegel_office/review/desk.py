# SPDX-License-Identifier: EUPL-1.2
"""What the page does with the office: lists, opens with a line in the audit trail, decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from lakzegel_office.audit import AuditTrail
from lakzegel_office.collection.indexed import IndexedCollection
from lakzegel_office.collection.model import Attachment, Body, Query, Unit
from lakzegel_office.collection.parsers.mailheads import microseconds
from lakzegel_office.errors import DoubtError, GoneError, OfficeError, UsageError
from lakzegel_office.review import hypertext
from lakzegel_office.review.book import Book
from lakzegel_office.review.listing import Listing, Order, Row, Thread, Wanted
from lakzegel_office.review.pictures import MAX_BYTES, picture_of, picture_type
from lakzegel_office.review.proposals import Proposals
from lakzegel_office.review.sessions import Session
from lakzegel_office.review.standing import Class
from lakzegel_office.review.window import Settings
from lakzegel_office.review.worklist import Progress, Worklist

Clock = Callable[[], datetime]
MAX_PICTURES: Final = 20  # attachments that are looked at for one page
MAX_LOOKED: Final = 64 << 20  # bytes of them
MAX_PIXELS: Final = 240_000_000  # of all pictures on one page; the others are downloads
MAX_SHOWN: Final = 200_000  # characters of a text on a page


class Reads(Protocol):
    """What a desk needs besides the collection's protocol."""

    def maybe_same(self, conversation: str) -> tuple[str, ...]:
        """Return conversations that are probably this one."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A unit that was opened, or why it could not be."""

    row: Row
    body: Body | None
    fault: OfficeError | None = None

    @property
    def gone(self) -> bool:
        """Whether it was destroyed."""
        return isinstance(self.fault, GoneError)


@dataclass(frozen=True, slots=True)
class Desk:
    """One office, opened for review."""

    collection: IndexedCollection
    book: Book
    worklist: Worklist
    listing: Listing
    proposals: Proposals
    settings: Settings
    trail: AuditTrail
    actor: str
    clock: Clock
    still_here: Callable[[], None]  # raises once who reviews does not work here any more

    @property
    def now(self) -> int:
        """The time, in microseconds."""
        return microseconds(self.clock())

    def refresh(self) -> None:
        """Take over what others decided meanwhile.

        Raises:
            UsageError: who reviews does not work here any more.
        """
        self.still_here()
        if changed := self.book.refresh():
            self.worklist.follow(changed)

    def progress(self) -> Mapping[str, Progress]:
        """Return how far each custody is."""
        return self.worklist.progress(self.clock())

    def units(self, wanted: Wanted, limit: int | None = None) -> list[Row]:
        """Return a page of units."""
        return self.listing.units(wanted, self.now, *(() if limit is None else (limit,)))

    def threads(self, wanted: Wanted) -> list[Thread]:
        """Return a page of conversations."""
        return self.listing.threads(wanted, self.now)

    def row(self, unit: str) -> Row:
        """Return one unit as a list has it.

        Raises:
            UsageError: there is none.
            GoneError: it was destroyed; by which list.
        """
        self._require_kept(unit)
        found = self.units(Wanted(Query(ids=[unit])), 1)
        if not found and (certificate := self.book.standing(unit).certificate):
            raise GoneError(f"{unit}: destroyed, by list {certificate}")  # before this review
        if not found:
            raise UsageError(f"{unit}: no such unit")
        return found[0]

    def next_after(self, wanted: Wanted, unit: str) -> str | None:
        """Return the unit that is next in a list, None at its end."""
        place = Wanted(wanted.query, wanted.state, wanted.order, unit)
        rows = self.units(place, 1)
        return rows[0].unit.id if rows else None

    def open(self, session: Session, rows: Iterable[Row]) -> list[Shown]:
        """Open units, each with its line in the audit trail before anything of it is shown."""
        wanted = list(rows)
        self._record(session, [row.unit.id for row in wanted])
        return [self._shown(row) for row in wanted]

    def attachment(self, session: Session, unit: str, number: int) -> tuple[Attachment, bytes]:
        """Return an attachment and its bytes; the audit trail has it first.

        Raises:
            UsageError: there is none.
        """
        self.row(unit)
        what = {"unit": unit, "attachment": str(number)}
        self.trail.record("open", what, now=self.clock(), reason=session.reason)
        found = next(
            (one for one in self.collection.body(unit).attachments if one.number == number), None
        )
        if found is None:
            raise UsageError(f"{unit}: no attachment {number}")
        return found, self.collection.attachment(unit, number)

    def raw(self, session: Session, unit: str) -> bytes:
        """Return a unit's bytes as they were captured; the audit trail has it first."""
        self.row(unit)
        what = {"unit": unit, "form": "raw"}
        self.trail.record("open", what, now=self.clock(), reason=session.reason)
        return self.collection.raw(unit)

    def picture(self, session: Session, unit: str, number: int) -> tuple[str, bytes]:
        """Return a picture's media type, by its own bytes, and those.

        Raises:
            UsageError: it is none that may be shown.
        """
        self._record(session, [self.row(unit).unit.id])
        data = self.collection.attachment(unit, number)
        kind = picture_type(data)
        if kind is None:
            raise UsageError(f"{unit}: attachment {number} is no picture that is shown here")
        return kind, data

    def pictures(self, shown: Shown) -> set[int]:
        """Return which attachments of an opened unit are pictures, by their own bytes."""
        if shown.body is None:
            return set()
        some = [one for one in shown.body.attachments[:MAX_PICTURES] if is_picture(one)]
        found, pixels = set(), 0
        for number, data in self._parts(shown.row.unit.id, some).items():
            picture = picture_of(data)
            if picture is not None and pixels + picture[1] <= MAX_PIXELS:
                pixels += picture[1]
                found.add(number)
        return found

    def named_pictures(self, body: Body) -> Mapping[str, bytes]:
        """Return the parts of a mail that its HTML names, as many as its text may show."""
        wanted = hypertext.named(body.html)
        some = [one for one in body.attachments if one.content_id in wanted]
        data = self._parts(body.unit.id, some[: hypertext.MAX_PICTURES], hypertext.MAX_EMBEDDED)
        return {one.content_id: data[one.number] for one in some if one.number in data}

    def _parts(
        self, unit: str, wanted: Sequence[Attachment], most: int = MAX_LOOKED
    ) -> dict[int, bytes]:
        """Return the bytes of attachments, as many as are not too large together."""
        numbers = []
        for one in wanted:
            if 0 <= one.size <= min(most, MAX_BYTES):
                most -= one.size
                numbers.append(one.number)
        try:
            return self.collection.attachments(unit, numbers) if numbers else {}
        except OfficeError:
            return {}

    def decide(self, units: Iterable[str], to: Class, reason: str) -> set[str]:
        """Decide of units; return those that it is about."""
        return self._follow(
            self.book.decide(
                self._known(units), to, actor=self.actor, reason=reason, now=self.clock()
            )
        )

    def dispute(self, units: Iterable[str], reason: str) -> set[str]:
        """Contest what units are; return those that it is about."""
        known = self._known(units)
        return self._follow(
            self.book.dispute(known, actor=self.actor, reason=reason, now=self.clock())
        )

    def undo(self, lines: Iterable[int]) -> set[str]:
        """Take lines back; return the units that they were about."""
        return self._follow(self.book.undo(lines, actor=self.actor, reason="", now=self.clock()))

    def of_conversation(self, conversation: str) -> list[str]:
        """Return the units of a conversation that one person may still decide on."""
        wanted = Wanted(Query(conversation=conversation), order=Order.OLDEST)
        ids = list(self.listing.ids(wanted, self.now))
        standings = ((unit, self.book.standing(unit)) for unit in ids)
        return [unit for unit, now in standings if not now.settled or now.certificate]

    def _known(self, units: Iterable[str]) -> list[str]:
        wanted = sorted(set(units))
        if unknown := self.worklist.unknown(wanted):
            raise UsageError(f"{unknown}: no such unit")
        for unit in wanted:
            self._require_kept(unit)
        self.book.anew(wanted, actor=self.actor, now=self.clock())
        return wanted

    def _follow(self, changed: set[str]) -> set[str]:
        self.worklist.follow(changed)
        return changed

    def _record(self, session: Session, units: Iterable[str]) -> None:
        """Write that units are opened, each once a session."""
        new = [unit for unit in dict.fromkeys(units) if unit not in session.seen]
        if new:
            rows = [{"unit": unit} for unit in new]
            self.trail.record_all("open", rows, now=self.clock(), reason=session.reason)
            session.seen.update(new)

    def _require_kept(self, unit: str) -> None:
        """Return when a unit was not destroyed: batches that are open here have its key still.

        Raises:
            GoneError: it was.
        """
        if unit in self.worklist.gone:
            certificate = self.book.standing(unit).certificate
            raise GoneError(f"{unit}: destroyed, by list {certificate}")

    def _shown(self, row: Row) -> Shown:
        try:
            self._require_kept(row.unit.id)
            return Shown(row, self.collection.body(row.unit.id))
        except (DoubtError, GoneError) as fault:
            return Shown(row, None, fault)


def utc() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def is_picture(attachment: Attachment) -> bool:
    """Whether it is worth asking for it as a picture; its bytes decide."""
    kinds = {"image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp"}
    return attachment.media_type in kinds and attachment.size <= MAX_BYTES


def name_of(unit: Unit) -> str:
    """Return what a unit is called: its subject, or how it begins."""
    return unit.subject or unit.snippet
