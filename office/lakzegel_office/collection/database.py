# SPDX-License-Identifier: EUPL-1.2
"""`state/collection.db`: one SQLCipher file, made anew where it cannot be read.

docs/spec/collection.md §3. Its key is derived from the office's index key, raw. Words of content
are on the disk nowhere but in it: SQLCipher encrypts and authenticates pages and write-ahead log,
and what SQLite sorts stays in memory. Pages are authenticated by HMAC-SHA256, which processors have
instructions for: a page is read from the disk in half the time that the default takes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Any, Final

import sqlcipher3

from lakzegel_office.collection.schema import SCHEMA, VERSION
from lakzegel_office.errors import DoubtError, OfficeError
from lakzegel_office.locking import ALONE, SHARED, is_locked
from lakzegel_office.regular import open_descriptor

NAME: Final = "collection.db"
WAIT: Final = 30.0  # seconds for another process that writes, or has it open
_CACHE: Final = -64 * 1024  # KiB of pages in memory
_PAGE: Final = 8192  # bytes; fewer, larger pages: each is decrypted by itself
_BESIDE: Final = ("", "-wal", "-shm", "-journal")

Connection = Any  # sqlcipher3 has no types
DatabaseError = sqlcipher3.DatabaseError  # any fault of the index, as SQLite tells it
OperationalError = sqlcipher3.OperationalError  # one of its surroundings: no room, locked


class _Held(sqlcipher3.Connection):  # type: ignore[misc]  # it has no types
    """A connection, and that the index is in use as long as it is open."""

    held: int

    def close(self) -> None:
        """Close both; once more does nothing."""
        super().close()
        if self.held >= 0:
            os.close(self.held)
            self.held = -1


def open_database(path: Path, key: bytes) -> Connection:
    """Return a connection to the index; one of another key or version is made anew.

    Raises:
        OfficeError: it has to be made anew, and another program has it open.
    """
    connection = _connect(path, _lock(path, SHARED))
    if not _is_ours(connection, key):
        connection.close()
        connection = _made_anew(path, key)
    return connection


def remove_database(path: Path) -> None:
    """Remove the index; the next command makes it anew.

    Raises:
        OfficeError: another program has it open.
    """
    held = _lock(path, ALONE)
    _remove(path)
    os.close(held)


def _made_anew(path: Path, key: bytes) -> Connection:
    held = _lock(path, ALONE)
    connection = _connect(path, held)
    if not _is_ours(connection, key):  # no other program did it meanwhile
        connection.held = -1
        connection.close()
        _remove(path)
        connection = _connect(path, held)
        _unlock(connection, key)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    fcntl.flock(held, SHARED)  # of one that was alone: whoever waits may come in
    return connection


def _remove(path: Path) -> None:
    for suffix in _BESIDE:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()


def _lock(path: Path, how: int) -> int:
    """Return the lock on an index, as a descriptor to be closed.

    Whoever has it open holds it shared: SQLite finds the log beside an index by its name, and
    would mix two indexes that had that name one after the other.
    """
    held = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if is_locked(held, how, patience=WAIT):
        return held
    os.close(held)
    raise OfficeError(
        f"{path}: has to be made anew, and another program has it open; end that"
        " (a review?), then run the command again"
    )


def told(error: sqlcipher3.Error, path: Path) -> OfficeError:
    """Return a fault of the index as a person reads it."""
    if isinstance(error, sqlcipher3.OperationalError):
        return OfficeError(f"{path}: {error}; make room or wait, then run the command again")
    return DoubtError(f"{path}: damaged ({error}); delete it and run the command again")


def _connect(path: Path, held: int) -> Connection:
    os.close(open_descriptor(path, os.O_RDWR | os.O_CREAT))
    connection = sqlcipher3.connect(
        str(path), timeout=WAIT, isolation_level=None, check_same_thread=False, factory=_Held
    )
    connection.held = held
    return connection


def _unlock(connection: Connection, key: bytes) -> None:
    connection.execute("PRAGMA cipher_log_level = NONE")
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    connection.execute(f"PRAGMA cipher_page_size = {_PAGE}")
    connection.execute("PRAGMA cipher_hmac_algorithm = HMAC_SHA256")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = {_CACHE}")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")


def _is_ours(connection: Connection, key: bytes) -> bool:
    try:
        _unlock(connection, key)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return bool(version == VERSION)
    except OperationalError:
        raise  # locked, no room: that says nothing of whose it is
    except sqlcipher3.DatabaseError:
        return False
