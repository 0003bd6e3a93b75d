# SPDX-License-Identifier: EUPL-1.2
"""The collection over its index: what every other part of the office asks (`model.Collection`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from lakzegel_office.collection import bodies, leaving, reaching, searching
from lakzegel_office.collection.bodies import Opened
from lakzegel_office.collection.database import Connection, DatabaseError, told
from lakzegel_office.collection.leaving import Gone, Part
from lakzegel_office.collection.model import (
    Body,
    Collection,
    Containing,
    Conversation,
    Place,
    Query,
    Unit,
    UnitKind,
)
from lakzegel_office.collection.parsers.zips import Whole
from lakzegel_office.collection.rows import UNIT, conversation_of, unit_of
from lakzegel_office.errors import DoubtError, GoneError, UsageError
from lakzegel_office.names import ItemId


class IndexedCollection(Collection):
    """Answers from one index, and opens units from the mirror."""

    def __init__(self, path: Path, db: Connection, opened: Opened) -> None:
        """Keep the index, and what opens items."""
        self.db = db
        self._path = path
        self._opened = opened

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end."""
        return self

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        self.close()
        if isinstance(error, DatabaseError):
            raise told(error, self._path) from error

    def close(self) -> None:
        """Close the index and what is open of the mirror."""
        self.db.close()
        self._opened.close()

    def units(self, query: Query) -> Iterator[Unit]:
        """Yield units, oldest first, those without a time last; ties by id."""
        for row in searching.rows(self.db, query, UNIT):
            yield unit_of(self.db, row)

    def count(self, query: Query) -> int:
        """Return how many `units` would yield, whatever the limit."""
        return searching.count(self.db, query)

    def unit(self, unit: str) -> Unit:
        """Return one unit.

        Raises:
            UsageError: there is none.
        """
        statement = f"SELECT {UNIT} FROM unit u WHERE u.name = ?"  # noqa: S608  # columns of ours
        row = self.db.execute(statement, (unit,)).fetchone()
        if row is None:
            raise UsageError(f"{unit}: no such unit; see: lakzegel-office search")
        return unit_of(self.db, row)

    def conversations(self, query: Query) -> Iterator[Conversation]:
        """Yield the conversations that have such a unit, newest first."""
        for row in searching.conversations(self.db, query):
            yield conversation_of(self.db, row)

    def conversation(self, conversation: str) -> Conversation:
        """Return one conversation.

        Raises:
            UsageError: there is none.
        """
        return conversation_of(self.db, self._conversation(conversation))

    def maybe_same(self, conversation: str) -> tuple[str, ...]:
        """Return conversations that are probably this one, and are not merged with it."""
        return searching.maybe_same(self.db, self._conversation(conversation))

    def places(self, unit: str) -> tuple[Place, ...]:
        """Return where its bytes lie, the newest reading last."""
        return tuple(bodies.places(self.db, self._row(unit)))

    def body(self, unit: str) -> Body:
        """Open a unit and return it as it can be shown.

        Raises:
            DoubtError: its bytes are not as sealed.
            GoneError: it was destroyed; the certificate's number.
        """
        return bodies.body(self.db, self._opened, self.unit(unit), self._row(unit))

    def raw(self, unit: str) -> bytes:
        """Open a unit and return its bytes as they were captured.

        Raises:
            DoubtError: its bytes are not as sealed.
            GoneError: it was destroyed; the certificate's number.
        """
        return bodies.raw(self.db, self._opened, self._row(unit))

    def attachment(self, unit: str, number: int) -> bytes:
        """Open one attachment and return its decoded bytes.

        Raises:
            UsageError: there is none, or its file was not captured.
            DoubtError: its bytes are not as sealed.
            GoneError: it was destroyed; the certificate's number.
        """
        return bodies.attachment(self.db, self._opened, self.unit(unit), self._row(unit), number)

    def attachments(self, unit: str, numbers: Sequence[int]) -> dict[int, bytes]:
        """Open a mail once and return these of its attachments, of any other unit one by one.

        Raises:
            DoubtError: its bytes are not as sealed.
            GoneError: it was destroyed; the certificate's number.
        """
        if self.unit(unit).kind is UnitKind.MAIL:
            return bodies.mail_attachments(self.db, self._opened, self._row(unit), numbers)
        found = {}
        for number in numbers:
            with suppress(UsageError):
                found[number] = self.attachment(unit, number)
        return found

    def containing(self, units: Sequence[str]) -> Containing:
        """Return everything that holds or names these units."""
        found = reaching.containing(self.db, [self._row(unit) for unit in units])
        shown = {file for unit in units for file in self._media(unit)}
        return replace(found, media=tuple(sorted(shown - set(units))))

    def beside(self, units: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the `neighbours` and `alike` of these units, as `containing` does."""
        return reaching.beside(self.db, [self._row(unit) for unit in units])

    def _media(self, unit: str) -> Iterator[str]:
        """Yield the captured files that a message shows; none where it cannot be opened."""
        found = self.unit(unit)
        if not found.attachments or found.kind in {UnitKind.MAIL, UnitKind.FILE}:
            return
        try:
            attachments = self.body(unit).attachments
        except (DoubtError, GoneError):
            return
        yield from (part.unit for part in attachments if part.unit is not None)

    def reading(self, unit: str) -> tuple[Part, ...]:
        """Return the stretches that `raw` returns, one after the other."""
        return tuple(bodies.reading(self.db, self._row(unit)))

    def unpacked(self, member: Sequence[ItemId]) -> Whole:
        """Open the segments of a member of an archive and return all that is in it.

        Raises:
            DoubtError: its bytes are not as sealed.
            GoneError: it was destroyed; the certificate's number.
        """
        return self._opened.members.of(member)

    def sealed(self, item: ItemId) -> bytes:
        """Open a segment and return all of its bytes, whoever's units they are.

        Raises:
            DoubtError: its bytes are not as sealed.
            GoneError: it was destroyed; the certificate's number.
        """
        return self._opened.fetch(item)

    def custodies(self) -> tuple[str, ...]:
        """Return every custody that something is of, destroyed or not."""
        return leaving.custodies(self.db)

    def gone(self, custodies: Sequence[str] = ()) -> Iterator[Gone]:
        """Yield what was destroyed in some custodies, or in all, by id."""
        return leaving.gone(self.db, custodies)

    def _row(self, unit: str) -> int:
        row: tuple[Any, ...] | None = self.db.execute(
            "SELECT id FROM unit WHERE name = ?", (unit,)
        ).fetchone()
        if row is None:
            raise UsageError(f"{unit}: no such unit; see: lakzegel-office search")
        return int(row[0])

    def _conversation(self, conversation: str) -> int:
        row = self.db.execute(
            "SELECT id FROM conversation WHERE name = ?", (conversation,)
        ).fetchone()
        if row is None:
            raise UsageError(f"{conversation}: no such conversation; see: list --conversations")
        return int(row[0])
