# SPDX-License-Identifier: EUPL-1.2
"""The proof of one item: all between its bytes and the keys that a judge has (docs/spec/proof.md).

    lakzegel.nl/proof/v1
    item 3
    core <base64>
    context <base64>                  or: context-hash <base64 leaf hash>
    entry <base64, 72 bytes>
    contents <base64 hash>            the path of the entry in the header's contents, leaf to root
    note 0 <base64>                   the delegations, admissions, enrolments, header and
    path <base64 hash>                revocations, each with its place in the log and its path
    seen <base64 hash>                consistency of what the header saw with the checkpoint
    checkpoint <base64>
    after <base64 checkpoint>         optional: older than what the header saw
    after-path <base64 hash>          its consistency with the checkpoint
    before <base64 checkpoint>        optional: newer than the header, older than the checkpoint
    before-path <base64 hash>

With stamps of time-stamp authorities the first line is lakzegel.nl/proof/v2, and there follow

    stamped <base64 checkpoint>       newer than the header
    stamped-path <base64 hash>        its consistency with the checkpoint
    token <base64>                    an authority's answer over it
    renewal <base64 list>             what renews that token, and the answer over this
    token <base64>
    root <base64>                     where their certificates end

This module reads and writes it; `itemjudge` says what it proves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_core.encoding import b64, parse_decimal, unb64
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.limits import DIGEST
from lakzegel_core.manifest import ENTRY_SIZE
from lakzegel_core.merkle import leaf_hash

FIRST_LINE: Final = "lakzegel.nl/proof/v1"
STAMPED_LINE: Final = "lakzegel.nl/proof/v2"
MAX_PLAIN_PROOF: Final = 4 * 2**20  # bytes: some tens of notes, a checkpoint of 64 KiB thrice
MAX_ITEM_PROOF: Final = 16 * 2**20  # bytes, with stamps: some lists of what a renewal renews
MAX_STAMPS: Final = 4  # authorities
MAX_RENEWALS: Final = 8  # of a token; one lasts for years
MAX_ROOTS: Final = 16
MAX_NOTES: Final = 256  # delegations, rotations and revocations that one item can stand on
MAX_PATH: Final = 63  # hashes: a tree of 2^63
_WHAT: Final = "item proof"


@dataclass(frozen=True, slots=True)
class LoggedNote:
    """A log entry, its place, and its inclusion path."""

    index: int
    data: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """Another checkpoint of the same log, and its consistency with the proof's own."""

    checkpoint: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Renewal:
    """A list that names a token, and the answer over the list."""

    renewed: bytes
    token: bytes


@dataclass(frozen=True, slots=True)
class Stamp:
    """A checkpoint that an authority stamped, its answer, and what renews that."""

    anchor: Anchor
    token: bytes
    renewals: tuple[Renewal, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemProof:
    """A proof as written; nothing in it is verified. ``context`` None: only its hash is shown."""

    item: int
    core: bytes
    context: bytes | None
    context_hash: bytes
    entry: bytes
    contents: tuple[bytes, ...]
    notes: tuple[LoggedNote, ...]
    seen: tuple[bytes, ...]
    checkpoint: bytes
    after: Anchor | None = None
    before: Anchor | None = None
    stamps: tuple[Stamp, ...] = ()
    roots: tuple[bytes, ...] = ()

    def to_bytes(self) -> bytes:
        """The text of the proof."""
        rows = [
            STAMPED_LINE if self.stamps else FIRST_LINE,
            f"item {self.item}",
            f"core {b64(self.core)}",
        ]
        if self.context is None:
            rows.append(f"context-hash {b64(self.context_hash)}")
        else:
            rows.append(f"context {b64(self.context)}")
        rows.append(f"entry {b64(self.entry)}")
        rows += _hashes("contents", self.contents)
        for note in self.notes:
            rows += [f"note {note.index} {b64(note.data)}", *_hashes("path", note.path)]
        rows += [*_hashes("seen", self.seen), f"checkpoint {b64(self.checkpoint)}"]
        for name, anchor in (("after", self.after), ("before", self.before)):
            if anchor is not None:
                rows += [f"{name} {b64(anchor.checkpoint)}", *_hashes(f"{name}-path", anchor.path)]
        for stamp in self.stamps:
            rows += [f"stamped {b64(stamp.anchor.checkpoint)}"]
            rows += [*_hashes("stamped-path", stamp.anchor.path), f"token {b64(stamp.token)}"]
            for one in stamp.renewals:
                rows += [f"renewal {b64(one.renewed)}", f"token {b64(one.token)}"]
        rows += _hashes("root", self.roots)
        return ("\n".join(rows) + "\n").encode()


def parse_item_proof(data: bytes) -> ItemProof:
    """The proof of its text, unverified.

    Raises:
        LimitError: larger than a proof can be, or too many lines of one kind.
        FormatError: not the one encoding.
    """
    stamped = data.startswith(STAMPED_LINE.encode() + b"\n")
    most = MAX_ITEM_PROOF if stamped else MAX_PLAIN_PROOF
    if len(data) > most:
        raise LimitError(_WHAT, f"{len(data)} bytes, at most {most}")
    try:
        rows = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise FormatError(_WHAT, "not ASCII") from None
    proof = _read(_Rows(rows))
    if bool(proof.roots) != bool(proof.stamps):
        raise FormatError(_WHAT, "roots belong to stamps, and stamps to roots")
    if proof.to_bytes() != data:
        raise FormatError(_WHAT, "not the canonical encoding")
    return proof


def _read(rows: _Rows) -> ItemProof:
    rows.first()
    item = parse_decimal(rows.take("item"), what="proof item")
    core = rows.raw("core")
    context = rows.raw("context") if rows.next_is("context") else None
    shown = rows.raw("context-hash", DIGEST) if context is None else leaf_hash(context)
    return ItemProof(
        item=item,
        core=core,
        context=context,
        context_hash=shown,
        entry=rows.raw("entry", ENTRY_SIZE),
        contents=rows.hashes("contents"),
        notes=tuple(rows.notes()),
        seen=rows.hashes("seen"),
        checkpoint=rows.raw("checkpoint"),
        after=rows.anchor("after"),
        before=rows.anchor("before"),
        stamps=tuple(rows.stamps()),
        roots=tuple(rows.some("root", MAX_ROOTS)),
    )


class _Rows:
    """Takes the lines off one by one."""

    def __init__(self, rows: list[str]) -> None:
        self._rows = rows
        self._at = 0

    def first(self) -> None:
        if self._rows[0] not in {FIRST_LINE, STAMPED_LINE}:
            raise FormatError(_WHAT, f"does not begin with {FIRST_LINE} or {STAMPED_LINE}")
        self._at = 1

    def next_is(self, label: str) -> bool:
        return self._at < len(self._rows) and self._rows[self._at].startswith(label + " ")

    def take(self, label: str) -> str:
        if not self.next_is(label):
            raise FormatError(_WHAT, f"line {self._at + 1} is not '{label} …'")
        self._at += 1
        return self._rows[self._at - 1][len(label) + 1 :]

    def raw(self, label: str, size: int | None = None) -> bytes:
        return unb64(self.take(label), what=f"proof {label}", size=size)

    def hashes(self, label: str) -> tuple[bytes, ...]:
        found = []
        while self.next_is(label):
            found.append(self.raw(label, DIGEST))
            if len(found) > MAX_PATH:
                raise LimitError(_WHAT, f"more than {MAX_PATH} '{label}' lines")
        return tuple(found)

    def notes(self) -> list[LoggedNote]:
        found = []
        while self.next_is("note"):
            index, _, text = self.take("note").partition(" ")
            place = parse_decimal(index, what="proof note")
            found.append(LoggedNote(place, unb64(text, what="proof note"), self.hashes("path")))
            if len(found) > MAX_NOTES:
                raise LimitError(_WHAT, f"more than {MAX_NOTES} notes")
        return found

    def some(self, label: str, most: int) -> list[bytes]:
        found = []
        while self.next_is(label):
            found.append(self.raw(label))
            if len(found) > most:
                raise LimitError(_WHAT, f"more than {most} '{label}' lines")
        return found

    def stamps(self) -> list[Stamp]:
        found: list[Stamp] = []
        while (anchor := self.anchor("stamped")) is not None:
            token, renewals = self.raw("token"), []
            while self.next_is("renewal"):
                renewals.append(Renewal(self.raw("renewal"), self.raw("token")))
            found.append(Stamp(anchor, token, tuple(renewals)))
            if len(found) > MAX_STAMPS or len(renewals) > MAX_RENEWALS:
                raise LimitError(_WHAT, f"over {MAX_STAMPS} stamps or {MAX_RENEWALS} renewals")
        return found

    def anchor(self, label: str) -> Anchor | None:
        if not self.next_is(label):
            return None
        return Anchor(self.raw(label), self.hashes(f"{label}-path"))


def _hashes(label: str, hashes: Sequence[bytes]) -> list[str]:
    return [f"{label} {b64(one)}" for one in hashes]
