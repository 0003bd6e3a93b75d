# SPDX-License-Identifier: EUPL-1.2
"""`state/collection.db`: one SQLCipher file, made anew where it cannot be read.

docs/spec/collection.md §3. Its key is derived from the office's index key, raw. Words of content
are on the disk nowhere but in it: SQLCipher encrypts and authenticates pages and write-ahead log,
and what SQLite sorts stays in memory.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Final

import sqlcipher3

from lakzegel_office.collection.schema import SCHEMA, VERSION
from lakzegel_office.errors import DoubtError, OfficeError

NAME: Final = "collection.db"
WAIT: Final = 30.0  # seconds for another process that writes
_CACHE: Final = -64 * 1024  # KiB of pages in memory
_PAGE: Final = 8192  # bytes; fewer, larger pages: each is decrypted by itself
_BESIDE: Final = ("", "-wal", "-shm", "-journal")

Connection = Any  # sqlcipher3 has no types
DatabaseError = sqlcipher3.DatabaseError  # any fault of the index, as SQLite tells it
OperationalError = sqlcipher3.OperationalError  # one of its surroundings: no room, locked


def open_database(path: Path, key: bytes) -> Connection:
    """Return a connection to the index; one of another key or version is made anew."""
    connection = _connect(path)
    if _is_ours(connection, key):
        return connection
    connection.close()
    remove_database(path)
    connection = _connect(path)
    _unlock(connection, key)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    return connection


def remove_database(path: Path) -> None:
    """Remove the index; the next command makes it anew."""
    for suffix in _BESIDE:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()


def told(error: sqlcipher3.Error, path: Path) -> OfficeError:
    """Return a fault of the index as a person reads it."""
    if isinstance(error, sqlcipher3.OperationalError):
        return OfficeError(f"{path}: {error}; make room or wait, then run the command again")
    return DoubtError(f"{path}: damaged ({error}); delete it and run the command again")


def _connect(path: Path) -> Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    return sqlcipher3.connect(
        str(path), timeout=WAIT, isolation_level=None, check_same_thread=False
    )


def _unlock(connection: Connection, key: bytes) -> None:
    connection.execute("PRAGMA cipher_log_level = NONE")
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    connection.execute(f"PRAGMA cipher_page_size = {_PAGE}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = {_CACHE}")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")


def _is_ours(connection: Connection, key: bytes) -> bool:
    try:
        _unlock(connection, key)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return bool(version == VERSION)
    except sqlcipher3.DatabaseError:
        return False
