# SPDX-License-Identifier: EUPL-1.2
"""Other people's SQLite databases, opened for reading as what they are: untrusted bytes.

What is read runs no code of the database's: no view, no trigger, no virtual table, no generated
column, no function but a few. Each query has a number of steps; each value a size.
docs/spec/conversations.md §3
"""

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import quote

from lakzegel_agent.errors import StoreError
from lakzegel_agent.platforms import system
from lakzegel_core.errors import LakzegelError

BUSY: Final = 2.0  # seconds that a writer is waited for
STEPS: Final = 1_000_000_000  # of SQLite's machine in one query: some 20 s
ALL_STEPS: Final = 20_000_000_000  # of all queries on one connection
_SLICE: Final = 100_000  # steps between two looks
MAX_VALUE: Final = 32 * 2**20  # bytes of one value or row
LOGS: Final = (b"-wal", b"-shm", b"-journal")  # what may lie beside a database and belongs to it
_HEADER: Final = 20  # bytes, of which 18 and 19 say whether there is a write-ahead log
_MAGIC: Final = b"SQLite format 3\0"
_WAL: Final = b"\2\2"
_PREPARE: Final = (
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA mmap_size=0",  # a file that is cut short must not kill the process
    "PRAGMA temp_store=MEMORY",  # what is sorted must not lie in a temporary file
    "PRAGMA cache_size=-4096",  # KiB
    "PRAGMA query_only=ON",
)
_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE,
    sqlite3.SQLITE_LIMIT_COLUMN: 1_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 16,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_FUNCTIONS: Final = frozenset(
    {"abs", "coalesce", "count", "ifnull", "length", "max", "min", "sum", "typeof"}
)
_PRAGMAS: Final = frozenset({"table_info", "data_version", "user_version", "page_size"})
_ALLOWED: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_TRANSACTION}
)
_LOCKED: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_SCHEMA,
    }
)


_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def hurried(seconds: float) -> Iterator[None]:
    """Queries that go on inside end after this time at the latest, with ``too-slow``."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def is_hurried() -> bool:
    """Return whether this runs within `hurried`."""
    return _until.get() is not None


def is_late() -> bool:
    """Return whether the time is over that `hurried` gave."""
    until = _until.get()
    return until is not None and time.monotonic() > until


class Reading(sqlite3.Connection):
    """A connection on which every query has `STEPS` steps, and then is interrupted."""

    _steps = _all_steps = 0
    still: tuple[bytes, tuple[int, ...]] | None = None  # a file that must stay as it is meanwhile

    def execute(self, *arguments: Any) -> sqlite3.Cursor:  # noqa: ANN401  # as sqlite3 has it
        """Begin a query with a fresh number of steps."""
        self._steps = 0
        return super().execute(*arguments)

    def step(self) -> bool:
        """Return whether the query has had its steps."""
        self._steps += _SLICE
        self._all_steps += _SLICE
        return self._steps > STEPS or self._all_steps > ALL_STEPS or is_late()


def connect(path: bytes) -> Reading:
    """Open a database for reading, with what its write-ahead log holds, and change nothing in it.

    ``immutable`` leaves out the log, and with it the newest messages: it is used only where there
    is no log, and `opened` then looks whether one came. Text that is not UTF-8 comes with
    surrogate escapes. Views, common table expressions, functions beyond a few, and writing are
    refused (``damaged`` in `opened`): read plain tables, and join them by queries.

    Raises:
        sqlite3.Error, OSError: it cannot be opened.
    """
    still = _still(path)
    if still is not None:
        options = "mode=ro&immutable=1"
    elif os.path.exists(path + b"-shm"):  # noqa: PTH110  # bytes
        options = "mode=ro&readonly_shm=1"
    else:
        options = "mode=ro"
    uri = f"file:{quote(path)}?{options}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY, isolation_level=None, factory=Reading, cached_statements=32
    )
    connection.still = None if still is None else (path, still)
    return guarded(connection)


def guarded(connection: Reading) -> Reading:
    """Return the connection with every guard in place; for one that was opened otherwise, too."""
    try:
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        for statement in _PREPARE:
            connection.execute(statement)
        connection.set_progress_handler(connection.step, _SLICE)
        connection.set_authorizer(_allow)
    except BaseException:
        connection.close()
        raise
    return connection


def of_bytes(data: bytearray) -> Reading:
    """Return a database that lies in memory alone, for what was decrypted.

    Raises:
        sqlite3.Error: it is none.
    """
    data[18:_HEADER] = b"\1\1"  # it has no write-ahead log to look for
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, factory=Reading, cached_statements=32
    )
    connection.deserialize(data)
    return guarded(connection)


@contextmanager
def opened(path: bytes) -> Iterator[Reading]:
    """A database within one read transaction; what goes wrong inside comes out as `StoreError`.

    Raises:
        StoreError: ``no-store``, ``locked``, ``damaged``.
    """
    with translated():
        if not is_database(path):
            raise StoreError("damaged")
        _require_own_log(path)
        connection = connect(path)
        try:
            connection.execute("BEGIN")
            yield connection
            _require_still(connection)
        finally:
            connection.close()


@contextmanager
def translated() -> Iterator[None]:
    """What SQLite and the system say of a store, as `StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code == sqlite3.SQLITE_INTERRUPT and is_late():
            raise StoreError("too-slow") from error
        raise StoreError("locked" if code in _LOCKED else "damaged") from error
    except OSError as error:
        gone = error.errno in {errno.ENOENT, errno.ENOTDIR}
        raise StoreError("no-store" if gone else "locked") from error
    except (LakzegelError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise StoreError("damaged") from error


def columns(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
    """Return the columns of a real table as they stand in it; none where there is no such table.

    Not of a view, nor of a virtual table; columns that are computed are left out.
    """
    found = connection.execute(
        "SELECT type, rootpage FROM sqlite_master WHERE name = ? COLLATE NOCASE", (table,)
    ).fetchall()
    if len(found) != 1 or found[0][0] != "table" or not found[0][1]:
        return ()
    rows = connection.execute(f"PRAGMA table_info({quoted(table)})")
    return tuple(str(row[1]) for row in rows)


def quoted(name: str) -> str:
    """Return a name as SQL writes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _still(path: bytes) -> tuple[int, ...] | None:
    """Return the state of a database that waits for its first log, or None for any other."""
    if any(os.path.exists(path + end) for end in (b"-wal", b"-shm")):  # noqa: PTH110  # bytes
        return None
    with open(path, "rb") as file:  # noqa: PTH123  # bytes
        if file.read(_HEADER)[18:] != _WAL:
            return None
        told = os.fstat(file.fileno())
    return told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino


def _require_still(connection: Reading) -> None:
    if connection.still is not None and _still(connection.still[0]) != connection.still[1]:
        raise StoreError("locked")


def is_database(path: bytes) -> bool:
    """Return whether a file begins as a database of SQLite does; a link is not followed.

    Raises:
        OSError: it cannot be opened.
    """
    descriptor = system.open_to_read(path)
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and (
            system.pread(descriptor, len(_MAGIC), 0) == _MAGIC
        )
    finally:
        os.close(descriptor)


def _require_own_log(path: bytes) -> None:
    """Refuse a log or journal that is a link: what it leads to is not the source's."""
    for end in LOGS:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(path + end).st_mode):
                raise StoreError("damaged")


def _allow(action: int, first: str | None, second: str | None, _: object, view: str | None) -> int:
    """Say what a query may do: read tables, and nothing on behalf of a view."""
    if view is not None:
        return sqlite3.SQLITE_DENY
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
