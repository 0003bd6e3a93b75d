# SPDX-License-Identifier: EUPL-1.2
"""What was destroyed leaves the index: docs/spec/collection.md §7.

A batch whose keyring is another than when it was indexed is looked at again. A unit of which no
reading is left whole keeps its name, its kind and its places, so that whoever asks for it is told
of the certificate; words, people, times and names of files go, and the file that held them is
written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.keyring import DESTROYED
from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.facets import forget_unused
from lakzegel_office.collection.rowlists import MISSING, ordered
from lakzegel_office.headers import HeaderRecord

_SCRUB: Final = (
    "UPDATE unit SET gone = 1, undated = 1, at = 0, at_text = '', sender = NULL, subject = '',"
    " snippet = '', labels = '', likeness = NULL, leaf = '', size = 0, attachments = 0,"
    " first_seen = NULL, facet = NULL, crowd = NULL WHERE id = ?"
)
_CONFIRMS: Final = "UPDATE segment SET sha256 = '' WHERE batch = ? AND item = ?"  # a guess of it
_EMPTY: Final = (
    "SELECT id FROM conversation c WHERE NOT EXISTS"
    " (SELECT 1 FROM unit u WHERE u.conversation = c.id AND u.gone = 0)"
)

_UNSETTLED: Final = 1  # `application_id` until the file is written anew

Range = tuple[int, int]
Kept = Callable[[HeaderRecord, int], Sequence[Range] | None]  # what an extract has of an item
Slots = Callable[[HeaderRecord], Iterable[bytes]]  # of a batch's keyring as it is now


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Takes what was destroyed out of one index."""

    db: Connection
    digest: Callable[[HeaderRecord], bytes]  # of the keyring in force
    slots: Slots
    kept: Kept

    def changed(self, headers: Iterable[HeaderRecord]) -> list[HeaderRecord]:
        """Return the indexed batches whose keyring was replaced since."""
        rows = self.db.execute("SELECT id, keyring FROM batch")
        known = {batch: bytes(digest) for batch, digest in rows}
        return [
            record
            for record in headers
            if record.batch_id in known and known[record.batch_id] != self.digest(record)
        ]

    def batch(self, record: HeaderRecord) -> int:
        """Take out what a batch holds no key of any more; return how many units that were."""
        db = self.db
        (seq,) = db.execute("SELECT seq FROM batch WHERE id = ?", (record.batch_id,)).fetchone()
        try:
            slots = list(self.slots(record))
        except (LakzegelError, FileNotFoundError):
            return 0  # not here yet, or not ours to open: looked at again the next time
        lost = [number for number, key in enumerate(slots) if key == DESTROYED]
        units: set[int] = set()
        for number in lost:
            db.execute(_CONFIRMS, (seq, number))
            db.execute("DELETE FROM named WHERE batch = ? AND item = ?", (seq, number))
            ranges = self.kept(record, number)
            if ranges is None:
                units |= self._segment(seq, number)
            else:
                units |= self._stretches(seq, number, ranges)
        gone = [unit for unit in units if not self._is_held(unit)]
        for unit in gone:
            self._scrub(unit)
        if lost:
            forget_unused(db)
            self._empty_conversations()
            db.execute(f"PRAGMA application_id = {_UNSETTLED}")
        db.execute("UPDATE batch SET keyring = ? WHERE seq = ?", (self.digest(record), seq))
        return len(gone)

    def unsettled(self) -> bool:
        """Whether pages may still hold what was taken out."""
        return bool(self.db.execute("PRAGMA application_id").fetchone()[0] == _UNSETTLED)

    def settle(self) -> None:
        """Write the file anew, so that nothing of what was taken out is left in it.

        Where another process reads, old pages stay until the next command does it again.
        """
        self.db.execute("INSERT INTO words (words) VALUES ('optimize')")
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.db.execute("VACUUM")
        busy, *_ = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            self.db.execute("PRAGMA application_id = 0")

    def _segment(self, batch: int, number: int) -> set[int]:
        """Mark a segment as destroyed; return the units that it held."""
        row = self.db.execute(
            "UPDATE segment SET gone = 1, labels = '' WHERE batch = ? AND item = ?"
            " RETURNING id, file",
            (batch, number),
        ).fetchone()
        if row is None:
            return set()
        segment, file = row
        self.db.execute("DELETE FROM pending WHERE segment = ?", (segment,))
        held = self.db.execute("SELECT unit FROM place WHERE segment = ?", (segment,))
        units = {unit for (unit,) in held}
        versions = self.db.execute(
            "SELECT v.unit, v.capture FROM version v JOIN capture k ON k.id = v.capture"
            " WHERE k.file = ?",
            (file,),
        ).fetchall()
        return units | {unit for unit, capture in versions if segment in ordered(self.db, capture)}

    def _stretches(self, batch: int, number: int, kept: Sequence[Range]) -> set[int]:
        """Mark what is not in a segment's extract as destroyed; return the units it was of.

        A unit goes whole or not at all; blanks that an extract has may lie in a place, too.
        """
        rows = self.db.execute(
            "SELECT p.unit, p.segment, p.start, p.start + p.length FROM place p"
            " JOIN segment s ON s.id = p.segment WHERE s.batch = ? AND s.item = ?",
            (batch, number),
        ).fetchall()
        units = set()
        for unit, segment, start, end in rows:
            if not any(first < end and start < last for first, last in kept):
                mark = "UPDATE place SET gone = 1 WHERE segment = ? AND start = ? AND unit = ?"
                self.db.execute(mark, (segment, start, unit))
                units.add(unit)
        return units

    def _is_held(self, unit: int) -> bool:
        """Whether a reading of a unit is left whole."""
        rows = self.db.execute(
            "SELECT p.part, max(s.gone, p.gone) FROM place p JOIN segment s ON s.id = p.segment"
            " WHERE p.unit = ? ORDER BY p.segment, p.start",
            (unit,),
        ).fetchall()
        readings: list[bool] = []
        for part, gone in rows:
            if part == 0:
                readings.append(True)
            readings[-1:] = [bool(readings and readings[-1]) and not gone]
        return any(readings) or any(self._is_whole(unit))

    def _is_whole(self, unit: int) -> Iterable[bool]:
        for (capture,) in self.db.execute(
            "SELECT capture FROM version WHERE unit = ?", (unit,)
        ).fetchall():
            marks = [(segment,) for segment in ordered(self.db, capture) if segment != MISSING]
            some = "SELECT gone FROM segment WHERE id = ?"
            yield not any(self.db.execute(some, mark).fetchone()[0] for mark in marks)

    def _scrub(self, unit: int) -> None:
        self.db.execute("DELETE FROM words WHERE rowid = ?", (unit,))
        self.db.execute("DELETE FROM present WHERE unit = ?", (unit,))
        self.db.execute(_SCRUB, (unit,))

    def _empty_conversations(self) -> None:
        """Take the names out of what has nothing left: conversations, files, people."""
        db = self.db
        for (conversation,) in db.execute(_EMPTY).fetchall():
            db.execute(
                "UPDATE conversation SET title = '', parties = '[]' WHERE id = ?", (conversation,)
            )
            db.execute("DELETE FROM head WHERE conversation = ?", (conversation,))
            db.execute("DELETE FROM present WHERE unit = ?", (-conversation,))
            db.execute("DELETE FROM reply WHERE conversation = ?", (conversation,))
        # the next head gets the number of one that is gone: nothing may be of that
        db.execute(
            "UPDATE segment SET head = NULL"
            " WHERE head IS NOT NULL AND head NOT IN (SELECT id FROM head)"
        )
        db.execute(
            "DELETE FROM party WHERE id NOT IN (SELECT party FROM present)"
            " AND id NOT IN (SELECT sender FROM unit WHERE sender IS NOT NULL)"
        )
        db.execute(
            "UPDATE file SET path = x'' WHERE id IN (SELECT file FROM segment WHERE gone = 1)"
            " AND id NOT IN (SELECT file FROM segment WHERE gone = 0)"
        )
