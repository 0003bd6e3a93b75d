# SPDX-License-Identifier: EUPL-1.2
"""Rows of the index: files, segments, captures, conversations, units, people. SQL and nothing else.

Every method is one step within the transaction of a batch.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.facets import Facets
from lakzegel_office.collection.ids import clean, normalised
from lakzegel_office.collection.model import Party
from lakzegel_office.collection.pieces import Head, Piece, head_from
from lakzegel_office.collection.schema import PENDING

Rows = Sequence[int]  # of a capture: a segment's id, or a stretch of the base's as two numbers


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file's history on one device."""

    id: int
    device: str
    custody: str
    source: str
    path: bytes
    reader: str

    @property
    def scope(self) -> str:
        """Within which equal things are the same: one device, one term of one person."""
        return f"{self.device}/{self.custody}"


@dataclass(slots=True)
class Writer:
    """Writes through one connection; remembers the ids of what comes again and again."""

    db: Connection
    facets: Facets = field(init=False)
    _parties: dict[tuple[str, str], int] = field(default_factory=dict)
    _conversations: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Number facets through the same connection."""
        self.facets = Facets(self.db)

    def forget(self) -> None:
        """Forget what was remembered: it came to nothing, or another process changed it."""
        self.facets.forget()
        self._parties.clear()
        self._conversations.clear()

    def batch(self, place: int, batch_id: str, item: tuple[str, int, int], keyring: bytes) -> int:
        """Return the row of a new batch, its place in the log; of a device, an epoch, a number."""
        return self._insert(
            "INSERT INTO batch (seq, id, device, epoch, number, keyring) VALUES (?, ?, ?, ?, ?, ?)",
            (place, batch_id, *item, keyring),
        )

    def batch_of(self, device: str, epoch: int, number: int) -> int | None:
        """Return the row of a batch that was indexed, None for another."""
        return self.one(
            "SELECT seq FROM batch WHERE device = ? AND epoch = ? AND number = ?",
            (device, epoch, number),
        )

    def file(self, row: FileRow, history: str) -> FileRow:
        """Return a file's history under its newest path, made where it is new."""
        values = (row.device, row.source, history)
        known = self.one(
            "SELECT id FROM file WHERE device = ? AND source = ? AND history = ?", values
        )
        if known is None:
            known = self._insert(
                "INSERT INTO file (device, source, history, custody, path, reader)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (*values, row.custody, row.path, row.reader),
            )
        else:
            self.db.execute("UPDATE file SET path = ? WHERE id = ?", (row.path, known))
        return FileRow(known, row.device, row.custody, row.source, row.path, row.reader)

    def segment(
        self, batch: int, item: int, file: int, size: int, sha256: str, labels: Iterable[str]
    ) -> int:
        """Return the row of a new segment, that no capture has named yet."""
        return self._insert(
            "INSERT INTO segment (batch, item, file, size, sha256, state, labels)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (batch, item, file, size, sha256, PENDING, spaced(labels)),
        )

    def keep(self, segment: int, piece: Piece) -> None:
        """Keep a piece until a capture names its segment."""
        text = json.dumps(piece.to_json())
        self.db.execute("INSERT INTO pending VALUES (?, ?)", (segment, text))

    def kept(self, segment: int) -> Piece:
        """Take a kept piece; one without units where there is none."""
        text = self.one("DELETE FROM pending WHERE segment = ? RETURNING piece", (segment,))
        return Piece() if text is None else Piece.from_json(json.loads(str(text)))

    def capture(self, batch: int, item: int, file: int, base: int | None, rows: Rows) -> int:
        """Return the row of a new capture, the newest of its file."""
        capture = self._insert(
            "INSERT INTO capture (batch, item, file, base, rows) VALUES (?, ?, ?, ?, ?)",
            (batch, item, file, base, array("q", rows).tobytes()),
        )
        self.db.execute(
            "UPDATE file SET captures = captures + 1, newest = ? WHERE id = ?", (capture, file)
        )
        return capture

    def conversation(self, name: str, app: str, title: str, custody: str, *, keyed: bool) -> int:
        """Return the row of a conversation, made where it is new."""
        if (met := self._conversations.get(name)) is not None:
            return met
        known = self.one("SELECT id FROM conversation WHERE name = ?", (name,))
        if known is not None:  # one that was destroyed lost its title
            again = "UPDATE conversation SET title = ? WHERE id = ? AND title = ''"
            self.db.execute(again, (clean(title), known))
        else:
            known = self._insert(
                "INSERT INTO conversation (name, app, title, custody, keyed, parties)"
                " VALUES (?, ?, ?, ?, ?, '[]')",
                (name, app, clean(title), custody, int(keyed)),
            )
        self._conversations[name] = known
        return known

    def head(self, head: Head, conversation: int) -> int:
        """Return the row of a head; title and members of its conversation are then as it says."""
        value = json.dumps([asdict(head), conversation], sort_keys=True)
        known = self.one("SELECT id FROM head WHERE value = ?", (value,))
        if known is not None:
            return known
        parties = json.dumps([asdict(party) for party in head.parties])
        self.db.execute(
            "UPDATE conversation SET parties = ?, title = CASE WHEN ? = '' THEN title ELSE ? END"
            " WHERE id = ?",
            (parties, clean(head.title), clean(head.title), conversation),
        )
        self.present(-conversation, head.parties)
        return self._insert(
            "INSERT INTO head (conversation, value) VALUES (?, ?)", (conversation, value)
        )

    def head_at(self, row: int) -> tuple[Head, int]:
        """Return a head and its conversation."""
        return read_head(self.db, row)

    def present(self, unit: int, parties: Iterable[Party]) -> None:
        """State who takes part in a unit, or in a conversation (its number, negative)."""
        for party in parties:
            self.db.execute(
                "INSERT OR IGNORE INTO present VALUES (?, ?, ?)",
                (unit, self.party(party), party.role),
            )

    def party(self, party: Party) -> int:
        """Return the row of a party."""
        key = (clean(party.address), clean(party.name))
        known = self._parties.get(key)
        if known is None:
            known = self.one("SELECT id FROM party WHERE address = ? AND name = ?", key)
        if known is None:
            folded = normalised(f"{key[1]} {key[0]}")
            known = self._insert(
                "INSERT INTO party (address, name, folded) VALUES (?, ?, ?)", (*key, folded)
            )
        self._parties[key] = known
        return known

    def place(self, unit: int, segment: int, start: int, length: int, part: int) -> None:
        """State that a stretch of a segment holds a unit, or this part of it."""
        self.db.execute(
            "INSERT OR IGNORE INTO place VALUES (?, ?, ?, ?, ?, 0, 0)",
            (unit, segment, start, length, part),
        )

    def packed(self, unit: int, segment: int, start: int, length: int) -> None:
        """State that a stretch of what the member that begins here gives unpacked holds a unit."""
        self.db.execute(
            "INSERT OR IGNORE INTO place VALUES (?, ?, ?, ?, 0, 0, 1)",
            (unit, segment, start, length),
        )

    def member(self, segments: Sequence[int]) -> None:
        """State that these segments together are one member of an archive."""
        first, *rest = segments
        self.db.executemany(
            "UPDATE segment SET part_of = ? WHERE id = ?", [(first, row) for row in rest]
        )

    def item_of(self, segment: int) -> tuple[str, int, int, int]:
        """Return which item a segment is: device, epoch, batch, index."""
        device, epoch, number, item = self.db.execute(
            "SELECT b.device, b.epoch, b.number, s.item FROM segment s"
            " JOIN batch b ON b.seq = s.batch WHERE s.id = ?",
            (segment,),
        ).fetchone()
        return device, epoch, number, item

    def one(self, statement: str, values: Sequence[object]) -> int | None:
        """Return the first value of the first row, None without a row."""
        row = self.db.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def _insert(self, statement: str, values: Sequence[object]) -> int:
        return int(self.db.execute(statement, values).lastrowid)


def read_head(db: Connection, row: int) -> tuple[Head, int]:
    """Return a head and its conversation."""
    (value,) = db.execute("SELECT value FROM head WHERE id = ?", (row,)).fetchone()
    plain, conversation = json.loads(value)
    return head_from(plain), int(conversation)


def spaced(labels: Iterable[str]) -> str:
    """Return labels as one text in which each is found between blanks."""
    found = sorted({clean(label).replace(" ", "-") for label in labels})
    return f" {' '.join(found)} " if found else ""
