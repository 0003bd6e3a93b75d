# SPDX-License-Identifier: EUPL-1.2
"""What a phone left on the host that it is read out to: whose, of when, and whether all of it.

<root>/<one backup>/…    or    <root>/…    docs/spec/readout.md §1
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final, NamedTuple, Protocol, runtime_checkable

from lakzegel_agent.platforms import system
from lakzegel_agent.stores.base import Store

INCOMPLETE: Final = "incomplete"  # it is still being made, or was broken off
MAX_BACKUPS: Final = 100  # below one root


class Backup(NamedTuple):
    """What a backup says of itself; nothing of it is proven."""

    serial: str | None  # of the phone
    made: datetime | None  # UTC
    why: str  # not to be read, as a slug; "" for one that is whole


@runtime_checkable
class PhoneStore(Store, Protocol):
    """A kind of store of which several apps' databases lie in one backup of a phone."""

    apps: ClassVar[frozenset[str]]

    def app_of(self, path: bytes) -> str | None:
        """Return of which app the database at this path below the root is; None: of none."""
        ...

    def folder_of(self, path: bytes) -> bytes:
        """Return the folder of the backup that a path below the root lies in; "" for the root."""
        ...

    def look(self, folder: bytes) -> Backup:
        """Return what the backup in this folder, an absolute path, says of itself."""
        ...

    def databases(self, folder: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield each app, and where below a backup's folder a database of it may lie."""
        ...


def phone_store(store: Store | None) -> PhoneStore | None:
    """Return the store where it is one of phones."""
    return store if isinstance(store, PhoneStore) else None


def backups(store: PhoneStore, root: bytes) -> list[bytes]:
    """Return the folders of backups below a root, and "" where the root itself is one."""
    found = []
    try:
        with os.scandir(root) as entries:
            for entry in entries:
                inside = store.folder_of(entry.name + b"/x")
                if inside and entry.is_dir(follow_symlinks=False):
                    found.append(inside)
    except OSError:
        return []
    own = store.look(root)
    alone = [b""] if own.serial is not None else []
    return alone + sorted(found)[:MAX_BACKUPS]


def read_small(path: bytes, most: int) -> bytes | None:
    """Return a regular file's bytes; None where there is none, it is a link, or it is longer."""
    try:
        descriptor = system.open_to_read(path)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            told = os.fstat(descriptor)
            if not stat.S_ISREG(told.st_mode) or told.st_size > most:
                return None
            return file.read(most)
        except OSError:
            return None
