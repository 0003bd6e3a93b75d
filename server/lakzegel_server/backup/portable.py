# SPDX-License-Identifier: EUPL-1.2
"""A copy of one moment of an index, as a file of SQLite, whichever engine it is in."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError
from lakzegel_server.fsck.indexed import Indexed
from lakzegel_server.schema import VERSION, put, tables

PRIVATE: Final = 0o600
_PART: Final = 1000  # rows
_ELSEWHERE: Final = {"documents", "edge_tiles"}  # rows that are files where the index is one
_OF_ONE: Final = {"receivers"}  # what several receivers say of themselves


def write_index(source: Indexed, path: Path) -> None:
    """Make the copy.

    Raises:
        ConfigError: the index is of another version than this program.
    """
    if isinstance(source.connection, sqlite3.Connection):
        with closing(sqlite3.connect(path)) as target:
            path.chmod(PRIVATE)
            source.connection.backup(target)
        return
    if source.version() != VERSION:
        raise ConfigError(f"{source.name}: of another version; start 'serve' once, then back up")
    with closing(Database.open(path)) as database:
        database.relax()  # whoever keeps the copy makes it durable
        with database.transaction() as change:
            for table in tables():
                if table in _ELSEWHERE | _OF_ONE:
                    continue
                rows = source.rows(f"SELECT * FROM {table}")  # noqa: S608 - a name of ours
                while part := list(islice(rows, _PART)):
                    change.executemany(put(table), part)
