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
from typing import TYPE_CHECKING, Final

from lakzegel_core import note
from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time, unb64
from lakzegel_core.errors import FormatError, LimitError, RoleError
from lakzegel_core.limits import DIGEST, MAX_HEADER, MAX_ITEMS
from lakzegel_core.names import check_device, check_origin, header_key_name

if TYPE_CHECKING:
    from datetime import datetime

    from lakzegel_core.keys import SigningKey, VerifierKey

KIND: Final = "lakzegel.nl/batch/v1"
_WHAT: Final = "batch header"
_LABELS: Final = (
    "log device epoch batch previous seen closed items contents keyring policy state".split()
)
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
        values = (
            self.origin,
            self.device,
            self.epoch,
            self.batch,
            b64(self.previous),
            f"{self.seen.size} {b64(self.seen.root)}",
            format_time(self.closed),
            self.items,
            b64(self.contents),
            b64(self.keyring),
            b64(self.policy),
            self.state,
        )
        lines = (f"{label} {value}\n" for label, value in zip(_LABELS, values, strict=True))
        return f"{KIND}\n{''.join(lines)}".encode()

    @property
    def key_name(self) -> str:
        """What the key is called that must have signed this header."""
        return header_key_name(self.origin, self.device, self.epoch)


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
    signed = note.open_exact(data, [key], max_size=MAX_HEADER)
    header = parse_text(signed.text)
    _check_signer(header, key)
    return header


def peek_header(data: bytes) -> Header:
    """The header of a note, **unverified**: only to find the key to open it with.

    Raises:
        FormatError: not the one encoding.
    """
    return parse_text(note.parse(data, max_size=MAX_HEADER).text)


def split_header(data: bytes) -> bytes | None:
    """The header note at the start of a batch file; None while more bytes are needed.

    Raises:
        FormatError: no header can start like this.
        LimitError: no end within a header's limit.
    """
    start = f"{KIND}\nlog ".encode()
    if data[: len(start)] != start[: len(data)]:
        raise FormatError(_WHAT, f"does not start with {KIND}")
    blank = data.find(_BLANK, 0, MAX_HEADER)
    end = data.find(b"\n", blank + len(_BLANK), MAX_HEADER) if blank >= 0 else -1
    if end >= 0:
        return bytes(data[: end + 1])
    if len(data) >= MAX_HEADER:
        raise LimitError(_WHAT, f"no end within {MAX_HEADER} bytes")
    return None


def parse_text(text: bytes) -> Header:
    """The header of a note's text.

    Raises:
        FormatError: not the one encoding.
        LimitError: a number beyond its limit.
    """
    values = _values(text)
    size, _, root = values["seen"].partition(" ")
    items = parse_decimal(values["items"], what="items")
    if not 0 < items <= MAX_ITEMS:
        raise LimitError("items", f"{items}, 1 to {MAX_ITEMS} allowed")
    if values["state"] not in (State.OPEN, State.FINAL):
        raise FormatError("state", "neither open nor final")
    header = Header(
        origin=check_origin(values["log"]),
        device=check_device(values["device"]),
        epoch=parse_decimal(values["epoch"], what="epoch"),
        batch=parse_decimal(values["batch"], what="batch"),
        previous=unb64(values["previous"], what="previous", size=DIGEST),
        seen=Seen(parse_decimal(size, what="seen"), unb64(root, what="seen", size=DIGEST)),
        closed=parse_time(values["closed"], what="closed"),
        items=items,
        contents=unb64(values["contents"], what="contents", size=DIGEST),
        keyring=unb64(values["keyring"], what="keyring", size=DIGEST),
        policy=unb64(values["policy"], what="policy", size=DIGEST),
        state=State(values["state"]),
    )
    if header.to_text() != text:
        raise FormatError(_WHAT, "not the canonical encoding")
    return header


def _values(text: bytes) -> dict[str, str]:
    """The value of each label; labels, order and number are fixed."""
    try:
        kind, *lines, end = text.decode("utf-8").split("\n")
    except (UnicodeDecodeError, ValueError):
        raise FormatError(_WHAT, "not lines of text") from None
    if kind != KIND or end or len(lines) != len(_LABELS):
        raise FormatError(_WHAT, f"not the {len(_LABELS) + 1} lines of {KIND}")
    values = {}
    for label, line in zip(_LABELS, lines, strict=True):
        if not line.startswith(f"{label} "):
            raise FormatError(_WHAT, f"no {label} where it belongs")
        values[label] = line.removeprefix(f"{label} ")
    return values


def _check_signer(header: Header, key: VerifierKey) -> None:
    if key.name != header.key_name:
        raise RoleError(f"{key.name}: not the key of {header.key_name}")
