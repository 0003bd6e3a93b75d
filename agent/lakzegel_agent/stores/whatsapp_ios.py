# SPDX-License-Identifier: EUPL-1.2
"""WhatsApp on iPhone and Mac: ``ChatStorage.sqlite`` (docs/spec/conversations-whatsapp-ios.md).

{"kind":"whatsapp-ios","people":{"4":"31600000001@s.whatsapp.net"},"session":{"Z_PK":2,…}}
{"row":{"Z_PK":4,"ZMEMBERJID":"31600000001@s.whatsapp.net",…},"table":"ZWAGROUPMEMBER"}
{"row":{"Z_PK":9,"ZMESSAGEDATE":700000000,"ZTEXT":"Goedemorgen",…},"table":"ZWAMESSAGE"}
{"row":{"Z_PK":3,"ZMEDIALOCALPATH":"Media/…",…},"table":"ZWAMEDIAITEM"}
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from lakzegel_agent.stores.appleplaces import Places, hashed
from lakzegel_agent.stores.base import OpenStore, Store
from lakzegel_agent.stores.database import LOGS, opened
from lakzegel_agent.stores.whatsapp_ios_reading import OpenChats

_NAME: Final = b"ChatStorage.sqlite"
_DOMAINS: Final = (
    "AppDomainGroup-group.net.whatsapp.WhatsApp.shared",
    "AppDomainGroup-group.net.whatsapp.WhatsAppSMB.shared",  # WhatsApp Business
)
_HASHED: Final = {hashed(domain, _NAME.decode()): domain for domain in _DOMAINS}


class WhatsAppIos:
    """The store of WhatsApp and WhatsApp Business, alone or in a backup that is not encrypted."""

    kind: ClassVar[str] = "whatsapp-ios"

    def is_store(self, path: bytes) -> bool:
        """Return whether the file is called so."""
        return path.rpartition(b"/")[2] == _NAME or _domain(path) is not None

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
            yield OpenChats(connection, Places(path, _domain(path) or "", "", b"Message/"))


def _domain(path: bytes) -> str | None:
    """Return whose store a file of a backup is, None where it is none of these."""
    return _HASHED.get(b"/".join(path.rsplit(b"/", 2)[-2:]))


STORE: Final[Store] = WhatsAppIos()
