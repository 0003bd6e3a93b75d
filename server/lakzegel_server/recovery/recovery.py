# SPDX-License-Identifier: EUPL-1.2
"""Keeps a receiver read-only until its log is the newest that anybody saw (spec/recovery.md).

One chore asks and catches up, one fetches files, one says that this receiver is still there. The
standing that they decide on is the log's; `desk.recovery` tells the rest to metrics and people.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lakzegel_core.checkpoint import SignedCheckpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_server.chores import Chore, Chores
from lakzegel_server.errors import ServerError
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery import evidence
from lakzegel_server.recovery.asked import OFFICE, Round, ask_witnesses, is_enough
from lakzegel_server.recovery.asking import NoAnswerError
from lakzegel_server.recovery.fetching import Fetching
from lakzegel_server.recovery.files import Files
from lakzegel_server.recovery.following import ForkFoundError, compare, follow
from lakzegel_server.recovery.ownword import OwnWord
from lakzegel_server.recovery.sources import Office
from lakzegel_server.recovery.stillhere import StillHere
from lakzegel_server.recovery.witnesses import witnesses_of
from lakzegel_server.register import Register
from lakzegel_server.rekeying import settle
from lakzegel_server.settings import Settings
from lakzegel_server.standing import SEALING, Phase, Standing
from lakzegel_server.stores import names
from lakzegel_server.sweeping import Sweeping

TICK: Final = 1.0  # seconds; how often it looks whether there is something to do
FIRST_PAUSE: Final = 1.0  # seconds before it asks again; doubles
LONGEST_PAUSE: Final = 60.0
SUSPICION_PAUSE: Final = 60.0  # seconds between questions that others caused
CHORE: Final = "recovery"
_EXPECTED: Final = (ServerError, LakzegelError, OSError, *FAILURES)
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """What an operator wants to know."""

    standing: Standing
    silent: tuple[str, ...]  # who did not answer when last asked
    lacking: int  # files that the log names, that are not here, and that the office lacks too
    asked: bool  # somebody can be asked at all


class Recovery:
    """Decides whether one receiver may seal."""

    def __init__(
        self,
        layout: Layout,
        log: LogState,
        register: Register,
        sweeping: Sweeping,
        settings: Settings,
        *,
        before_sealing: Callable[[LogState], None] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._layout = layout
        self._before_sealing = before_sealing
        self._state = log
        self._sweeping = sweeping
        self._office = settings.office
        self._witnesses = witnesses_of(settings)
        self._monotonic = monotonic
        self._fetching = Fetching(log, Files(layout, log, register), settings.office)
        self._word = OwnWord(layout, log)
        self._is_settled = False
        self._silent: dict[str, str] = {}
        self._pause = FIRST_PAUSE
        self._due = 0.0
        self._asked_at = -SUSPICION_PAUSE
        self._unkept: ForkFoundError | None = None  # whose evidence could not be stored yet
        self._suspected = threading.Event()
        self._deciding = threading.Lock()  # what is heard, and what was found out by asking
        self._chore: Chore | None = None
        self._here = StillHere(layout, log)

    @property
    def state(self) -> State:
        """How it stands now."""
        asked = bool(self._office or self._witnesses)
        return State(
            self._state.standing, tuple(sorted(self._silent)), self._fetching.lacking, asked
        )

    def begin(self, chores: Chores) -> None:
        """Decide whether to seal at once, before anything is answered.

        Raises:
            DamageError: DATA was set back, and nobody is named who could be asked.
        """
        try:
            self._decide()
        except ForkFoundError as fork:
            self._fork(fork)
        self._chore = chores.add(CHORE, TICK, self.work)
        self._fetching.add_chore(chores)
        self._here.begin(chores)

    def _decide(self) -> None:
        """Whether to seal at once, by what DATA and this machine know."""
        self._word.recall()
        if evidence.is_kept(self._layout):
            self._state.stand(Standing(Phase.FORKED, "two trees that contradict each other"))
        elif not self.state.asked:
            self._word.require_newest()
            self._open()
            _log.info("nobody is named who could tell of a newer log; a restore would fork it")
        elif self._here.is_continuous():
            self._open()
        else:
            self._word.keep_beyond()
            self._state.stand(Standing(Phase.ASKING, "those who saw the log are being asked"))

    def suspect(self, why: str) -> None:
        """Somebody who can be believed to be a party names a larger log: ask again, soon."""
        if self.state.asked and not self._suspected.is_set():
            _log.warning("%s; asking again for the newest checkpoint", why)
            self._suspected.set()

    def hear(self, data: bytes) -> None:
        """Take to heart a checkpoint that somebody showed, when this log signed it.

        Raises:
            OSError: it cannot be kept.
        """
        signed = self._word.news(data)
        if signed is None:
            return
        tree = signed.checkpoint
        with self._deciding:
            if tree.size <= self._state.edge().size:
                if not self._word.has(tree):  # it may have been caught up with meanwhile
                    self._fork(ForkFoundError(signed))
            elif self._word.is_beyond(tree):
                self._go_back(signed)

    def work(self) -> None:
        """Ask, catch up, and open, as far as there is cause to; called again and again."""
        phase, now = self._state.standing.phase, self._monotonic()
        try:
            if self._state.lost is not None:  # the index went back
                self.hear(self._state.lost)
                self._state.forget_lost()
            if phase is Phase.SEALING and not self._is_told_otherwise():
                if self._suspected.is_set() and now - self._asked_at >= SUSPICION_PAUSE:
                    self._asked_at = now
                    self._suspected.clear()
                    self._ask_while_sealing()
            elif now >= self._due:
                if phase is Phase.FORKED:
                    self._keep_evidence()
                else:
                    self._attempt()
        except ForkFoundError as fork:
            with self._deciding:
                self._fork(fork)
        except _EXPECTED as error:
            _log.warning("not known to be the newest log yet: %s", error)
            self._wait()

    def _is_told_otherwise(self) -> bool:
        """Whether another receiver of this log found out that it forked, or was set back.

        Raises:
            ForkFoundError: this log showed another tree than the one that the index has now.
        """
        if not self._layout.shared:
            return False
        try:
            return self._look_at_word()
        except (*FAILURES, OSError):  # who cannot ask cannot seal either
            return False

    def _look_at_word(self) -> bool:
        """The same, from what lies in the index."""
        if evidence.is_kept(self._layout):
            detail = "two trees that contradict each other, as another receiver found"
            self._stop_sealing(Standing(Phase.FORKED, detail))
            return True
        kept = evidence.ahead(self._layout, self._state.keys)
        if kept is None or kept.checkpoint.size <= self._state.edge().size:
            return False
        with self._deciding:
            self._go_back(kept)
        return True

    # asking

    def _attempt(self) -> None:
        """One round; open when it proves that this is the newest log."""
        found = Round()
        if self._office is not None:
            self._ask_office(found)
        if self._is_stopping():
            return
        ask_witnesses(found, self._state, self._witnesses)
        self._silent = found.silent
        with self._state.looking() as custody:
            enough = is_enough(found, custody, self._witnesses, office=self._office is not None)
        with self._deciding:
            self._judge(found, enough=enough)

    def _ask_office(self, found: Round) -> None:
        assert self._office is not None  # noqa: S101 - the caller looked
        try:
            with Office.open(self._office, self._state.keys) as office:
                found.signed = office.newest()
                found.office = True
                size = found.signed.checkpoint.size if found.signed else 0
                found.sizes[OFFICE] = size
                if found.signed is not None:
                    self._follow(office, found)
        except NoAnswerError as error:
            found.office = False
            found.silent[OFFICE] = str(error)

    def _follow(self, office: Office, found: Round) -> None:
        assert found.signed is not None  # noqa: S101 - the caller looked
        size = found.signed.checkpoint.size
        if size > self._state.edge().size:
            self._catching_up(size)
        follow(self._state, office, found.signed, self._is_stopping)

    def _catching_up(self, size: int) -> None:
        here = self._state.edge().size
        _log.warning("this log has %d entries, the office %d: catching up", here, size)
        self._fetching.due = True
        detail = f"entries {here} to {size - 1} are fetched from the office"
        self._stop_sealing(Standing(Phase.CATCHING_UP, detail, size))

    def _judge(self, found: Round, *, enough: bool) -> None:
        here = self._state.edge().size
        known, who = max(found.largest, (self._state.stated, "a checkpoint that this log signed"))
        if self._state.standing.phase is Phase.FORKED:
            return
        if known > here and (enough or not self.state.asked):
            detail = f"{who} tells of a log of {known} entries, DATA and the office have {here}"
            self._state.stand(Standing(Phase.SHORT, detail, known))
            _log.error("read-only: %s", detail)
        elif not enough and self.state.asked:
            detail = "no answer from " + ", ".join(sorted(found.silent))
            self._state.stand(Standing(Phase.ASKING, detail, known))
            _log.warning("read-only: %s", detail)
        else:
            self._open()
            return
        self._wait()

    def _ask_while_sealing(self) -> None:
        """Become read-only only when the office proves that there is more of this log."""
        if self._office is None:
            return
        with Office.open(self._office, self._state.keys) as office:
            signed = office.newest()
            if signed is None:
                return
            if signed.checkpoint.size <= self._state.edge().size:
                compare(self._state, office, signed)
                return
        self._fetching.since = self._state.edge().size
        with self._deciding:
            self._catching_up(signed.checkpoint.size)
        self._due = 0.0

    # what follows from the answers

    def _open(self) -> None:
        """Seal from now on. At a start, first take away what was never sealed.

        Raises:
            ForkFoundError: this log showed another tree than the one that DATA has now.
        """
        self._word.require_kept()
        self._sweeping.before_sealing()
        if not self._is_settled:
            settle(self._layout, self._state)
            self._is_settled = True
        if not self._state.standing.sealing:
            _log.info(
                "this is the newest log: sealing goes on at entry %d", self._state.edge().size
            )
        self._pause = FIRST_PAUSE
        self._here.note()
        self._before_sealing(self._state)
        for done in (names.RESTORED, names.AHEAD):
            self._layout.stores.documents.remove(done)
        self._state.stand(SEALING)
        self._fetching.wake()

    def _fork(self, fork: ForkFoundError) -> None:
        """Never seal again; first of all stop, for to keep the evidence may fail."""
        self._unkept = fork
        self._stop_sealing(Standing(Phase.FORKED, str(fork), fork.signed.checkpoint.size))
        _log.error(
            "FORK: this log signed another tree of %d entries than the one in DATA; nothing is"
            " sealed any more; both checkpoints are in DATA/evidence",
            fork.signed.checkpoint.size,
        )
        self._keep_evidence()

    def _keep_evidence(self) -> None:
        if self._unkept is not None:
            evidence.keep(self._layout, self._unkept.signed.data, self._state.shown.data)
            self._unkept = None

    def _go_back(self, signed: SignedCheckpoint) -> None:
        """This log showed more than DATA has: seal nothing until that is here, over any restart."""
        size, here = signed.checkpoint.size, self._state.edge().size
        self._state.stated = max(self._state.stated, size)
        _log.error("somebody shows a signed checkpoint of %d entries, DATA has %d", size, here)
        if self._state.standing.sealing:
            self._fetching.since, self._due = here, 0.0
            detail = f"this log showed {size} entries, DATA has {here}"
            self._stop_sealing(Standing(Phase.ASKING, detail, size))
        evidence.keep_ahead(self._layout, signed.data)

    def _wait(self) -> None:
        self._due = self._monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _is_stopping(self) -> bool:
        return self._chore is not None and self._chore.stopping

    def _stop_sealing(self, standing: Standing) -> None:
        """Be read-only, also after another start."""
        try:
            self._here.forget()
        finally:
            self._state.stand(standing)
