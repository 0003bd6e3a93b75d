# SPDX-License-Identifier: EUPL-1.2
"""How a device comes to exist: by a token, once for each life of its state.

1. Keys and the note that introduces them are durable before the note is sent.
2. The note is sent; the same note gets the same receipt however often it is sent.
3. Its receipt is verified and what it shows of the log is durable before the epoch begins.

A crash or a lost answer is mended by running it again: the note that lies there is sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lakzegel_agent.devicekeys import DeviceKeys, Introduction, KeyStore, make_keys
from lakzegel_agent.errors import UsageError
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.link import Asker, Link
from lakzegel_agent.tokens import Leave, Token, device_name
from lakzegel_agent.transport import NeverError
from lakzegel_agent.trust import Answer
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Enrolment, Reason, sign_enrolment
from lakzegel_core.errors import NotAdmittedError
from lakzegel_core.note import parse

Random = Callable[[int], bytes]
CUSTODY: Final = "custody"  # what the ledger remembers whose this device is by


@dataclass(slots=True)
class Enroller:
    """One run of `enrol`, on a home that it holds."""

    link: Link
    ledger: Ledger
    keys: KeyStore
    clock: Callable[[], datetime]
    random: Random

    def enrol(self, token: Token, wished: str | None) -> Introduction:
        """The introduction that the log now holds; this device's epoch has begun.

        Raises:
            UnreachableError, RefusedError: run it again, or get another token.
            LogAlarmError, LakzegelError: the receiver answers what does not hold.
        """
        found = self._pending(token, wished)
        if found is None:
            device = device_name(token, wished, random=self.random)
            asker = Asker(device, 0, token.key)
            answer = self.link.ask(asker)
            found = self._introduce(device, token, leave_of(token, answer, device), answer)
        try:
            self.link.register(found.note)
        except NeverError as error:
            if error.code:  # by the receiver itself, not by something on the way to it
                self.keys.refused(found)
            raise
        begin(self.ledger, found)
        return found

    def _pending(self, token: Token, wished: str | None) -> Introduction | None:
        """An introduction by this token that may or may not have been sent."""
        found = self.keys.newest()
        tip = self.ledger.epoch()
        if found is None or (tip is not None and tip.enrolment_id == found.id):
            return None
        made = found.enrolment
        if not _is_by(found.note, token) or made.reason.by_old_key:
            return None
        if token.leave is not None and made.admission != token.leave.id:
            return None
        return found if wished in {None, made.device} else None

    def _introduce(self, device: str, token: Token, leave: Leave, answer: Answer) -> Introduction:
        """Make keys and their note for the epoch that is next in the log; durable."""
        self.ledger.remember(CUSTODY, leave.admission.custody.encode())
        before = answer.enrolment[1] if answer.enrolment is not None else None
        epoch = 0 if before is None else before.epoch + 1
        keys = make_keys(leave.admission.origin, device, epoch, random=self.random)
        tree = answer.signed.checkpoint
        enrolment = Enrolment(
            origin=leave.admission.origin,
            device=device,
            epoch=epoch,
            group=leave.admission.group,
            header=keys.header.verifier,
            witness=keys.witness.verifier,
            annex=keys.annex.recipient,
            admission=leave.id,
            reason=Reason.FIRST if before is None else Reason.UNREADABLE,
            previous=None if answer.header is None else answer.header[0].id,
            known=None,
            seen_size=tree.size,
            seen_root=tree.root,
            enrolled=self.clock(),
        )
        return self.keys.store(sign_enrolment(enrolment, keys.header, token.key), keys)


def leave_of(token: Token, answer: Answer, device: str) -> Leave:
    """The admission to enrol by: the one that came with the token, else the one in the log.

    Raises:
        NotAdmittedError: the log has none of this token.
        UsageError: it is for another device.
    """
    leave = token.leave
    if leave is None:
        if answer.admission is None or answer.admission[1].token != token.key.verifier:
            raise NotAdmittedError(f"device {device}: the log has no admission of this token")
        leave = Leave(answer.admission[1], answer.admission[0].note)
    if leave.admission.device not in {None, device}:
        raise UsageError(f"the token is for device {leave.admission.device}, not {device}")
    return leave


def _is_by(note: bytes, token: Token) -> bool:
    """Whether an enrolment names this token as who signed beside the new header key."""
    signer, key = parse(note).signatures[-1], token.key.verifier
    return (signer.name, signer.key_id) == (key.name, key.key_id)


def succeed(
    current: Introduction,
    answer: Answer,
    *,
    reason: Reason,
    known: bytes | None,
    now: datetime,
    random: Random,
) -> tuple[bytes, DeviceKeys]:
    """The note of the next epoch, signed by its new and the old header key, and its new keys.

    ``known`` is the id of the newest batch that this device knows; nothing is stored yet.
    """
    old = current.enrolment
    epoch = old.epoch + 1
    keys = make_keys(old.origin, old.device, epoch, random=random)
    tree = answer.signed.checkpoint
    made = Enrolment(
        origin=old.origin,
        device=old.device,
        epoch=epoch,
        group=old.group,
        header=keys.header.verifier,
        witness=keys.witness.verifier,
        annex=keys.annex.recipient,
        admission=old.admission,
        reason=reason,
        previous=None if answer.header is None else answer.header[0].id,
        known=known,
        seen_size=tree.size,
        seen_root=tree.root,
        enrolled=now,
    )
    return sign_enrolment(made, keys.header, current.keys.header), keys


def begin(ledger: Ledger, found: Introduction, *, sent: bool = True) -> None:
    """Begin the epoch of an introduction; both heads are observed.

    ``sent``: its receipt was verified; else it is the first thing that the log has to hear.
    """
    made = found.enrolment
    note = None
    if made.epoch:
        note = {
            "type": "epoch",
            "epoch": made.epoch,
            "previous": None if made.previous is None else b64(made.previous),
            "known": None if made.known is None else b64(made.known),
        }
    ledger.begin_epoch(made.epoch, found.id, note=note, sent=sent)
