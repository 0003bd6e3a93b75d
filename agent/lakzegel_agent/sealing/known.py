# SPDX-License-Identifier: EUPL-1.2
"""Segments of a file's own history that are sealed already (docs/spec/ledger.md §4)."""

import hashlib

from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerrows import SEGMENT


class Known:
    """Finds the packed row of a segment by its bytes; a hash that only this device can compute."""

    def __init__(self, cipher: Cipher, packed: bytes) -> None:
        size = SEGMENT.size
        self._rows: dict[bytes, bytes] = {}
        for start in range(0, len(packed), size):
            row = packed[start : start + size]
            self._rows[row[-16:]] = row
        self._cipher = cipher

    def __bool__(self) -> bool:
        return bool(self._rows)

    def row(self, piece: bytes) -> bytes | None:
        """Return the packed row of a segment with exactly these bytes, or None."""
        if not self._rows:
            return None
        row = self._rows.get(self._cipher.segment(hashlib.sha256(piece).digest()))
        if row is None or SEGMENT.unpack(row)[3] != len(piece):
            return None
        return row
