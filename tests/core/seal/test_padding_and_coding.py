# SPDX-License-Identifier: EUPL-1.2
"""Lengths that tell little, and payloads coded only where that helps."""

from __future__ import annotations

import base64
import os
import threading

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_core import coding
from lakzegel_core.errors import FormatError, LakzegelError, LimitError, SizeMismatchError
from lakzegel_core.limits import MAX_SEGMENT
from lakzegel_core.padding import padded_length, padme

TEXT = b"Geachte heer, hierbij bevestig ik onze afspraak van dinsdag. " * 40


def compress(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


def refuse_to_compress(_: bytes) -> bytes:
    pytest.fail("compressed what is compressed already")


@pytest.mark.parametrize(
    ("length", "padded"),
    [(0, 0), (1, 1), (9, 10), (513, 544), (1000, 1024), (1025, 1088), (10**6, 1_015_808)],
)
def test_padme_knows_its_answers(length: int, padded: int) -> None:
    assert padme(length) == padded


@given(st.integers(0, 2**32))
def test_padme_never_shrinks_nor_moves_twice_nor_costs_an_eighth(length: int) -> None:
    padded = padme(length)
    assert length <= padded <= length * 1.125
    assert padme(padded) == padded
    assert padded_length(length) == max(512, padded)


def test_text_is_compressed_and_comes_back() -> None:
    name, coded = coding.encode(TEXT, compress)
    assert name == coding.ZSTD
    assert len(coded) < len(TEXT)
    assert coding.decode(name, coded, size=len(TEXT), what="x") == TEXT


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"a" * 199,
        b"\xff\xd8\xff\xe0" + TEXT,
        b"\x89PNG\r\n\x1a\n" + TEXT,
        b"PK\x03\x04" + TEXT,
        b"\x1f\x8b" + TEXT,
        b"\0\0\0\x20ftypmp42" + TEXT,
        b"RIFF\0\0\0\0WEBP" + TEXT,
    ],
)
def test_what_is_short_or_compressed_already_is_left_alone(payload: bytes) -> None:
    assert coding.encode(payload, refuse_to_compress) == (coding.IDENTITY, payload)


def test_of_a_large_payload_only_samples_are_compressed_when_they_do_not_shrink() -> None:
    asked = []

    def measure(data: bytes) -> bytes:
        asked.append(len(data))
        return compress(data)

    for payload in (os.urandom(300_000), TEXT + base64.encodebytes(os.urandom(300_000))):
        assert coding.encode(payload, measure) == (coding.IDENTITY, payload)
    assert asked == [3 * coding.SAMPLE] * 2
    assert coding.encode(TEXT * 200, measure)[0] == coding.ZSTD


def test_a_result_that_is_not_smaller_is_thrown_away() -> None:
    payload = os.urandom(1_000)
    assert coding.encode(payload, compress) == (coding.IDENTITY, payload)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = compress(bytes(50_000_000))
    with pytest.raises(SizeMismatchError):
        coding.decode(coding.ZSTD, bomb, size=1_000, what="x")
    with pytest.raises(LimitError):
        coding.decode(coding.ZSTD, bomb, size=MAX_SEGMENT + 1, what="x")


def test_a_frame_that_hides_its_size_is_refused() -> None:
    writer = zstandard.ZstdCompressor(write_content_size=False)
    with pytest.raises(SizeMismatchError):
        coding.decode(coding.ZSTD, writer.compress(TEXT), size=len(TEXT), what="x")


def test_a_frame_that_wants_a_large_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(19, window_log=28)
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    coded = frame.compress(TEXT) + frame.flush()
    with pytest.raises(LakzegelError):
        coding.decode(coding.ZSTD, coded, size=len(TEXT), what="x")


@pytest.mark.parametrize("extra", [b"\0", compress(TEXT), b"\x28\xb5\x2f\xfd"])
def test_anything_after_the_frame_is_refused(extra: bytes) -> None:
    with pytest.raises(FormatError):
        coding.decode(coding.ZSTD, compress(TEXT) + extra, size=len(TEXT), what="x")


def test_an_unknown_coding_or_another_size_is_refused() -> None:
    with pytest.raises(FormatError):
        coding.decode("gzip", b"", size=0, what="x")
    for size in (len(TEXT) - 1, len(TEXT) + 1):
        with pytest.raises(SizeMismatchError):
            coding.decode(coding.IDENTITY, TEXT, size=size, what="x")


@given(st.binary(max_size=200), st.integers(0, 1000))
def test_random_frames_raise_only_our_errors(data: bytes, size: int) -> None:
    for coded in (data, b"\x28\xb5\x2f\xfd" + data):
        with pytest.raises(LakzegelError):
            coding.decode(coding.ZSTD, coded, size=size, what="x")


def test_threads_decode_beside_each_other() -> None:
    coded = compress(TEXT * 50)
    results: list[bool] = []

    def work() -> None:
        for _ in range(50):
            raw = coding.decode(coding.ZSTD, coded, size=len(TEXT) * 50, what="x")
            results.append(raw == TEXT * 50)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 200
