# SPDX-License-Identifier: EUPL-1.2
"""What the device knows of its own chain, its batches and its files; durable, nothing in the clear.

    batch:  (closed) waiting -> sealed (receipt verified) -> released
                     waiting -> given-up (another epoch began before its receipt)

One object a thread; every method that changes something is one transaction that is on the disk
when it returns. docs/spec/ledger.md.
"""

import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from lakzegel_agent import reserve
from lakzegel_agent.errors import LedgerDamagedError, SpoolFullError
from lakzegel_agent.ledgerbalance import Imbalance, imbalances, present
from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerfiles import LedgerFiles
from lakzegel_agent.ledgerqueue import give_up, queue
from lakzegel_agent.ledgerrows import BatchRow, Counts, EpochTip, Receipt, Seen
from lakzegel_agent.ledgerschema import connect, transaction
from lakzegel_core.encoding import canonical_json

DEVICE: Final = "device"  # the source that what the device says of itself comes from
_UNSENT: Final = "unsent"  # the enrolment that the log may not hold yet
_SEEN: Final = struct.Struct(">Q32s")
_BATCH: Final = "SELECT epoch, batch, id, size, place, state FROM batches"


class Ledger:
    """The ledger of one home."""

    def __init__(self, connection: sqlite3.Connection, path: Path, cipher: Cipher) -> None:
        self._db = connection
        self._path = path
        self._cipher = cipher
        self.files = LedgerFiles(connection, path, cipher)
        self._present: tuple[int, list[tuple[int, str, str, int]]] | None = None
        self._balanced: int | None = None  # changes of files after which the counts agreed

    @classmethod
    def open(cls, path: Path, key: bytes) -> Self:
        """Return the ledger at ``path``, made when it is not there.

        Raises:
            LedgerDamagedError: SQLite finds it corrupt, or the key is another one's.
            UnwritableError: no room to open it, or a disk that fails.
        """
        connection = connect(path)
        reserve.keep(path)
        ledger = cls(connection, path, Cipher(key))
        try:
            if ledger.recall("canary") is None:
                ledger.remember("canary", b"lakzegel.nl/ledger/v1")
                ledger._require_first_canary()
        except BaseException:
            connection.close()
            raise
        return ledger

    def rest(self) -> None:
        """Let go of the pages that are held in memory: there is nothing to do for a while."""
        self._db.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # the chain

    def epoch(self) -> EpochTip | None:
        """Return where the chain goes on, or None before the first epoch."""
        row = self._db.execute(
            "SELECT epoch, enrolment FROM epochs ORDER BY epoch DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        epoch, enrolment = row
        last = self._db.execute(
            "SELECT batch, id FROM batches WHERE epoch = ? ORDER BY batch DESC LIMIT 1", (epoch,)
        ).fetchone()
        newest = self._db.execute(
            "SELECT id FROM batches WHERE state != 'given-up'"
            " ORDER BY epoch DESC, batch DESC LIMIT 1"
        ).fetchone()
        next_batch, previous = (0, enrolment) if last is None else (last[0] + 1, last[1])
        return EpochTip(
            epoch, next_batch, previous, enrolment, None if newest is None else newest[0]
        )

    def begin_epoch(
        self,
        epoch: int,
        enrolment_id: bytes,
        *,
        note: Mapping[str, Any] | None = None,
        sent: bool = True,
    ) -> None:
        """Begin a new chain; the same epoch and enrolment again change nothing but ``sent``.

        Batches without a receipt are given up: their files will be captured again, what they
        observed is queued again, and ``note`` goes before everything else. ``sent``: the log is
        known to hold the enrolment.
        """
        with self._transaction():
            self._remember(_UNSENT, b"" if sent else enrolment_id)
            rows = dict(self._db.execute("SELECT epoch, enrolment FROM epochs"))
            if rows.get(epoch) == enrolment_id:
                return
            if rows and epoch <= max(rows):
                raise LedgerDamagedError(f"ledger: epoch {epoch} after epoch {max(rows)}")
            give_up(self._db, self._cipher)
            self.files.changes += 1
            self._db.execute("INSERT INTO epochs VALUES (?, ?)", (epoch, enrolment_id))
            if note is not None:
                queue(self._db, self._cipher, DEVICE, canonical_json(dict(note)), first=True)

    def unsent(self) -> bytes | None:
        """Return the id of the enrolment that the log is not known to hold, if there is one."""
        return self.recall(_UNSENT) or None

    def mark_sent(self) -> None:
        """Remember that the log holds the enrolment in force."""
        self.remember(_UNSENT, b"")

    def seen(self) -> Seen | None:
        """Return the last verified checkpoint."""
        data = self.recall("seen")
        if data is None:
            return None
        size, root = _SEEN.unpack_from(data)
        return Seen(size, root, data[_SEEN.size :])

    def set_seen(self, size: int, root: bytes, checkpoint: bytes) -> None:
        """Remember a verified checkpoint; a smaller one than is known changes nothing."""
        self._essential(lambda: self._set_seen(Seen(size, root, checkpoint)))

    def knows(self, batch_id: bytes) -> bool:
        """Return whether this device closed a batch of that id, in whatever epoch."""
        found = self._db.execute("SELECT 1 FROM batches WHERE id = ?", (batch_id,)).fetchone()
        return found is not None

    # batches

    def waiting(self) -> list[BatchRow]:
        """Return the batches that have no receipt yet, oldest first."""
        return list(self._batches("waiting"))

    def sealed(self) -> list[BatchRow]:
        """Return the batches with a verified receipt that were not released yet."""
        return list(self._batches("sealed"))

    def spooled(self) -> list[tuple[int, int]]:
        """Return (epoch, batch) of every batch that must be in the spool."""
        rows = self._db.execute(
            "SELECT epoch, batch FROM batches WHERE state IN ('waiting', 'sealed')"
        )
        return list(rows)

    def given_up(self) -> list[tuple[int, int]]:
        """Return (epoch, batch) of every batch that another epoch began without."""
        return list(self._db.execute("SELECT epoch, batch FROM batches WHERE state = 'given-up'"))

    def mark_sealed(
        self, batch_id: bytes, index: int, receipt: bytes, seen: Seen, *, at: datetime | None = None
    ) -> None:
        """Remember a verified receipt and the checkpoint it came with, both or neither."""
        moment = (at or datetime.now(UTC)).isoformat()

        def write() -> None:
            self._set_seen(seen)
            self._db.execute(
                "UPDATE batches SET state = 'sealed', place = ?, tree = ?, at = ?, receipt = ?"
                " WHERE id = ? AND state IN ('waiting', 'sealed')",
                (index, seen.size, moment, receipt, batch_id),
            )
            self._db.execute(
                "DELETE FROM observations WHERE (epoch, batch) IN"
                " (SELECT epoch, batch FROM batches WHERE id = ?)",
                (batch_id,),
            )

        self._essential(write)

    def mark_released(self, batch_id: bytes) -> None:
        """Remember that the spool need not keep the batch; its receipt goes with it."""
        statement = (
            "UPDATE batches SET state = 'released', receipt = NULL"
            " WHERE id = ? AND state = 'sealed'"
        )
        self._essential(lambda: self._db.execute(statement, (batch_id,)))

    def last_receipt(self) -> Receipt | None:
        """Return what the newest verified receipt said."""
        row = self._db.execute(
            "SELECT at, place, tree, id FROM batches WHERE at IS NOT NULL"
            " ORDER BY epoch DESC, batch DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        return Receipt(datetime.fromisoformat(row[0]), row[1], row[2], row[3])

    def receipt_of(self, epoch: int, batch: int) -> bytes | None:
        """Return a batch's receipt, as long as it is kept: until the batch may go."""
        found = self._db.execute(
            "SELECT receipt FROM batches WHERE epoch = ? AND batch = ?", (epoch, batch)
        ).fetchone()
        return None if found is None else found[0]

    def place_of(self, epoch: int, batch: int) -> int | None:
        """Return which entry of the log a batch is, once its receipt was verified."""
        found = self._db.execute(
            "SELECT place FROM batches WHERE epoch = ? AND batch = ?", (epoch, batch)
        ).fetchone()
        return None if found is None else found[0]

    # counts and what is remembered

    def counts(self) -> Counts:
        """Return the versions of files of all sources by what became of them."""
        return Counts.of(row[1:] for row in self._count_rows())

    def source_counts(self) -> dict[str, Counts]:
        """Return the same for each source's label."""
        labels = self.files.labels()
        rows = list(self._count_rows())
        return {label: Counts.of(row[1:] for row in rows if row[0] == id_) for id_, label in labels}

    def outcomes(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield label, outcome, reason and versions of every count."""
        labels = dict(self.files.labels())
        for source, outcome, reason, versions in list(self._count_rows()):
            yield labels[source], outcome, reason, versions

    def present(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield label, outcome, reason and number of the files that are there now."""
        labels = dict(self.files.labels())
        if self._present is None or self._present[0] != self.files.changes:
            self._present = self.files.changes, present(self._db)
        for source, outcome, reason, files in self._present[1]:
            yield labels[source], outcome, reason, files

    def imbalances(self) -> list[Imbalance]:
        """Return the counts that the rows contradict: none, ever.

        Rows that agreed are not read again before one of them was changed here: only the agent
        changes them, through one connection.
        """
        if self._balanced == self.files.changes:
            return []
        self._db.execute("BEGIN")
        try:
            found = list(imbalances(self._db))
        finally:
            self._db.execute("COMMIT")
        self._balanced = None if found else self.files.changes
        return found

    def observe(self, source: str, value: Mapping[str, Any]) -> None:
        """Queue an observation; it is sealed with the next batch.

        Raises:
            FormatError: JSON cannot carry it exactly.
        """
        payload = canonical_json(dict(value))
        with self._transaction():
            queue(self._db, self._cipher, source, payload)

    def remember(self, name: str, value: bytes) -> None:
        """Keep a small value, encrypted, under a name of ours."""
        self._essential(lambda: self._remember(name, value))

    def recall(self, name: str) -> bytes | None:
        """Return what is kept under a name.

        Raises:
            LedgerDamagedError: it does not open with this key.
        """
        row_name = self._named(name)
        found = self._db.execute("SELECT secret FROM named WHERE name = ?", (row_name,)).fetchone()
        return None if found is None else self._cipher.open(found[0], row_name)

    def keyed(self, *parts: bytes) -> bytes:
        """Return the 16 bytes that these parts give under this ledger's key."""
        return self._cipher.name(*parts)

    # inside

    def _essential(self, write: Callable[[], object]) -> None:
        """One transaction that a full disk must not keep from happening: it makes room again."""
        try:
            with self._transaction():
                write()
        except SpoolFullError:
            reserve.spend(self._path)
            with self._transaction():
                write()
        reserve.keep(self._path)

    def _transaction(self) -> AbstractContextManager[None]:
        return transaction(self._db, self._path)

    def _named(self, name: str) -> bytes:
        return self._cipher.name(b"named", name.encode())

    def _remember(self, name: str, value: bytes) -> None:
        row_name = self._named(name)
        self._db.execute(
            "INSERT OR REPLACE INTO named VALUES (?, ?)",
            (row_name, self._cipher.seal(value, row_name)),
        )

    def _require_first_canary(self) -> None:
        """With another key even the names differ: then this is not the first thing kept."""
        (rows,) = self._db.execute("SELECT count(*) FROM named").fetchone()
        if rows > 1:
            with self._transaction():
                self._db.execute("DELETE FROM named WHERE name = ?", (self._named("canary"),))
            raise LedgerDamagedError(f"{self._path}: does not open with this ledger key")

    def _set_seen(self, seen: Seen) -> None:
        known = self.seen()
        if known is None or seen.size > known.size:
            self._remember("seen", _SEEN.pack(seen.size, seen.root) + seen.checkpoint)

    def _batches(self, state: str) -> Iterator[BatchRow]:
        rows = self._db.execute(f"{_BATCH} WHERE state = ? ORDER BY epoch, batch", (state,))
        return (BatchRow(*row) for row in rows)

    def _count_rows(self) -> Iterator[tuple[int, str, str, int]]:
        return iter(self._db.execute("SELECT source, outcome, reason, versions FROM counts"))
