# SPDX-License-Identifier: EUPL-1.2
"""An upload is judged the same however it is cut up, and at the first byte that shows a fault."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_core.batch import BatchStream, Header, batch_id, open_header
from lakzegel_core.errors import (
    DigestMismatchError,
    FormatError,
    LakzegelError,
    LimitError,
    SizeMismatchError,
)
from lakzegel_core.limits import MAX_HEADER, MAX_KEYRING
from lakzegel_core.manifest import ENTRY_SIZE


@cache
def opened(data, key):
    """One header is verified once in all of these uploads."""
    return open_header(data, key)


def stream_for(batch, **more):
    return BatchStream(lambda data: opened(data, batch.key.verifier), **more)


def send(stream, chunks):
    """What the stream said was which file, after all chunks."""
    file, keyring, items = b"", b"", 0
    for chunk in chunks:
        fed = stream.feed(chunk)
        file += fed.batch
        keyring += fed.keyring
        items += fed.items
    return file, keyring, items


def verdict(batch, chunks):
    """The type of the refusal, or the header."""
    stream = stream_for(batch)
    try:
        send(stream, chunks)
        return stream.finish()
    except LakzegelError as error:
        return type(error)


def cut(data, places):
    edges = [0, *sorted(places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def test_a_whole_upload_is_taken(sealed_batch):
    stream = stream_for(sealed_batch)
    assert send(stream, [sealed_batch.body]) == (sealed_batch.file, sealed_batch.keyring, 3)
    assert stream.finish() == sealed_batch.header
    assert stream.batch_id == batch_id(sealed_batch.header_bytes)
    assert stream.batch_size == len(sealed_batch.file)
    assert stream.keyring_size == len(sealed_batch.keyring)


def test_one_byte_at_a_time_is_the_same(small_batch):
    stream = stream_for(small_batch)
    chunks = [bytes([byte]) for byte in small_batch.body]
    assert send(stream, chunks) == (small_batch.file, small_batch.keyring, 1)
    assert stream.finish() == small_batch.header


@given(st.data())
@settings(max_examples=60)
def test_any_cut_is_the_same(sealed_batch, data):
    body = sealed_batch.body
    seams = [len(sealed_batch.header_bytes), len(sealed_batch.file), MAX_HEADER]
    places = st.lists(st.integers(0, len(body)) | st.sampled_from(seams), max_size=12)
    stream = stream_for(sealed_batch)
    chunks = [bytearray(chunk) for chunk in cut(body, data.draw(places))]
    assert send(stream, chunks) == (sealed_batch.file, sealed_batch.keyring, 3)
    assert isinstance(stream.finish(), Header)


@given(st.data())
@settings(max_examples=60)
def test_a_fault_has_one_verdict_however_it_is_cut(sealed_batch, data):
    body = bytearray(sealed_batch.body)
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=6))
    whole = verdict(sealed_batch, [bytes(body)])
    assert isinstance(whole, type)
    assert verdict(sealed_batch, cut(bytes(body), places)) is whole


def test_no_flipped_bit_is_overlooked(small_batch):
    body = small_batch.body
    for bit in range(len(body) * 8):
        changed = bytearray(body)
        changed[bit // 8] ^= 1 << bit % 8
        assert isinstance(verdict(small_batch, [bytes(changed)]), type), bit


def test_every_truncation_is_refused_by_its_name(small_batch):
    body = small_batch.body
    ends = {
        "within its header": len(small_batch.header_bytes),
        "within its manifest": len(small_batch.header_bytes) + ENTRY_SIZE,
        "within item 0": len(small_batch.file),
    }
    start = 0
    for named, end in ends.items():
        for length in (start, (start + end) // 2, end - 1):
            stream = stream_for(small_batch)
            stream.feed(body[:length])
            with pytest.raises(SizeMismatchError, match=named):
                stream.finish()
        start = end
    for length in (len(small_batch.file), len(body) - 1):
        stream = stream_for(small_batch)
        stream.feed(body[:length])
        with pytest.raises(DigestMismatchError, match="the keyring is not the header's"):
            stream.finish()


def test_nothing_after_a_wrong_header_is_taken(small_batch):
    asked = []

    def refuse(data):
        asked.append(data)
        raise FormatError("header", "refused")

    stream = BatchStream(refuse)
    with pytest.raises(FormatError, match="refused"):
        stream.feed(small_batch.body)
    assert asked == [small_batch.header_bytes]
    assert (stream.header, stream.manifest, stream.items_verified) == (None, None, 0)
    with pytest.raises(SizeMismatchError):
        stream.finish()


def test_a_header_is_refused_before_it_is_whole():
    stream = BatchStream(pytest.fail)
    stream.feed(b"lakzegel.nl/batch/v1\nlo")
    with pytest.raises(FormatError, match="does not start with"):
        stream.feed(b"x")


def test_a_header_without_end_is_refused_at_its_limit():
    stream = BatchStream(pytest.fail)
    start = b"lakzegel.nl/batch/v1\nlog "
    stream.feed(start + b"a" * (MAX_HEADER - len(start) - 1))
    with pytest.raises(LimitError, match="no end within"):
        stream.feed(b"a")


def test_a_wrong_manifest_is_refused_before_any_item(small_batch):
    body = bytearray(small_batch.body)
    body[len(small_batch.header_bytes) + 10] ^= 1
    stream = stream_for(small_batch)
    with pytest.raises(DigestMismatchError, match="the manifest is not the header's"):
        stream.feed(bytes(body[: len(small_batch.header_bytes) + ENTRY_SIZE]))
    assert stream.manifest is None


def test_a_wrong_item_is_refused_at_its_end(sealed_batch):
    body = bytearray(sealed_batch.body)
    first = len(sealed_batch.header_bytes) + 3 * ENTRY_SIZE
    body[first] ^= 1
    end = first + len(sealed_batch.items[0].ciphertext)
    stream = stream_for(sealed_batch)
    stream.feed(bytes(body[: end - 1]))
    with pytest.raises(DigestMismatchError, match="item 0: the sealed bytes"):
        stream.feed(bytes(body[end - 1 : end]))
    assert stream.items_verified == 0


def test_a_wrong_item_is_named_among_those_of_one_chunk(sealed_batch):
    body = bytearray(sealed_batch.body)
    second = len(sealed_batch.header_bytes) + 3 * ENTRY_SIZE + len(sealed_batch.items[0].ciphertext)
    body[second] ^= 1
    stream = stream_for(sealed_batch)
    with pytest.raises(DigestMismatchError, match="item 1: the sealed bytes"):
        stream.feed(bytes(body))
    assert stream.items_verified == 1


def test_items_change_places_unnoticed_by_nobody(sealed_batch):
    one, two, three = (item.ciphertext for item in sealed_batch.items)
    head = sealed_batch.header_bytes + sealed_batch.manifest
    body = head + two + one + three + sealed_batch.keyring
    assert verdict(sealed_batch, [body]) is DigestMismatchError


def test_a_keyring_beyond_its_limit_is_refused_as_it_comes(small_batch):
    stream = stream_for(small_batch)
    stream.feed(small_batch.file)
    stream.feed(bytes(MAX_KEYRING))
    with pytest.raises(LimitError, match="a keyring of more than"):
        stream.feed(b"\0")


def test_a_stream_without_a_keyring_ends_with_the_last_item(small_batch):
    stream = stream_for(small_batch, keyring=False)
    stream.feed(small_batch.file)
    assert stream.finish() == small_batch.header
    with pytest.raises(SizeMismatchError, match="bytes after its last item"):
        stream.feed(b"\0")


def test_an_empty_upload_is_no_batch(small_batch):
    stream = stream_for(small_batch)
    stream.feed(b"")
    with pytest.raises(SizeMismatchError, match="within its header"):
        stream.finish()
