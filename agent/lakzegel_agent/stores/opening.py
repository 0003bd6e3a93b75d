# SPDX-License-Identifier: EUPL-1.2
"""Opens a store of any kind, with the key that somebody gave to this device where it needs one.

    HOME/keys/<label>.key     64 hexadecimal digits
    HOME/keys/<label>.pass    the passphrase of a phone's encrypted backup

docs/spec/conversations.md §3
"""

import os
import stat
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores import store_of
from lakzegel_agent.stores.base import OpenStore

KEY_SIZE: Final = 32
MAX_PHRASE: Final = 1_024  # bytes


class Given(NamedTuple):
    """Where the keys of one source lie that somebody gave to this device."""

    folder: Path
    label: str  # of the source

    @property
    def key(self) -> Path:
        """The file of its key."""
        return self.folder / f"{self.label}.key"

    @property
    def phrase(self) -> Path:
        """The file of its passphrase."""
        return self.folder / f"{self.label}.pass"


def open_store(
    kind: str, root: bytes, path: bytes, given: Given
) -> AbstractContextManager[OpenStore]:
    """Open the store at ``path`` below ``root``, without changing it.

    Raises:
        StoreError: as `Store.open`, and ``no-store`` for a kind of which there is none.
    """
    store = store_of(kind)
    if store is None:
        raise StoreError("no-store")
    phrased = getattr(store, "open_with_passphrase", None)
    if phrased is not None:
        unlocked: AbstractContextManager[OpenStore] = phrased(
            root, path, lambda: passphrase_of(given.phrase)
        )
        return unlocked
    keyed = getattr(store, "open_with", None)
    if keyed is None:
        return store.open(root, path)
    found: AbstractContextManager[OpenStore] = keyed(root, path, lambda: key_of(given.key))
    return found


def key_of(path: Path) -> bytes:
    """Return the key in a file of ours: 64 hexadecimal digits that nobody else may read.

    Raises:
        StoreError: ``no-key``.
    """
    try:
        key = bytes.fromhex(_secret(path, 2 * KEY_SIZE + 2).decode("ascii").strip())
    except ValueError:
        raise StoreError("no-key") from None
    if len(key) != KEY_SIZE:
        raise StoreError("no-key")
    return key


def passphrase_of(path: Path) -> bytes:
    """Return the passphrase in a file of ours, its first line, that nobody else may read.

    Raises:
        StoreError: ``no-key``.
    """
    phrase = _secret(path, MAX_PHRASE).partition(b"\n")[0].removesuffix(b"\r")
    if not phrase:
        raise StoreError("no-key")
    return phrase


def _secret(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            open_to_others = stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077
            data = file.read(most)
    except OSError:
        raise StoreError("no-key") from None
    if open_to_others:
        raise StoreError("no-key")
    return data
