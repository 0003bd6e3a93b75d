# SPDX-License-Identifier: EUPL-1.2
"""A database of SQLCipher 4, opened for reading with a raw key, and decrypted in memory alone.

Every page carries a keyed digest: a database that opens was written by whoever has the key. It is
guarded all the same. docs/spec/conversations-signal-desktop.md §1
"""

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Final, cast
from urllib.parse import quote

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.base import Value
from lakzegel_agent.stores.database import ALL_STEPS, BUSY, LOGS, STEPS, is_late, translated

_SLICE: Final = 100_000  # steps between two looks
_HEAP: Final = 2**28  # bytes that the library may hold
_PREPARE: Final = (
    "PRAGMA cipher_log_level=NONE",  # else it writes to standard error
    f"PRAGMA hard_heap_limit={_HEAP}",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA mmap_size=0",
    "PRAGMA temp_store=MEMORY",  # what is sorted must not lie in the clear in a file
    "PRAGMA query_only=ON",
)
_ALLOWED: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_TRANSACTION}
)


class Deciphered:
    """A connection on which every query has a number of steps, and then is interrupted."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401  # the library has no types
        self._connection = connection
        self._steps = self._all_steps = 0
        connection.set_progress_handler(self._step, _SLICE)

    def execute(self, query: str, values: Sequence[Value] = ()) -> Iterator[tuple[Value, ...]]:
        """Begin a query with a fresh number of steps."""
        self._steps = 0
        return cast("Iterator[tuple[Value, ...]]", self._connection.execute(query, values))

    def _step(self) -> bool:
        self._steps += _SLICE
        self._all_steps += _SLICE
        return self._steps > STEPS or self._all_steps > ALL_STEPS or is_late()


@contextmanager
def deciphered(path: bytes, key: str) -> Iterator[sqlite3.Connection]:
    """A database within one read transaction, as if it were a plain one.

    Raises:
        StoreError: ``no-library``, ``no-store``, ``no-key``: it does not open with this key,
            ``locked``, ``damaged``.
    """
    library = _library()
    with translated(), _plain_errors(library):
        still = _checked(path)
        connection = _connected(library, path, still)
        try:
            _unlock(library, connection, key)
            connection.set_authorizer(_allow)
            yield cast("sqlite3.Connection", Deciphered(connection))
            if still and _checked(path) != still:
                raise StoreError("locked")
        finally:
            connection.close()


def _library() -> Any:  # noqa: ANN401  # the library has no types
    try:
        return import_module("sqlcipher3.dbapi2")
    except ImportError:
        raise StoreError("no-library") from None


def _checked(path: bytes) -> tuple[int, ...]:
    """Return the state of a database that has no log, nothing for one that has.

    Raises:
        StoreError: ``damaged``: it is no regular file, or its log is none.
        OSError: it is not there.
    """
    found = os.lstat(path)  # bytes
    logs = []
    for end in LOGS:
        with suppress(FileNotFoundError):
            logs.append(os.lstat(path + end))  # bytes
    if not all(stat.S_ISREG(each.st_mode) for each in (found, *logs)):
        raise StoreError("damaged")
    return () if logs else (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _connected(library: Any, path: bytes, still: tuple[int, ...]) -> Any:  # noqa: ANN401
    """Return a connection that changes nothing: without a log, it makes none either."""
    options = "mode=ro&immutable=1" if still else "mode=ro"
    if os.path.exists(path + b"-shm"):  # noqa: PTH110  # bytes
        options = "mode=ro&readonly_shm=1"
    uri = f"file:{quote(path)}?{options}"
    return library.connect(uri, uri=True, timeout=BUSY, isolation_level=None)


def _unlock(library: Any, connection: Any, key: str) -> None:  # noqa: ANN401
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    for statement in _PREPARE:
        connection.execute(statement).fetchall()
    connection.execute(f"PRAGMA key=\"x'{key}'\"").fetchall()
    connection.execute("BEGIN")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except library.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB:
            raise StoreError("no-key") from None
        raise


@contextmanager
def _plain_errors(library: Any) -> Iterator[None]:  # noqa: ANN401
    """The library's errors as those of Python's own, with the same code."""
    try:
        yield
    except library.Error as error:
        plain = sqlite3.OperationalError("SQLCipher")
        plain.sqlite_errorcode = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        raise plain from error


def _allow(
    action: int, first: str | None, _two: str | None, _base: str | None, view: str | None
) -> int:
    """Say what a query may do: read tables, and ask for their columns."""
    asks = action == sqlite3.SQLITE_PRAGMA and first == "table_info"
    allowed = view is None and (action in _ALLOWED or asks)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
