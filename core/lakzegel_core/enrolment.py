# SPDX-License-Identifier: EUPL-1.2
"""How a device, and each of its epochs, comes to exist (docs/spec/epochs.md).

    lakzegel.nl/enrolment/v1
    log log.example/lakzegel
    device laptop-7
    epoch 0
    group -
    header log.example/lakzegel/laptop-7/0/header+...
    witness log.example/lakzegel/laptop-7/0/witness+...
    annex age1pq1...
    admission <base64 id of the admission note>
    reason first
    previous -
    known -
    seen 12 <base64 root>
    enrolled 2026-11-24T02:07:45Z

Signed by the new header key, then by the token, or for ``restored`` and ``rotated`` by the old
header key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.age import Recipient
from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time
from lakzegel_core.errors import EpochError, FormatError
from lakzegel_core.keys import Algorithm, Role, RoleKey, SigningKey, VerifierKey
from lakzegel_core.limits import DIGEST

KIND: Final = "enrolment"


class Reason(StrEnum):
    """Why an epoch is opened."""

    FIRST = "first"
    RESTORED = "restored"
    UNREADABLE = "unreadable"
    ROTATED = "rotated"

    @property
    def by_old_key(self) -> bool:
        """Whether the epoch before's header key signs, in the place of a token."""
        return self in {Reason.RESTORED, Reason.ROTATED}


def device_key_name(origin: str, device: str, epoch: int, role: str) -> str:
    """The name of a device's key: ``<origin>/<device>/<epoch>/<header|witness>``."""
    return f"{origin}/{device}/{epoch}/{role}"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A device's keys for one epoch, and its right to open it."""

    origin: str
    device: str
    epoch: int
    group: str | None
    header: VerifierKey
    witness: VerifierKey
    annex: Recipient
    admission: bytes
    reason: Reason
    previous: bytes | None
    known: bytes | None
    seen_size: int
    seen_root: bytes
    enrolled: datetime

    def __post_init__(self) -> None:
        fields.slug(self.device, what="enrolment device")
        if self.group is not None:
            fields.slug(self.group, what="enrolment group")
        for key, role, kind in (
            (self.header, "header", Algorithm.ED25519),
            (self.witness, "witness", Algorithm.ED25519_COSIGNATURE),
        ):
            name = device_key_name(self.origin, self.device, self.epoch, role)
            if key.name != name or key.algorithm is not kind:
                raise FormatError(f"enrolment {role}", f"not a key of type {kind:#04x} of {name}")
        if len(self.admission) != DIGEST or len(self.seen_root) != DIGEST:
            raise FormatError("enrolment", "a digest of the wrong length")
        self._check_epoch()

    def _check_epoch(self) -> None:
        """docs/spec/epochs.md §2: which reason goes with which heads."""
        where = f"device {self.device} epoch {self.epoch}"
        if (self.epoch == 0) != (self.reason is Reason.FIRST):
            raise EpochError(f"{where}: reason {self.reason} does not belong to this epoch")
        if self.epoch == 0 and (self.previous or self.known):
            raise EpochError(f"{where}: a first epoch follows no batch")
        if self.reason is Reason.UNREADABLE and self.known:
            raise EpochError(f"{where}: unreadable state knows no batch")
        if self.reason is Reason.RESTORED and (not self.previous or self.previous == self.known):
            raise EpochError(f"{where}: the log holds no batch that the device did not know")
        if self.reason is Reason.ROTATED and self.previous != self.known:
            raise EpochError(f"{where}: who replaces keys knows the newest batch in the log")

    def role_keys(self) -> tuple[RoleKey, RoleKey]:
        """The keys that sign, each with its role."""
        return RoleKey(Role.HEADER, self.header), RoleKey(Role.DEVICE_WITNESS, self.witness)

    def to_text(self) -> bytes:
        """The text that is signed."""
        lines = [
            ("device", self.device),
            ("epoch", str(self.epoch)),
            ("group", self.group or fields.NONE),
            ("header", self.header.to_text()),
            ("witness", self.witness.to_text()),
            ("annex", self.annex.to_text()),
            ("admission", b64(self.admission)),
            ("reason", self.reason.value),
            ("previous", fields.show_digest(self.previous)),
            ("known", fields.show_digest(self.known)),
            ("seen", f"{self.seen_size} {b64(self.seen_root)}"),
            ("enrolled", format_time(self.enrolled)),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The enrolment of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        device = rows.take("device")
        epoch = parse_decimal(rows.take("epoch"), what="enrolment epoch")
        group = rows.take("group")
        header = VerifierKey.from_text(rows.take("header"))
        witness = VerifierKey.from_text(rows.take("witness"))
        annex = Recipient.from_text(rows.take("annex"))
        admission = fields.digest(rows.take("admission"), what="enrolment admission")
        reason = rows.take("reason")
        if reason not in set(Reason):
            raise FormatError("enrolment reason", "not first, restored, unreadable or rotated")
        previous = fields.optional_digest(rows.take("previous"), what="enrolment previous")
        known = fields.optional_digest(rows.take("known"), what="enrolment known")
        size, _, root = rows.take("seen").partition(" ")
        enrolment = cls(
            origin=rows.origin,
            device=device,
            epoch=epoch,
            group=None if group == fields.NONE else group,
            header=header,
            witness=witness,
            annex=annex,
            admission=admission,
            reason=Reason(reason),
            previous=previous,
            known=known,
            seen_size=parse_decimal(size, what="enrolment seen"),
            seen_root=fields.digest(root, what="enrolment seen"),
            enrolled=parse_time(rows.take("enrolled"), what="enrolment enrolled"),
        )
        rows.end()
        fields.require_same(KIND, enrolment.to_text(), text)
        return enrolment


def sign_enrolment(enrolment: Enrolment, header: SigningKey, other: SigningKey) -> bytes:
    """The note, signed by the new header key, then by the token or the old header key."""
    return note.sign(enrolment.to_text(), [header, other])


def peek_enrolment(data: bytes) -> Enrolment:
    """The unverified enrolment; only to find which keys must have signed it."""
    return Enrolment.from_text(note.parse(data).text)


def open_enrolment(data: bytes, other: VerifierKey) -> Enrolment:
    """The enrolment, when its own header key and ``other`` signed it, in this order."""
    header = peek_enrolment(data).header
    return Enrolment.from_text(note.open_exact(data, [header, other]).text)
