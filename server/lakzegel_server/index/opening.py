# SPDX-License-Identifier: EUPL-1.2
"""Opens the engine that a place is for; the driver of PostgreSQL is loaded only when it is one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final, cast

from lakzegel_server.errors import ConfigError
from lakzegel_server.index.engine import Connection, Engine
from lakzegel_server.index.place import Address, Place
from lakzegel_server.index.sqlite import SqliteIndex
from lakzegel_server.index.turns import FileTurns, Turns

_MISSING: Final = (
    "database: the driver of PostgreSQL is not installed; install lakzegel with the extra"
    " server-postgresql"
)


def open_engine(place: Place) -> Engine:
    """A connection that changes what is there.

    Raises:
        ConfigError: the driver is not installed, or the server is not to be trusted with an index.
    """
    if isinstance(place, Path):
        return SqliteIndex.open(place)
    return cast("Engine", _load("postgresql").PostgresqlIndex.open(place))


def open_engine_readonly(place: Place) -> Engine:
    """A connection that changes nothing.

    Raises:
        ConfigError: likewise.
    """
    if isinstance(place, Path):
        return SqliteIndex.open_readonly(place)
    return cast("Engine", _load("postgresql").PostgresqlIndex.open_readonly(place))


def open_engine_briefly(place: Place, seconds: float) -> Engine:
    """A connection to what is there, which waits no longer than that for others.

    Raises:
        ConfigError: likewise.
    """
    if isinstance(place, Path):
        return SqliteIndex.open_briefly(place, seconds)
    return cast("Engine", _load("postgresql").PostgresqlIndex.open_briefly(place, seconds))


def open_turns(place: Place, lock: Path) -> Turns:
    """The turns of whoever shares this index; ``lock`` is the file for those of one machine.

    Raises:
        ConfigError: the driver is not installed.
    """
    if isinstance(place, Path):
        return FileTurns(lock)
    return cast("Turns", _load("advisory").AdvisoryTurns(place))


def is_made(place: Place) -> bool:
    """Whether an index was made there.

    Raises:
        IndexFault: it cannot be asked.
    """
    if isinstance(place, Path):
        return place.exists()
    engine = open_engine_readonly(place)
    try:
        return engine.version() > 0
    finally:
        engine.close()


def has_shape(address: Address, connection: Connection, schema: str) -> bool:
    """Whether the tables in PostgreSQL are those that this schema makes.

    Raises:
        IndexFault: that cannot be told.
    """
    return bool(_load("shape").is_same(address, connection, schema))


def _load(name: str) -> ModuleType:
    try:
        return import_module(f"lakzegel_server.index.{name}")
    except ImportError:
        raise ConfigError(_MISSING) from None
