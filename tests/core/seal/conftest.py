# SPDX-License-Identifier: EUPL-1.2
"""What the tests of sealing share: where foreign vectors lie, and one small sealed batch."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from lakzegel_core.age import Identity
from lakzegel_core.batch import Header, Seen, State, sign_header
from lakzegel_core.item import Place, SealedItem, seal_item
from lakzegel_core.keyring import Keyring, seal_keyring
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.manifest import contents_root

ORIGIN = "log.example/lakzegel"
DEVICE = "minister-1"
REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class SealedBatch:
    """A batch as its device made it, with what only the device and the office know."""

    header: Header
    header_bytes: bytes
    items: tuple[SealedItem, ...]
    payloads: tuple[bytes, ...]
    keyring: bytes
    identity: Identity
    key: SigningKey

    @property
    def manifest(self) -> bytes:
        return b"".join(item.entry.to_bytes() for item in self.items)

    @property
    def file(self) -> bytes:
        return self.header_bytes + self.manifest + b"".join(i.ciphertext for i in self.items)

    @property
    def body(self) -> bytes:
        return self.file + self.keyring


def compress(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


def seal_batch(payloads: tuple[bytes, ...], *, number: int = 0) -> SealedBatch:
    items = tuple(
        seal_item(
            kind="observation",
            source="mail",
            payload=payload,
            context={"seen": "2026-11-24T02:07:45Z"},
            place=Place(ORIGIN, DEVICE, 0, number, index),
            random=os.urandom,
            compress=compress,
        )
        for index, payload in enumerate(payloads)
    )
    contents = contents_root([item.entry for item in items])
    identity = Identity.generate()
    slots = tuple(item.key for item in items)
    keyring = seal_keyring(
        Keyring(ORIGIN, DEVICE, 0, number, len(items), contents, slots),
        [identity.recipient],
        random=os.urandom,
    )
    header = Header(
        origin=ORIGIN,
        device=DEVICE,
        epoch=0,
        batch=number,
        previous=bytes(32),
        seen=Seen(1, bytes(32)),
        closed=datetime(2026, 11, 24, 2, 7, 45, tzinfo=UTC),
        items=len(items),
        contents=contents,
        keyring=hashlib.sha256(keyring).digest(),
        policy=bytes(32),
        state=State.OPEN,
    )
    key = SigningKey.from_seed(header.key_name, Algorithm.ED25519, bytes(range(32)))
    return SealedBatch(header, sign_header(header, key), items, payloads, keyring, identity, key)


@pytest.fixture(scope="session")
def sealed_batch() -> SealedBatch:
    return seal_batch((b"", b"Goedemorgen", bytes(range(256)) * 300))


@pytest.fixture(scope="session")
def small_batch() -> SealedBatch:
    return seal_batch((b"Goedemorgen",))


@pytest.fixture(scope="session")
def foreign_vectors() -> Path:
    """The folder with vectors that others made; `LAKZEGEL_DATA` names another place."""
    data = Path(os.environ.get("LAKZEGEL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (data / "vectors").is_dir():
        pytest.skip("the vectors that others made are not here (set LAKZEGEL_DATA)")
    return data / "vectors"
