# SPDX-License-Identifier: EUPL-1.2
"""The payload of an age v1 file: STREAM with ChaCha20-Poly1305 (C2SP age, "Payload").

    nonce (16) || chunk 0 || … || last chunk          64 KiB of plaintext and 16 bytes of tag each
    payload key = HKDF-SHA-256(file key, salt = nonce, info = "payload")
    chunk nonce = u88be chunk number || 0x01 for the last chunk, else 0x00

The last chunk may be shorter, and is empty only where the whole payload is.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lakzegel_core.age_header import hkdf
from lakzegel_core.errors import DecryptError, FormatError, LimitError

NONCE: Final = 16
CHUNK: Final = 65_536
TAG: Final = 16
_SEALED: Final = CHUNK + TAG


def seal(file_key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    """The payload: the nonce and every chunk sealed."""
    cipher = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
    count = max(1, -(-len(plaintext) // CHUNK))
    pieces = [nonce]
    for number in range(count):
        chunk = plaintext[number * CHUNK : (number + 1) * CHUNK]
        pieces.append(cipher.encrypt(_nonce(number, last=number == count - 1), chunk, None))
    return b"".join(pieces)


def open_(file_key: bytes, payload: bytes, *, max_size: int) -> bytes:
    """The plaintext, proven whole.

    Raises:
        LimitError: more than ``max_size`` bytes.
        FormatError: no nonce.
        DecryptError: cut, lengthened or changed.
    """
    size = opened_length(len(payload))
    if size > max_size:
        raise LimitError("age payload", f"{size} bytes, at most {max_size}")
    cipher = ChaCha20Poly1305(hkdf(file_key, payload[:NONCE], b"payload"))
    sealed = memoryview(payload)[NONCE:]
    count = -(-len(sealed) // _SEALED)
    try:
        chunks = [
            cipher.decrypt(
                _nonce(number, last=number == count - 1),
                sealed[number * _SEALED : (number + 1) * _SEALED],
                None,
            )
            for number in range(count)
        ]
    except InvalidTag:
        raise DecryptError("age payload: a chunk is not authentic") from None
    if count > 1 and not chunks[-1]:
        raise DecryptError("age payload: an empty last chunk after others")
    return b"".join(chunks)


def sealed_length(size: int) -> int:
    """How many bytes a plaintext of ``size`` becomes, nonce included."""
    return NONCE + size + TAG * max(1, -(-size // CHUNK))


def opened_length(size: int) -> int:
    """How many plaintext bytes a payload of ``size`` holds.

    Raises:
        FormatError: no nonce.
        DecryptError: no payload has this length.
    """
    if size < NONCE:
        raise FormatError("age payload", "ends within its nonce")
    whole, rest = divmod(size - NONCE, _SEALED)
    if size - NONCE < TAG or 0 < rest < TAG:
        raise DecryptError("age payload: truncated")
    return whole * CHUNK + max(0, rest - TAG)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
