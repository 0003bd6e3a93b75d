# SPDX-License-Identifier: EUPL-1.2
"""One device's dealings with its receiver and its office.

Where it stands, which policy it follows, which batches it may let go. Each thread that speaks with
the receiver has a liaison of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lakzegel_agent import ending, journal, policies
from lakzegel_agent.backoff import NETWORK
from lakzegel_agent.devicekeys import Introduction, KeyStore
from lakzegel_agent.epochs import Epochs, Standing
from lakzegel_agent.errors import LedgerDamagedError, RefusedError, UnwritableError
from lakzegel_agent.givenup import keep_given_up
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.link import Link, LogAlarmError
from lakzegel_agent.policies import InForce, Reader
from lakzegel_agent.problems import Problems
from lakzegel_agent.release import let_go, released_below
from lakzegel_agent.spool import Spool
from lakzegel_agent.transport import NeverError
from lakzegel_agent.trust import Answer, open_statement
from lakzegel_core.errors import LakzegelError, PolicyError

SUPERSEDED: Final = frozenset({"unknown-key", "signature", "missing-signature", "epoch"})
ALARMS: Final = ("rollback", "fork")
STANDINGS: Final = ("revoked", "superseded", "refused", "answer-refused")
NOT_REPLACED: Final = "keys-not-replaced"
_DELEGATION: Final = "delegation"  # what the ledger remembers the highest serial by


def unchanged(found: InForce) -> InForce:
    """The policy as it was signed."""
    return found


@dataclass(slots=True)
class Liaison:
    """The device's side of the conversation."""

    link: Link
    ledger: Ledger
    spool: Spool
    keys: KeyStore
    problems: Problems
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    tune: Callable[[InForce], InForce] = unchanged  # what MDM and the device say besides

    def settle_epoch(self, current: Introduction) -> Introduction:
        """The introduction in force once the log was asked; a new epoch where one is due.

        The policy that the log shows is applied and batches that may go are let go.

        Raises:
            UnreachableError: nothing was learnt; what is in force stays.
            LogAlarmError, RefusedError: nothing may be sent; the problem is stated.
        """
        epochs = self._epochs()
        current = self._moved(self._resumed(epochs, current), current)
        answer, standing = self.consult(current)
        if standing is Standing.RENEW:
            current = self._moved(epochs.renew(answer, current), current)
            self.consult(current)
        self.keys.retire(current.enrolment.epoch)
        return current

    def rotate(self, current: Introduction) -> Introduction:
        """The introduction in force, by keys that were made now.

        Raises: as ``settle_epoch`` does, and RefusedError where the old keys stay. Of whatever
            else is raised ``introduction_in_force`` says which keys are in force.
        """
        answer, standing = self.consult(current)
        if standing is not Standing.GO_ON:
            raise RefusedError(f"this device stands at '{standing}'; see status")
        try:
            found = self._epochs().rotation().begin(answer, current)
        except NeverError:
            raise
        except RefusedError as error:
            self.problems.add(self.ledger, NOT_REPLACED, str(error))
            raise
        self.problems.clear(self.ledger, NOT_REPLACED)
        return self._moved(found, current)

    def _epochs(self) -> Epochs:
        return Epochs(self.link, self.ledger, self.keys, self.clock, self.random)

    def _resumed(self, epochs: Epochs, current: Introduction) -> Introduction:
        """The introduction in force; keys that the receiver will not have are no reason to stop."""
        try:
            return epochs.resume(current)
        except NeverError as error:
            self.problems.add(self.ledger, _standing_of(error), str(error))
            raise
        except RefusedError as error:
            self.problems.add(self.ledger, NOT_REPLACED, str(error))
            return current

    def _moved(self, found: Introduction, before: Introduction) -> Introduction:
        """The introduction found; what an earlier epoch leaves unsent is set aside."""
        if found.id != before.id:
            keep_given_up(self.ledger, self.spool, self.problems)
        return found

    def consult(self, current: Introduction) -> tuple[Answer, Standing]:
        """What the log says about this device now, acted on as far as it may be.

        Raises: as ``settle_epoch`` does.
        """
        epochs = self._epochs()
        try:
            epochs.rotation().announce(current)
            answer = epochs.ask(current)
            self._require_newest_delegation(answer)
            standing = epochs.judge(answer, current)
        except NeverError as error:
            self.problems.add(self.ledger, _standing_of(error), str(error))
            raise
        except LogAlarmError as alarm:
            self.alarm(alarm)
            raise
        except LakzegelError as error:
            self.problems.add(self.ledger, "answer-refused", str(error))
            raise
        self.problems.clear(self.ledger, *NETWORK, *ALARMS, *STANDINGS)
        self._state(standing, answer)
        self._apply(answer, current)
        self._release(answer, current)
        return answer, standing

    def alarm(self, error: LogAlarmError) -> None:
        """State that the log went back or forked; the office hears of it with the next batch."""
        if self.problems.add(self.ledger, error.kind, str(error)):
            seen = self.ledger.seen()
            size = 0 if seen is None else seen.size
            with suppress(UnwritableError):  # a full disk must not hide the alarm
                self.ledger.observe(DEVICE, {"type": error.kind, "seen": size})

    def policy(self, current: Introduction) -> InForce | None:
        """The policy in force."""
        found = policies.recall(self.ledger, self._reader(current))
        return None if found is None else self.tune(found)

    def _reader(self, current: Introduction) -> Reader:
        made = current.enrolment
        return Reader(made.device, made.group, self.keys.annex_identities())

    def _require_newest_delegation(self, answer: Answer) -> None:
        """A delegation that was replaced is in the log for ever; it is not in force for ever."""
        known = int(self.ledger.recall(_DELEGATION) or b"0")
        serial = answer.delegation.serial
        if serial < known:
            raise PolicyError(f"the receiver shows delegation {serial}; {known} replaced it")
        if serial > known:
            self.ledger.remember(_DELEGATION, b"%d" % serial)

    def _state(self, standing: Standing, answer: Answer) -> None:
        if standing is Standing.REVOKED and answer.revocation is not None:
            text = f"revoked by the records office: {answer.revocation.reason}"
            self.problems.add(self.ledger, "revoked", text)
        if standing is Standing.SUPERSEDED and answer.enrolment is not None:
            text = f"the log is in epoch {answer.enrolment[1].epoch} of this device"
            self.problems.add(self.ledger, "superseded", text)

    def _apply(self, answer: Answer, current: Introduction) -> None:
        """Put a newer policy into force, or say why the old one stays."""
        reader = self._reader(current)
        in_force = policies.recall(self.ledger, reader)
        try:
            found = policies.judge(
                answer, pins=self.link.pins, reader=reader, current=in_force, now=self.clock()
            )
        except PolicyError as error:
            if self.problems.add(self.ledger, "policy-refused", str(error)):
                journal.note("policy-refused", "policy", result="refused", actor="office")
                self.ledger.observe(DEVICE, {"type": "policy-refused", "why": str(error)})
            return
        self.problems.clear(self.ledger, "policy-refused")
        if found is not None:
            policies.remember(self.ledger, found)
            numbers: dict[journal.Number, int] = {"serial": found.policy.serial}
            journal.note("policy-applied", "policy", actor="office", numbers=numbers)
            in_force = found
        self._note_policy(in_force)

    def _note_policy(self, in_force: InForce | None) -> None:
        if in_force is None:
            self.problems.add(self.ledger, "no-policy", "no policy is for this device yet")
            return
        self.problems.clear(self.ledger, "no-policy")

    def _release(self, answer: Answer, current: Introduction) -> None:
        in_force = self.policy(current)
        if in_force is None:
            return
        try:
            size = released_below(answer, in_force.policy, self.link.pins)
        except LakzegelError as error:
            self.problems.add(self.ledger, "held-refused", str(error))
            return
        self.problems.clear(self.ledger, "held-refused")
        ending.keep_proof(self.ledger, self._held(answer))
        let_go(size, ledger=self.ledger, spool=self.spool)

    def _held(self, answer: Answer) -> tuple[int, bytes] | None:
        """Size and note of the office's statement, where there is one that holds."""
        with suppress(LakzegelError):
            held = open_statement(answer)
            if held is not None and answer.held is not None:
                return held.size, answer.held.note
        return None


def _standing_of(error: NeverError) -> str:
    """The problem that a refusal of this device's own notes comes down to."""
    if error.code in SUPERSEDED:
        return "superseded"
    return "revoked" if error.code == "revoked" else "refused"


def introduction_in_force(ledger: Ledger, keys: KeyStore) -> Introduction | None:
    """The introduction of the epoch that this device is in; None before it is enrolled.

    Raises:
        LedgerDamagedError: the epoch's keys are lost.
    """
    tip = ledger.epoch()
    if tip is None:
        return None
    found = keys.introduction(tip.epoch)
    if found is None or found.id != tip.enrolment_id:
        raise LedgerDamagedError(
            f"keys: those of epoch {tip.epoch} are gone; run enrol with a new token"
        )
    return found
