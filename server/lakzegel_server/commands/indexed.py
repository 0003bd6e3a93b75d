# SPDX-License-Identifier: EUPL-1.2
"""The receiver's index, opened by a command that does not serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.index.opening import is_made
from lakzegel_server.layout import Layout, load_origin


@contextmanager
def index_of(data: Path) -> Iterator[Database]:
    """The index of the receiver whose folder this is.

    Raises:
        ConfigError: it is not a receiver's, or its index is gone or cannot be used.
    """
    layout = Layout(data)
    load_origin(layout)
    try:
        if not is_made(layout.database):
            raise ConfigError(
                f"{layout.database}: is gone; start 'serve' or restore a backup first"
            )
        database = Database.open(layout.database)
    except FAILURES as error:
        raise ConfigError(f"{layout.database}: {error}; run 'lakzegel-server check'") from None
    try:
        yield database
    finally:
        database.close()
