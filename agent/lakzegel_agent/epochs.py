# SPDX-License-Identifier: EUPL-1.2
"""Where a device stands against the log, and the new epoch of one that was restored from an image.

A new epoch is opened only when a verified log, at least as large as the one this device has seen,
holds a header that this device signed and does not know. That the receiver lacks what this device
holds a receipt for is never a reason: that is a rollback. docs/spec/epochs.md §2
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lakzegel_agent.devicekeys import Introduction, KeyStore
from lakzegel_agent.enrol import begin, succeed
from lakzegel_agent.errors import RefusedError
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.link import Asker, Link
from lakzegel_agent.rotation import Rotation
from lakzegel_agent.transport import NeverError
from lakzegel_agent.trust import Answer
from lakzegel_core.batch import open_header
from lakzegel_core.enrolment import Reason
from lakzegel_core.errors import LakzegelError


class Standing(StrEnum):
    """What a device may do after the log was asked about it."""

    GO_ON = "go-on"
    RENEW = "renew"  # the log holds a header of ours that we do not know
    REVOKED = "revoked"
    SUPERSEDED = "superseded"  # another epoch was opened in this device's name


@dataclass(slots=True)
class Epochs:
    """This device's standing, judged and mended."""

    link: Link
    ledger: Ledger
    keys: KeyStore
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]

    def resume(self, current: Introduction) -> Introduction:
        """The introduction in force, after what a crash interrupted was finished.

        The note that lies there may have reached the log; only sending it again tells.

        Raises: as ``Rotation.begin`` does, of keys that were being replaced.
        """
        pending = self.keys.newest()
        if pending is None or pending.enrolment.epoch <= current.enrolment.epoch:
            return current
        if pending.enrolment.reason is Reason.ROTATED:
            return self.rotation().finish(pending, current)
        if pending.enrolment.reason is not Reason.RESTORED:
            return current  # `enrol` began it, and finishes it with its token
        return self._register(pending) or current

    def rotation(self) -> Rotation:
        """What replaces this device's keys."""
        return Rotation(self.link, self.ledger, self.keys, self.clock, self.random)

    def ask(self, current: Introduction) -> Answer:
        """What the log holds about this device."""
        made = current.enrolment
        return self.link.ask(Asker(made.device, made.epoch, current.keys.header))

    def judge(self, answer: Answer, current: Introduction) -> Standing:
        """Where this device stands.

        1. Its enrolment is in the log, else the log lost it: a rollback.
        2. The newest header is no older than the newest that it holds a receipt for: likewise.
        3. A later epoch in its name was not opened here: it is superseded.
        4. A header of this epoch, signed by its own key, that it does not know: it was restored.

        Raises:
            LogAlarmError: the log lacks what this device holds proof of.
            LakzegelError: a header in this device's name that its key did not sign.
        """
        self._require_all_there(answer, current)
        made = current.enrolment
        newest = answer.enrolment[1] if answer.enrolment is not None else made
        if answer.revocation is not None:
            return Standing.REVOKED
        if newest.epoch > made.epoch:
            return Standing.SUPERSEDED
        if answer.header is None or answer.header[1].epoch != made.epoch:
            return Standing.GO_ON
        served, _ = answer.header
        open_header(served.note, current.keys.header.verifier)
        return Standing.GO_ON if self.ledger.knows(served.id) else Standing.RENEW

    def renew(self, answer: Answer, current: Introduction) -> Introduction:
        """Open the next epoch: new keys, introduced under the old header key.

        Raises:
            RefusedError: the log went on meanwhile; ask again.
        """
        if answer.header is None:
            raise RefusedError("the log holds no batch of this device: there is nothing to renew")
        tip = self.ledger.epoch()
        note, keys = succeed(
            current,
            answer,
            reason=Reason.RESTORED,
            known=None if tip is None else tip.newest_id,
            now=self.clock(),
            random=self.random,
        )
        found = self._register(self.keys.store(note, keys))
        if found is None:
            raise RefusedError("the log went on while a new epoch was opened; run the agent again")
        return found

    def _register(self, found: Introduction) -> Introduction | None:
        """The introduction once the log holds it; None when the log never will."""
        try:
            self.link.register(found.note)
        except NeverError as error:
            if not error.code:  # by something on the way: it may be in the log yet
                raise
            self.keys.refused(found)
            return None
        begin(self.ledger, found)
        return found

    def _require_all_there(self, answer: Answer, current: Introduction) -> None:
        if answer.enrolment is None or answer.enrolment[1].epoch < current.enrolment.epoch:
            raise self.link.missing(
                answer, "rollback: the receiver does not show this device's enrolment any more"
            )
        served, made = answer.enrolment
        if made.epoch == current.enrolment.epoch and served.id != current.id:
            raise LakzegelError(
                f"device {made.device}: the log holds another enrolment of epoch {made.epoch}"
            )
        last = self.ledger.last_receipt()
        if last is not None and (answer.header is None or answer.header[0].index < last.index):
            raise self.link.missing(
                answer,
                f"rollback: the receiver does not show the batch at {last.index}, for which this"
                " device holds a receipt",
            )
