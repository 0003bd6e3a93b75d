# SPDX-License-Identifier: EUPL-1.2
"""The keys that all receivers of one index must have (docs/spec/stores.md §7).

The index keeps their verifier keys. Whoever comes with another key would sign what nobody trusts:
it is refused before it shows anything.
"""

from __future__ import annotations

from typing import Final

from lakzegel_core.checkpoint import LogKeys
from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import ED25519, MLDSA
from lakzegel_server.schema import row_digest

_COPY: Final = "copy keys/ from a receiver that serves this log"


def require_same(layout: Layout, keys: LogKeys) -> None:
    """Return when the log's keys are those of all receivers of its index.

    Raises:
        ConfigError: they are others.
    """
    if not layout.shared:
        return
    database = Database.open(layout.database)
    try:
        for name, key in ((ED25519, keys.ed25519), (MLDSA, keys.mldsa)):
            require_known(database, name, key.to_text())
    finally:
        database.close()


def require_known(database: Database, name: str, key: str) -> None:
    """Return when this is the key that the index has under that name, or has now.

    Raises:
        ConfigError: it has another.
    """
    with database.transaction() as change:
        row = (name, key)
        change.execute(
            "INSERT INTO shared_keys VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
            (*row, row_digest(*row)),
        )
    if known(database, name) != key:
        raise ConfigError(
            f"keys/{name}: is another than the receivers of {database.name} have; {_COPY}"
        )


def known(database: Database, name: str) -> str | None:
    """The verifier key that the index has under a name."""
    row = database.connection.execute(
        "SELECT vkey FROM shared_keys WHERE name = ?", (name,)
    ).fetchone()
    return None if row is None else str(row[0])


def require_file(layout: Layout, database: Database, name: str) -> None:
    """Return when a key that others have lies here too: none may be made in its place.

    Raises:
        ConfigError: it does not.
    """
    if known(database, name) is not None and not layout.key(name).exists():
        raise ConfigError(f"keys/{name}: is not here, and other receivers have it; {_COPY}")
