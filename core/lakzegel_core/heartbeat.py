# SPDX-License-Identifier: EUPL-1.2
"""What a device says of its own health; never evidence, never in the log.

    lakzegel.nl/heartbeat/v1
    log log.example/lakzegel
    device laptop-7
    epoch 0
    boot AAECAwQFBgcICQoLDA0ODw==
    counter 1795659240
    at 2026-11-24T02:07:45Z
    agent 0.5.0
    started 2026-11-24T01:00:00Z
    policy 7
    ledger 120 117 2 1
    spool 2 81920 2147483648
    receipt 40 2026-11-24T01:58:02Z
    skew +2
    certificate 2027-02-01T00:00:00Z
    problem files-failed 1 2026-11-23T16:00:00Z
    guard thunderbird-retention drifted 2
    readout 2026-11-27T16:00:00Z due telefoon
    source covered 3

docs/spec/heartbeat.md. Counts, codes and times alone: what each tells, and does not, is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core import fields, note
from lakzegel_core.encoding import b64, format_time, parse_decimal, unb64
from lakzegel_core.errors import FormatError, LimitError, RoleError
from lakzegel_core.heartbeatrows import (
    Figures,
    GuardCount,
    LastReceipt,
    ProblemCount,
    ReadoutDue,
    SourceCount,
    SpoolUse,
    count,
    hour,
    moment,
    optional,
    shown,
    table,
)
from lakzegel_core.keys import SigningKey, VerifierKey, check_name
from lakzegel_core.limits import MAX_HEARTBEAT

KIND: Final = "heartbeat"
BOOT_SIZE: Final = 16
MAX_PROBLEMS: Final = 64
MAX_GUARDS: Final = 128
MAX_READOUTS: Final = 16
MAX_SOURCES: Final = 16
_VERSION: Final = re.compile(
    r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){0,3}"
    r"(?:(?:a|b|rc|\.dev|\.post|\+)[0-9a-z]{1,16})?\Z"
)
_SIGNS: Final = {"+": 1, "-": -1}


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What one device says of itself at one moment."""

    origin: str
    device: str
    epoch: int
    boot: bytes
    counter: int
    at: datetime
    agent: str
    started: datetime
    policy: int | None
    ledger: Figures
    spool: SpoolUse
    receipt: LastReceipt | None
    skew: int | None  # seconds that the device's clock is ahead of the log's
    certificate: datetime | None
    problems: tuple[ProblemCount, ...] = ()
    guards: tuple[GuardCount, ...] = ()
    readouts: tuple[ReadoutDue, ...] = ()
    sources: tuple[SourceCount, ...] = ()

    @property
    def key_name(self) -> str:
        """What the key is called that must have signed this heartbeat."""
        return f"{self.origin}/{self.device}/{self.epoch}/header"

    def to_text(self) -> bytes:
        """The text that the device's header key signs."""
        lines = [
            ("device", fields.slug(self.device, what="heartbeat device")),
            ("epoch", str(self.epoch)),
            ("boot", b64(self.boot)),
            ("counter", str(self.counter)),
            ("at", format_time(self.at)),
            ("agent", _version(self.agent)),
            ("started", hour(self.started)),
            ("policy", shown(self.policy)),
            ("ledger", self.ledger.to_value()),
            ("spool", self.spool.to_value()),
            ("receipt", fields.NONE if self.receipt is None else self.receipt.to_value()),
            ("skew", fields.NONE if self.skew is None else f"{self.skew:+d}"),
            ("certificate", _moment(self.certificate)),
            *table("problem", self.problems, MAX_PROBLEMS),
            *table("guard", self.guards, MAX_GUARDS),
            *table("readout", self.readouts, MAX_READOUTS),
            *table("source", self.sources, MAX_SOURCES),
        ]
        return fields.encode(KIND, self.origin, lines)

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The heartbeat of a note's text, unverified."""
        rows = fields.Lines(text, KIND)
        made = cls(
            origin=check_name(rows.origin),
            device=rows.take("device"),
            epoch=parse_decimal(rows.take("epoch"), what="heartbeat epoch"),
            boot=unb64(rows.take("boot"), what="heartbeat boot", size=BOOT_SIZE),
            counter=parse_decimal(rows.take("counter"), what="heartbeat counter"),
            at=moment(rows.take("at")),
            agent=rows.take("agent"),
            started=moment(rows.take("started")),
            policy=optional(rows.take("policy"), count),
            ledger=Figures.from_value(rows.take("ledger")),
            spool=SpoolUse.from_value(rows.take("spool")),
            receipt=optional(rows.take("receipt"), LastReceipt.from_value),
            skew=optional(rows.take("skew"), _skew),
            certificate=optional(rows.take("certificate"), moment),
            problems=tuple(map(ProblemCount.from_value, rows.take_all("problem"))),
            guards=tuple(map(GuardCount.from_value, rows.take_all("guard"))),
            readouts=tuple(map(ReadoutDue.from_value, rows.take_all("readout"))),
            sources=tuple(map(SourceCount.from_value, rows.take_all("source"))),
        )
        rows.end()
        fields.require_same(KIND, made.to_text(), text)
        return made


def sign_heartbeat(heartbeat: Heartbeat, key: SigningKey) -> bytes:
    """The note, signed by the device's header key of its epoch.

    Raises:
        RoleError: a key of another device, epoch or role.
        FormatError: a value that the text cannot carry, or too much of it.
    """
    _check_signer(heartbeat, key.verifier)
    text = heartbeat.to_text()
    Heartbeat.from_text(text)
    data = note.sign(text, [key])
    _require_size(data)
    return data


def peek_heartbeat(data: bytes) -> Heartbeat:
    """The unverified heartbeat; only to find the device's key."""
    _require_size(data)
    return Heartbeat.from_text(note.parse(data).text)


def open_heartbeat(data: bytes, key: VerifierKey) -> Heartbeat:
    """The heartbeat, when this key, the one of its device and epoch, signed it."""
    return open_heartbeat_of(data, lambda _: key)


def open_heartbeat_of(data: bytes, key_of: Callable[[Heartbeat], VerifierKey]) -> Heartbeat:
    """The heartbeat, when the key signed it that is found for the device which it claims to be of.

    It is read once: a receiver takes thousands a second. What ``key_of`` is given is unverified.
    """
    _require_size(data)
    signed = note.parse(data)
    heartbeat = Heartbeat.from_text(signed.text)
    key = key_of(heartbeat)
    note.require_exact(signed, [key])
    _check_signer(heartbeat, key)
    return heartbeat


def _check_signer(heartbeat: Heartbeat, key: VerifierKey) -> None:
    if key.name != heartbeat.key_name:
        raise RoleError(f"{key.name}: not the key of {heartbeat.key_name}")


def _require_size(data: bytes) -> None:
    if len(data) > MAX_HEARTBEAT:
        raise LimitError("heartbeat", f"{len(data)} bytes, at most {MAX_HEARTBEAT}")


def _moment(value: datetime | None) -> str:
    return fields.NONE if value is None else format_time(value)


def _version(value: str) -> str:
    if not _VERSION.match(value):
        raise FormatError("heartbeat agent", "not a version")
    return value


def _skew(value: str) -> int:
    if value[:1] not in _SIGNS:
        raise FormatError("heartbeat skew", "not a signed number")
    return _SIGNS[value[0]] * parse_decimal(value[1:], what="heartbeat skew")
