# SPDX-License-Identifier: EUPL-1.2
"""A batch's header: the note that names, orders and signs what a device sealed.

    lakzegel.nl/batch/v1
    log log.example/lakzegel
    device minister-1
    epoch 0
    batch 17
    previous RjGxDg1Z…
    seen 2048 k2Jm8CN0…
    closed 2026-11-24T02:07:45Z
    items 3
    contents NXmZfRbb…
    keyring 7wCgKc4t…
    policy c/k+TjhB…
    state open

    — log.example/lakzegel/minister-1/0/header 4Zl0cZ…

A batch file is this note, the manifest, the sealed items in order. docs/spec/batch.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from lakzegel_core import fields, note
from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time
from lakzegel_core.errors import FormatError, LimitError, RoleError
from lakzegel_core.keys import check_name
from lakzegel_core.limits import MAX_HEADER, MAX_ITEMS

if TYPE_CHECKING:
    from datetime import datetime

    from lakzegel_core.keys import SigningKey, VerifierKey

KIND: Final = "batch"
_WHAT: Final = "batch header"
_START: Final = f"{fields.kind_line(KIND)}\nlog ".encode()
_BLANK: Final = b"\n\n"


class State(StrEnum):
    """Whether more batches follow in this custody."""

    OPEN = "open"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Seen:
    """The size and root of the last checkpoint that a device verified and persisted."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What a batch's header states; digests are 32 bytes, ``closed`` is in UTC."""

    origin: str
    device: str
    epoch: int
    batch: int
    previous: bytes
    seen: Seen
    closed: datetime
    items: int
    contents: bytes
    keyring: bytes
    policy: bytes
    state: State

    def to_text(self) -> bytes:
        """The text of the note: what is signed."""
        lines = (
            ("device", self.device),
            ("epoch", str(self.epoch)),
            ("batch", str(self.batch)),
            ("previous", b64(self.previous)),
            ("seen", f"{self.seen.size} {b64(self.seen.root)}"),
            ("closed", format_time(self.closed)),
            ("items", str(self.items)),
            ("contents", b64(self.contents)),
            ("keyring", b64(self.keyring)),
            ("policy", b64(self.policy)),
            ("state", self.state),
        )
        return fields.encode(KIND, self.origin, lines)

    @property
    def key_name(self) -> str:
        """What the key is called that must have signed this header."""
        return f"{self.origin}/{self.device}/{self.epoch}/header"


def batch_id(header: bytes) -> bytes:
    """A batch's name: SHA-256 of its exact header note, signature included."""
    return hashlib.sha256(header).digest()


def sign_header(header: Header, key: SigningKey) -> bytes:
    """The header note, signed by the device's header key of that epoch.

    Raises:
        RoleError: a key of another device, epoch or role.
        FormatError: a field that the text cannot carry.
    """
    _check_signer(header, key.verifier)
    text = header.to_text()
    parse_text(text)
    return note.sign(text, [key])


def open_header(data: bytes, key: VerifierKey) -> Header:
    """The header of a note that ``key``, and nothing else, signed.

    Raises:
        FormatError: not the one encoding.
        SignatureError: not signed by ``key``, or ``key`` is not this device's and epoch's.
    """
    signed = _parse(data)
    note.require_exact(signed, [key])
    header = parse_text(signed.text)
    _check_signer(header, key)
    return header


def peek_header(data: bytes) -> Header:
    """The header of a note, **unverified**: only to find the key to open it with.

    Raises:
        FormatError: not the one encoding.
    """
    return parse_text(_parse(data).text)


@lru_cache(maxsize=128)  # who checks a header looks at it to find its key, and again to verify it
def _parse(data: bytes) -> note.Note:
    return note.parse(data, max_size=MAX_HEADER)


def split_header(data: bytes) -> bytes | None:
    """The header note at the start of a batch file; None while more bytes are needed.

    Raises:
        FormatError: no header can start like this.
        LimitError: no end within a header's limit.
    """
    if data[: len(_START)] != _START[: len(data)]:
        raise FormatError(_WHAT, f"does not start with {fields.kind_line(KIND)}")
    blank = data.find(_BLANK, 0, MAX_HEADER)
    end = data.find(b"\n", blank + len(_BLANK), MAX_HEADER) if blank >= 0 else -1
    if end >= 0:
        return bytes(data[: end + 1])
    if len(data) >= MAX_HEADER:
        raise LimitError(_WHAT, f"no end within {MAX_HEADER} bytes")
    return None


@lru_cache(maxsize=128)  # as above
def parse_text(text: bytes) -> Header:
    """The header of a note's text.

    Raises:
        FormatError: not the one encoding.
        LimitError: a number beyond its limit.
    """
    rows = fields.Lines(text, KIND)
    device = fields.slug(rows.take("device"), what="batch device")
    epoch = parse_decimal(rows.take("epoch"), what="batch epoch")
    number = parse_decimal(rows.take("batch"), what="batch number")
    previous = fields.digest(rows.take("previous"), what="batch previous")
    seen = _parse_seen(rows.take("seen"))
    closed = parse_time(rows.take("closed"), what="batch closed")
    items = _parse_items(rows.take("items"))
    header = Header(
        origin=check_name(rows.origin),
        device=device,
        epoch=epoch,
        batch=number,
        previous=previous,
        seen=seen,
        closed=closed,
        items=items,
        contents=fields.digest(rows.take("contents"), what="batch contents"),
        keyring=fields.digest(rows.take("keyring"), what="batch keyring"),
        policy=fields.digest(rows.take("policy"), what="batch policy"),
        state=_parse_state(rows.take("state")),
    )
    rows.end()
    fields.require_same(KIND, header.to_text(), text)
    return header


def _parse_seen(value: str) -> Seen:
    size, _, root = value.partition(" ")
    return Seen(parse_decimal(size, what="batch seen"), fields.digest(root, what="batch seen"))


def _parse_items(value: str) -> int:
    items = parse_decimal(value, what="batch items")
    if not 0 < items <= MAX_ITEMS:
        raise LimitError("batch items", f"{items}, 1 to {MAX_ITEMS} allowed")
    return items


def _parse_state(value: str) -> State:
    if value not in (State.OPEN, State.FINAL):
        raise FormatError("batch state", "neither open nor final")
    return State(value)


def _check_signer(header: Header, key: VerifierKey) -> None:
    if key.name != header.key_name:
        raise RoleError(f"{key.name}: not the key of {header.key_name}")
