# SPDX-License-Identifier: EUPL-1.2
"""How the core reads each format. What is not signed is given back as it would be written again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from kit.case import Case
from lakzegel_core import (
    admission,
    annex,
    batch,
    delegation,
    encoding,
    enrolment,
    finding,
    heartbeat,
    held,
    hold,
    item,
    itemproof,
    keyring,
    keyringchange,
    manifest,
    note,
    padding,
    policy,
    query,
    revocation,
    roster,
    succession,
    tiles,
    trail,
    units,
    withdrawal,
)
from lakzegel_core.addcheckpoint import open_answer, open_request, verify_extends
from lakzegel_core.age import Identity, Recipient
from lakzegel_core.checkpoint import Checkpoint, LogKeys, open_checkpoint
from lakzegel_core.cosignature import verify_cosignature
from lakzegel_core.custody import Custody
from lakzegel_core.encoding import parse_decimal, unb64
from lakzegel_core.errors import DigestMismatchError, FormatError
from lakzegel_core.itemjudge import JudgeKeys, judge_item
from lakzegel_core.keys import VerifierKey
from lakzegel_core.quorum import Quorum, require_quorum
from lakzegel_core.receipt import verify_receipt
from lakzegel_core.tlogproof import TlogProof
from lakzegel_office.capture import read_capture

Opener = Callable[[Case], bytes | None]


def _key(case: Case) -> VerifierKey:
    return VerifierKey.from_text(case.one("vkey"))


def _keys(case: Case, label: str = "vkey") -> list[VerifierKey]:
    return [VerifierKey.from_text(text) for text in case.all(label)]


def _text(case: Case) -> str:
    """What a caller has read as UTF-8 before it asks the core."""
    try:
        return case.body.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("vector", "not UTF-8") from None


def _note(case: Case) -> None:
    if case.all("threshold"):
        note.open_threshold(case.body, _keys(case), int(case.one("threshold")))
    else:
        note.open_exact(case.body, _keys(case))


def _base64(case: Case) -> bytes:
    size = int(case.one("size")) if case.all("size") else None
    return encoding.b64(unb64(_text(case), what="vector", size=size)).encode()


def _checkpoint(case: Case) -> None:
    witnesses = _keys(case, "witness")
    signed = open_checkpoint(case.body, LogKeys.from_texts(case.all("log")), witnesses=witnesses)
    if witnesses:
        require_quorum(signed, Quorum(tuple(witnesses), int(case.one("quorum"))))


def _cosignature(case: Case) -> None:
    parsed = note.parse(case.body)
    verify_cosignature(Checkpoint.from_text(parsed.text), parsed.signatures[0], _key(case))


def _tree(text: str) -> Checkpoint:
    return Checkpoint.from_text(unb64(text, what="tree"))


def _add_checkpoint(case: Case) -> None:
    """What a witness of this log does that cosigned ``newest`` before."""
    log = LogKeys.from_texts(case.all("log"))
    newest = _tree(case.one("newest")) if case.all("newest") else None
    verify_extends(open_request(case.body, {log.origin: (log.ed25519, log.mldsa)}), newest)


def _add_checkpoint_answer(case: Case) -> None:
    open_answer(case.body, _tree(case.one("tree")), _keys(case))


def _receipt(case: Case) -> None:
    log = LogKeys.from_texts(case.all("log"))
    seen = None
    if case.all("seen-size"):
        root = unb64(case.one("seen-root"), what="root")
        seen = Checkpoint(log.origin, int(case.one("seen-size")), root)
    entry = unb64(case.one("entry"), what="entry")
    verify_receipt(case.body, entry=entry, log=log, seen=seen)


def _tile(case: Case) -> None:
    root = unb64(case.one("root"), what="root")
    tiles.HashReader(int(case.one("tree")), lambda _: case.body, root=root)


def _entries(case: Case) -> bytes:
    return tiles.encode_entries(tiles.decode_entries(case.body, width=int(case.one("width"))))


def _custody(case: Case) -> None:
    pinned, threshold = _keys(case), int(case.one("threshold"))
    custody = Custody.start(case.one("origin"), pinned=pinned, threshold=threshold)
    found = tiles.decode_entries(case.body, width=int(case.one("entries")))
    for entry in found[:-1]:
        custody.apply(entry)
    custody.check(found[-1])


def _succession(case: Case) -> None:
    succession.open_succession(case.body, _keys(case), int(case.one("threshold")))


def _manifest(case: Case) -> bytes:
    entries = manifest.parse_manifest(case.body, int(case.one("items")))
    return b"".join(entry.to_bytes() for entry in entries)


def _file(case: Case) -> None:
    key = _key(case)
    follows = bool(case.all("keyring"))
    if case.all("random"):
        found = batch.open_batch_file(
            lambda at, size: case.body[at : at + size], size=len(case.body)
        )
        batch.open_header(found.header_bytes, key)
        for index, entry in enumerate(found.entries):
            if hashlib.sha256(found.ciphertext(index)).digest() != entry.sha256:
                raise DigestMismatchError("item")  # as opening it would say
        return
    stream = batch.BatchStream(lambda data: batch.open_header(data, key), keyring=follows)
    for start in range(0, len(case.body), 1000):
        stream.feed(case.body[start : start + 1000])
    stream.finish()
    if not follows:
        batch.open_batch_file(lambda at, size: case.body[at : at + size], size=len(case.body))


def _keyring_file(case: Case) -> None:
    keyring.open_keyring(case.body, [Identity.from_text(case.one("identity"))])


def _item(case: Case) -> None:
    origin, device, *numbers = case.one("place").split(" ")
    (entry,) = manifest.parse_manifest(unb64(case.one("entry"), what="entry"), 1)
    place = item.Place(origin, device, *map(int, numbers))
    item.open_item(case.body, key=unb64(case.one("key"), what="key"), place=place, entry=entry)


def _policy(case: Case) -> None:
    threshold = int(case.one("threshold"))
    policy.open_policy(case.body, _keys(case), threshold, origin=case.one("origin"))


def _in_force(case: Case) -> None:
    """A device's judgement, its annex already opened."""
    threshold, device = int(case.one("threshold")), case.one("device")
    found = policy.open_policy(case.body, _keys(case), threshold, origin=case.one("origin"))
    given = [annex.parse_annex(unb64(text, what="annex").decode()) for text in case.all("annex")]
    mine = next((one for one in given if one.device == device), None)
    policy.may_apply(
        found,
        device=device,
        group=next(iter(case.all("group")), None),
        highest_serial=int(case.one("highest")),
        included=bool(case.all("included")),
        annex_present=mine is not None,
    )
    annex.effective_sources(found, mine)


def _unit(parse: Callable[..., float]) -> Opener:
    def check(case: Case) -> None:
        value = parse(_text(case), what="vector")
        assert str(value) == case.one("value")

    return check


def _padme(case: Case) -> None:
    n = parse_decimal(_text(case), what="length")
    assert padding.padme(n) == int(case.one("padded"))


def _json(case: Case) -> bytes:
    value = encoding.parse_canonical_json(case.body, what="vector", max_size=65_536)
    return encoding.canonical_json(value)


def _capture(case: Case) -> bytes:
    """The payload of a capture item; the office reads it, the core does not."""
    value = encoding.parse_canonical_json(case.body, what="capture", max_size=65_536)
    if not isinstance(value, dict):
        raise FormatError("capture", "not an object")
    read_capture(value)
    return encoding.canonical_json(value)


def _proof(case: Case) -> None:
    proof = itemproof.parse_item_proof(case.body)
    rows = [f"{label} {value}\n" for label, value in case.inputs if label not in {"sha256", "size"}]
    keys = JudgeKeys.from_text("".join(rows))
    stated = unb64(case.one("sha256"), what="sha256")
    judge_item(proof, keys, sha256=stated, size=int(case.one("size")))


def _roster(case: Case) -> None:
    made = roster.RosterKey.from_text(_text(case)).derive(case.one("serial"))
    if (made.token.verifier.to_text(), made.device) != (case.one("token"), case.one("device")):
        raise FormatError("roster", "derives another token or name")


def _enrolment(case: Case) -> None:
    enrolment.open_enrolment(case.body, VerifierKey.from_text(case.one("other")))


def _delegation(case: Case) -> None:
    delegation.open_delegation(case.body, _keys(case), int(case.one("threshold")))


def _by_one(open_: Callable[[bytes, VerifierKey], object]) -> Opener:
    def check(case: Case) -> None:
        open_(case.body, _key(case))

    return check


SIGNED: Final[dict[str, Opener]] = {
    "note": _note,
    "checkpoint": _checkpoint,
    "cosignature": _cosignature,
    "add-checkpoint": _add_checkpoint,
    "add-checkpoint-answer": _add_checkpoint_answer,
    "receipt": _receipt,
    "tile": _tile,
    "delegation": _delegation,
    "admission": _by_one(admission.open_admission),
    "enrolment": _enrolment,
    "policy": _policy,
    "policy-in-force": _in_force,
    "revocation": _by_one(revocation.open_revocation),
    "withdrawal": _by_one(withdrawal.open_withdrawal),
    "finding": _by_one(finding.open_finding),
    "held": _by_one(held.open_held),
    "keyring-change": lambda case: keyringchange.open_keyring_change(case.body, _keys(case)),
    "hold": lambda case: hold.open_mark(case.body, case.one("kind"), _key(case)),
    "succession": _succession,
    "trail": _by_one(trail.open_trail),
    "query": _by_one(query.open_query),
    "heartbeat": _by_one(heartbeat.open_heartbeat),
    "batch-header": _by_one(batch.open_header),
    "batch-file": _file,
    "keyring-file": _keyring_file,
    "item": _item,
    "custody": _custody,
    "item-proof": _proof,
}  # fmt: skip
"""Whatever bit is changed, these refuse."""

UNSIGNED: Final[dict[str, Opener]] = {
    "base64": _base64,
    "vkey": lambda case: VerifierKey.from_text(_text(case)).to_text().encode(),
    "recipient": lambda case: Recipient.from_text(_text(case)).to_text().encode(),
    "tlog-proof": lambda case: TlogProof.parse(case.body).to_bytes(),
    "tile-path": lambda case: tiles.parse_tile_path(_text(case)).path.encode(),
    "entries-bundle": _entries,
    "manifest": _manifest,
    "keyring": lambda case: keyring.encode_keyring(keyring.decode_keyring(case.body)),
    "annex": lambda case: annex.parse_annex(_text(case)).text.encode(),
    "canonical-json": _json,
    "capture": _capture,
}
"""These refuse, or write the changed bytes again: no two encodings of one thing."""

VALUES: Final[dict[str, Opener]] = {
    "duration": _unit(units.parse_duration),
    "size": _unit(units.parse_size),
    "padme": _padme,
    "roster": _roster,
}
"""Figures as people write them; several spellings of one are allowed."""

OPENERS: Final = {**SIGNED, **UNSIGNED, **VALUES}
