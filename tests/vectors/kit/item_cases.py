# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of sealed items."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

from kit.case import OK, Case
from kit.world import (
    DEVICE,
    FILE,
    ORIGIN,
    items,
    seal,
    seeded,
)
from lakzegel_core import cobblestone
from lakzegel_core.encoding import b64, canonical_json
from lakzegel_core.item import Place, SealedItem
from lakzegel_core.itemparts import commitment_of, head_of
from lakzegel_core.keyring import DESTROYED
from lakzegel_core.manifest import ManifestEntry
from lakzegel_core.padding import padded_length

F, L = "FormatError", "LimitError"
SIZE, DIGEST, DECRYPT = "SizeMismatchError", "DigestMismatchError", "DecryptError"
COMMITMENT = "CommitmentMismatchError"
KEY = seeded("item key")
PLACE = Place(ORIGIN, DEVICE, 0, 0, 0)
CORE = {
    "blind": b64(bytes(16)),
    "kind": "observation",
    "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",  # of no bytes
    "size": 0,
    "source": "mail",
}
CONTEXT = {"blind": b64(bytes(range(16))), "coding": "identity"}


def _inputs(item: SealedItem, place: Place = PLACE) -> tuple[tuple[str, str], ...]:
    return (
        ("key", b64(item.key)),
        ("place", f"{place.origin} {place.device} {place.epoch} {place.batch} {place.index}"),
        ("entry", b64(item.entry.to_bytes())),
    )


def _raw(
    core: object = None, context: object = None, coded: bytes = b"", pad: bytes | None = None
) -> SealedItem:
    """An item as only a hostile device makes one: any core, context and padding."""
    core_bytes = core if isinstance(core, bytes) else canonical_json({**CORE, **(core or {})})
    whole = (
        context if isinstance(context, bytes) else canonical_json({**CONTEXT, **(context or {})})
    )
    plain = head_of(core_bytes, whole, len(coded)) + coded
    plain += bytes(padded_length(len(plain)) - len(plain)) if pad is None else pad
    return _seal_plain(plain, commitment_of(core_bytes, whole))


def _seal_plain(plain: bytes, commitment: bytes) -> SealedItem:
    sealed = cobblestone.seal(KEY, seeded("salt")[:24], PLACE.context(), plain)
    entry = ManifestEntry(len(sealed), hashlib.sha256(sealed).digest(), commitment)
    return SealedItem(sealed, entry, KEY, bytes(32))


def item_cases() -> list[Case]:
    return [*_honest_items(), *_hostile_items()]


def _honest_items() -> list[Case]:
    segment, observation = items()
    second = replace(PLACE, index=1)
    good = _inputs(segment)
    altered = bytearray(segment.ciphertext)
    altered[100] ^= 1
    longer = seal(2, "segment", b"Goedemorgen. " * 2000, {"path64": "/2E="})
    entry = replace(segment.entry, commitment=observation.entry.commitment)
    swapped = replace(segment, entry=entry)
    return [
        Case("segment", OK, "a piece of a file", segment.ciphertext, good),
        Case("observation", OK, "what the device noticed", observation.ciphertext, _inputs(observation, second)),
        Case("two-chunks", OK, "26,000 bytes, a path that is no UTF-8", longer.ciphertext, _inputs(longer, replace(PLACE, index=2))),
        Case("altered", DIGEST, "not the manifest's bytes", bytes(altered), good),
        Case("cut", SIZE, "a byte missing", segment.ciphertext[:-1], good),
        Case("another-index", DECRYPT, "sealed for another place", segment.ciphertext, _inputs(segment, second)),
        Case("another-epoch", DECRYPT, "sealed for another place", segment.ciphertext, _inputs(segment, replace(PLACE, epoch=1))),
        Case("another-device", DECRYPT, "sealed for another place", segment.ciphertext, _inputs(segment, replace(PLACE, device="test-phone"))),
        Case("another-key", DECRYPT, "the key of another item", segment.ciphertext, _inputs(replace(segment, key=observation.key))),
        Case("destroyed-key", DECRYPT, "32 zero bytes", segment.ciphertext, _inputs(replace(segment, key=DESTROYED))),
        Case("commitment-of-another", COMMITMENT, "sealed under another item's commitment", segment.ciphertext, _inputs(swapped)),
    ]  # fmt: skip


def _hostile_items() -> list[Case]:
    path = {"file": FILE, "path": "cur/1.eml"}
    rows = [
        ("empty-payload", OK, "no bytes", _raw()),
        ("unknown-field", OK, "context fields that are not known are kept", _raw(context={"chat": "x"})),
        ("core-field-unknown", F, "core has exactly five", _raw({"more": 1})),
        ("core-not-canonical", F, "a space", _raw(canonical_json(CORE).replace(b":0", b": 0"))),
        ("core-not-an-object", F, "a list", _raw(b"[]")),
        ("kind-unknown", F, "segment, capture or observation", _raw({"kind": "mail"})),
        ("size-negative", F, "a number of bytes", _raw({"size": -1})),
        ("size-true", F, "Python's True is an int", _raw({"size": True})),
        ("size-too-large", L, "128 MiB at most", _raw({"size": 2**27 + 1})),
        ("size-of-another", SIZE, "one byte is stated", _raw({"size": 1})),
        ("sha256-of-another", DIGEST, "not the payload's", _raw({"sha256": b64(bytes(32))})),
        ("source-empty", F, "1 to 255 characters", _raw({"source": ""})),
        ("blind-short", F, "16 bytes", _raw({"blind": b64(bytes(15))})),
        ("coding-unknown", F, "identity or zstd", _raw(context={"coding": "gzip"})),
        ("field-capital", F, "names of a-z, 0-9, - and _", _raw(context={"File": "x"})),
        ("file-not-hex", F, "32 hexadecimal digits", _raw(context={"file": "x"})),
        ("mtime-number", F, "a text: nanoseconds exceed 2^53", _raw(context={"mtime": 1})),
        ("seen-not-a-time", F, "RFC 3339 in UTC", _raw(context={"seen": "yesterday"})),
        ("segment-without-file", F, "a segment names its file", _raw({"kind": "segment"})),
        ("capture-without-path", F, "a capture names its path", _raw({"kind": "capture"}, {"file": FILE})),
        ("path-twice", F, "path or path64", _raw(context={**path, "path64": "/2E="})),
        ("path64-of-text", F, "path can say it", _raw(context={"path64": b64(b"cur/1.eml")})),
        ("path-empty", L, "1 to 4,096 bytes", _raw(context={"path": ""})),
        ("path-too-long", L, "1 to 4,096 bytes", _raw(context={"path": "x" * 4097})),
        ("padding-missing", F, "at least 512 bytes", _raw(pad=b"")),
        ("padding-longer", F, "exactly its Padmé length", _raw(pad=bytes(600))),
        ("zstd-not-a-frame", F, "no frame at all", _raw({"size": 4}, {"coding": "zstd"}, b"abcd")),
        ("zstd-of-another-size", SIZE, "the frame states another", _raw({"size": 5}, {"coding": "zstd"}, bytes.fromhex("28b52ffd2004210000616263"))),
        ("part-beyond-end", F, "a length beyond the plaintext", _seal_plain(struct.pack(">I", 60_000).ljust(512, b"\0"), bytes(32))),
        ("part-too-large", L, "65,536 bytes of core at most", _seal_plain(struct.pack(">I", 65_537).ljust(512, b"\0"), bytes(32))),
    ]  # fmt: skip
    hidden = _raw()
    spoilt = cobblestone.open_(KEY, PLACE.context(), hidden.ciphertext)[:-1] + b"\1"
    rows.append(
        (
            "padding-not-zero",
            F,
            "room for a secret message",
            _seal_plain(spoilt, hidden.entry.commitment),
        )
    )
    return [
        Case(name, expect, comment, item.ciphertext, _inputs(item))
        for name, expect, comment, item in rows
    ]
