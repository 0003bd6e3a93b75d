# SPDX-License-Identifier: EUPL-1.2
"""Opens the stores of a receiver where a command begins (docs/spec/stores.md §4 to 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Final

from lakzegel_server.database import Database, Place
from lakzegel_server.errors import ConfigError
from lakzegel_server.index.place import Address
from lakzegel_server.stores.edgerows import EdgeRows
from lakzegel_server.stores.objecttiles import TileObjects
from lakzegel_server.stores.place import S3Place
from lakzegel_server.stores.protocols import Documents, Keyrings
from lakzegel_server.stores.rows import RowDocuments
from lakzegel_server.stores.secret import Credentials
from lakzegel_server.stores.stores import Stores

_LACKING: Final = "a store in S3 needs botocore; install lakzegel[server-s3]"


@dataclass(frozen=True, slots=True)
class StorePlace:
    """Where a store is, and who is let in there; None for whoever this machine is."""

    place: S3Place
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class StorePlaces:
    """Where the stores are that are not files below DATA."""

    objects: StorePlace | None = None
    keyrings: StorePlace | None = None


@contextmanager
def opened(
    below: Stores,
    index: Place,
    places: StorePlaces,
    origin: str,
    clock: Callable[[], float],
    *,
    changing: bool = True,
) -> Iterator[Stores]:
    """The stores of a log, in the place of those below DATA; without ``changing`` only to look at.

    Raises:
        ConfigError: one is nothing to entrust that to.
        StoreError: one cannot be asked now.
    """
    opening = Database.open if changing else Database.open_readonly
    with ExitStack() as stack:
        documents: Documents = below.documents
        if isinstance(index, Address):
            documents = rows = RowDocuments(lambda: opening(index))
            stack.callback(rows.close)
        if places.objects is None and places.keyrings is None:
            yield Stores(below.objects, below.keyrings, documents, below.tiles, files=below.files)
            return
        s3 = _s3()
        keyrings: Keyrings = below.keyrings
        if places.keyrings is not None:
            asked = places.keyrings
            forgets = s3.open_keyrings(asked.place, asked.credentials, origin, making=changing)
            stack.callback(forgets.close)
            keyrings = forgets
        if places.objects is None:
            yield Stores(below.objects, keyrings, documents, below.tiles)
            return
        given = places.objects
        objects = s3.open_objects(given.place, given.credentials, origin, clock, making=changing)
        stack.callback(objects.close)
        edge = EdgeRows(lambda: opening(index))
        stack.callback(edge.close)
        yield Stores(objects, keyrings, documents, TileObjects(objects, edge))


def _s3() -> ModuleType:
    """What opens stores in S3, which takes a library that an embedded receiver has no use for.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module("lakzegel_server.stores.s3opening")
    except ModuleNotFoundError as error:
        if error.name != "botocore":
            raise
        raise ConfigError(_LACKING) from None
