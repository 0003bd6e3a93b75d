# SPDX-License-Identifier: EUPL-1.2
"""The thread that speaks with the receiver, so that capture and upload overlap.

It has a ledger, a session and a back-off of its own. It ships when it is told that something is
there, consults the log now and then, and stops shipping, never capturing, where the log cannot be
trusted or the receiver says never.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from lakzegel_agent.backoff import Backoff
from lakzegel_agent.causes import cause_of
from lakzegel_agent.courierfaults import is_final, state_final, state_none, state_passing
from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.epochs import Standing
from lakzegel_agent.errors import (
    AgentError,
    RefusedError,
    UnwritableError,
    unwritable,
)
from lakzegel_agent.heart import Heart
from lakzegel_agent.liaison import Liaison
from lakzegel_agent.outlet import Open, Outlet
from lakzegel_agent.ship import Shipper, StoppedError
from lakzegel_agent.transport import LaterError
from lakzegel_core.errors import LakzegelError

POLL: Final = 5.0  # seconds: how often the log is consulted at most
LONGEST: Final = 60.0  # seconds that one who gives up after some tries waits for the next
LOOK: Final = 60.0  # seconds between two looks at a gate that is shut
JOIN: Final = 3.0  # seconds that an upload under way is waited for at the end


@dataclass(frozen=True, slots=True)
class Parts:
    """What the thread works with; made in the thread, for a ledger belongs to one."""

    liaison: Liaison
    shipper: Shipper
    close: Callable[[], None]
    outlet: Outlet = field(default_factory=Open)


@dataclass(slots=True)
class Outcome:
    """How shipping went so far."""

    sent: int = 0
    fault: Exception | None = None  # why nothing is sent at present
    halted: bool = False  # nothing will be sent before somebody has looked at it
    gave_up: bool = False  # as often as was asked for


class Courier:
    """Ships in a thread of its own."""

    def __init__(
        self,
        open_parts: Callable[[Callable[[], bool]], Parts],
        current: Introduction,
        *,
        backoff: Backoff,
        tries: int | None = None,
        heard: Callable[[], None] = lambda: None,
        heart: Heart | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            open_parts: makes what the thread works with; called in it.
            current: the introduction in force.
            backoff: the waits between tries.
            tries: failures in a row after which it gives up; None for never.
            heard: called in the thread when the policy or this device's standing changed.
            heart: says when a heartbeat is due; None for one who sends none.
        """
        self._open_parts = open_parts
        self._current = current
        self._backoff = backoff
        self._tries = tries
        self._changed = threading.Condition()
        self._due = False
        self._consult = False
        self._stop = False
        self._busy = True
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
        self._heard = heard
        self._heart = heart
        self.policy: bytes | None = None  # the one in force, as far as is known
        self.outcome = Outcome()
        self.is_shut = False  # batches wait by agreement, not for the receiver
        self._pressed = False  # capture waits for room
        self._is_turn = False  # there is more to do than to send a heartbeat
        self._follows = False  # the outlet knows the policy
        self.renew = False
        self.doubt = False  # ask the log before anything is sent

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def kick(self) -> None:
        """Ship what waits, now."""
        with self._changed:
            self._due = True
            self._changed.notify_all()

    def nudge(self) -> None:
        """Look anew when the next heartbeat is due."""
        with self._changed:
            self._changed.notify_all()

    def consult(self) -> None:
        """Ship what waits, then ask the log about this device."""
        with self._changed:
            self._consult = True
        self.kick()

    def is_stuck(self) -> bool:
        """Whether waiting for room is in vain at present."""
        return self.outcome.halted or self.outcome.gave_up

    def wait_for_room(self, has_room: Callable[[], bool], *, patience: float) -> bool:
        """Whether there came to be room within ``patience`` seconds."""
        deadline = time.monotonic() + patience
        self._pressed = True
        try:
            while not has_room():
                left = deadline - time.monotonic()
                if left <= 0 or self.is_stuck() or self._stop:
                    return has_room()
                self.consult()
                with self._changed:
                    self._changed.wait(min(left, 1.0))
        finally:
            self._pressed = False
        return True

    def finish(self, told: threading.Event | None = None) -> Outcome:
        """Ship everything that waits, consult once, end; or give up as often as was asked for.

        Where it is ``told`` to end, the rest stays in the spool.
        """
        self.consult()
        with self._changed:
            while self._is_working() and not (told is not None and told.is_set()):
                self._changed.wait(0.5)
        self.stop()
        return self.outcome

    def _is_working(self) -> bool:
        return self._thread.is_alive() and (self._busy or self._due) and not self.is_stuck()

    def stop(self) -> bool:
        """End; an upload under way is given up, the batch stays in the spool.

        Whether nothing is under way any more.
        """
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(JOIN)
        return not self._thread.is_alive()

    # the thread

    def _stopped(self) -> bool:
        return self._stop

    def _work(self) -> None:
        try:
            parts = self._opened()
            if parts is None:
                return
            try:
                while self._await_work():
                    if self._is_turn:
                        self._turn(parts)
                    self._beat(parts)
                    parts.liaison.ledger.rest()
            finally:
                parts.close()
        finally:
            with self._changed:
                self.outcome.halted |= not self._stop  # it died of something: begun anew later
                self._busy = False
                self._changed.notify_all()

    def _opened(self) -> Parts | None:
        """What it works with, as soon as the disk lets it; None where there will be nothing."""
        while not self._stop and not self.outcome.gave_up:
            try:
                return self._open_parts(self._stopped)
            except UnwritableError as error:
                self._fail(error)
            except AgentError as error:
                self._halt(error)
                return None
        return None

    def _await_work(self) -> bool:
        with self._changed:
            while not self._due and not self._stop and self._until_beat() != 0:
                self._busy = False
                self._changed.notify_all()
                told = self._changed.wait(self._longest())
                self._due |= self.is_shut and not told
            self._busy, self._is_turn, self._due = True, self._due, False
            return not self._stop

    def _longest(self) -> float | None:
        """Seconds until there is something to look at; None for as long as nobody calls."""
        waits = [self._until_beat(), LOOK if self.is_shut else None]
        return min((wait for wait in waits if wait is not None), default=None)

    def _until_beat(self) -> float | None:
        return None if self._heart is None else self._heart.due_in()

    def _beat(self, parts: Parts) -> None:
        """Send a heartbeat that is due, unless the receiver cannot be reached at present."""
        if self._heart is None or self._stop or self._heart.due_in():
            return
        if self.outcome.fault is not None and not self.outcome.halted:
            self._heart.put_off()
        else:
            self._heart.beat(parts.liaison, self._current, skew=parts.shipper.skew)

    def _turn(self, parts: Parts) -> None:
        """One round; what goes wrong decides when the next one is, never what is kept."""
        try:
            self._round(parts)
        except StoppedError:
            return
        except (AgentError, LakzegelError) as error:
            self._react(parts.liaison, error)
        except OSError as error:
            self._react(parts.liaison, unwritable(error, "spool") or error)
        else:
            self._backoff.worked()
            self.outcome.fault = None
            state_none(parts.liaison)

    def _react(self, liaison: Liaison, error: Exception) -> None:
        """State what went wrong, then wait, or halt where waiting does not help."""
        if is_final(error):
            self._halt(error)
            state_final(liaison, error)
        else:
            state_passing(liaison, error, self._current)
            self._fail(error)

    def _round(self, parts: Parts) -> None:
        if self.outcome.halted:
            return
        if self.doubt:
            self._ask(parts)
            self.doubt = False
        if self.outcome.halted:
            return
        sent = self._drain(parts)
        self.outcome.sent += sent
        if sent:
            with suppress(RefusedError):
                parts.liaison.link.cosign(self._current.keys.witness)
        with self._changed:
            wanted, self._consult = self._consult, False
        if wanted:
            self._ask(parts)
        with self._changed:
            self._changed.notify_all()

    def _drain(self, parts: Parts) -> int:
        """Send what may leave; how many got their receipt."""
        if not self._follows:
            parts.outlet.follow(parts.liaison.policy(self._current))
            self._follows = True
        self.is_shut = not parts.outlet.may_leave(pressed=self._pressed)
        if self.is_shut:
            return 0
        sent = parts.shipper.drain()
        if sent:
            parts.outlet.left()
        return sent

    def _ask(self, parts: Parts) -> None:
        """Ask the log about this device; say so when that changed anything."""
        _, standing = parts.liaison.consult(self._current)
        if standing is not Standing.GO_ON:
            self.renew = standing is Standing.RENEW
            self._halt(RefusedError(f"this device stands at '{standing}'; see status"))
        in_force = parts.liaison.policy(self._current)
        parts.outlet.follow(in_force)
        policy = None if in_force is None else in_force.id
        if policy != self.policy or self.renew:
            self.policy = policy
            self._heard()

    def _fail(self, error: Exception) -> None:
        """Remember why, and wait before the next try."""
        self.outcome.fault = error
        after = error.after if isinstance(error, LaterError) else None
        wait = self._backoff.failed(cause_of(error), after=after)
        with self._changed:
            if self._tries is not None and (
                self._backoff.failures >= self._tries or wait > LONGEST
            ):
                self.outcome.gave_up = True
                self._consult = False
                self._changed.notify_all()
                return
            self._changed.wait_for(lambda: self._stop, wait)
            self._due = True

    def _halt(self, error: Exception) -> None:
        with self._changed:
            self.outcome.fault = error
            self.outcome.halted = True
            self._busy = False
            self._changed.notify_all()
