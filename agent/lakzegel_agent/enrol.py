# SPDX-License-Identifier: EUPL-1.2
"""How a device comes to exist: by a token, once for each life of its state.

1. Keys and the note that introduces them are durable before the note is sent.
2. The note is sent; the same note gets the same receipt however often it is sent.
3. Its receipt is verified and what it shows of the log is durable before the epoch begins.

A crash or a lost answer is mended by running it again: the note that lies there is sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from lakzegel_agent.devicekeys import DeviceKeys, Introduction, KeyStore, make_keys
from lakzegel_agent.errors import UsageError
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.link import Asker, Link
from lakzegel_agent.transport import NeverError
from lakzegel_agent.trust import Answer
from lakzegel_core import fields
from lakzegel_core.admission import Admission
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Enrolment, Reason, sign_enrolment
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import SigningKey
from lakzegel_core.limits import MAX_NOTE
from lakzegel_core.note import parse

Random = Callable[[int], bytes]
MAX_TOKEN_FILE: Final = MAX_NOTE + 4096  # bytes: a key line, a blank line, the admission note
_BLANK: Final = b"\n\n"


@dataclass(frozen=True, slots=True)
class Token:
    """What the profile carries: the token's secret key and the admission that names it."""

    key: SigningKey
    admission: Admission
    note: bytes

    @property
    def id(self) -> bytes:
        """The admission's id in the log."""
        return hashlib.sha256(self.note).digest()


def read_token(path: Path, *, origin: str) -> Token:
    """The token of a file as `lakzegel-office admit` writes it.

    Raises:
        UsageError: it is not one, or is for another log.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOKEN_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the token file: {error.strerror}") from None
    line, blank, note = data.partition(_BLANK)
    if not blank or len(data) > MAX_TOKEN_FILE:
        raise UsageError(f"{path}: not a token file: a key, a blank line, an admission")
    try:
        key = SigningKey.from_text(line.decode("utf-8", "replace"))
        admission = Admission.from_text(parse(note).text)
    except LakzegelError as error:
        raise UsageError(f"{path}: not a token file: {error}") from None
    if key.verifier != admission.token:
        raise UsageError(f"{path}: its admission is for another token")
    if admission.origin != origin:
        raise UsageError(f"{path}: is for log {admission.origin}, this device trusts {origin}")
    return Token(key, admission, note)


def device_name(token: Token, wished: str | None, *, random: Random) -> str:
    """The device's name: the admission's, the one wished for, or a random one of its group.

    Raises:
        UsageError: the admission is for another device, or the wish is no name.
    """
    fixed = token.admission.device
    if fixed is not None:
        if wished not in {None, fixed}:
            raise UsageError(f"--device {wished}: the token is for device {fixed}")
        return fixed
    if wished is None:
        return f"{(token.admission.group or '')[:54]}-{random(4).hex()}"
    try:
        return fields.slug(wished, what="--device")
    except LakzegelError as error:
        raise UsageError(str(error)) from None


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
            found = self._introduce(device, token, answer)
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
        if made.admission != token.id or made.reason.by_old_key:
            return None
        return found if wished in {None, made.device} else None

    def _introduce(self, device: str, token: Token, answer: Answer) -> Introduction:
        """Make keys and their note for the epoch that is next in the log; durable."""
        before = answer.enrolment[1] if answer.enrolment is not None else None
        epoch = 0 if before is None else before.epoch + 1
        keys = make_keys(token.admission.origin, device, epoch, random=self.random)
        tree = answer.signed.checkpoint
        enrolment = Enrolment(
            origin=token.admission.origin,
            device=device,
            epoch=epoch,
            group=token.admission.group,
            header=keys.header.verifier,
            witness=keys.witness.verifier,
            annex=keys.annex.recipient,
            admission=token.id,
            reason=Reason.FIRST if before is None else Reason.UNREADABLE,
            previous=None if answer.header is None else answer.header[0].id,
            known=None,
            seen_size=tree.size,
            seen_root=tree.root,
            enrolled=self.clock(),
        )
        return self.keys.store(sign_enrolment(enrolment, keys.header, token.key), keys)


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
