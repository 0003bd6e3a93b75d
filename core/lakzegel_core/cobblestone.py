# SPDX-License-Identifier: EUPL-1.2
"""Cobblestone-256: C2SP chunked-encryption with SHA-512 and AES-256-GCM.

    salt (24) || commitment (32) || AES-256-GCM(chunk 0) || … || AES-256-GCM(last chunk)

    key (32) || base nonce (12) || commitment (32) =
        HKDF-Expand-SHA-512(input key,
            "c2sp.org/chunked-encryption@v1+" || "AEAD_AES_256_GCM" || 0x00 || salt || context)

Chunks of 16 KiB; the last one is shorter, perhaps empty. The nonce of chunk i is the base nonce
XOR i. The commitment makes the ciphertext open under one key and context only.
https://c2sp.org/chunked-encryption
"""

from __future__ import annotations

import hmac
from io import BytesIO
from struct import Struct
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from lakzegel_core.errors import DecryptError, FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KEY_SIZE: Final = 32
SALT_SIZE: Final = 24
COMMITMENT_SIZE: Final = 32
CHUNK: Final = 16_384  # plaintext bytes of every chunk but the last
TAG: Final = 16
PREFIX: Final = SALT_SIZE + COMMITMENT_SIZE
SEALED_CHUNK: Final = CHUNK + TAG
_DERIVED: Final = Struct(f"{KEY_SIZE}s12s{COMMITMENT_SIZE}s")  # key, base nonce, commitment
_SHORT: Final = 131_072  # plaintext bytes that are copied sooner than put together chunk by chunk
_INFO: Final = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
_HASH: Final = SHA512()


def seal(key: bytes, salt: bytes, context: bytes, plaintext: bytes) -> bytes:
    """The ciphertext of ``plaintext``; ``salt`` must never repeat under one key."""
    return seal_parts(key, salt, context, (plaintext,))


def seal_parts(key: bytes, salt: bytes, context: bytes, parts: Sequence[bytes]) -> bytes:
    """The ciphertext of the concatenation of ``parts``, which is built only where it is short.

    A payload of many megabytes costs its ciphertext and one chunk, no copy of itself.
    """
    if len(key) != KEY_SIZE or len(salt) != SALT_SIZE:
        raise FormatError("cobblestone", f"key of {KEY_SIZE} and salt of {SALT_SIZE} bytes needed")
    derived, nonce, commitment = _derive(key, salt, context)
    cipher = AESGCM(derived)
    length = sum(map(len, parts))
    if length < CHUNK:
        return b"".join((salt, commitment, cipher.encrypt(nonce, b"".join(parts), None)))
    if length <= _SHORT:
        chunks = _seal_short(cipher, int.from_bytes(nonce, "big"), b"".join(parts))
        return b"".join((salt, commitment, *chunks))
    sealed = _allocate(sealed_length(length))
    with sealed.getbuffer() as target:
        target[:PREFIX] = salt + commitment
        _seal_long(cipher, int.from_bytes(nonce, "big"), _chunks(parts, length), target[PREFIX:])
    return sealed.getvalue()


def _seal_short(cipher: AESGCM, base: int, plaintext: bytes) -> list[bytes]:
    """The sealed chunks of a plaintext of a few."""
    view, encrypt = memoryview(plaintext), cipher.encrypt
    return [
        encrypt((base ^ number).to_bytes(12, "big"), view[start : start + CHUNK], None)
        for number, start in enumerate(range(0, len(plaintext) + 1, CHUNK))
    ]


def _seal_long(
    cipher: AESGCM, base: int, chunks: Iterable[bytes | memoryview], target: memoryview
) -> None:
    """Seal each chunk to its place."""
    start = 0
    for number, chunk in enumerate(chunks):
        end = start + len(chunk) + TAG
        cipher.encrypt_into((base ^ number).to_bytes(12, "big"), chunk, None, target[start:end])
        start = end


def open_(key: bytes, context: bytes, ciphertext: bytes) -> bytes:
    """The plaintext, every chunk authenticated and the end proven to be the end.

    Raises:
        DecryptError: another key or context, or a changed, cut or lengthened ciphertext.
    """
    if len(key) != KEY_SIZE:
        raise FormatError("cobblestone", f"key of {KEY_SIZE} bytes needed")
    length = opened_length(len(ciphertext))
    derived, nonce, commitment = _derive(key, ciphertext[:SALT_SIZE], context)
    if not hmac.compare_digest(commitment, ciphertext[SALT_SIZE:PREFIX]):
        raise DecryptError("another key or context: the key commitment differs")
    cipher = AESGCM(derived)
    try:
        if length < CHUNK:
            return cipher.decrypt(nonce, ciphertext[PREFIX:], None)
        return _open_chunks(cipher, int.from_bytes(nonce, "big"), ciphertext, length)
    except InvalidTag:
        raise DecryptError("changed bytes: a chunk is not authentic") from None


def sealed_length(length: int) -> int:
    """How many bytes a plaintext of ``length`` becomes."""
    return PREFIX + length + (length // CHUNK + 1) * TAG


def opened_length(length: int) -> int:
    """How many plaintext bytes a ciphertext of ``length`` holds.

    Raises:
        DecryptError: no ciphertext has this length.
    """
    whole, rest = divmod(length - PREFIX, SEALED_CHUNK)
    if length < PREFIX or rest < TAG:
        raise DecryptError(f"no ciphertext has {length} bytes: truncated")
    return whole * CHUNK + rest - TAG


def _derive(key: bytes, salt: bytes, context: bytes) -> tuple[bytes, bytes, bytes]:
    """Key, base nonce and commitment of one ciphertext."""
    info = _INFO + salt + context
    derived: tuple[bytes, bytes, bytes] = _DERIVED.unpack(
        HKDFExpand(_HASH, _DERIVED.size, info).derive(key)
    )
    return derived


def _open_chunks(cipher: AESGCM, base: int, ciphertext: bytes, length: int) -> bytes:
    opened = _allocate(length)
    source = memoryview(ciphertext)
    with opened.getbuffer() as target:
        for number in range(length // CHUNK + 1):
            start = PREFIX + number * SEALED_CHUNK
            place = number * CHUNK
            cipher.decrypt_into(
                (base ^ number).to_bytes(12, "big"),
                source[start : start + SEALED_CHUNK],
                None,
                target[place : place + CHUNK],
            )
    return opened.getvalue()


def _allocate(length: int) -> BytesIO:
    """A buffer of ``length`` bytes whose ``getvalue`` hands them over without a copy."""
    buffer = BytesIO()
    buffer.seek(length - 1)
    buffer.write(b"\0")
    return buffer


def _chunks(parts: Sequence[bytes], length: int) -> Iterator[bytes | memoryview]:
    """The plaintext in chunks: views of one part where a chunk lies in it, small joins else."""
    views = iter(parts)
    view = memoryview(b"")
    for number in range(length // CHUNK + 1):
        needed = min(CHUNK, length - number * CHUNK)
        pieces: list[memoryview] = []
        while needed > 0:
            if not view:
                view = memoryview(next(views))
                continue
            piece, view = view[:needed], view[needed:]
            pieces.append(piece)
            needed -= len(piece)
        yield pieces[0] if len(pieces) == 1 else b"".join(pieces)
