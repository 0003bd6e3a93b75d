# SPDX-License-Identifier: EUPL-1.2
"""Messages of macOS and iOS: iMessage and SMS (docs/spec/conversations-imessage.md).

{"chat":{"guid":"iMessage;-;+31600000001",…},"kind":"imessage","people":{"1":"+31600000001"},…}
{"row":{"ROWID":1,"id":"+31600000001",…},"table":"handle"}
{"row":{"ROWID":7,"date":700000000000000000,"text":"Goedemorgen",…},"table":"message"}
{"row":{"chat_id":1,"message_id":7},"table":"chat_message_join"}
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from lakzegel_agent.stores.appleplaces import Places, hashed
from lakzegel_agent.stores.base import OpenStore, Store
from lakzegel_agent.stores.database import LOGS, opened
from lakzegel_agent.stores.imessage_reading import OpenMessages

_NAMES: Final = frozenset({b"chat.db", b"sms.db"})  # on macOS, on iOS
_HASHED: Final = hashed("HomeDomain", "Library/SMS/sms.db")
_MEDIA: Final = ("MediaDomain", "Library/SMS/")  # of what lies beside it, in a backup


class MessagesStore:
    """``chat.db`` of a Mac, ``sms.db`` of an iPhone, alone or in a backup that is not encrypted."""

    kind: ClassVar[str] = "imessage"

    def is_store(self, path: bytes) -> bool:
        """Return whether the file is called so."""
        return path.rpartition(b"/")[2] in _NAMES or (b"/" + path).endswith(b"/" + _HASHED)

    def is_part(self, path: bytes) -> bool:
        """Return whether it is a log or an index of such a file."""
        return any(path.endswith(end) and self.is_store(path[: -len(end)]) for end in LOGS)

    @contextmanager
    def open(self, root: bytes, path: bytes) -> Iterator[OpenStore]:
        """Open the store, as it is with its write-ahead log.

        Raises:
            StoreError: ``no-store``, ``damaged``, ``locked``, ``unknown-schema``.
        """
        with opened(root + b"/" + path) as connection:
            yield OpenMessages(connection, Places(path, *_MEDIA))


STORE: Final[Store] = MessagesStore()
