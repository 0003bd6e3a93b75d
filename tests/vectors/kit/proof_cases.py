# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of the proof of one item."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from kit.case import OK, Case
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
        ("too-large", "LimitError", "4 MiB at most", data[:100] + bytes(2**22)),
    ]  # fmt: skip
    other = (*inputs, ("sha256", b64(bytes(32))), stated[1])
    size = (*inputs, stated[0], ("size", "1"))
    swapped = [
        (label, STRANGER.verifier.to_text() if value == POLICY_1.verifier.to_text() else value)
        for label, value in inputs
    ]
    return [
        *table([row for row in made if row[0] != "too-large"], (*inputs, *stated)),
        Case("another-file", "DigestMismatchError", "not these bytes", data, other),
        Case("another-size", "SizeMismatchError", "not as many bytes", data, size),
        Case("other-policy-keys", "UnknownKeyError", "not the custody he trusts", data, (*swapped, *stated)),
    ]  # fmt: skip
