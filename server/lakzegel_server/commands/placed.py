# SPDX-License-Identifier: EUPL-1.2
"""Where a command finds what does not lie below DATA (docs/spec/stores.md §1).

What is given on the command line comes before what `settings.toml` says in ``[stores]``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakzegel_server.errors import ConfigError
from lakzegel_server.index.place import Address
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_origin
from lakzegel_server.migrating.leaving import require_not_left
from lakzegel_server.settings import Settings, load, read_private
from lakzegel_server.stores.opening import StorePlace, StorePlaces, opened
from lakzegel_server.stores.place import S3Place
from lakzegel_server.stores.secret import MAX_FILE, Credentials
from lakzegel_server.stores.stores import Stores


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has which opens DATA."""
    for name, what in (("objects", "batches and tiles"), ("keyrings", "keyrings")):
        parser.add_argument(
            f"--{name}",
            metavar="URL",
            help=f"{what}, in S3: s3://bucket/prefix?endpoint=https://… (default: [stores] {name}"
            " of DIR/settings.toml, else below DIR)",
        )
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
    layout = Layout(arguments.data, index=_address(arguments, settings))
    if layout.index is not None and layout.index_file.exists():
        raise ConfigError(
            f"{layout.index_file}: is there beside the index in {layout.index}; which one is the"
            " log's? Move the other away, or, where it is to go there, 'lakzegel-server migrate'"
        )
    require_not_left(layout)
    return layout


def _address(arguments: argparse.Namespace, settings: Settings) -> Address | None:
    url = arguments.database or settings.stores.database
    return None if url is None else Address.parse(url)


@contextmanager
def stored(
    arguments: argparse.Namespace,
    settings: Settings,
    layout: Layout,
    *,
    origin: str | None = None,
    changing: bool = True,
) -> Iterator[Layout]:
    """The layout with its stores open; without ``changing`` only to look at.

    Raises:
        ConfigError: one is nothing to entrust that to, or DATA has what should be there.
        StoreError: one cannot be asked now.
    """
    places = _places(arguments, settings)
    if places == StorePlaces() and layout.index is None:
        yield layout  # everything is below DATA
        return
    _require_moved(layout, places)
    with _opened(layout, places, origin or load_origin(layout), changing=changing) as whole:
        yield whole


@contextmanager
def destined(arguments: argparse.Namespace, settings: Settings) -> Iterator[Layout]:
    """Where everything is to go that lies below DATA still, open.

    Raises:
        ConfigError, StoreError: likewise.
    """
    layout = Layout(arguments.data, index=_address(arguments, settings))
    places = _places(arguments, settings)
    with _opened(layout, places, load_origin(layout), changing=True) as whole:
        yield whole


@contextmanager
def _opened(
    layout: Layout, places: StorePlaces, origin: str, *, changing: bool
) -> Iterator[Layout]:
    below = Stores.below(layout.data)
    with opened(below, layout.database, places, origin, time.time, changing=changing) as stores:
        yield layout.with_stores(stores)


def _places(arguments: argparse.Namespace, settings: Settings) -> StorePlaces:
    given = settings.stores
    return StorePlaces(
        _store(arguments.objects or given.objects, given.objects_credentials),
        _store(arguments.keyrings or given.keyrings, given.keyrings_credentials),
    )


def _store(url: str | None, credentials: Path | None) -> StorePlace | None:
    if url is None:
        return None
    known = None
    if credentials is not None:
        known = Credentials.parse(read_private(credentials, MAX_FILE), credentials)
    return StorePlace(S3Place.parse(url), known)


def _require_moved(layout: Layout, places: StorePlaces) -> None:
    """Return when nothing lies in DATA that is looked for in a store."""
    folders = [layout.batches, layout.log / "tile"] if places.objects is not None else []
    folders += [layout.keyrings] if places.keyrings is not None else []
    for folder in folders:
        if folder.is_dir() and any(folder.iterdir()):
            raise ConfigError(
                f"{folder}: holds files, but a store in S3 is named for those; they have to be in"
                " one place ('lakzegel-server migrate')"
            )
