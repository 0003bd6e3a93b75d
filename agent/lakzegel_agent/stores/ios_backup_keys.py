# SPDX-License-Identifier: EUPL-1.2
"""The keys of an encrypted iPhone backup (docs/spec/readout.md §2).

passphrase -> PBKDF2-SHA256(DPSL, DPIC) -> PBKDF2-SHA1(SALT, ITER) -> key
key -> unwraps (RFC 3394) each class's WPKY -> unwraps a file's key -> AES-256-CBC, no IV
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from lakzegel_agent.errors import StoreError
from lakzegel_agent.platforms import system
from lakzegel_agent.stores.database import is_hurried

MAX_BAG: Final = 2**16  # bytes
MAX_ROUNDS: Final = 50_000_000  # iPhones ask for 10,000,000: seconds
HURRIED_ROUNDS: Final = 15_000_000  # of both derivations, where somebody waits
MAX_PLAIN: Final = 512 * 2**20  # bytes that have to lie in memory
_PASSCODE: Final = 2  # bit of WRAP: wrapped under the passphrase alone
_WRAPPED: Final = 40  # bytes
_BLOCK: Final = 16
_PIECE: Final = 256 * 1024

Classes = Mapping[int, bytes]


@lru_cache(maxsize=4)
def unlock(bag: bytes, passphrase: bytes) -> Classes:
    """Return the key of each protection class, by its number.

    Raises:
        StoreError: ``no-key`` where the passphrase is another one, ``damaged``.
    """
    head, classes = _parse(bag)
    key = _derived(head, passphrase)
    found: dict[int, bytes] = {}
    for one in classes:
        wrapped = one.get(b"WPKY", b"")
        if not _number(one, b"WRAP") & _PASSCODE or len(wrapped) != _WRAPPED:
            continue
        try:
            found[_number(one, b"CLAS")] = aes_key_unwrap(key, wrapped)
        except InvalidUnwrap:
            raise StoreError("no-key") from None
    return found


def file_key(classes: Classes, wrapped: object) -> bytes:
    """Return a file's key: four bytes of class, little-endian, and 40 of wrapped key.

    Raises:
        StoreError: ``no-key``, ``damaged``.
    """
    if not isinstance(wrapped, bytes) or len(wrapped) != 4 + _WRAPPED:
        raise StoreError("damaged")
    under = classes.get(int.from_bytes(wrapped[:4], "little"))
    if under is None:
        raise StoreError("no-key")
    try:
        return aes_key_unwrap(under, wrapped[4:])
    except InvalidUnwrap:
        raise StoreError("no-key") from None


def decrypted(path: bytes, key: bytes, size: int | None = None) -> Iterator[bytes]:
    """Yield the plain bytes of a file, 256 KiB at a time, ``size`` of them where that is known.

    Raises:
        StoreError: ``damaged``: it is no regular file of whole blocks, or shorter than ``size``.
        OSError: it cannot be read.
    """
    opening = Cipher(AES256(key), CBC(bytes(_BLOCK))).decryptor()
    descriptor = system.open_to_read(path)
    with os.fdopen(descriptor, "rb") as file:
        told = os.fstat(descriptor)
        left = told.st_size if size is None else size
        if not stat.S_ISREG(told.st_mode) or told.st_size % _BLOCK or left > told.st_size:
            raise StoreError("damaged")
        while left:
            piece = opening.update(file.read(_PIECE))[:left]
            if not piece:
                raise StoreError("damaged")
            left -= len(piece)
            yield piece


def plain(path: bytes, key: bytes, size: int | None = None) -> bytearray:
    """Return the plain bytes of a file.

    Raises:
        StoreError: as `decrypted`, and ``too-large``.
    """
    found = bytearray()
    for piece in decrypted(path, key, size):
        found += piece
        if len(found) > MAX_PLAIN:
            raise StoreError("too-large")
    return found


def _parse(bag: bytes) -> tuple[dict[bytes, bytes], list[dict[bytes, bytes]]]:
    """Return what stands before the first class, and each class's own: tag, length, value."""
    if len(bag) > MAX_BAG:
        raise StoreError("damaged")
    groups: list[dict[bytes, bytes]] = [{}]
    at = 0
    while at + 8 <= len(bag):
        tag, size = bag[at : at + 4], int.from_bytes(bag[at + 4 : at + 8], "big")
        if tag == b"UUID" and b"UUID" in groups[0]:
            groups.append({})
        groups[-1].setdefault(tag, bag[at + 8 : at + 8 + size])
        at += 8 + size
    return groups[0], groups[1:]


def _derived(head: Mapping[bytes, bytes], passphrase: bytes) -> bytes:
    rounds, more = _number(head, b"ITER"), _number(head, b"DPIC")
    if not 0 < rounds <= MAX_ROUNDS or more > MAX_ROUNDS:
        raise StoreError("damaged")
    if is_hurried() and rounds + more > HURRIED_ROUNDS:
        raise StoreError("too-slow")
    secret = passphrase
    if more:
        secret = hashlib.pbkdf2_hmac("sha256", secret, head.get(b"DPSL", b""), more, 32)
    return hashlib.pbkdf2_hmac("sha1", secret, head.get(b"SALT", b""), rounds, 32)


def _number(values: Mapping[bytes, bytes], tag: bytes) -> int:
    return int.from_bytes(values.get(tag, b"")[:8], "big")
