# SPDX-License-Identifier: EUPL-1.2
"""Who may do what in a custody: signed by the policy keys.

    lakzegel.nl/delegation/v1
    log log.example/lakzegel
    serial 1
    policy records.example/policy+...
    policy privacy.example/policy+...
    threshold 2
    enrolment records.example/enrolment+...
    approval records.example/approval-1+...
    witness records.example/witness+...
    mirror records.example/mirror+...
    held records.example/held+...
    issued 2026-11-24T02:07:45Z

docs/spec/admission.md §1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.encoding import format_time, parse_decimal, parse_time
from lakzegel_core.errors import FormatError, LimitError, RoleError
from lakzegel_core.keys import Algorithm, Role, RoleKey, SigningKey, VerifierKey

KIND: Final = "delegation"
_MAX_POLICY: Final = 8
_MAX_ENROLMENT: Final = 8
_MAX_APPROVAL: Final = 16


@dataclass(frozen=True, slots=True)
class Delegation:
    """The keys of the office, each in its role."""

    origin: str
    serial: int
    policy: tuple[VerifierKey, ...]
    threshold: int
    enrolment: tuple[VerifierKey, ...]
    approval: tuple[VerifierKey, ...]
    witness: VerifierKey
    mirror: VerifierKey
    held: VerifierKey
    issued: datetime

    def __post_init__(self) -> None:
        counts = (
            (len(self.policy), 1, _MAX_POLICY, "policy"),
            (len(self.enrolment), 1, _MAX_ENROLMENT, "enrolment"),
            (len(self.approval), 0, _MAX_APPROVAL, "approval"),
            (self.threshold, 1, len(self.policy), "threshold"),
        )
        for count, least, most, what in counts:
            if not least <= count <= most:
                raise LimitError(f"delegation {what}", f"{count} is not {least} to {most}")
        cosigners = {Role.WITNESS, Role.MIRROR}
        met: set[bytes] = set()
        for entry in self.role_keys():
            if entry.key.public in met:  # else one approver could be two
                raise RoleError(f"delegation: {entry.key.name} is named twice")
            met.add(entry.key.public)
            wanted = Algorithm.ED25519_COSIGNATURE if entry.role in cosigners else Algorithm.ED25519
            if entry.key.algorithm is not wanted:
                raise FormatError(f"delegation {entry.role}", f"not a key of type {wanted:#04x}")

    def role_keys(self) -> Iterator[RoleKey]:
        """Every key with its role."""
        for role, keys in (
            (Role.POLICY, self.policy),
            (Role.ENROLMENT, self.enrolment),
            (Role.APPROVAL, self.approval),
            (Role.WITNESS, (self.witness,)),
            (Role.MIRROR, (self.mirror,)),
            (Role.HELD, (self.held,)),
        ):
            for key in keys:
                yield RoleKey(role, key)

    def to_text(self) -> bytes:
        """The text that the policy keys sign."""
        lines = [
            ("serial", str(self.serial)),
            *(("policy", key.to_text()) for key in self.policy),
            ("threshold", str(self.threshold)),
            *(("enrolment", key.to_text()) for key in self.enrolment),
            *(("approval", key.to_text()) for key in self.approval),
            ("witness", self.witness.to_text()),
            ("mirror", self.mirror.to_text()),
            ("held", self.held.to_text()),
            ("issued", format_time(self.issued)),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The delegation of a note's text, unverified."""
        rows = fields.Lines(text, KIND)

        def keys(label: str) -> tuple[VerifierKey, ...]:
            return tuple(VerifierKey.from_text(value) for value in rows.take_all(label))

        delegation = cls(
            origin=rows.origin,
            serial=parse_decimal(rows.take("serial"), what="delegation serial"),
            policy=keys("policy"),
            threshold=parse_decimal(rows.take("threshold"), what="delegation threshold"),
            enrolment=keys("enrolment"),
            approval=keys("approval"),
            witness=VerifierKey.from_text(rows.take("witness")),
            mirror=VerifierKey.from_text(rows.take("mirror")),
            held=VerifierKey.from_text(rows.take("held")),
            issued=parse_time(rows.take("issued"), what="delegation issued"),
        )
        rows.end()
        fields.require_same(KIND, delegation.to_text(), text)
        return delegation


def sign_delegation(delegation: Delegation, keys: Sequence[SigningKey]) -> bytes:
    """The note, signed by policy keys in the order of the policy lines."""
    return note.sign(delegation.to_text(), keys)


def open_delegation(data: bytes, keys: Sequence[VerifierKey], threshold: int) -> Delegation:
    """The delegation, when ``threshold`` of the policy keys in force signed it."""
    return Delegation.from_text(note.open_threshold(data, keys, threshold).text)


def peek_delegation(data: bytes) -> Delegation:
    """The unverified delegation; only to find which keys it claims to be signed by."""
    return Delegation.from_text(note.parse(data).text)
