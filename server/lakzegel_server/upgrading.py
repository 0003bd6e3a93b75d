# SPDX-License-Identifier: EUPL-1.2
"""Brings ``index.sqlite`` to the tables of this version (docs/spec/storage.md §3).

A new table is one more ``CREATE TABLE IF NOT EXISTS`` at the end of SCHEMA. Whatever changes a
table that was released gets a step here, and makes VERSION one more. A step renames the old table,
lets SCHEMA's own text make the new one and copies the rows with new digests: then the upgraded
database has the very tables of a new one, and `check` can say so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from lakzegel_server.errors import ConfigError
from lakzegel_server.schema import SCHEMA, VERSION

Step = Callable[[sqlite3.Connection], None]
STEPS: Final[dict[int, Step]] = {}  # by the version that a step leads away from


def upgrade(connection: sqlite3.Connection) -> None:
    """Make what is missing, in one transaction: after a crash it is the old version or this one.

    Raises:
        ConfigError: the database is of a newer version; nothing was changed.
    """
    require_known(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = require_known(connection)  # again: another process may have been first
        for version in range(found, VERSION) if _has_tables(connection) else ():
            step = STEPS.get(version)
            if step is not None:
                step(connection)
        for statement in statements():
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def require_known(connection: sqlite3.Connection) -> int:
    """The database's version, when this program knows it.

    Raises:
        ConfigError: it is newer.
    """
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise ConfigError(
            f"index.sqlite: of version {found}, this lakzegel-server knows {VERSION};"
            " install the newer one again"
        )
    return found


def statements() -> list[str]:
    """The statements of SCHEMA, one by one."""
    found, rest = [], ""
    for line in SCHEMA.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            found.append(rest.strip())
            rest = ""
    return found


def _has_tables(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
