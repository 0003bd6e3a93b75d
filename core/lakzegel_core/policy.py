# SPDX-License-Identifier: EUPL-1.2
"""What a device captures, for whom, how often: signed TOML.

    lakzegel.nl/policy/v1
    log log.example/lakzegel

    serial = 7
    audience = ["group:bewindspersonen"]
    ...

docs/spec/policy.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from lakzegel_core import fields, note
from lakzegel_core.age import Recipient
from lakzegel_core.agreements import (
    Absence,
    Elsewhere,
    parse_absences,
    parse_domains,
    parse_elsewhere,
)
from lakzegel_core.errors import FormatError, PolicyError
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_core.limits import MAX_INT, MAX_ITEM, MAX_POLICY
from lakzegel_core.quorum import Quorum
from lakzegel_core.readouts import Readout, parse_readout
from lakzegel_core.shipping import Shipping, parse_shipping
from lakzegel_core.tables import Table, load_toml
from lakzegel_core.units import parse_duration, parse_size

KIND: Final = "policy"
RELEASES: Final = ("held", "sealed")
MODES: Final = ("off", "report", "enforce")
LEAST_KEYS_AGE: Final = 30 * 86_400.0  # seconds; 128 epochs in a row are ten years of them
_MAX_LABEL: Final = 128
_MAX_CUSTODY: Final = 64
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Source:
    """One folder that is watched, and by which reader; ``path`` may come from the annex."""

    name: str
    kind: str
    path: str | None
    settle: float
    accounts: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    capture: str = "conversations"
    custody: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, verified or about to be signed; ``text`` is the TOML."""

    text: str
    serial: int
    audience: tuple[str, ...]
    not_before: datetime
    expires: datetime
    recipients: tuple[Recipient, ...]
    cadence: float
    release: str
    sources: tuple[Source, ...]
    readouts: tuple[Readout, ...]
    guards: Mapping[str, str]
    batch_limit: int
    spool_limit: int
    uncovered: float  # seconds that a source may stay uncovered before that is an alarm
    keys: float | None  # seconds after which a device replaces its keys; None: never by itself
    claims: float  # seconds from a mail's capture in which moving it is a claim
    quorum: Quorum
    annexes: Mapping[str, bytes]
    shipping: Shipping
    elsewhere: tuple[Elsewhere, ...]
    absences: tuple[Absence, ...]
    domains: tuple[str, ...]  # of mail, agreed besides those of the accounts

    def applies_to(self, device: str, group: str | None) -> bool:
        """Whether the device, or its group, is in the audience."""
        names = {f"device:{device}"} | ({f"group:{group}"} if group else set())
        return not names.isdisjoint(self.audience)


def parse_policy_toml(text: str) -> Policy:
    """The policy of a TOML text, every key known and of the right type.

    Raises:
        PolicyError: names the key and what is wrong with it.
        LimitError: larger than 60,000 bytes.
    """
    top = load_toml(text, what="policy", max_size=MAX_POLICY)
    sources = tuple(_source(table) for table in top.tables("source"))
    if len({source.name for source in sources}) != len(sources):
        raise PolicyError("policy: two sources have one name")
    limits = top.table("limits")
    policy = Policy(
        text=text,
        serial=top.take("serial", int),
        audience=_audience(top),
        not_before=top.time("not_before") if top.has("not_before") else _BEGINNING,
        expires=top.time("expires"),
        recipients=_recipients(top),
        cadence=top.parsed("cadence", parse_duration, "15m"),
        release=_one_of(top, "release", RELEASES, "held"),
        sources=sources,
        readouts=tuple(parse_readout(table) for table in top.tables("readout")),
        guards=_guards(top),
        batch_limit=limits.parsed("batch", parse_size, "16 MiB"),
        spool_limit=limits.parsed("spool", parse_size, "2 GiB"),
        uncovered=limits.parsed("uncovered", parse_duration, "7d"),
        keys=limits.parsed("keys", keys_age) if limits.has("keys") else None,
        claims=top.parsed("claims", parse_duration, "70d"),
        quorum=_quorum(top.table("quorum")),
        annexes=_annexes(top.table("annex")),
        shipping=parse_shipping(top.table("shipping")),
        elsewhere=parse_elsewhere(top.tables("elsewhere")),
        absences=parse_absences(top.tables("absence"), [source.name for source in sources]),
        domains=parse_domains(top.table("mail")),
    )
    limits.done()
    top.done()
    _check(policy)
    return policy


def policy_text(origin: str, toml: str) -> bytes:
    """The text of a policy note.

    Raises:
        FormatError: the TOML has a tab, a carriage return or another control character.
    """
    if not toml.endswith("\n"):
        toml += "\n"
    note.check_text(toml.encode())
    return fields.encode(KIND, origin, ()) + b"\n" + toml.encode()


def sign_policy(origin: str, policy: Policy, keys: Sequence[SigningKey]) -> bytes:
    """The note, signed by policy keys in the order of the delegation."""
    return note.sign(policy_text(origin, policy.text), keys)


@lru_cache(maxsize=4)  # an agent reads its own again and again, its recipients' keys at most
def parse_policy_text(text: bytes) -> tuple[str, Policy]:
    """Origin and policy of a note's text, unverified."""
    head, blank, toml = text.partition(b"\n\n")
    rows = fields.Lines(head + b"\n", KIND)
    rows.end()
    if not blank:
        raise FormatError(KIND, "no TOML after the first lines")
    fields.require_same(KIND, policy_text(rows.origin, toml.decode()), text)
    return rows.origin, parse_policy_toml(toml.decode())


def peek_policy(data: bytes) -> Policy:
    """The unverified policy of a note."""
    return parse_policy_text(note.parse(data).text)[1]


def open_policy(
    data: bytes, keys: Sequence[VerifierKey], threshold: int, *, origin: str | None = None
) -> Policy:
    """The policy, when ``threshold`` of the policy keys signed it.

    Raises:
        PolicyError, FormatError, SignatureError.
    """
    text = note.open_threshold(data, keys, threshold).text
    found, policy = parse_policy_text(text)
    if origin is not None and found != origin:
        raise PolicyError(f"policy {policy.serial} is for log {found}, not {origin}")
    return policy


def may_apply(
    candidate: Policy,
    *,
    device: str,
    group: str | None,
    highest_serial: int,
    included: bool,
    annex_present: bool,
) -> None:
    """Return when a device may put this verified policy into force (docs/spec/policy.md §4).

    Raises:
        PolicyError: why the old one stays.
    """
    serial = candidate.serial
    if not candidate.applies_to(device, group):
        raise PolicyError(f"policy {serial} is not for device {device}")
    if not included:
        raise PolicyError(f"policy {serial} is not proven to be in the log")
    if serial <= highest_serial:
        raise PolicyError(f"policy {serial} is not newer than {highest_serial}, which was applied")
    if device in candidate.annexes and not annex_present:
        raise PolicyError(f"policy {serial}: its annex for device {device} is missing")


def source_label(value: str, *, what: str) -> str:
    """A name that can be a folder's: 1 to 128 characters, no slash or control character."""
    bad = value in {"", ".", ".."} or "/" in value or "\\" in value or not value.isprintable()
    if bad or len(value) > _MAX_LABEL:
        raise PolicyError(f"{what}: not a name of 1 to {_MAX_LABEL} characters without '/'")
    return value


def custody_name(value: str, *, what: str) -> str:
    """A name of a custody: as a source's, at most 64 characters."""
    if len(source_label(value, what=what)) > _MAX_CUSTODY:
        raise PolicyError(f"{what}: more than {_MAX_CUSTODY} characters")
    return value


def keys_age(text: str, *, what: str) -> float:
    """Seconds of ``365d``, at least 30 days.

    Raises:
        PolicyError: any other spelling, or less.
    """
    found = parse_duration(text, what=what)
    if found < LEAST_KEYS_AGE:
        raise PolicyError(f"{what}: less than 30d; a proof shows every epoch back to a token")
    return found


def _source(table: Table) -> Source:
    source = Source(
        name=table.parsed("name", source_label),
        kind=table.take("kind", str),
        path=table.take("path", str) if table.has("path") else None,
        settle=table.parsed("settle", parse_duration, "2s"),
        accounts=table.strings("accounts"),
        apps=table.strings("apps"),
        capture=_one_of(table, "capture", ("conversations", "raw"), "conversations"),
        custody=table.parsed("custody", custody_name) if table.has("custody") else None,
    )
    table.done()
    return source


def _audience(top: Table) -> tuple[str, ...]:
    audience = top.strings("audience", required=True)
    for entry in audience:
        kind, colon, name = entry.partition(":")
        if kind not in {"group", "device"} or not colon:
            raise PolicyError(f"policy: audience {entry!r} is not group:NAME or device:NAME")
        try:
            fields.slug(name, what="audience")
        except FormatError as error:
            raise PolicyError(f"policy: {error}") from None
    return audience


def _recipients(top: Table) -> tuple[Recipient, ...]:
    try:
        return tuple(Recipient.from_text(t) for t in top.strings("recipients", required=True))
    except FormatError as error:
        raise PolicyError(f"policy: recipients: {error}") from None


def _guards(top: Table) -> dict[str, str]:
    guards = top.table("guards")
    return {name: _one_of(guards, name, MODES, "report") for name in guards.keys()}  # noqa: SIM118


def _quorum(table: Table) -> Quorum:
    try:
        witnesses = tuple(VerifierKey.from_text(text) for text in table.strings("witnesses"))
        quorum = Quorum(witnesses, table.take("threshold", int, 0))
    except FormatError as error:
        raise PolicyError(f"policy: quorum: {error}") from None
    table.done()
    return quorum


def _annexes(table: Table) -> dict[str, bytes]:
    return {name: table.parsed(name, fields.digest) for name in table.keys()}  # noqa: SIM118


def _one_of(table: Table, key: str, allowed: Sequence[str], default: str) -> str:
    value = table.take(key, str, default)
    if value not in allowed:
        raise PolicyError(f"{table.name(key)} is not one of {', '.join(allowed)}")
    return value


def _check(policy: Policy) -> None:
    if not 1 <= policy.serial <= MAX_INT:
        raise PolicyError("policy: serial is not 1 to 2^53 - 1")
    if not policy.audience or not policy.recipients:
        raise PolicyError("policy: audience or recipients is empty")
    if len(set(policy.recipients)) != len(policy.recipients):
        raise PolicyError("policy: recipients: one is named twice")  # no keyring could be sealed
    if not 2**16 <= policy.batch_limit <= MAX_ITEM or policy.spool_limit < policy.batch_limit:
        raise PolicyError("policy: limits: batch is 64 KiB to 256 MiB, spool at least one batch")
    names = {source.name for source in policy.sources}
    for readout in policy.readouts:
        if readout.source not in names:
            raise PolicyError(f"policy: readout of {readout.source!r}, which is no source")
    if len({readout.source for readout in policy.readouts}) != len(policy.readouts):
        raise PolicyError("policy: two readouts of one source")
