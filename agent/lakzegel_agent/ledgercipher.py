# SPDX-License-Identifier: EUPL-1.2
"""How the ledger finds rows without naming them, and keeps what it must remember unread.

    name    = HMAC-SHA256(name key, part || 0 || part …), first 16 bytes
    blob    = nonce (12) || AES-256-GCM(row key, nonce, plain, associated data = the row's name)

Both keys are derived from the ledger key. A blob moved to another row does not open.
docs/spec/ledger.md §2.
"""

import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lakzegel_agent.errors import LedgerDamagedError

KEY_SIZE: Final = 32
NAME: Final = 16  # bytes of a row's name: no two of 2^50 files share one by chance
_NONCE: Final = 12


class Cipher:
    """Names and blobs under one ledger key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise LedgerDamagedError(f"ledger key: {len(key)} bytes where {KEY_SIZE} belong")
        self._names = hmac.digest(key, b"lakzegel.nl/ledger/v1/names", hashlib.sha256)
        self._hashes = hmac.digest(key, b"lakzegel.nl/ledger/v1/segments", hashlib.sha256)
        self._rows = AESGCM(hmac.digest(key, b"lakzegel.nl/ledger/v1/rows", hashlib.sha256))

    def name(self, *parts: bytes) -> bytes:
        """Return the name of what these parts say; only the holder of the key can compute it."""
        return hmac.digest(self._names, b"\0".join(parts), "sha256")[:NAME]

    def segment(self, digest: bytes) -> bytes:
        """Return by what a segment of this SHA-256 is known again."""
        return hmac.digest(self._hashes, digest, "sha256")[:NAME]

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
