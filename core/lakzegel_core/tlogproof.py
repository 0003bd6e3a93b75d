# SPDX-License-Identifier: EUPL-1.2
"""C2SP tlog-proof: one entry is in a log, checked offline.

    c2sp.org/tlog-proof@v1
    extra b2xkIDQxCi4uLg==
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=

    log.example/lakzegel
    109482
    ...

docs/spec/receipt.md §1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from lakzegel_core.encoding import b64, parse_decimal, unb64
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.limits import DIGEST, MAX_PROOF

_MAGIC: Final = "c2sp.org/tlog-proof@v1"
_MAX_PATH: Final = 63


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Index, inclusion path, checkpoint note; ``extra`` is not authenticated."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def to_bytes(self) -> bytes:
        """The text of the proof."""
        lines = [_MAGIC]
        if self.extra is not None:
            lines.append(f"extra {b64(self.extra)}")
        lines += [f"index {self.index}", *(b64(h) for h in self.path), "", ""]
        return "\n".join(lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The proof, unverified.

        Raises:
            LimitError: larger than 128 KiB or more than 63 hashes.
            FormatError: not the canonical encoding.
        """
        if len(data) > MAX_PROOF:
            raise LimitError("proof", f"{len(data)} bytes, at most {MAX_PROOF}")
        head, blank, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise FormatError("proof", "not ASCII before the checkpoint") from None
        if not blank or lines.pop(0) != _MAGIC:
            raise FormatError("proof", f"does not begin with {_MAGIC}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = unb64(lines.pop(0).removeprefix("extra "), what="proof extra")
        if not lines or not lines[0].startswith("index "):
            raise FormatError("proof", "has no index line")
        index = parse_decimal(lines.pop(0).removeprefix("index "), what="proof index")
        if len(lines) > _MAX_PATH:
            raise LimitError("proof", f"{len(lines)} hashes, at most {_MAX_PATH}")
        path = tuple(unb64(line, what="proof hash", size=DIGEST) for line in lines)
        proof = cls(index, path, checkpoint, extra)
        if proof.to_bytes() != data:
            raise FormatError("proof", "not the canonical encoding")
        return proof
