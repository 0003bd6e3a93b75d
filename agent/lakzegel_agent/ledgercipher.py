# SPDX-License-Identifier: EUPL-1.2
"""How the ledger finds rows without naming them, and keeps what it must remember unread.

    name    = HMAC-SHA256(name key, part || 0 || part …), first 16 bytes
    blob    = nonce (12) || AES-256-GCM(row key, nonce, plain, associated data = the row's name)

Both keys are derived from the ledger key. A blob moved to another row does not open.
docs/spec/ledger.md §2.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from lakzegel_agent.errors import LedgerDamagedError

KEY_SIZE: Final = 32
NAME: Final = 16  # bytes of a row's name: no two of 2^50 files share one by chance
_NONCE: Final = 12


class Keyed:
    """HMAC-SHA256 under one key, which is scheduled once and not for each of many messages."""

    def __init__(self, key: bytes) -> None:
        self._begin = HMAC(key, SHA256()).copy

    def digest(self, message: bytes) -> bytes:
        """Return the 32 bytes that only the holder of the key can compute."""
        begun = self._begin()
        begun.update(message)
        return begun.finalize()


class Cipher:
    """Names and blobs under one ledger key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise LedgerDamagedError(f"ledger key: {len(key)} bytes where {KEY_SIZE} belong")
        keyed = Keyed(key)
        self._names = Keyed(keyed.digest(b"lakzegel.nl/ledger/v1/names"))
        self._hashes = Keyed(keyed.digest(b"lakzegel.nl/ledger/v1/segments"))
        self._rows = AESGCM(keyed.digest(b"lakzegel.nl/ledger/v1/rows"))

    def name(self, *parts: bytes) -> bytes:
        """Return the name of what these parts say; only the holder of the key can compute it."""
        return self._names.digest(b"\0".join(parts))[:NAME]

    def segment(self, digest: bytes) -> bytes:
        """Return by what a segment of this SHA-256 is known again."""
        return self._hashes.digest(digest)[:NAME]

    def seal(self, plain: bytes, name: bytes) -> bytes:
        """Return a blob that opens only as this row's."""
        nonce = os.urandom(_NONCE)
        return nonce + self._rows.encrypt(nonce, plain, name)

    def open(self, blob: bytes, name: bytes) -> bytes:
        """Return what a row remembers.

        Raises:
            LedgerDamagedError: another key, another row, or changed bytes.
        """
        try:
            return self._rows.decrypt(blob[:_NONCE], blob[_NONCE:], name)
        except (InvalidTag, ValueError):
            raise LedgerDamagedError("ledger: a row does not open with this key") from None
