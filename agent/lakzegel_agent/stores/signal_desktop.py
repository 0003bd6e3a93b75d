# SPDX-License-Identifier: EUPL-1.2
"""Signal Desktop: ``sql/db.sqlite`` (docs/spec/conversations-signal-desktop.md).

{"conversation":{"id":"…","type":"private",…},"kind":"signal-desktop","people":{"<id>":{…}}}
{"row":{"id":"…","json":"{…}","rowid":7,"sent_at":1700000000000,…},"table":"messages"}
{"row":{"messageId":"…","path":"ab/ab…",…},"table":"message_attachments"}
"""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from lakzegel_agent.errors import StoreError
from lakzegel_agent.platforms import system
from lakzegel_agent.stores.base import OpenStore, Store
from lakzegel_agent.stores.database import LOGS
from lakzegel_agent.stores.signal_database import deciphered
from lakzegel_agent.stores.signal_keys import MAX_CONFIG, MAX_STATE, Secrets, database_key
from lakzegel_agent.stores.signal_reading import OpenSignal
from lakzegel_agent.stores.signal_secrets import secrets

_STORE: Final = b"sql/db.sqlite"


class SignalDesktop:
    """The store of Signal Desktop on Linux, macOS and Windows."""

    kind: ClassVar[str] = "signal-desktop"

    def __init__(
        self, secrets: Callable[[int], Secrets] = secrets, system: str = sys.platform
    ) -> None:
        self._secrets = secrets
        self._system = system
        self._last: tuple[bytes, str] = (b"", "")  # so that the keyring is not asked for each chat

    def is_store(self, path: bytes) -> bool:
        """Return whether the file lies where Signal keeps its database."""
        return (b"/" + path).endswith(b"/" + _STORE)

    def is_part(self, path: bytes) -> bool:
        """Return whether it is a log or an index of that."""
        return any(path.endswith(end) and self.is_store(path[: -len(end)]) for end in LOGS)

    @contextmanager
    def open(self, root: bytes, path: bytes) -> Iterator[OpenStore]:
        """Open the store, as it is with its write-ahead log; nothing is decrypted to disk.

        Raises:
            StoreError: ``no-library``, ``no-store``, ``no-key``, ``locked``, ``damaged``,
                ``unknown-schema``.
        """
        home = path.removesuffix(_STORE)
        key = self._key(root + b"/" + home)
        with deciphered(root + b"/" + path, key) as connection:
            yield OpenSignal(connection, home)

    def _key(self, home: bytes) -> str:
        config, owner = _read(home + b"config.json", MAX_CONFIG)
        if self._last[0] != config:
            key = database_key(
                config,
                lambda: _read(home + b"Local State", MAX_STATE)[0],
                self._secrets(owner),
                self._system,
            )
            self._last = (config, key)
        return self._last[1]


def _read(path: bytes, most: int) -> tuple[bytes, int]:
    """Return a small file whole, and whose it is; a link is not followed.

    Raises:
        StoreError: ``no-key``: it cannot be read, or is longer.
    """
    try:
        descriptor = system.open_to_read(path)
        with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor
            owner = system.owner(descriptor)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StoreError("no-key")
            data = file.read(most + 1)
    except OSError:
        raise StoreError("no-key") from None
    if len(data) > most:
        raise StoreError("no-key")
    return data, owner


STORE: Final[Store] = SignalDesktop()
