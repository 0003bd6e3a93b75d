# SPDX-License-Identifier: EUPL-1.2
"""WhatsApp on Android: ``msgstore.db``, or its newest backup (docs/spec/conversations.md §5).

{"jid":"31600000001@s.whatsapp.net","people":{"5":"31600000001@s.whatsapp.net"},"row":{…}}
{"row":{"_id":1,"chat_row_id":2,"text_data":"Goedemorgen",…},"table":"message"}
{"row":{"file_path":"Media/…","message_row_id":1,…},"table":"message_media"}
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar, Final

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.base import KeyedStore, OpenStore
from lakzegel_agent.stores.database import LOGS, Reading, of_bytes, opened, translated
from lakzegel_agent.stores.whatsapp_crypt import decrypt
from lakzegel_agent.stores.whatsapp_reading import Opened

_PLAIN: Final = b"msgstore.db"
_BACKUPS: Final = (b"msgstore.db.crypt14", b"msgstore.db.crypt15")
_OLDER: Final = re.compile(rb"msgstore[-.].{1,80}\.crypt\d{2}\Z")

Key = Callable[[], bytes]


class WhatsAppAndroid:
    """The store of WhatsApp on Android, and the encrypted backup that it makes each night."""

    kind: ClassVar[str] = "whatsapp-android"

    def __init__(self) -> None:
        self._backup = _Backup()

    def is_store(self, path: bytes) -> bool:
        """Return whether this is the store, or its newest backup."""
        name = _name(path)
        return name == _PLAIN or name in _BACKUPS

    def is_part(self, path: bytes) -> bool:
        """Return whether this is a log of the store, or an older backup of it."""
        name = _name(path)
        logs = {_PLAIN + end for end in LOGS}
        return name in logs or (bool(_OLDER.match(name)) and not self.is_store(path))

    def open(self, root: bytes, path: bytes) -> AbstractContextManager[OpenStore]:
        """Open a store that is not encrypted."""
        return self.open_with(root, path, _no_key)

    @contextmanager
    def open_with(self, root: bytes, path: bytes, key: Key) -> Iterator[OpenStore]:
        """Open a store; a backup is decrypted in memory, once for as long as it stays as it is."""
        whole = root + b"/" + path
        if _name(path) not in _BACKUPS:
            with opened(whole) as connection:
                yield Opened(connection, path)
            return
        with translated():
            yield Opened(self._backup.open(whole, key), path)


class _Backup:
    """The backup that this process decrypted last: each of its conversations asks for it again."""

    def __init__(self) -> None:
        self._state: tuple[object, ...] = ()
        self._connection: Reading | None = None

    def open(self, path: bytes, key: Key) -> Reading:
        told, secret = os.lstat(path), key()
        state = (path, secret, told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino)
        if self._connection is None or state != self._state:
            self.close()
            self._connection = of_bytes(decrypt(path, secret))
            self._state = state
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _name(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def _no_key() -> bytes:
    raise StoreError("no-key")


STORE: Final[KeyedStore] = WhatsAppAndroid()
