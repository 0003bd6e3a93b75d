# SPDX-License-Identifier: EUPL-1.2
"""Cobblestone-256: known answers, round trips, and everything that must be refused."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_core import cobblestone
from lakzegel_core.errors import DecryptError, FormatError, LakzegelError

KEY = bytes(range(32))
SALT = bytes(range(24))
SIZES = (0, 1, 16_383, 16_384, 16_385, 32_768, 40_000)


def test_every_vector_of_wycheproof_agrees(foreign_vectors: Path) -> None:
    name = "c2sp_chunked_encryption_aes_256_gcm_test.json"
    (group,) = json.loads((foreign_vectors / name).read_text())["testGroups"]
    for case in group["tests"]:
        key, context = bytes.fromhex(case["key"]), bytes.fromhex(case["ctx"])
        ciphertext = zlib.decompress(bytes.fromhex(case["ct"]))
        if case["result"] != "valid":
            with pytest.raises((DecryptError, FormatError)):
                cobblestone.open_(key, context, ciphertext)
            continue
        plaintext = cobblestone.open_(key, context, ciphertext)
        assert hashlib.sha512(plaintext).hexdigest() == case["msgSha512"]
        salt = ciphertext[: cobblestone.SALT_SIZE]
        assert cobblestone.seal(key, salt, context, plaintext) == ciphertext
    assert len(group["tests"]) == 35


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_opens_whatever_its_size(size: int) -> None:
    plaintext = hashlib.shake_128(b"x").digest(size)
    sealed = cobblestone.seal(KEY, SALT, b"context", plaintext)
    assert len(sealed) == cobblestone.sealed_length(size)
    assert cobblestone.opened_length(len(sealed)) == size
    assert cobblestone.open_(KEY, b"context", sealed) == plaintext


@given(st.lists(st.binary(max_size=40_000), max_size=5))
@settings(max_examples=30, deadline=None)
def test_parts_are_sealed_as_their_concatenation(parts: list[bytes]) -> None:
    whole = cobblestone.seal(KEY, SALT, b"", b"".join(parts))
    assert cobblestone.seal_parts(KEY, SALT, b"", parts) == whole


def test_every_flipped_bit_is_refused() -> None:
    sealed = cobblestone.seal(KEY, SALT, b"context", b"one small message")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecryptError):
            cobblestone.open_(KEY, b"context", bytes(changed))


@pytest.mark.parametrize("size", SIZES)
def test_a_cut_or_lengthened_ciphertext_is_refused(size: int) -> None:
    sealed = cobblestone.seal(KEY, SALT, b"", bytes(size))
    chunk = cobblestone.SEALED_CHUNK
    cuts = {0, 55, 56, 71, len(sealed) - 1, len(sealed) - 16, 56 + chunk, 56 + chunk + 16}
    for cut in (cut for cut in cuts if cut < len(sealed)):
        with pytest.raises(DecryptError):
            cobblestone.open_(KEY, b"", sealed[:cut])
    for more in (b"\0", bytes(16), bytes(chunk), sealed[56:]):
        with pytest.raises(DecryptError):
            cobblestone.open_(KEY, b"", sealed + more)


def test_swapped_chunks_are_refused() -> None:
    sealed = cobblestone.seal(KEY, SALT, b"", bytes(40_000))
    first, second = 56, 56 + cobblestone.SEALED_CHUNK
    swapped = sealed[:first] + sealed[second : second + 16_400] + sealed[first:second]
    swapped += sealed[second + 16_400 :]
    assert len(swapped) == len(sealed)
    with pytest.raises(DecryptError, match="not authentic"):
        cobblestone.open_(KEY, b"", swapped)


def test_another_key_or_context_is_refused_by_the_commitment() -> None:
    sealed = cobblestone.seal(KEY, SALT, b"here", b"message")
    for key, context in ((bytes(32), b"here"), (KEY, b"there")):
        with pytest.raises(DecryptError, match="commitment"):
            cobblestone.open_(key, context, sealed)


def test_a_key_or_salt_of_another_size_is_refused() -> None:
    for key, salt in ((bytes(16), SALT), (KEY, bytes(16))):
        with pytest.raises(FormatError):
            cobblestone.seal(key, salt, b"", b"")


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_our_errors(data: bytes) -> None:
    with pytest.raises(LakzegelError):
        cobblestone.open_(KEY, b"", data)


def test_sixteen_megabytes_need_no_second_copy() -> None:
    payload = bytes(16 * 2**20)
    tracemalloc.start()
    sealed = cobblestone.seal_parts(KEY, SALT, b"", (b"head", payload, bytes(512)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.2 * len(sealed)
