# SPDX-License-Identifier: EUPL-1.2
"""What the receiver answers, proven: bytes in, objects or an exception out; no files, no network.

A device trusts the keys that its configuration pins, and the newest tree of the log that it has
seen. Everything else is proven from those two. docs/spec/http.md §4, receipt.md, held.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakzegel_agent.answer import RawAnswer, Served, ServedHeld, parse_answer
from lakzegel_core.admission import Admission, open_admission
from lakzegel_core.batch import Header, peek_header
from lakzegel_core.checkpoint import Checkpoint, LogKeys, SignedCheckpoint, open_checkpoint
from lakzegel_core.custody_rules import signer
from lakzegel_core.delegation import Delegation, open_delegation
from lakzegel_core.enrolment import Enrolment, peek_enrolment
from lakzegel_core.errors import (
    ConsistencyError,
    FormatError,
    InclusionError,
    MissingSignatureError,
    NotAdmittedError,
    PolicyError,
)
from lakzegel_core.held import Held, open_held
from lakzegel_core.keys import VerifierKey
from lakzegel_core.merkle import leaf_hash, verify_inclusion
from lakzegel_core.policy import Policy, open_policy
from lakzegel_core.quorum import Quorum, require_quorum
from lakzegel_core.receipt import Receipt, verify_extends, verify_receipt
from lakzegel_core.revocation import Revocation, open_revocation
from lakzegel_core.tlogproof import TlogProof


@dataclass(frozen=True, slots=True)
class Pins:
    """Whom this device trusts from the start: the log's keys, and enough of the policy keys."""

    log: LogKeys
    policy: tuple[VerifierKey, ...]
    threshold: int

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.log.origin


class LogViolationError(ConsistencyError):
    """The log signed a tree that does not extend one it signed before; ``signed`` proves it.

    ``kind`` is "rollback" where the tree is smaller, else "fork".
    """

    def __init__(self, message: str, *, kind: str, signed: SignedCheckpoint) -> None:
        super().__init__(message)
        self.kind = kind
        self.signed = signed


@dataclass(frozen=True, slots=True)
class Answer:
    """What the log is proven to hold about a device; ``policy`` and ``held`` are judged apart."""

    signed: SignedCheckpoint
    delegation: Delegation
    admission: tuple[Served, Admission] | None
    enrolment: tuple[Served, Enrolment] | None
    header: tuple[Served, Header] | None
    revocation: Revocation | None
    policy: Served | None
    annex: bytes | None
    held: ServedHeld | None


def open_tree(data: bytes, *, log: LogKeys, seen: Checkpoint | None) -> SignedCheckpoint:
    """A served checkpoint that both of the log's keys signed and that is no smaller than seen.

    Raises:
        FormatError, SignatureError: not this log's checkpoint.
        LogViolationError: smaller, or another tree of the same size.
    """
    signed = open_checkpoint(data, log)
    if seen is not None and signed.checkpoint.size <= seen.size:
        _require_extends(signed, seen, ())
    return signed


def open_answer(data: bytes, *, pins: Pins, device: str, seen: Checkpoint | None) -> Answer:
    """The answer to a device's question, when everything in it holds.

    1. It is within its limit and of the right shape.
    2. Its checkpoint carries both signatures of the pinned log.
    3. The checkpoint's tree extends the last one that was seen.
    4. Every entry but the policy is included at its index.
    5. The delegation is signed by enough of the pinned policy keys.
    6. The admission and the revocation are signed by an enrolment key of the delegation.
    7. Enrolment, header and revocation are of this device and log.

    The policy and the held statement can be wrong without the rest being so: a caller judges them
    with ``open_offer`` and ``open_statement``.

    Raises:
        LakzegelError: the type says what is wrong.
    """
    raw = parse_answer(data)  # 1
    signed = open_checkpoint(raw.checkpoint, pins.log)  # 2
    if seen is not None:
        _require_extends(signed, seen, raw.consistency)  # 3
    for role, served in raw.entries.items():
        if role != "policy":
            _require_included(served, signed.checkpoint)  # 4
    if "delegation" not in raw.entries:
        raise NotAdmittedError("the log has no delegation: the office's has to be published first")
    delegation = open_delegation(raw.entries["delegation"].note, pins.policy, pins.threshold)  # 5
    answer = Answer(
        signed=signed,
        delegation=delegation,
        admission=_admission(raw, delegation),  # 6
        enrolment=_enrolment(raw),
        header=_header(raw),
        revocation=_revocation(raw, delegation),  # 6
        policy=raw.entries.get("policy"),
        annex=raw.annex,
        held=raw.held,
    )
    _require_own(answer, device, pins.origin)  # 7
    return answer


def open_receipt(data: bytes, *, entry: bytes, log: LogKeys, seen: Checkpoint | None) -> Receipt:
    """The receipt of an entry, when everything in it holds; steps as in the core.

    Raises:
        LogViolationError: the log signed a tree that does not extend what was seen.
        FormatError, SignatureError, InclusionError: it proves nothing.
    """
    try:
        return verify_receipt(data, entry=entry, log=log, seen=seen)
    except ConsistencyError as error:
        signed = open_checkpoint(TlogProof.parse(data).checkpoint, log)
        raise _violation(error, signed, seen) from None


def open_offer(answer: Answer, pins: Pins) -> tuple[Served, Policy] | None:
    """The policy that is served, when it is in the log and enough pinned policy keys signed it.

    Raises:
        PolicyError: it is not proven to be in the log, not signed by whom it must be, not a policy.
    """
    served = answer.policy
    if served is None:
        return None
    try:
        _require_included(served, answer.signed.checkpoint)
    except InclusionError as error:
        raise PolicyError(f"the served policy is not proven to be in the log: {error}") from None
    return served, open_policy(served.note, pins.policy, pins.threshold, origin=pins.origin)


def open_statement(answer: Answer) -> Held | None:
    """The office's held statement, when its held key signed it and it speaks of this very log.

    Raises:
        FormatError, SignatureError, ConsistencyError: it does not count.
    """
    if answer.held is None:
        return None
    held = open_held(answer.held.note, answer.delegation.held)
    verify_extends(answer.signed.checkpoint, held.checkpoint, answer.held.consistency)
    return held


def require_witnessed(
    data: bytes, *, log: LogKeys, quorum: Quorum, office: Sequence[VerifierKey]
) -> SignedCheckpoint:
    """The checkpoint, when the quorum saw it and a witness outside the receiver did.

    Outside is the office's own witness or mirror key, and every witness of the quorum whose name
    is not below the log's.

    Raises:
        MissingSignatureError: too few, or none from outside.
        FormatError, SignatureError: not this log's checkpoint, or a witness's line is false.
    """
    known = tuple(dict.fromkeys((*quorum.witnesses, *office)))
    signed = open_checkpoint(data, log, witnesses=known)
    require_quorum(signed, quorum)
    below = f"{log.origin}/"
    names = [c.key.name for c in signed.cosignatures]
    if not any(name != log.origin and not name.startswith(below) for name in names):
        raise MissingSignatureError(
            f"checkpoint {signed.checkpoint.size}: no witness outside the receiver has seen it"
        )
    return signed


def _require_extends(signed: SignedCheckpoint, seen: Checkpoint, proof: Sequence[bytes]) -> None:
    try:
        verify_extends(signed.checkpoint, seen, proof)
    except ConsistencyError as error:
        raise _violation(error, signed, seen) from None


def _violation(
    error: ConsistencyError, signed: SignedCheckpoint, seen: Checkpoint | None
) -> LogViolationError:
    shrank = seen is not None and signed.checkpoint.size < seen.size
    return LogViolationError(str(error), kind="rollback" if shrank else "fork", signed=signed)


def _require_included(served: Served, tree: Checkpoint) -> None:
    verify_inclusion(
        index=served.index,
        size=tree.size,
        leaf=leaf_hash(served.note),
        proof=served.path,
        root=tree.root,
    )


def _admission(raw: RawAnswer, delegation: Delegation) -> tuple[Served, Admission] | None:
    served = raw.entries.get("admission")
    if served is None:
        return None
    return served, open_admission(served.note, signer(served.note, delegation.enrolment))


def _revocation(raw: RawAnswer, delegation: Delegation) -> Revocation | None:
    served = raw.entries.get("revocation")
    if served is None:
        return None
    return open_revocation(served.note, signer(served.note, delegation.enrolment))


def _enrolment(raw: RawAnswer) -> tuple[Served, Enrolment] | None:
    served = raw.entries.get("enrolment")
    return None if served is None else (served, peek_enrolment(served.note))


def _header(raw: RawAnswer) -> tuple[Served, Header] | None:
    served = raw.entries.get("header")
    return None if served is None else (served, peek_header(served.note))


def _require_own(answer: Answer, device: str, origin: str) -> None:
    """Return when everything is of this device, and of this log."""
    parts: list[Enrolment | Header | Revocation] = []
    for proven in (answer.enrolment, answer.header):
        parts.extend([] if proven is None else [proven[1]])
    parts.extend([] if answer.revocation is None else [answer.revocation])
    origins = [answer.delegation.origin, *(part.origin for part in parts)]
    origins.extend([] if answer.admission is None else [answer.admission[1].origin])
    for part in parts:
        if part.device != device:
            raise FormatError("receiver's answer", f"speaks of device {part.device}, not {device}")
    for found in origins:
        if found != origin:
            raise FormatError("receiver's answer", f"speaks of log {found}, not {origin}")
