# SPDX-License-Identifier: EUPL-1.2
"""Observations that wait for a batch, and what becomes of batches that are given up.

Both run inside a transaction of their caller. An observation stays queued until the batch that
holds it has a receipt, so that a batch that is given up loses none. docs/spec/ledger.md §5.
"""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerrows import SEGMENT, FileState

_GIVEN_UP = "SELECT epoch, batch FROM batches WHERE state = 'waiting'"


class Queued(NamedTuple):
    """One observation that no batch holds yet."""

    id: int
    source: str
    payload: bytes


def queue(
    db: sqlite3.Connection, cipher: Cipher, source: str, payload: bytes, *, first: bool = False
) -> None:
    """Add an observation to the queue's end, or before everything else."""
    name = cipher.name(b"observation", source.encode(), payload[:64])
    label = source.encode()
    secret = cipher.seal(len(label).to_bytes(2, "big") + label + payload, name)
    place = None
    if first:
        (lowest,) = db.execute("SELECT min(id) FROM observations").fetchone()
        place = 0 if lowest is None else min(lowest, 1) - 1
    db.execute(
        "INSERT INTO observations (id, name, secret) VALUES (?, ?, ?)", (place, name, secret)
    )


def queued(db: sqlite3.Connection, cipher: Cipher, *, after: int, limit: int) -> list[Queued]:
    """Return the oldest observations beyond ``after`` that no closed batch holds."""
    rows = db.execute(
        "SELECT id, name, secret FROM observations WHERE epoch IS NULL AND id > ?"
        " ORDER BY id LIMIT ?",
        (after, limit),
    )
    return [_opened(cipher, *row) for row in rows]


def take(db: sqlite3.Connection, ids: Iterable[int], epoch: int, batch: int) -> None:
    """Remember that a batch holds these observations."""
    db.executemany(
        "UPDATE observations SET epoch = ?, batch = ? WHERE id = ?",
        [(epoch, batch, id_) for id_ in ids],
    )


def give_up(db: sqlite3.Connection, cipher: Cipher) -> None:
    """Give up every batch without a receipt: what it held is to be sealed again."""
    lost = set(db.execute(_GIVEN_UP))
    rows = db.execute(
        f"SELECT id, name, secret FROM files WHERE (epoch, batch) IN ({_GIVEN_UP})"  # noqa: S608
    ).fetchall()
    db.executemany(
        "UPDATE files SET mark = x'', epoch = ?, batch = ?, secret = ? WHERE id = ?",
        [_without(cipher, lost, *row) for row in rows],
    )
    db.execute(
        "UPDATE counts SET versions = versions - coalesce((SELECT sum(c.versions)"
        " FROM captured c JOIN batches b ON c.epoch = b.epoch AND c.batch = b.batch"
        " WHERE c.source = counts.source AND b.state = 'waiting'), 0) WHERE outcome = 'sealed'"
    )
    db.execute(f"DELETE FROM parts WHERE (epoch, batch) IN ({_GIVEN_UP})")  # noqa: S608
    db.execute(
        f"UPDATE observations SET epoch = NULL, batch = NULL WHERE (epoch, batch) IN ({_GIVEN_UP})"  # noqa: S608
    )
    db.execute("UPDATE batches SET state = 'given-up' WHERE state = 'waiting'")


def _without(
    cipher: Cipher, lost: set[tuple[int, int]], id_: int, name: bytes, secret: bytes
) -> tuple[int | None, int | None, bytes, int]:
    """A file's row without the segments that went with the batches."""
    state = FileState.unpack(cipher.open(secret, name))
    kept = [row for row in SEGMENT.iter_unpack(state.segments) if (row[0], row[1]) not in lost]
    packed = b"".join(SEGMENT.pack(*row) for row in kept)
    left = FileState(state.path, state.version, state.mode, state.mtime, state.size, packed)
    # a version from before is in the archive exactly when a segment of it still is
    epoch, batch = (kept[-1][0], kept[-1][1]) if kept else (None, None)
    return epoch, batch, cipher.seal(left.pack(), name), id_


def _opened(cipher: Cipher, id_: int, name: bytes, secret: bytes) -> Queued:
    plain = cipher.open(secret, name)
    end = 2 + int.from_bytes(plain[:2], "big")
    return Queued(id_, plain[2:end].decode(), plain[end:])
