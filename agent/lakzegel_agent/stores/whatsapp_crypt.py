# SPDX-License-Identifier: EUPL-1.2
"""WhatsApp's encrypted backups on Android, decrypted in memory (docs/spec/conversations.md §5).

    crypt15:  length n (1) || flag (1) || header (n), IV in bytes 8 to 24 || ciphertext || footer
    crypt14:  the same, with IV and ciphertext at one of a few places
    footer:   tag of AES-256-GCM (16) || checksum (16)
    plain:    one zlib stream of a SQLite database

Nothing is used before the tag has proven that all of it is there and unaltered.
"""

import hashlib
import hmac
import os
import stat
import zlib
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM

from lakzegel_agent.errors import StoreError
from lakzegel_agent.platforms import system

KEY_SIZE: Final = 32
MAX_BACKUP: Final = 2**30  # bytes of the file
MAX_PLAIN: Final = 512 * 2**20  # bytes of the database, which has to lie in memory
_FOOTER: Final = 32
_TAG: Final = 16
_IV: Final = 16
_PIECE: Final = 2**20
_MAGIC: Final = b"SQLite format 3\0"
_PLACES_14: Final = (  # of IV and ciphertext, in versions that were seen
    (67, 191),
    (67, 190),
    (66, 99),
    (67, 193),
    (67, 194),
    (67, 158),
    (67, 196),
)
_LABEL_15: Final = b"backup encryption\x01"


def decrypt(path: bytes, key: bytes) -> bytearray:
    """Return the database of a backup.

    Raises:
        StoreError: ``no-key`` where this is not its key, ``damaged``, ``too-large``.
        OSError: it cannot be read.
    """
    descriptor = system.open_to_read(path)
    try:
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode):
            raise StoreError("damaged")
        if told.st_size > MAX_BACKUP:
            raise StoreError("too-large")
        for iv, start in _places(path, system.pread(descriptor, 1, 0)):
            plain = _attempt(descriptor, told.st_size, iv, start, _file_key(path, key))
            if plain is not None:
                return plain
    finally:
        os.close(descriptor)
    raise StoreError("no-key")


def _file_key(path: bytes, root: bytes) -> bytes:
    if path.endswith(b"14"):
        return root
    extracted = hmac.digest(bytes(KEY_SIZE), root, hashlib.sha256)
    return hmac.digest(extracted, _LABEL_15, hashlib.sha256)


def _places(path: bytes, first: bytes) -> Iterator[tuple[int, int]]:
    if path.endswith(b"14"):
        yield from _PLACES_14
    elif first:
        yield 8, first[0] + 2


def _attempt(descriptor: int, size: int, iv: int, start: int, key: bytes) -> bytearray | None:
    """Return the plain database; None where another place or key is meant.

    Raises:
        StoreError: it begins as one, and is not whole.
    """
    end = size - _FOOTER
    if start >= end:
        raise StoreError("damaged")
    opening = Cipher(
        AES256(key), GCM(system.pread(descriptor, _IV, iv), system.pread(descriptor, _TAG, end))
    ).decryptor()
    inflate, plain = zlib.decompressobj(), bytearray()
    try:
        for place in range(start, end, _PIECE):
            piece = opening.update(system.pread(descriptor, min(_PIECE, end - place), place))
            plain += inflate.decompress(piece, MAX_PLAIN + 1 - len(plain))
            if plain[: len(_MAGIC)] != _MAGIC[: len(plain)]:
                return None
            _require_small(plain)
        opening.finalize()
    except (zlib.error, InvalidTag):
        if len(plain) < len(_MAGIC):
            return None
        raise StoreError("damaged") from None
    if not inflate.eof:
        raise StoreError("damaged")
    return plain


def _require_small(plain: bytearray) -> None:
    if len(plain) > MAX_PLAIN:
        raise StoreError("too-large")
