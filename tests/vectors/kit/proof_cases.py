# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of the proof of one item."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from kit import hostile, rotation
from kit.case import OK, Case
from kit.otherlog import OtherLog
from kit.text_cases import Row, table
from kit.world import (
    DEVICE,
    LOG_KEYS,
    ORIGIN,
    PAYLOADS,
    POLICY_1,
    POLICY_2,
    STRANGER,
    checkpoint,
    items,
    log,
    reader,
)
from lakzegel_core.encoding import b64
from lakzegel_core.item import Place, open_item
from lakzegel_core.itemjudge import JudgeKeys
from lakzegel_core.itemproof import Anchor, ItemProof, LoggedNote
from lakzegel_core.merkle import inclusion_path, leaf_hash
from lakzegel_core.quorum import Quorum

F = "FormatError"


def _proof() -> ItemProof:
    first = items()[0]
    opened = open_item(
        first.ciphertext, key=first.key, place=Place(ORIGIN, DEVICE, 0, 0, 0), entry=first.entry
    )
    tree = reader(6)
    leaves = [leaf_hash(item.entry.to_bytes()) for item in items()]
    return ItemProof(
        item=0,
        core=opened.core_bytes,
        context=opened.context_bytes,
        context_hash=leaf_hash(opened.context_bytes),
        entry=first.entry.to_bytes(),
        contents=tuple(inclusion_path(0, leaves)),
        notes=tuple(LoggedNote(i, log()[i], tuple(tree.inclusion(i))) for i in (0, 1, 2, 4)),
        seen=tuple(tree.consistency(4)),
        checkpoint=checkpoint(6),
        after=Anchor(checkpoint(4), tuple(tree.consistency(4))),
        before=Anchor(checkpoint(5), tuple(tree.consistency(5))),
    )


def _standing(log: OtherLog, names: tuple[str, ...], *, seen: int = 4) -> bytes:
    """The item, standing on those notes of another log, of which its header saw ``seen``."""
    known, tree = list(log.entries), log.tree
    first = replace(
        _proof(),
        seen=tuple(tree.consistency(seen)),
        checkpoint=log.checkpoint,
        after=None,
        before=None,
    )
    places = [known.index(name) for name in names]
    notes = [LoggedNote(at, log.entries[known[at]], tuple(tree.inclusion(at))) for at in places]
    return replace(first, notes=tuple(notes)).to_bytes()


def _hostile() -> list[tuple[str, str, str, bytes]]:
    """The same item, standing on other notes."""

    def on(*names: str) -> bytes:
        return _standing(hostile.whole(), names)

    base = ("base-0", "base-1", "base-2")
    return [
        ("epoch-1", OK, "restored: the epoch before is shown", on(*base, "restored", "header-1")),
        ("revoked", "RevokedError", "no batch is trusted", on(*base, "revocation", "header")),
        ("revoked-after", "RevokedError", "wherever the revocation lies", on("base-0", "base-1", "base-2", "base-4", "revocation")),
        ("revocation-of-another", F, "another device's", on(*base, "revocation-of-phone", "header")),
        ("delegation-again", "PolicyError", "not newer than the one before it", on(*base, "delegation-again", "header")),
        ("delegation-left-out", "NotAdmittedError", "nothing comes from the policy keys", on("base-1", "base-2", "header")),
        ("admission-by-stranger", "UnknownKeyError", "an enrolment key signs", on("base-0", "admission-by-stranger", "header")),
        ("admission-expired", "ExpiredError", "enrolled at the expiry", on("base-0", "base-1", "expired", "header")),
        ("admission-of-another-group", "NotAdmittedError", "admitted for a group", on("base-0", "base-1", "other-group", "header")),
        ("enrolment-of-another", F, "another device's", on("base-0", "base-1", "phone", "header")),
        ("enrolment-left-out", "EpochError", "whose key it is", on("base-0", "base-1", "header")),
        ("epoch-before-left-out", "EpochError", "the old key signed the new", on("base-0", "base-1", "restored", "header-1")),
        ("epoch-of-another", "EpochError", "the header's own epoch", on(*base, "header-1")),
        ("finding", F, "proves nothing about the item", on(*base, "finding", "header")),
        ("two-headers", F, "exactly one", on(*base, "base-4", "header")),
        ("seen-ahead", "ConsistencyError", "more than there was before it", on(*base, "header-ahead")),
    ]  # fmt: skip


def _rotated() -> list[tuple[str, str, str, bytes]]:
    """The same item, sealed under keys that were replaced."""

    def on(*names: str, seen: int = 6) -> bytes:
        return _standing(rotation.whole(), names, seen=seen)

    base = ("base-0", "base-1", "base-2")
    return [
        ("rotated", OK, "the old header key vouches for the new one", on(*base, "rotated", "header-1")),
        ("rotated-before", OK, "what was sealed before stands as it did", on(*base, "base-4", seen=4)),
        ("rotated-twice", OK, "each key by the one before", on(*base, "rotated", "rotated-again", "header-2", seen=9)),
        ("rotation-left-out", "EpochError", "whose key it is", on(*base, "header-1")),
        ("rotation-between-left-out", "EpochError", "each key by the one before", on(*base, "rotated-again", "header-2", seen=9)),
        ("rotation-without-enrolment", "EpochError", "the old key signed the new", on("base-0", "base-1", "rotated", "header-1")),
        ("rotated-old-key", "EpochError", "its epoch was closed", on(*base, "rotated", "old-key")),
        ("rotated-old-key-in-new-epoch", "UnknownKeyError", "signs for its own epoch", on(*base, "rotated", "old-key-in-1")),
        ("rotated-by-token", "UnknownKeyError", "the old header key signs", on(*base, "base-4", "by-token", seen=4)),
        ("rotated-by-stranger", "UnknownKeyError", "the old header key signs", on(*base, "base-4", "by-stranger", seen=4)),
        ("rotated-skipping", "EpochError", "the next epoch", on(*base, "base-4", "skipped", seen=4)),
    ]  # fmt: skip


def proof_cases() -> list[Case]:
    payload = PAYLOADS[0][1]
    keys = JudgeKeys(LOG_KEYS, (POLICY_1.verifier, POLICY_2.verifier), 2, Quorum((), 0))
    rows = [tuple(row.split(" ", 1)) for row in keys.to_text().splitlines()]
    inputs = [(label, value) for label, value in rows]
    stated = [("sha256", b64(hashlib.sha256(payload).digest())), ("size", str(len(payload)))]
    good = _proof()
    data = good.to_bytes()
    anchor = Anchor(checkpoint(5), tuple(reader(6).consistency(5)))
    early = Anchor(checkpoint(4), tuple(reader(6).consistency(4)))
    cut = tuple(one for one in good.notes if one.index != 1)
    moved = replace(good.notes[0], index=3)
    twisted = replace(good.notes[0], path=good.notes[1].path)
    made: list[Row] = [
        ("whole", OK, "core and context, after and before", data),
        ("without-context", OK, "only its hash is shown", replace(good, context=None).to_bytes()),
        ("without-anchors", OK, "the time of the checkpoint alone", replace(good, after=None, before=None).to_bytes()),
        ("item-1", "InclusionError", "the place in the batch", replace(good, item=1).to_bytes()),
        ("core-altered", "CommitmentMismatchError", "another source", replace(good, core=good.core.replace(b"mail", b"post")).to_bytes()),
        ("entry-altered", "InclusionError", "another entry", replace(good, entry=good.entry[:-1] + b"\0").to_bytes()),
        ("admission-left-out", "NotAdmittedError", "the token's right is not shown", replace(good, notes=cut).to_bytes()),
        ("notes-out-of-order", F, "in the order of the log", replace(good, notes=good.notes[::-1]).to_bytes()),
        ("note-moved", "InclusionError", "another place in the log", replace(good, notes=(moved, *good.notes[1:])).to_bytes()),
        ("note-path-of-another", "InclusionError", "the path of its neighbour", replace(good, notes=(twisted, *good.notes[1:])).to_bytes()),
        ("header-left-out", F, "exactly one header", replace(good, notes=good.notes[:3]).to_bytes()),
        ("seen-cut", "ConsistencyError", "a hash missing", replace(good, seen=good.seen[:-1]).to_bytes()),
        ("after-too-late", "ConsistencyError", "the device had not seen it", replace(good, after=anchor).to_bytes()),
        ("before-too-early", "ConsistencyError", "without the header", replace(good, before=early).to_bytes()),
        ("line-twice", F, "one item", data.replace(b"item 0\n", b"item 0\nitem 0\n")),
        ("no-final-newline", F, "every line ends", data[:-1]),
        ("hash-url-alphabet", F, "standard base64", data.replace(b"/", b"_")),
        ("64-hashes", "LimitError", "63 at most", replace(good, seen=(bytes(32),) * 64).to_bytes()),
        ("257-notes", "LimitError", "256 at most", replace(good, notes=tuple(LoggedNote(i, b"", ()) for i in range(257))).to_bytes()),
        ("version-2", F, "another version", data.replace(b"proof/v1", b"proof/v2")),
    ]  # fmt: skip
    other = (*inputs, ("sha256", b64(bytes(32))), stated[1])
    size = (*inputs, stated[0], ("size", "1"))
    swapped = [
        (label, STRANGER.verifier.to_text() if value == POLICY_1.verifier.to_text() else value)
        for label, value in inputs
    ]
    return [
        *table([*made, *_hostile(), *_rotated()], (*inputs, *stated)),
        *_key_files(data, tuple(inputs), tuple(stated)),
        Case("another-file", "DigestMismatchError", "not these bytes", data, other),
        Case("another-size", "SizeMismatchError", "not as many bytes", data, size),
        Case("other-policy-keys", "UnknownKeyError", "not the custody he trusts", data, (*swapped, *stated)),
    ]  # fmt: skip


def _key_files(data: bytes, keys: tuple, stated: tuple) -> list[Case]:
    """The same proof, and key files that say too little or too much."""
    policies = [row for row in keys if row[0] != "threshold"]
    return [
        Case("threshold-0", F, "somebody must sign", data, (*policies, ("threshold", "0"), *stated)),
        Case("threshold-3", F, "more than there are keys", data, (*policies, ("threshold", "3"), *stated)),
        Case("threshold-missing", F, "it is said", data, (*policies, *stated)),
        Case("key-file-line-unknown", F, "every line is known", data, (*keys, ("pin", "x"), *stated)),
    ]  # fmt: skip
