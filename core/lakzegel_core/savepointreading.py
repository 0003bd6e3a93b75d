# SPDX-License-Identifier: EUPL-1.2
"""Takes a savepoint's bytes one piece after the other, whatever blocks they come in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from lakzegel_core.errors import FormatError, LimitError

_WHAT = "savepoint"


class Reading:
    """What is left of a stream of blocks; no more of it is held than a piece and a block."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._block = b""
        self._at = 0
        self._hashed = hashlib.sha256()

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes.

        Raises:
            FormatError: there are not so many.
        """
        while len(self._block) - self._at < size:
            more = next(self._blocks, None)
            if more is None:
                raise FormatError(_WHAT, "cut off")
            self._block = self._block[self._at :] + more
            self._at = 0
        piece = self._block[self._at : self._at + size]
        self._at += size
        self._hashed.update(piece)
        return piece

    def until(self, mark: bytes, limit: int) -> bytes:
        """The bytes up to and with ``mark``.

        Raises:
            FormatError: it never comes.
            LimitError: not within ``limit`` bytes.
        """
        while (end := self._block.find(mark, self._at, self._at + limit)) < 0:
            if len(self._block) - self._at >= limit:
                raise LimitError(_WHAT, f"no empty line in its first {limit} bytes")
            more = next(self._blocks, None)
            if more is None:
                raise FormatError(_WHAT, "cut off")
            self._block = self._block[self._at :] + more
            self._at = 0
        return self.take(end + len(mark) - self._at)

    def digest(self) -> bytes:
        """SHA-256 of all that was taken so far."""
        return self._hashed.digest()

    def end(self) -> None:
        """Return when nothing is left.

        Raises:
            FormatError: something is.
        """
        if self._at < len(self._block) or any(self._blocks):
            raise FormatError(_WHAT, "goes on after its end")
