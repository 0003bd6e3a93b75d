# SPDX-License-Identifier: EUPL-1.2
"""One sealed item: what was sealed opens in its place, and nothing else opens anywhere."""

from __future__ import annotations

import hashlib
import os
import struct
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakzegel_core import cobblestone
from lakzegel_core.encoding import JsonValue, b64, canonical_json
from lakzegel_core.errors import (
    CommitmentMismatchError,
    DecryptError,
    DigestMismatchError,
    FormatError,
    LakzegelError,
    LimitError,
    SizeMismatchError,
)
from lakzegel_core.item import Members, Place, SealedItem, commitment_of, open_item, seal_item
from lakzegel_core.limits import MAX_SEGMENT
from lakzegel_core.manifest import ManifestEntry
from lakzegel_core.padding import padded_length

PLACE = Place("log.example/lakzegel", "minister-1", 0, 17, 3)
FILE = "00112233445566778899aabbccddeeff"
CONTEXT: dict[str, JsonValue] = {
    "file": FILE,
    "mtime": "1795485600000000000",
    "path": "cur/1.eml",
    "reader": "maildir",
    "seam": "mail",
    "seen": "2026-11-24T02:07:45Z",
}
TEXT = b"Beste collega, graag ontvang ik de stukken voor morgen. " * 30


def compress(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


def seal(
    payload: bytes = TEXT,
    *,
    context: Mapping[str, JsonValue] = CONTEXT,
    kind: str = "segment",
    source: str = "mail",
) -> SealedItem:
    return seal_item(
        kind=kind,
        source=source,
        payload=payload,
        context=context,
        place=PLACE,
        random=os.urandom,
        compress=compress,
    )


def seal_raw(plaintext: bytes, commitment: bytes = bytes(32)) -> SealedItem:
    """A plaintext of any shape, sealed as a faulty or hostile device could."""
    key, salt = os.urandom(32), os.urandom(24)
    ciphertext = cobblestone.seal(key, salt, PLACE.context(), plaintext)
    digest = hashlib.sha256(ciphertext).digest()
    return SealedItem(
        ciphertext, ManifestEntry(len(ciphertext), digest, commitment), key, bytes(32)
    )


def build(
    core: Mapping[str, JsonValue] | bytes | None = None,
    context: Mapping[str, JsonValue] | bytes | None = None,
    coded: bytes = b"hello",
) -> SealedItem:
    """An item of which any part may be wrong, committed to as it is."""
    core_bytes = (
        core if isinstance(core, bytes) else canonical_json({**good_core(), **(core or {})})
    )
    context_bytes = (
        context
        if isinstance(context, bytes)
        else canonical_json({**good_context(), **(context or {})})
    )
    head = struct.pack(">I", len(core_bytes)) + core_bytes
    head += struct.pack(">I", len(context_bytes)) + context_bytes
    used = head + struct.pack(">Q", len(coded)) + coded
    plaintext = used + bytes(padded_length(len(used)) - len(used))
    return seal_raw(plaintext, commitment_of(core_bytes, context_bytes))


def good_core() -> dict[str, JsonValue]:
    return {
        "blind": b64(bytes(16)),
        "kind": "segment",
        "sha256": b64(hashlib.sha256(b"hello").digest()),
        "size": 5,
        "source": "mail",
    }


def good_context() -> dict[str, JsonValue]:
    return {**CONTEXT, "blind": b64(bytes(16)), "coding": "identity"}


def reopen(sealed: SealedItem, place: Place = PLACE) -> bytes:
    return open_item(sealed.ciphertext, key=sealed.key, place=place, entry=sealed.entry).payload


@given(st.binary(max_size=70_000), st.sampled_from(["segment", "capture", "observation"]))
@settings(max_examples=60, deadline=None)
def test_what_is_sealed_opens_again(payload: bytes, kind: str) -> None:
    sealed = seal(payload, kind=kind)
    item = open_item(sealed.ciphertext, key=sealed.key, place=PLACE, entry=sealed.entry)
    assert (item.payload, item.kind, item.source) == (payload, kind, "mail")
    assert CONTEXT.items() <= item.context.items()
    assert item.commitment == sealed.entry.commitment
    assert commitment_of(item.core_bytes, item.context_bytes) == item.commitment


@given(
    st.text(min_size=1, max_size=40),
    st.dictionaries(
        st.from_regex(r"x-[a-z0-9]{1,8}", fullmatch=True),
        st.one_of(st.text(max_size=40), st.integers(-(2**53) + 1, 2**53 - 1), st.booleans()),
        max_size=4,
    ),
)
@example("100 % van %b", {})
@settings(deadline=None)
def test_every_name_and_field_is_written_canonically(
    source: str, more: dict[str, JsonValue]
) -> None:
    try:
        source.encode()
    except UnicodeEncodeError:
        return
    sealed = seal(source=source, context={**CONTEXT, **more})
    item = open_item(sealed.ciphertext, key=sealed.key, place=PLACE, entry=sealed.entry)
    assert item.source == source
    assert more.items() <= item.context.items()
    assert canonical_json(item.core) == item.core_bytes
    assert canonical_json(item.context) == item.context_bytes


def test_the_good_item_of_these_tests_is_good() -> None:
    assert reopen(build()) == b"hello"


def test_two_seals_of_the_same_bytes_have_nothing_in_common() -> None:
    one, two = seal(), seal()
    assert one.key != two.key
    assert one.entry.commitment != two.entry.commitment
    assert one.ciphertext[:56] != two.ciphertext[:56]


def test_a_short_message_looks_like_a_paragraph() -> None:
    assert len(seal(b"ja").ciphertext) == len(seal(b"nee, liever niet").ciphertext)


def test_every_flipped_bit_is_refused() -> None:
    sealed = seal(b"ja")
    for bit in range(len(sealed.ciphertext) * 8):
        changed = bytearray(sealed.ciphertext)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DigestMismatchError, match="item 3"):
            reopen(replace(sealed, ciphertext=bytes(changed)))


def test_every_flipped_bit_is_refused_even_when_the_manifest_agrees_with_it() -> None:
    sealed = seal(b"ja")
    for bit in range(0, len(sealed.ciphertext) * 8, 5):
        changed = bytearray(sealed.ciphertext)
        changed[bit // 8] ^= 1 << bit % 8
        entry = replace(sealed.entry, sha256=hashlib.sha256(changed).digest())
        with pytest.raises(DecryptError, match="item 3"):
            reopen(replace(sealed, ciphertext=bytes(changed), entry=entry))


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, origin="log.example/other"),
        replace(PLACE, device="minister-2"),
        replace(PLACE, epoch=1),
        replace(PLACE, batch=18),
        replace(PLACE, index=4),
    ],
)
def test_an_item_opens_in_no_other_place(place: Place) -> None:
    with pytest.raises(DecryptError, match="another key or context"):
        reopen(seal(), place)


def test_places_are_never_confused() -> None:
    assert replace(PLACE, epoch=1, batch=1).context() != replace(PLACE, epoch=11).context()
    assert (
        replace(PLACE, epoch=1, batch=11).context() != replace(PLACE, epoch=11, batch=1).context()
    )


def test_a_destroyed_key_opens_nothing() -> None:
    with pytest.raises(DecryptError):
        reopen(replace(seal(), key=bytes(32)))


def test_a_cut_or_lengthened_item_is_refused() -> None:
    sealed = seal(os.urandom(40_000))
    for data in (sealed.ciphertext[:-1], sealed.ciphertext + b"\0", b""):
        with pytest.raises(SizeMismatchError):
            reopen(replace(sealed, ciphertext=data))
        entry = ManifestEntry(len(data), hashlib.sha256(data).digest(), sealed.entry.commitment)
        with pytest.raises(DecryptError):
            reopen(replace(sealed, ciphertext=data, entry=entry))


def test_one_thing_sealed_under_the_commitment_of_another_is_refused() -> None:
    sealed, other = seal(), seal()
    entry = replace(sealed.entry, commitment=other.entry.commitment)
    with pytest.raises(CommitmentMismatchError):
        reopen(replace(sealed, entry=entry))


def test_padding_of_another_length_is_refused() -> None:
    plaintext = _plaintext(build())
    for wrong in (plaintext + bytes(512), plaintext[:-1], plaintext + b"\0"):
        with pytest.raises(FormatError, match="padding"):
            reopen(seal_raw(wrong))


def test_padding_that_is_not_zeros_is_refused() -> None:
    plaintext = _plaintext(build())
    with pytest.raises(FormatError, match="zeros"):
        reopen(seal_raw(plaintext[:-1] + b"\1"))


@pytest.mark.parametrize(
    ("core", "error"),
    [
        ({"kind": "mail"}, FormatError),
        ({"kind": 1}, FormatError),
        ({"kind": ["segment"]}, FormatError),
        ({"size": 6}, SizeMismatchError),
        ({"size": -1}, FormatError),
        ({"size": True}, FormatError),
        ({"size": "5"}, FormatError),
        ({"size": MAX_SEGMENT + 1}, LimitError),
        ({"sha256": b64(bytes(32))}, DigestMismatchError),
        ({"sha256": b64(bytes(31))}, FormatError),
        ({"sha256": None}, FormatError),
        ({"blind": b64(bytes(15))}, FormatError),
        ({"blind": "*"}, FormatError),
        ({"source": ""}, FormatError),
        ({"source": 7}, FormatError),
        ({"source": "x" * 256}, FormatError),
        ({"extra": 1}, FormatError),
        (b"", FormatError),
        (b"[]", FormatError),
        (b"{}", FormatError),
        (b'{"blind": 1}', FormatError),
        (b"\xff", FormatError),
    ],
)
def test_a_core_that_is_not_as_specified_is_refused(
    core: dict[str, JsonValue] | bytes, error: type[LakzegelError]
) -> None:
    with pytest.raises(error):
        reopen(build(core=core))


@pytest.mark.parametrize(
    ("context", "error"),
    [
        ({"coding": "gzip"}, FormatError),
        ({"coding": None}, FormatError),
        ({"coding": "zstd"}, FormatError),
        ({"blind": None}, FormatError),
        ({"file": "xyz"}, FormatError),
        ({"file": FILE.upper()}, FormatError),
        ({"mtime": 17}, FormatError),
        ({"mtime": "007"}, FormatError),
        ({"mtime": "-0"}, FormatError),
        ({"seen": "yesterday"}, FormatError),
        ({"seen": 5}, FormatError),
        ({"path": ""}, LimitError),
        ({"path": "x" * 4097}, LimitError),
        ({"path": 5}, FormatError),
        ({"path64": b64(b"\xff")}, FormatError),
        ({"Upper": 1}, FormatError),
        ({"": 1}, FormatError),
        (b"null", FormatError),
        (b'{"blind":1.5}', FormatError),
    ],
)
def test_a_context_that_is_not_as_specified_is_refused(
    context: dict[str, JsonValue] | bytes, error: type[LakzegelError]
) -> None:
    with pytest.raises(error):
        reopen(build(context=context))


def test_a_path_is_written_as_base64_only_where_it_is_not_unicode() -> None:
    context = {**good_context(), "path64": b64(b"cur/\xff.eml")}
    del context["path"]
    assert reopen(build(context=canonical_json(context))) == b"hello"
    context["path64"] = b64(b"cur/1.eml")
    with pytest.raises(FormatError, match="path64"):
        reopen(build(context=canonical_json(context)))


def test_a_segment_names_its_file_and_an_observation_need_not() -> None:
    bare = canonical_json({"blind": b64(bytes(16)), "coding": "identity"})
    with pytest.raises(FormatError, match="names its file"):
        reopen(build(context=bare))
    assert reopen(build(core={"kind": "observation"}, context=bare)) == b"hello"


def test_a_part_beyond_its_limit_is_refused() -> None:
    with pytest.raises(LimitError):
        seal(context={**CONTEXT, "x-much": "x" * 70_000})
    with pytest.raises(LimitError):
        reopen(seal_raw(struct.pack(">I", 70_000) + bytes(80_000)))


def test_what_json_cannot_carry_is_not_sealed() -> None:
    for value in ("\ud800", 1.5, 2**53, b"bytes"):
        with pytest.raises(FormatError):
            seal(context={**CONTEXT, "x-odd": value})  # type: ignore[dict-item]
    with pytest.raises(FormatError):
        seal(source="\ud800")


def test_a_sealed_item_tells_the_digest_of_what_went_in() -> None:
    payload = b"Goedemorgen" * 100
    assert seal(payload).digest == hashlib.sha256(payload).digest()


def test_an_unknown_kind_or_too_large_a_payload_is_not_sealed() -> None:
    with pytest.raises(FormatError):
        seal(kind="mail")
    with pytest.raises(LimitError):
        seal(bytes(MAX_SEGMENT + 1))


@given(st.binary(max_size=600))
@settings(max_examples=200, deadline=None)
def test_random_plaintexts_raise_only_our_errors(data: bytes) -> None:
    with pytest.raises(LakzegelError):
        reopen(seal_raw(data))


def test_sixteen_megabytes_cost_less_than_two_copies() -> None:
    payload = os.urandom(16 * 2**20)
    tracemalloc.start()
    sealed = seal(payload)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * len(payload)  # beside the payload itself
    assert reopen(sealed) == payload


def _plaintext(sealed: SealedItem) -> bytes:
    return cobblestone.open_(sealed.key, PLACE.context(), sealed.ciphertext)


def test_a_context_encoded_by_its_maker_is_sealed_as_the_same_bytes() -> None:
    members = Members(canonical_json(CONTEXT)[1:-1])
    sealed = [
        seal_item(
            kind="segment",
            source="mail",
            payload=TEXT,
            context=context,
            place=PLACE,
            random=bytes,
            compress=compress,
        )
        for context in (CONTEXT, members)
    ]
    assert sealed[0] == sealed[1]
