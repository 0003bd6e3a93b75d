# SPDX-License-Identifier: EUPL-1.2
"""Brings an index to the tables of this version (docs/spec/storage.md §3).

A new table is one more ``CREATE TABLE IF NOT EXISTS`` at the end of SCHEMA. Whatever changes a
table that was released gets a step here, and makes VERSION one more. A step renames the old table,
lets SCHEMA's own text make the new one and copies the rows with new digests: then the upgraded
database has the very tables of a new one, and `check` can say so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lakzegel_server.errors import ConfigError
from lakzegel_server.index.engine import Engine
from lakzegel_server.index.portable import split
from lakzegel_server.schema import SCHEMA, VERSION
from lakzegel_server.upgrades import numbered

UPGRADING: Final = "upgrade"  # the turn of whoever makes tables
Step = Callable[[Engine], None]
STEPS: Final[dict[int, Step]] = {1: numbered}  # by the version that a step leads away from


def upgrade(engine: Engine) -> None:
    """Make what is missing, in one transaction: after a crash it is the old version or this one.

    Raises:
        ConfigError: the database is of a newer version; nothing was changed.
    """
    if require_known(engine) == VERSION and engine.is_complete(SCHEMA):
        return
    engine.begin(UPGRADING)
    try:
        found = require_known(engine)  # again: another process may have been first
        for version in range(found, VERSION) if engine.tables() else ():
            step = STEPS.get(version)
            if step is not None:
                step(engine)
        for statement in engine.statements(SCHEMA):
            engine.connection.execute(statement)
        engine.set_version(VERSION)
        engine.commit()
    except BaseException:
        engine.rollback()
        raise


def require_known(engine: Engine) -> int:
    """The database's version, when this program knows it.

    Raises:
        ConfigError: it is newer.
    """
    found = engine.version()
    if found > VERSION:
        raise ConfigError(
            f"{engine.name}: of version {found}, this lakzegel-server knows {VERSION};"
            " install the newer one again"
        )
    return found


def statements() -> list[str]:
    """The statements of SCHEMA, one by one."""
    return split(SCHEMA)
