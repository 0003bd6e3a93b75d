# SPDX-License-Identifier: EUPL-1.2
"""The ledger's files: what was captured of each, and how many versions became what.

    version:  found -> sealed | excluded | failed;  failed -> sealed, once it can be captured
    file:     present -> gone (an observation) -> present (captured again)

docs/spec/ledger.md §4.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, filterfalse
from pathlib import Path
from typing import Any, Final

from lakzegel_agent import captureevents
from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerqueue import Queued, queue, queued, take
from lakzegel_agent.ledgerrows import (
    BatchRow,
    CapturedFile,
    FileMark,
    FileState,
    KnownFile,
)
from lakzegel_agent.ledgerschema import transaction

_MANY: Final = 500  # names a statement; SQLite takes 999 in its oldest versions
_CAPTURE: Final = """
INSERT INTO files (name, source, mark, outcome, epoch, batch, secret)
VALUES (?, ?, ?, 'sealed', ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET mark = excluded.mark, outcome = 'sealed', reason = NULL, gone = 0,
    epoch = excluded.epoch, batch = excluded.batch, secret = excluded.secret
"""
_NOTICE: Final = """
INSERT INTO files (name, source, mark, outcome, reason, secret) VALUES (?, ?, x'', ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET mark = x'', outcome = excluded.outcome, reason = excluded.reason,
    gone = 0
"""
_COUNT: Final = """
INSERT INTO counts VALUES (?, ?, ?, ?)
ON CONFLICT (source, outcome, reason) DO UPDATE SET versions = versions + excluded.versions
"""

CountKey = tuple[int, str, str]  # source, outcome, reason


@dataclass(slots=True)
class Work:
    """What one batch did, or what a pass noticed: kept together or not at all."""

    captured: list[CapturedFile] = field(default_factory=list)
    same: list[tuple[bytes, bytes]] = field(default_factory=list)  # mark, name
    marks: list[FileMark] = field(default_factory=list)
    parts: list[tuple[bytes, bytes]] = field(default_factory=list)  # name, packed segments
    taken: list[int] = field(default_factory=list)  # observations that the batch holds
    vanished: list[bytes] = field(default_factory=list)  # names
    observed: list[tuple[str, bytes]] = field(default_factory=list)  # source, payload to queue
    named: list[tuple[str, bytes]] = field(default_factory=list)  # small values to remember

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)


class LedgerFiles:
    """The rows of files, seen through one connection."""

    def __init__(self, connection: sqlite3.Connection, path: Path, cipher: Cipher) -> None:
        self._db = connection
        self._path = path
        self.cipher = cipher
        self.changes = 0  # how often this object changed rows of files
        self._unsure = False  # a batch failed to be kept, and could yet be found after a crash

    def source(self, label: str) -> int:
        """Return a source's number, given out when it is new."""
        name = self.cipher.name(b"source", label.encode())
        found = self._db.execute("SELECT id FROM sources WHERE name = ?", (name,)).fetchone()
        if found is None:
            with transaction(self._db, self._path):
                self._db.execute(
                    "INSERT INTO sources (name, secret) VALUES (?, ?)",
                    (name, self.cipher.seal(label.encode(), name)),
                )
            return self.source(label)
        return int(found[0])

    def labels(self) -> list[tuple[int, str]]:
        """Return the number and label of every source ever watched."""
        rows = self._db.execute("SELECT id, name, secret FROM sources ORDER BY id")
        return [(id_, self.cipher.open(secret, name).decode()) for id_, name, secret in rows]

    def look(self, names: Sequence[bytes]) -> dict[bytes, KnownFile]:
        """Return what is known of these files."""
        rows = self._in(
            "SELECT name, id, mark, outcome, reason, gone, epoch IS NOT NULL FROM files"
            " WHERE name IN",
            names,
        )
        return {row[0]: KnownFile(*row[1:]) for row in rows}

    def marks(self, rows: Sequence[int]) -> list[bytes]:
        """Return the marks of these rows by their numbers, without those of files that are gone.

        The numbers ascend. Mostly they follow each other, since files were captured as they lie;
        nothing is done row by row in Python, for there is one of these for every file.
        """
        which, some = f"IN ({','.join('?' * len(rows))})", tuple(rows)
        if rows and rows[-1] - rows[0] + 1 == len(rows):
            which, some = "BETWEEN ? AND ?", (rows[0], rows[-1])
        statement = f"SELECT mark FROM files WHERE id {which} AND gone = 0 ORDER BY id"  # noqa: S608
        return list(chain.from_iterable(self._db.execute(statement, some)))

    def secrets(self, names: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the unopened rows of these files."""
        return dict(self._in("SELECT name, secret FROM files WHERE name IN", list(names)))

    def state(self, name: bytes) -> FileState | None:
        """Return what was captured last of a file."""
        secret = self.secrets([name]).get(name)
        return None if secret is None else FileState.unpack(self.cipher.open(secret, name))

    def parts(self, name: bytes) -> bytes:
        """Return the packed segments that were sealed of a file whose capture is still to come."""
        rows = self._db.execute(
            "SELECT secret FROM parts WHERE name = ? ORDER BY epoch, batch, number", (name,)
        )
        return b"".join(self.cipher.open(secret, name) for (secret,) in rows)

    def failures(self) -> list[tuple[str, str, int]]:
        """Return label, reason and number of the versions that could not be captured."""
        labels = dict(self.labels())
        rows = self._db.execute(
            "SELECT source, reason, versions FROM counts WHERE outcome = 'failed' AND versions > 0"
            " ORDER BY source, reason"
        )
        return [(labels[source], reason, versions) for source, reason, versions in rows]

    def failed(self, label: str, reason: str, *, limit: int) -> list[bytes]:
        """Return the paths of files that cannot be captured for this reason now."""
        rows = self._db.execute(
            "SELECT name, secret FROM files WHERE source = ? AND outcome = 'failed'"
            " AND reason = ? AND gone = 0 ORDER BY id LIMIT ?",
            (self.source(label), reason, limit),
        )
        return [FileState.unpack(self.cipher.open(secret, name)).path for name, secret in rows]

    def noticed(
        self, source: int, outcome: str, reason: str, *, after: int
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield name and path of a source's files that are so, of rows with higher numbers."""
        rows = self._db.execute(
            "SELECT name, secret FROM files WHERE id > ? AND source = ? AND outcome = ?"
            " AND reason = ? AND gone = 0",
            (after, source, outcome, reason),
        )
        for name, secret in rows:
            yield name, FileState.unpack(self.cipher.open(secret, name)).path

    def captured(self, source: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield name and unopened row of every file of a source that was ever captured."""
        yield from self._db.execute(
            "SELECT name, secret FROM files WHERE source = ? AND epoch IS NOT NULL", (source,)
        )

    def highest(self) -> int:
        """Return the highest number of a row; rows made later have higher ones."""
        (found,) = self._db.execute("SELECT coalesce(max(id), 0) FROM files").fetchone()
        return int(found)

    def present(self, source: int, met: bytearray, *, was_met: bool) -> list[int]:
        """Return the numbers of a source's files that are not known to be gone, met or not.

        ``met`` has one byte for each row up to its length.
        """
        rows = self._db.execute(
            "SELECT id FROM files WHERE source = ? AND gone = 0 AND id < ?", (source, len(met))
        )
        return list(
            (filter if was_met else filterfalse)(met.__getitem__, chain.from_iterable(rows))
        )

    def unopened(self, rows: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
        """Yield name and unopened row of the files of these numbers."""
        yield from self._in("SELECT name, secret FROM files WHERE id IN", rows)

    def queued(self, *, after: int, limit: int) -> list[Queued]:
        """Return observations that no closed batch holds yet, oldest first."""
        return queued(self._db, self.cipher, after=after, limit=limit)

    def apply(self, work: Work, batch: BatchRow | None = None) -> None:
        """Keep all of a batch's work, and the batch with it, or nothing.

        Raises:
            UnwritableError: no room, or a disk that fails; nothing was changed.
        """
        if batch is not None or work.same or work.marks or work.vanished:
            self.changes += 1
        self._unsure |= batch is not None
        with transaction(self._db, self._path):
            if batch is not None:
                self._db.execute(
                    "INSERT INTO batches (epoch, batch, id, size, state) VALUES (?, ?, ?, ?, ?)",
                    (batch.epoch, batch.batch, batch.id, batch.size, "waiting"),
                )
                self._capture(work, batch)
            self._same(work.same)
            self._notice(work.marks)
            self._vanish(work.vanished)
            for source, payload in work.observed:
                queue(self._db, self.cipher, source, payload)
            for label, value in work.named:
                name = self.cipher.name(b"named", label.encode())
                row = (name, self.cipher.seal(value, name))
                self._db.execute("INSERT OR REPLACE INTO named VALUES (?, ?)", row)
        self._unsure = False

    def settle(self) -> None:
        """Make sure that a batch that failed to be kept is not found after a crash either.

        What was written of it and could not be synced lies in SQLite's log behind the end, until
        something else is written there: a process that opens the ledger anew would take it for
        kept.

        Raises:
            UnwritableError: it cannot be made sure now.
        """
        if self._unsure:
            self.apply(Work(named=[("settled", b"")]))

    def _capture(self, work: Work, batch: BatchRow) -> None:
        place = (batch.epoch, batch.batch)
        counts: Counter[CountKey] = Counter()
        for file in work.captured:
            counts[(file.source, "sealed", "")] += 1
        for row in self._open_failures([file.name for file in work.captured]):
            counts[row[1:]] -= 1
        self._db.executemany(
            _CAPTURE, [(f.name, f.source, f.mark, *place, f.secret) for f in work.captured]
        )
        per_source = Counter(file.source for file in work.captured)
        self._db.executemany(
            "INSERT INTO captured VALUES (?, ?, ?, ?)",
            [(*place, source, versions) for source, versions in per_source.items()],
        )
        if self._has("SELECT 1 FROM parts"):  # of big files alone
            self._db.executemany(
                "DELETE FROM parts WHERE name = ?", [(file.name,) for file in work.captured]
            )
        self._db.executemany(
            "INSERT INTO parts VALUES (?, ?, ?, ?, ?)",
            [
                (name, *place, number, self.cipher.seal(packed, name))
                for number, (name, packed) in enumerate(work.parts)
            ],
        )
        take(self._db, work.taken, *place)
        self._count(counts)

    def _same(self, same: Sequence[tuple[bytes, bytes]]) -> None:
        """Files that are as they were captured: what failed of them did not matter."""
        counts: Counter[CountKey] = Counter()
        for row in self._open_failures([name for _, name in same]):
            counts[row[1:]] -= 1
        self._db.executemany(
            "UPDATE files SET mark = ?, outcome = 'sealed', reason = NULL WHERE name = ?", same
        )
        self._count(counts)

    def _notice(self, marks: Iterable[FileMark]) -> None:
        """Count what was not captured, once for as long as it stays so."""
        last = {mark.name: mark for mark in marks}
        known = self.look(list(last))
        counts: Counter[CountKey] = Counter()
        failures: defaultdict[tuple[int, str], list[bytes]] = defaultdict(list)
        rows = []
        for name, mark in last.items():
            before = known.get(name)
            if before is not None and not before.gone:
                if (before.outcome, before.reason) == (mark.outcome, mark.reason) and mark.keep:
                    continue
                if before.outcome == "failed":
                    counts[(mark.source, "failed", before.reason or "")] -= 1
            counts[(mark.source, mark.outcome, mark.reason)] += 1
            if mark.outcome == "failed":
                failures[(mark.source, mark.reason)].append(mark.path)
            if mark.keep:
                secret = self.cipher.seal(FileState(mark.path).pack(), name)
                rows.append((name, mark.source, mark.outcome, mark.reason, secret))
        self._db.executemany(_NOTICE, rows)
        self._observe_failures(failures)
        self._forget([name for name, mark in last.items() if not mark.keep])
        self._count(counts)

    def _observe_failures(self, failures: Mapping[tuple[int, str], Sequence[bytes]]) -> None:
        labels = dict(self.labels()) if failures else {}
        for (source, reason), paths in failures.items():
            for payload in captureevents.failed(reason, paths):
                queue(self._db, self.cipher, labels[source], payload)

    def _vanish(self, names: Sequence[bytes]) -> None:
        self._db.executemany(
            "UPDATE files SET gone = 1, mark = x'' WHERE name = ?", [(name,) for name in names]
        )
        self._forget(names)

    def _forget(self, names: Iterable[bytes]) -> None:
        """Drop the rows of files that are gone and of which the archive holds nothing."""
        self._db.executemany(
            "DELETE FROM files WHERE name = ? AND epoch IS NULL", [(name,) for name in names]
        )

    def _open_failures(self, names: Sequence[bytes]) -> Iterator[Any]:
        if not self._has("SELECT 1 FROM counts WHERE outcome = 'failed' AND versions > 0"):
            return iter(())
        return self._in(
            "SELECT name, source, outcome, reason FROM files"
            " WHERE outcome = 'failed' AND gone = 0 AND name IN",
            names,
        )

    def _has(self, statement: str) -> bool:
        return self._db.execute(f"{statement} LIMIT 1").fetchone() is not None

    def _count(self, counts: Counter[CountKey]) -> None:
        self._db.executemany(_COUNT, [(*key, number) for key, number in counts.items()])

    def _in(self, statement: str, keys: Sequence[bytes] | Sequence[int]) -> Iterator[Any]:
        for start in range(0, len(keys), _MANY):
            some = keys[start : start + _MANY]
            yield from self._db.execute(f"{statement} ({','.join('?' * len(some))})", some)
