# SPDX-License-Identifier: EUPL-1.2
"""A device replaces its keys: the old header key vouches for the new ones.

    keys durable → note durable → note sent → receipt verified → epoch begun → old keys removed

A note that lies here may be in the log, so that nothing is sealed under the old keys any more:
it is sent again, or the epoch begins before the log is known to hold it, and it is sent before
anything else. Only where the log shows that the epoch before stands is it set aside.
docs/spec/epochs.md §4
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lakzegel_agent import journal
from lakzegel_agent.devicekeys import Introduction, KeyStore
from lakzegel_agent.enrol import begin, succeed
from lakzegel_agent.errors import AgentError, RefusedError
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.link import Asker, Link
from lakzegel_agent.transport import NeverError
from lakzegel_agent.trust import Answer
from lakzegel_core.enrolment import Reason
from lakzegel_core.errors import LakzegelError


@dataclass(slots=True)
class Rotation:
    """New keys for one device."""

    link: Link
    ledger: Ledger
    keys: KeyStore
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]

    def begin(self, answer: Answer, current: Introduction) -> Introduction:
        """The introduction in force, by keys that were made now; ``answer`` is the log's newest.

        Raises:
            RefusedError: batches wait, or the receiver will not have it: the old keys stay.
            UnreachableError, LogAlarmError, LakzegelError: the new keys are in force here, and
                the log hears of them before anything else.
        """
        known = self._require_ready(answer)
        note, keys = succeed(
            current,
            answer,
            reason=Reason.ROTATED,
            known=known,
            now=self.clock(),
            random=self.random,
        )
        return self.finish(self.keys.store(note, keys), current)

    def finish(self, made: Introduction, current: Introduction) -> Introduction:
        """The introduction in force once a note that lies here was sent, for the first time or not.

        Raises: as ``begin`` does.
        """
        try:
            self.link.register(made.note)
        except NeverError as error:
            if error.code and self._stands(current):
                self.keys.refused(made)
                raise RefusedError(f"the keys were not replaced: {error}") from None
            self._go_ahead(made)
            raise
        except (AgentError, LakzegelError):
            self._go_ahead(made)
            raise
        self._begin(made, sent=True)
        self.keys.retire(made.enrolment.epoch)
        return made

    def announce(self, current: Introduction) -> None:
        """Send the note of an epoch that began before the log was known to hold it.

        Raises:
            UnreachableError, NeverError, LogAlarmError, LakzegelError: it is sent again.
        """
        if self.ledger.unsent() != current.id:
            return
        self.link.register(current.note)
        self.ledger.mark_sent()
        self.keys.retire(current.enrolment.epoch)

    def _require_ready(self, answer: Answer) -> bytes | None:
        """The newest batch, of which the log holds no newer one and this device none unsent."""
        waiting = len(self.ledger.waiting())
        if waiting:
            raise RefusedError(
                f"{waiting} batches wait in the spool; keys are replaced once all are sealed"
            )
        tip = self.ledger.epoch()
        known = None if tip is None else tip.newest_id
        shown = None if answer.header is None else answer.header[0].id
        if known != shown:
            raise RefusedError("the log's newest batch of this device is not the one known here")
        return known

    def _stands(self, current: Introduction) -> bool:
        """Whether the log shows that the epoch before is still in force."""
        made = current.enrolment
        try:
            answer = self.link.ask(Asker(made.device, made.epoch, current.keys.header))
        except (AgentError, LakzegelError):
            return False
        return answer.enrolment is not None and answer.enrolment[0].id == current.id

    def _go_ahead(self, made: Introduction) -> None:
        """Begin the epoch where its note follows this very state: it may be in the log."""
        tip = self.ledger.epoch()
        known = None if tip is None else tip.newest_id
        if made.enrolment.known == known and not self.ledger.waiting():
            self._begin(made, sent=False)

    def _begin(self, made: Introduction, *, sent: bool) -> None:
        begin(self.ledger, made, sent=sent)
        numbers: dict[journal.Number, int] = {"epoch": made.enrolment.epoch}
        journal.note("keys-replaced", "device", numbers=numbers)


def is_under_way(ledger: Ledger, keys: KeyStore) -> bool:
    """Whether a note lies here that replaces the keys in force, and may be in the log."""
    tip, newest = ledger.epoch(), keys.newest()
    if tip is None or newest is None or newest.enrolment.epoch <= tip.epoch:
        return False
    return newest.enrolment.reason is Reason.ROTATED
