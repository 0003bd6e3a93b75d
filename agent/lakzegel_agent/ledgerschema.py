# SPDX-License-Identifier: EUPL-1.2
"""The ledger's tables, and SQLite's errors as ours (docs/spec/ledger.md §3)."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import (
    DiskFailedError,
    LedgerDamagedError,
    NewerLedgerError,
    SpoolFullError,
)
from lakzegel_agent.platforms import system

FORMAT: Final = 1
_WAIT: Final = 30.0  # seconds for another thread's transaction; they take milliseconds
_NO_ROOM: Final = 2**20  # bytes: below this, an I/O error of SQLite is a full disk
_FULL: Final = 13  # SQLITE_FULL
_IOERR: Final = 10  # SQLITE_IOERR
_DAMAGED: Final = (11, 26)  # SQLITE_CORRUPT, SQLITE_NOTADB

# `secret` and `note` are blobs of ledgercipher; every name is keyed. Numbers, reasons (slugs of
# ours) and batch ids are in the clear: whoever sees the spool sees them too.
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS named (name BLOB PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epochs (
    epoch INTEGER PRIMARY KEY, enrolment BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
    epoch INTEGER NOT NULL, batch INTEGER NOT NULL, id BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
    state TEXT NOT NULL, place INTEGER, tree INTEGER, at TEXT, receipt BLOB,
    PRIMARY KEY (epoch, batch)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batches_by_state ON batches (state)
    WHERE state IN ('waiting', 'sealed');
CREATE TABLE IF NOT EXISTS sources (
    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, secret BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, source INTEGER NOT NULL,
    mark BLOB NOT NULL, outcome TEXT NOT NULL, reason TEXT, gone INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER, batch INTEGER, secret BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
    name BLOB NOT NULL, epoch INTEGER NOT NULL, batch INTEGER NOT NULL, number INTEGER NOT NULL,
    secret BLOB NOT NULL, PRIMARY KEY (name, epoch, batch, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (
    source INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, versions INTEGER NOT NULL,
    PRIMARY KEY (source, outcome, reason)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS captured (
    epoch INTEGER NOT NULL, batch INTEGER NOT NULL, source INTEGER NOT NULL,
    versions INTEGER NOT NULL, PRIMARY KEY (epoch, batch, source)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS observations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL, secret BLOB NOT NULL,
    epoch INTEGER, batch INTEGER);
"""


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection whose commits are on the disk when they return.

    Raises:
        LedgerDamagedError: not a ledger of ours, or SQLite finds it corrupt.
        NewerLedgerError: of a later version; nothing was changed.
        UnwritableError: no room to open it, or a disk that fails.
    """
    with translated(path):
        if not path.exists():
            os.close(system.open_to_write(path, os.O_CREAT | os.O_WRONLY))
        connection = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def format_of(connection: sqlite3.Connection, path: Path) -> int:
    """The format of the ledger that is open; 0 of one that is yet empty.

    Raises:
        NewerLedgerError: a later version made it.
        LedgerDamagedError: no version of ours did.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > FORMAT:
        raise NewerLedgerError(
            f"{path}: a later version of this agent made it (format {found}, this one knows"
            f" {FORMAT}): install that version or a later one again; nothing was changed"
        )
    if found < 0:
        raise LedgerDamagedError(f"{path}: is no ledger of this agent's (format {found})")
    return int(found)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    found = format_of(connection, path)  # first: nothing of a later version is changed
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = OFF")  # blobs are ciphertext
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -2048")  # KiB
    if found == FORMAT:
        return
    if found:
        raise LedgerDamagedError(f"{path}: of format {found}, and was not brought to {FORMAT}")
    with transaction(connection, path):
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FORMAT}")


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Everything inside is on the disk together when this ends, or nothing of it ever.

    Raises:
        UnwritableError: no room, or a disk that fails; nothing was changed.
        LedgerDamagedError: SQLite finds the file corrupt.
    """
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as the agent's."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code == _FULL or (code == _IOERR and _no_room(path)):
            raise SpoolFullError(f"{path}: no room on the disk; the ledger is as it was") from error
        if code == _IOERR:
            raise DiskFailedError(f"{path}: the disk fails; the ledger is as it was") from error
        if code in _DAMAGED:
            raise LedgerDamagedError(f"{path}: {error}") from error
        raise


def _no_room(path: Path) -> bool:
    return system.free(path.parent) < _NO_ROOM
