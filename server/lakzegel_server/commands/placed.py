# SPDX-License-Identifier: EUPL-1.2
"""Where a command finds what does not lie below DATA (docs/spec/stores.md §1).

What is given on the command line comes before what `settings.toml` says in ``[stores]``.
"""

from __future__ import annotations

import argparse

from lakzegel_server.errors import ConfigError
from lakzegel_server.index.place import Address
from lakzegel_server.layout import Layout
from lakzegel_server.settings import Settings, load


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has which opens DATA."""
    parser.add_argument(
        "--database",
        metavar="URL",
        help="the index, in PostgreSQL: postgresql://user@host/name (default: [stores] database of"
        " DIR/settings.toml, else DIR/index.sqlite); a password is better kept in a file of"
        " PostgreSQL's own",
    )


def layout_of(arguments: argparse.Namespace) -> Layout:
    """Where everything of the receiver is that the arguments name.

    Raises:
        ConfigError: the settings or an address are wrong, or there are two indices.
    """
    return placed(arguments, load(Layout(arguments.data)))


def placed(arguments: argparse.Namespace, settings: Settings) -> Layout:
    """The same, by settings that were read already.

    Raises:
        ConfigError: likewise.
    """
    url = arguments.database or settings.stores.database
    layout = Layout(arguments.data, index=None if url is None else Address.parse(url))
    if layout.index is not None and layout.index_file.exists():
        raise ConfigError(
            f"{layout.index_file}: is there beside the index in {layout.index}; which one is the"
            " log's? Move the other away"
        )
    return layout
