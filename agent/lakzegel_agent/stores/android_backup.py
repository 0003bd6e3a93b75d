# SPDX-License-Identifier: EUPL-1.2
"""What was pulled from an Android phone onto a host: WhatsApp's chats, and nothing else.

    <pull>/serial                                        what `adb get-serialno` says
    <pull>/WhatsApp/Databases/msgstore.db.crypt15        or below Android/media/com.whatsapp
    <pull>/WhatsApp/Media/…

docs/spec/readout.md §6
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import ClassVar, Final

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.base import Conversation, OpenStore, Row
from lakzegel_agent.stores.phone import INCOMPLETE, Backup, PhoneStore, read_small
from lakzegel_agent.stores.whatsapp_android import WhatsAppAndroid

SERIAL: Final = b"serial"
MAX_SERIAL: Final = 128  # bytes
_APP: Final = "whatsapp"
_FOLDERS: Final = (
    b"WhatsApp/Databases",
    b"WhatsApp Business/Databases",
    b"Android/media/com.whatsapp/WhatsApp/Databases",
    b"Android/media/com.whatsapp.w4b/WhatsApp Business/Databases",
)
_NAMES: Final = (b"msgstore.db", b"msgstore.db.crypt14", b"msgstore.db.crypt15")
_OWN: Final = frozenset({b"WhatsApp", b"WhatsApp Business", b"Android"})
_TEXT: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9._:-]{3,63})\s*")

Key = Callable[[], bytes]


class AndroidBackup:
    """Pulls of Android phones, one a folder of any name; the root itself may be one."""

    kind: ClassVar[str] = "android-backup"
    apps: ClassVar[frozenset[str]] = frozenset({_APP})

    def __init__(self) -> None:
        self._chats = WhatsAppAndroid()

    def is_store(self, path: bytes) -> bool:
        """Return whether this is WhatsApp's database, or its newest backup."""
        above, _, name = self._inside(path).rpartition(b"/")
        return above in _FOLDERS and name in _NAMES

    def is_part(self, path: bytes) -> bool:
        """Return whether it says whose pull this is, or belongs to a database."""
        inside = self._inside(path)
        return inside == SERIAL or (
            inside.rpartition(b"/")[0] in _FOLDERS and self._chats.is_part(path)
        )

    def app_of(self, path: bytes) -> str | None:
        """Return of which app the database at this path is."""
        return _APP if self.is_store(path) else None

    def folder_of(self, path: bytes) -> bytes:
        """Return the folder of the pull that a path lies in; "" for the root."""
        first, slash, _ = path.partition(b"/")
        return first if slash and first not in _OWN else b""

    def look(self, folder: bytes) -> Backup:
        """Return what a pull says of itself: its serial number, the newest change of a database."""
        text = read_small(folder + b"/" + SERIAL, MAX_SERIAL) or b""
        serial = _TEXT.fullmatch(text)
        changed = [_changed(folder + b"/" + place) for _, place in self.databases(b"")]
        newest = max((one for one in changed if one is not None), default=None)
        return Backup(
            serial[1].decode("ascii") if serial else None,
            newest,
            INCOMPLETE if newest is None else "",
        )

    def databases(self, folder: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield the app, and where below the root a database of it may lie."""
        for above in _FOLDERS:
            for name in _NAMES:
                place = above + b"/" + name
                yield _APP, folder + b"/" + place if folder else place

    def open(self, root: bytes, path: bytes) -> AbstractContextManager[OpenStore]:
        """Open a database that is not encrypted."""
        return self.open_with(root, path, _no_key)

    @contextmanager
    def open_with(self, root: bytes, path: bytes, key: Key) -> Iterator[OpenStore]:
        """Open a database, or a backup whose tag proves that all of it is there.

        Raises:
            StoreError: as `WhatsAppAndroid` does.
        """
        with self._chats.open_with(root, path, key) as opened:
            yield Inside(opened, self, self.folder_of(path))

    def _inside(self, path: bytes) -> bytes:
        folder = self.folder_of(path)
        return path.removeprefix(folder + b"/") if folder else path


class Inside:
    """A store whose media lie in its own pull: never in another phone's."""

    def __init__(self, opened: OpenStore, kind: AndroidBackup, folder: bytes) -> None:
        self.inner = opened
        self._kind = kind
        self._folder = folder

    def conversations(self) -> Iterator[Conversation]:
        """Yield every conversation."""
        return self.inner.conversations()

    def rows(self, key: str) -> Iterator[Row]:
        """Yield the rows of a conversation."""
        return self.inner.rows(key)

    def media(self, key: str) -> Iterator[bytes]:
        """Yield the files that a conversation shows, of this pull alone."""
        for path in self.inner.media(key):
            if self._kind.folder_of(path) == self._folder:
                yield path


def _changed(path: bytes) -> datetime | None:
    """Return when a regular file changed last, None where there is none."""
    try:
        told = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(told.st_mode):
        return None
    try:
        return datetime.fromtimestamp(told.st_mtime, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _no_key() -> bytes:
    raise StoreError("no-key")


STORE: Final[PhoneStore] = AndroidBackup()
