# SPDX-License-Identifier: EUPL-1.2
"""The agent as a service of Windows: states and orders (docs/spec/services.md §3).

    START_PENDING ──> RUNNING ──STOP, PRESHUTDOWN──> STOP_PENDING ──> STOPPED
                          └──────────the work ended by itself──────────┘

An order only sets what another thread waits for: the manager's own thread must not wait. While the
end lasts, each beat says that there is progress, up to a limit; after it the process is ended.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

from lakzegel_agent.notify import Quiet
from lakzegel_agent.platforms import system
from lakzegel_agent.services.base import STOP_WITHIN, Life, Manager, Work
from lakzegel_agent.services.scm import (
    NO_ERROR,
    NOT_IMPLEMENTED,
    RESUMED,
    SIGNED_IN,
    Accepts,
    Control,
    NotAServiceError,
    Scm,
    State,
    Status,
)
from lakzegel_agent.services.warden import warded
from lakzegel_agent.wake import Wake

NAME: Final = "LakzegelAgent"
PRESHUTDOWN_WITHIN: Final = 20  # seconds; Windows waits so long before it shuts down (wix.py)
INTERNAL: Final = 4
_WANTS: Final = (
    Accepts.STOP
    | Accepts.PARAMCHANGE
    | Accepts.POWEREVENT
    | Accepts.SESSIONCHANGE
    | Accepts.PRESHUTDOWN
)
_BEATS: Final = 3  # in the time that the manager is asked to wait


class WindowsService:
    """One service in a process of its own; ``otherwise`` serves where there is no manager."""

    def __init__(
        self,
        scm: Scm,
        *,
        otherwise: Manager,
        hint: float = 6.0,
        stop_within: float = STOP_WITHIN,
        die: Callable[[int], object] = os._exit,
        give_way: Callable[[], None] = system.work_quietly,
    ) -> None:
        """Nothing is asked of the manager yet.

        Args:
            scm: the manager.
            otherwise: what serves a process that somebody else started.
            hint: seconds within which the manager hears of progress, while a state lasts.
            stop_within: seconds that an end may take.
            die: ends this process at once, with an exit code.
            give_way: lets every other program go first.
        """
        self._scm = scm
        self._otherwise = otherwise
        self._hint = hint
        self._stop_within = stop_within
        self._die = die
        self._give_way = give_way
        self._lock = threading.Lock()
        self._state = State.START_PENDING
        self._checkpoint = 0
        self._until = 0.0
        self._stop = threading.Event()
        self._wake = Wake(self._stop)
        self._ended = threading.Event()
        self._work: Work | None = None
        self._code = INTERNAL
        self._fault: Exception | None = None

    def serve(self, work: Work) -> int:
        """Return how the work ended, as the manager heard it too."""
        self._work = work
        try:
            self._scm.dispatch(NAME, self._main)
        except NotAServiceError:
            return self._otherwise.serve(work)
        if self._fault is not None:
            raise self._fault
        return self._code

    def control(self, control: int, event: int) -> int:
        """Take an order; return whether there is such a one."""
        if control in {Control.STOP, Control.PRESHUTDOWN, Control.SHUTDOWN}:
            self._begin_to_end(self._stop_within if control == Control.STOP else None)
        elif control == Control.PARAMCHANGE:
            self._wake.all()
        elif control == Control.POWEREVENT:
            if event == RESUMED:
                self._wake.all()
        elif control == Control.SESSIONCHANGE:
            if event in SIGNED_IN:  # a user's helper may be there now
                self._wake.all()
        elif control != Control.INTERROGATE:
            return NOT_IMPLEMENTED
        return NO_ERROR

    def _main(self) -> None:
        """Run the work, in the manager's thread."""
        self._scm.register(NAME, self.control)
        self._tell(State.START_PENDING)
        # at once: it captures without a network, and an installer waits for this
        self._tell(State.RUNNING)
        self._give_way()
        try:
            with warded(Quiet(), die=self._die) as pulse:
                assert self._work is not None  # noqa: S101  # `serve` was told
                self._code = self._work(Life(self._stop, self._wake, pulse))
        except Exception as error:  # noqa: BLE001 - raised anew in `serve`, below main
            self._fault = error
        finally:
            self._ended.set()
            self._tell(State.STOPPED)

    def _begin_to_end(self, within: float | None) -> None:
        with self._lock:
            first = self._state == State.RUNNING
            until = time.monotonic() + (PRESHUTDOWN_WITHIN if within is None else within)
            self._until = until if first else min(until, self._until)
        if first:
            self._tell(State.STOP_PENDING)
            self._stop.set()
            threading.Thread(target=self._beat, name="stopping", daemon=True).start()

    def _beat(self) -> None:
        """Tell of progress until the end, and end it where that does not come."""
        while not self._ended.wait(self._hint / _BEATS):
            if time.monotonic() > self._until:
                self._tell(State.STOPPED)
                self._die(NO_ERROR)
                return
            self._tell(State.STOP_PENDING)

    def _tell(self, state: State) -> None:
        """Say it, unless the end was said already."""
        with self._lock:
            if self._state == State.STOPPED or (
                state == State.STOP_PENDING and self._ended.is_set()
            ):
                return
            self._state = state
            pending = state in {State.START_PENDING, State.STOP_PENDING}
            self._checkpoint = self._checkpoint + 1 if pending else 0
            self._scm.tell(
                Status(
                    state,
                    accepts=_WANTS if state == State.RUNNING else Accepts.NOTHING,
                    checkpoint=self._checkpoint,
                    hint=int(self._hint * 1000) if pending else 0,
                    code=self._exit_code() if state == State.STOPPED else 0,
                )
            )

    def _exit_code(self) -> int:
        """What the manager is told: anything but 0 has it start the service anew."""
        if self._fault is not None:
            return INTERNAL
        return self._code if self._ended.is_set() else NO_ERROR
