# SPDX-License-Identifier: EUPL-1.2
"""One sealing process seen from the agent: requests go in, a thread brings its answers out."""

import contextlib
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from lakzegel_agent import ownprocess
from lakzegel_agent.errors import SealingError
from lakzegel_agent.platforms import system
from lakzegel_agent.sealing.jobs import Answer, Cut, Job, Ready, Setup
from lakzegel_agent.sealing.messages import receive, send
from lakzegel_agent.sealing.surveys import Survey

_PIPE: Final = 2**20  # bytes: a whole job, so that handing over the next one never waits

Heard = Callable[["Process", Answer | None], None]
"""Called in another thread with each answer, and with None once the process is gone."""


class Process:
    """A running process and what it still has to answer, oldest first; set up before asked."""

    def __init__(self, heard: Heard) -> None:
        self.outstanding: deque[Job | Cut | Survey] = deque()
        self.ready = False
        self._heard = heard
        try:
            self._child = subprocess.Popen(
                ownprocess.worker("sealing"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise SealingError(f"sealing: cannot start a process ({error.strerror})") from error
        assert self._child.stdin is not None  # noqa: S101  # PIPE was asked for
        assert self._child.stdout is not None  # noqa: S101
        self._requests, self._answers = self._child.stdin, self._child.stdout
        system.widen(self._requests.fileno(), _PIPE)
        self._thread = threading.Thread(target=self._listen, name="sealing", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    def set_up(self, setup: Setup) -> None:
        """Tell it what the jobs to come have in common."""
        self._send(setup)

    def ask(self, request: Job | Cut | Survey) -> None:
        """Hand over a request; its answer comes after those of the ones before it."""
        self.outstanding.append(request)
        self._send(request)

    def answered(self, answer: Answer) -> None:
        """Note that an answer was heard."""
        if isinstance(answer, Ready):
            self.ready = True
        elif self.outstanding:
            self.outstanding.popleft()

    def end(self, *, at_once: bool) -> None:
        """Return once it is gone: after its requests, or killed ``at_once``."""
        if at_once:
            self._child.kill()
        with contextlib.suppress(OSError):
            self._requests.close()
        self._child.wait()
        self._thread.join()
        self._answers.close()

    def _send(self, message: object) -> None:
        # a process that died is noticed by the thread that listens to it
        with contextlib.suppress(OSError, ValueError):
            send(self._requests, message)

    def _listen(self) -> None:
        while True:
            try:
                answer = receive(self._answers)
            except (OSError, ValueError):
                answer = None
            self._heard(self, answer)  # type: ignore[arg-type]  # from our own child
            if answer is None:
                return
