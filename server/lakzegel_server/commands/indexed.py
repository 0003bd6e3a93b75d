# SPDX-License-Identifier: EUPL-1.2
"""The receiver's index, opened by a command that does not serve."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError
from lakzegel_server.index.opening import is_made
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_origin


@contextmanager
def index_of(layout: Layout) -> Iterator[Database]:
    """The index of this receiver.

    Raises:
        ConfigError: it is not a receiver's, or its index is gone or cannot be used.
    """
    load_origin(layout)
    try:
        if not is_made(layout.database):
            raise ConfigError(
                f"{layout.database}: is gone; start 'serve' or restore a backup first"
            )
        database = Database.open(layout.database)
    except sqlite3.Error as error:
        raise ConfigError(f"{layout.database}: {error}; run 'lakzegel-server check'") from None
    try:
        yield database
    finally:
        database.close()
