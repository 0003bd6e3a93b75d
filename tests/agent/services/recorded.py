# SPDX-License-Identifier: EUPL-1.2
"""A service manager of Windows as its documentation has it, strict where that is vague.

It does what the manager does (calls main in a thread of its own, hands on the orders that are
accepted) and keeps the rules that a service must keep; each that is broken is in ``broken``.
"""

import threading
import time

from lakzegel_agent.services.scm import Accepts, Control, NotAServiceError, State

NOT_ACTIVE = 1062  # ERROR_SERVICE_NOT_ACTIVE
NOT_ACCEPTED = 1052  # ERROR_INVALID_SERVICE_CONTROL
NEXT = {
    None: {State.START_PENDING},
    State.START_PENDING: {State.START_PENDING, State.RUNNING, State.STOPPED},
    State.RUNNING: {State.RUNNING, State.STOP_PENDING, State.STOPPED},
    State.STOP_PENDING: {State.STOP_PENDING, State.STOPPED},
    State.STOPPED: set(),
}
ASKS = {
    Control.STOP: Accepts.STOP,
    Control.PARAMCHANGE: Accepts.PARAMCHANGE,
    Control.POWEREVENT: Accepts.POWEREVENT,
    Control.SESSIONCHANGE: Accepts.SESSIONCHANGE,
    Control.PRESHUTDOWN: Accepts.PRESHUTDOWN,
}
SLACK = 5.0  # seconds, for a machine that has other work
PENDING = {State.START_PENDING, State.STOP_PENDING}


class RecordedScm:
    """The manager of one service; ``started_it`` says whether this process is its own."""

    def __init__(self, *, started_it=True):
        self.told = []
        self.broken = []
        self.answers = []
        self._started_it = started_it
        self._handler = None
        self._when = 0.0
        self._changed = threading.Condition()

    def dispatch(self, name, main):
        if not self._started_it:
            raise NotAServiceError
        self.name = name
        thread = threading.Thread(target=main, name="ServiceMain", daemon=True)
        thread.start()
        self.wait_for(State.STOPPED)

    def register(self, name, handler):
        if self.told or name != self.name:
            self.broken.append("registers late, or under another name")
        self._handler = handler

    def tell(self, status):
        with self._changed:
            before = self.told[-1] if self.told else None
            self._judge(before, status)
            self.told.append(status)
            self._when = time.monotonic()
            self._changed.notify_all()

    def _judge(self, before, status):
        if self._handler is None:
            self.broken.append("tells before it registers")
        if status.state not in NEXT[before.state if before else None]:
            self.broken.append(f"{before and before.state} to {status.state}")
        if status.state not in PENDING:
            if status.checkpoint or status.hint:
                self.broken.append("a checkpoint or hint of what is not pending")
        elif status.accepts or not status.hint:
            self.broken.append("accepts, or gives no hint, while it is pending")
        if before and before.state in PENDING:
            self._judge_progress(before, status)

    def _judge_progress(self, before, status):
        if before.state == status.state and status.checkpoint <= before.checkpoint:
            self.broken.append("no progress while it is pending")
        late = time.monotonic() - self._when - before.hint / 1000
        if late > SLACK:
            self.broken.append(f"{late:.1f} s later than it said")

    def wait_for(self, state):
        self.wait_for_count(state, 1)

    def wait_for_count(self, state, count, seconds=10.0):
        with self._changed:
            reached = self._changed.wait_for(
                lambda: sum(one.state == state for one in self.told) >= count, seconds
            )
        assert reached, self.told

    def order(self, control, event=0):
        """Hand an order on, as the manager does: only such as are accepted now."""
        now = self.told[-1] if self.told else None
        if now is None or now.state == State.STOPPED:
            return NOT_ACTIVE
        if control in ASKS and ASKS[control] not in now.accepts:
            return NOT_ACCEPTED
        begun = time.monotonic()
        answer = self._handler(int(control), event)
        if time.monotonic() - begun > 1:
            self.broken.append("an order is carried out before it returns")
        self.answers.append(answer)
        return answer
