# SPDX-License-Identifier: EUPL-1.2
"""The index in PostgreSQL, by the statements that SQLite gets (docs/spec/stores.md §2).

Writers wait for each other as they do in SQLite, by a lock that ends with the transaction. A
connection that broke is opened anew for the next transaction; the one under way fails.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Self

import psycopg
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import TextLoader

from lakzegel_server.errors import ConfigError
from lakzegel_server.index.engine import BUSY_SECONDS, LOST, IndexFault, Rows, Value
from lakzegel_server.index.place import Address
from lakzegel_server.index.portable import made_by, numbered, split, translated

CONNECT_SECONDS: Final = 10
STANDS_STILL: Final = 10  # seconds after which a change or a turn is taken back from whoever sleeps
DEAD_SECONDS: Final = 30  # after which either side gives the other up
OLDEST: Final = 150000  # the oldest server that this was tried with: 15
_SETTINGS: Final = {
    # a receiver that froze in the middle of a change, or of its turn, must not hold up the others
    "idle_in_transaction_session_timeout": f"{STANDS_STILL}s",
    "client_connection_check_interval": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": f"{DEAD_SECONDS * 1000}",
}
_TOLD: Final = "server_version_num fsync server_encoding synchronous_commit"
_DURABLE: Final = {"on", "remote_apply"}
_AGAIN: Final = ("SELECT", "BEGIN", "WITH")  # what changed nothing when it was not answered
_TABLES: Final = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = current_schema() AND c.relkind IN ("
)
_VERSION_TABLE: Final = "lakzegel_version"
Link = psycopg.Connection[tuple[Any, ...]]


class Session:
    """Statements to one server, over one connection at a time."""

    def __init__(
        self, address: Address, *, readonly: bool = False, patience: float = BUSY_SECONDS
    ) -> None:
        self._address = address
        self._readonly = readonly
        self._patience = patience  # seconds, for others' locks
        self._relaxed = False
        self._within = False
        self._opening = threading.Lock()
        self._link: Link | None = None

    @property
    def is_there(self) -> bool:
        """Whether the connection held when it was last used."""
        return self._link is not None and not self._link.closed

    def execute(self, sql: str, parameters: Sequence[Value] = (), /) -> Rows:
        """Run one statement; where nothing was under way and none answered, once more.

        Raises:
            IndexFault: the server refuses, or cannot be reached.
        """
        try:
            return self._execute(sql, parameters)
        except IndexFault as fault:
            if fault.state != LOST or self._within or not sql.startswith(_AGAIN):
                raise
        return self._execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Value]], /) -> Rows:
        """Run one statement for each of these.

        Raises:
            IndexFault: the server refuses, or cannot be reached.
        """
        with self._using() as link:
            cursor = psycopg.RawCursor(link)
            cursor.executemany(numbered(sql).encode(), [tuple(row) for row in parameters])
            return cursor

    def begin(self, sql: str) -> None:
        """Begin a transaction; from here on nothing is asked twice."""
        self.execute(sql)
        self._within = True

    def end(self, sql: str) -> None:
        """End it, whatever comes of that."""
        try:
            self._execute(sql, ())
        finally:
            self._within = False

    def abandon(self) -> None:
        """End it without a trace; never fails. A connection that broke took it along."""
        if self.is_there:
            with suppress(IndexFault):
                self._execute("ROLLBACK", ())
        self._within = False

    def relax(self) -> None:
        """Wait for no disk at the end of a change, in this connection and those after it."""
        self._relaxed = True
        self._execute("SELECT set_config('synchronous_commit', 'off', false)", ())

    def close(self) -> None:
        """Let go; never fails."""
        link, self._link = self._link, None
        self._within = False
        if link is not None:
            with suppress(psycopg.Error):
                link.close()

    def _execute(self, sql: str, parameters: Sequence[Value]) -> Rows:
        with self._using() as link:
            cursor = psycopg.RawCursor(link)
            cursor.execute(numbered(sql).encode(), tuple(parameters) or None)
            return cursor

    @contextmanager
    def _using(self) -> Iterator[Link]:
        link = self._open()
        try:
            yield link
        except psycopg.Error as error:
            raise self._fault(error, link) from None

    def _fault(self, error: psycopg.Error, link: Link) -> IndexFault:
        """What happened, without the values that a server's details repeat."""
        if link.closed:
            return IndexFault(f"{self._address}: the connection broke", state=LOST)
        text = error.diag.message_primary or type(error).__name__
        return IndexFault(f"{self._address}: {text}", state=error.sqlstate or type(error).__name__)

    def _open(self) -> Link:
        with self._opening:  # of threads that only look several may come at once
            link = self._link
            if link is not None and not link.closed:
                return link
            if self._within:
                raise IndexFault(f"{self._address}: the connection broke", state=LOST)
            self._link = None
            link = _connect(self._address)
            try:
                self._prepare(link)
            except psycopg.Error as error:
                link.close()
                raise self._fault(error, link) from None
            except BaseException:
                link.close()
                raise
            self._link = link
            return link

    def _prepare(self, link: Link) -> None:
        """Settings of ours, and what must be so of the server."""
        settings = {**_SETTINGS, "lock_timeout": f"{self._patience * 1000:.0f}ms"}
        if self._readonly:
            settings["default_transaction_read_only"] = "on"
        calls = [f"set_config('{name}', '{value}', false)" for name, value in settings.items()]
        told = [f"current_setting('{name}')" for name in _TOLD.split()]
        row = link.execute(f"SELECT {', '.join(told + calls)}").fetchone() or ()
        _require(self._address, *row[: len(told)])
        if self._relaxed:
            link.execute("SET synchronous_commit = off")
        elif row[len(told) - 1] not in _DURABLE:
            link.execute("SET synchronous_commit = on")


class PostgresqlIndex:
    """One connection to an index in PostgreSQL."""

    def __init__(self, session: Session, address: Address) -> None:
        self.connection = session
        self.name = str(address)

    @classmethod
    def open(cls, address: Address) -> Self:
        """Open; every commit is durable.

        Raises:
            ConfigError: it is no server to which anything can be entrusted.
            IndexFault: it cannot be reached.
        """
        return cls(_opened(Session(address)), address)

    @classmethod
    def open_readonly(cls, address: Address) -> Self:
        """Open for looking only."""
        return cls(_opened(Session(address, readonly=True)), address)

    @classmethod
    def open_briefly(cls, address: Address, seconds: float) -> Self:
        """Open what is there, and wait no longer than that for others."""
        return cls(_opened(Session(address, patience=seconds)), address)

    def prepare(self) -> None:
        """Nothing more: every connection is settled as it is opened."""

    def begin(self, purpose: str) -> None:
        """Begin a change, once no other with this purpose is under way."""
        self.connection.begin(
            "BEGIN ISOLATION LEVEL READ COMMITTED;"
            f" SELECT pg_advisory_xact_lock({lock_key(purpose)})"
        )

    def begin_reading(self) -> None:
        """Begin to read one moment."""
        self.connection.begin(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
            " SET LOCAL idle_in_transaction_session_timeout = 0;"  # it locks nothing
            " SELECT 1"  # a snapshot is taken by the first statement
        )

    def commit(self) -> None:
        """End a change; it is durable."""
        self.connection.end("COMMIT")

    def rollback(self) -> None:
        """End a change or a reading without a trace."""
        self.connection.abandon()

    def relax(self) -> None:
        """From now on commits wait for no disk."""
        self.connection.relax()

    def version(self) -> int:
        """The version of the tables; 0 where there are none."""
        if _VERSION_TABLE not in self.tables():
            return 0
        row = self.connection.execute(f"SELECT version FROM {_VERSION_TABLE}").fetchone()  # noqa: S608 - ours
        return 0 if row is None else int(row[0])

    def set_version(self, version: int) -> None:
        """State the version of the tables, within a change."""
        self.connection.execute(
            f"CREATE TABLE IF NOT EXISTS {_VERSION_TABLE}"
            " (one BIGINT PRIMARY KEY CHECK (one = 1), version BIGINT NOT NULL)"
        )
        self.connection.execute(
            f"INSERT INTO {_VERSION_TABLE} VALUES (1, ?)"  # noqa: S608 - a name of ours
            " ON CONFLICT (one) DO UPDATE SET version = excluded.version",
            (version,),
        )

    def tables(self) -> set[str]:
        """The names of the tables."""
        return {str(name) for (name,) in self.connection.execute(f"{_TABLES}'r')")}

    def is_complete(self, schema: str) -> bool:
        """Whether nothing that the schema makes is missing: making it takes locks."""
        found = {str(name) for (name,) in self.connection.execute(f"{_TABLES}'r', 'i')")}
        return made_by(schema) | {_VERSION_TABLE} <= found

    def statements(self, schema: str) -> list[str]:
        """The statements that make the tables."""
        return [translated(statement) for statement in split(schema)]

    def close(self) -> None:
        """Let go."""
        self.connection.close()


def lock_key(purpose: str) -> str:
    """An expression for the number of a lock: of this purpose, in this schema of a database."""
    named = hashlib.sha256(f"lakzegel.nl/lock/v1\n{purpose}\n".encode())
    number = int.from_bytes(named.digest()[:4])
    return f"hashtext(current_schema())::bigint << 32 | {number}"


class _Number(Int8Dumper):
    """Every number is one of 64 bits; true and false are numbers too, as in SQLite."""

    def dump(self, obj: int) -> bytes:
        return str(int(obj)).encode()


class _Whole(TextLoader):
    """What PostgreSQL adds up is a numeric; here it is a number."""

    def load(self, data: Any) -> Any:  # noqa: ANN401 - as there
        return int(bytes(data))


def _opened(session: Session) -> Session:
    session.execute("SELECT 1")
    return session


def _connect(address: Address) -> Link:
    """A connection to the server that takes changes.

    Raises:
        IndexFault: there is none.
        ConfigError: the address cannot be understood.
    """
    try:
        known = psycopg.conninfo.conninfo_to_dict(address.url)
        defaults: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "lakzegel-server",
            "target_session_attrs": "primary",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": DEAD_SECONDS * 1000,
            "client_encoding": "UTF8",
        }
    except psycopg.Error:
        raise ConfigError("database: the address is not one that PostgreSQL understands") from None
    try:
        link = psycopg.connect(**{**defaults, **known}, autocommit=True)
    except psycopg.Error as error:
        raise IndexFault(f"{address}: {_why(error)}", state=LOST) from None
    for kind in (int, bool):
        link.adapters.register_dumper(kind, _Number)
    link.adapters.register_loader("numeric", _Whole)
    return link


def _why(error: psycopg.Error) -> str:
    """The last thing that a client library said of a server that it could not reach."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rpartition("failed: ")[2] if lines else "cannot be reached"


def _require(address: Address, version: str, fsync: str, encoding: str, _commit: str) -> None:
    if int(version) < OLDEST:
        raise ConfigError(f"{address}: PostgreSQL {int(version) // 10000}; 15 or newer is needed")
    if fsync != "on":
        raise ConfigError(
            f"{address}: the server has fsync = {fsync}, so that a power cut takes what was sealed;"
            " set fsync = on in postgresql.conf"
        )
    if encoding != "UTF8":
        raise ConfigError(f"{address}: the database's encoding is {encoding}; make one with UTF8")
