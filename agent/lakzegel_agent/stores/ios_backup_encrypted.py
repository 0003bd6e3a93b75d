# SPDX-License-Identifier: EUPL-1.2
"""An encrypted iPhone backup, read in memory alone (docs/spec/readout.md §2).

The media that its chats show are derived too: each is a conversation of its own in what the
framework sees, captured as the plain file at its own path.
"""

import os
import plistlib
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final, NamedTuple

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.appleplists import parse_plist
from lakzegel_agent.stores.base import Conversation, OpenStore, Row
from lakzegel_agent.stores.database import of_bytes
from lakzegel_agent.stores.ios_backup_files import Manifest
from lakzegel_agent.stores.ios_backup_keys import Classes, decrypted, file_key, plain, unlock

MEDIA: Final = "media-"
_HEX: Final = 40
_MISSING: Final = (KeyError, IndexError, TypeError, AttributeError)


class Entry(NamedTuple):
    """How a file of an encrypted backup is read."""

    key: bytes
    size: int  # bytes of the plain file


class Vault:
    """The unlocked keys and the manifest of one encrypted backup."""

    def __init__(self, classes: Classes, connection: sqlite3.Connection) -> None:
        self._classes = classes
        self._connection = connection
        self.manifest = Manifest(connection)

    def entry(self, file: str) -> Entry:
        """Return how a file is read.

        Raises:
            StoreError: ``no-store``, ``no-key``, ``damaged``.
        """
        found = self._connection.execute(
            'SELECT "file" FROM "Files" WHERE "fileID" = ? LIMIT 1', (file,)
        ).fetchone()
        if found is None or not isinstance(found[0], bytes):
            raise StoreError("no-store")
        wrapped, size = described(found[0])
        return Entry(file_key(self._classes, wrapped), size)


@contextmanager
def vault(backup: bytes, about: Mapping[str, object], passphrase: bytes) -> Iterator[Vault]:
    """Unlock a backup; ``about`` is its Manifest.plist.

    Raises:
        StoreError: ``no-key``, ``damaged``, ``too-large``, ``unknown-schema``.
    """
    bag, wrapped = about.get("BackupKeyBag"), about.get("ManifestKey")
    if not isinstance(bag, bytes):
        raise StoreError("damaged")
    classes = unlock(bag, passphrase)
    data = plain(backup + b"/Manifest.db", file_key(classes, wrapped))
    with closing(of_bytes(data)) as connection:
        yield Vault(classes, connection)


def described(blob: bytes) -> tuple[object, int]:
    """Return a file's wrapped key and size, from what the manifest archived of it.

    Raises:
        StoreError: ``damaged``.
    """
    archive = parse_plist(blob)
    try:
        objects: list[object] = archive["$objects"]  # type: ignore[assignment]  # looked at below
        top: Mapping[str, object] = archive["$top"]  # type: ignore[assignment]
        root: Mapping[str, object] = _of(objects, top["root"])  # type: ignore[assignment]
        holder = _of(objects, root["EncryptionKey"])
        wrapped = holder["NS.data"] if isinstance(holder, dict) else holder
        size = root["Size"]
    except _MISSING:
        raise StoreError("damaged") from None
    if not isinstance(size, int) or size < 0:
        raise StoreError("damaged")
    return wrapped, size


class Derived:
    """Chats of an encrypted backup, and after them the media that they show."""

    def __init__(self, chats: OpenStore, unlocked: Vault, root: bytes) -> None:
        self.inner = chats
        self._vault = unlocked
        self._root = root

    def conversations(self) -> Iterator[Conversation]:
        """Yield every conversation, then each file that one shows, with all who are in those."""
        shown: dict[bytes, frozenset[str] | None] = {}
        for one in self.inner.conversations():
            yield one
            for place in self.inner.media(one.key):
                before = shown.get(place, frozenset())
                known = before is not None and one.people is not None
                shown[place] = (before or frozenset()) | (one.people or frozenset())
                if not known:
                    shown[place] = None
        for place, people in shown.items():
            if self._is_there(place):
                key = MEDIA + place[-_HEX:].decode("ascii")
                yield Conversation(key, {}, people, place)

    def rows(self, key: str) -> Iterator[Row]:
        """Yield the rows of a conversation; none of a file."""
        return iter(()) if key.startswith(MEDIA) else self.inner.rows(key)

    def media(self, key: str) -> Iterator[bytes]:
        """Yield nothing: what lies on the disk is encrypted."""
        del key
        return iter(())

    def blob(self, one: Conversation) -> Iterator[bytes]:
        """Yield the plain bytes of a file."""
        entry = self._vault.entry(one.key.removeprefix(MEDIA))
        return decrypted(self._root + b"/" + (one.path or b""), entry.key, entry.size)

    def _is_there(self, place: bytes) -> bool:
        """Return whether a file can be read: one that cannot takes nothing else with it."""
        try:
            told = os.lstat(self._root + b"/" + place)
            entry = self._vault.entry(place[-_HEX:].decode("ascii"))
        except (OSError, StoreError):
            return False
        return stat.S_ISREG(told.st_mode) and not told.st_size % 16 and entry.size <= told.st_size


def _of(objects: list[object], number: object) -> object:
    if not isinstance(number, plistlib.UID) or number.data >= len(objects):
        raise IndexError
    return objects[number.data]


Passphrase = Callable[[], bytes]
