# SPDX-License-Identifier: EUPL-1.2
"""Keeps the read-outs that were agreed: starts what makes them, and says what did not come.

The agent's own thread tells what is agreed and hears what came of it (`attend`); the timetable's
looks at the clock each minute (`tick`). docs/spec/readout.md §4
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, Protocol

from lakzegel_agent import readouttimes
from lakzegel_agent.errors import UsageError
from lakzegel_agent.problems import Found, Memory, Problems
from lakzegel_agent.readoutcertificate import last_readout
from lakzegel_agent.readoutcommand import BAD_SETTINGS, NOT_ALLOWED, Programs
from lakzegel_agent.readoutphones import Gate
from lakzegel_core.encoding import format_time, parse_time
from lakzegel_core.readouts import Readout

OVERDUE: Final = "readout-overdue"
FAILED: Final = "readout-failed"
UNKNOWN: Final = "unknown-phone"
RETRY: Final = timedelta(minutes=30)  # between two starts in one window
LONGEST: Final = timedelta(hours=6)  # that a program may take
_SINCE: Final = "readout-since/"

Run = Callable[[tuple[str, ...], float, threading.Event], str]


class Queue(Memory, Protocol):
    """Where values are kept and observations are queued: the ledger."""

    def observe(self, source: str, value: Mapping[str, Any]) -> None:
        """Queue an observation; it is sealed with the next batch."""
        ...


@dataclass(frozen=True, slots=True)
class Agreed:
    """One read-out of the policy in force, and the source it is of."""

    readout: Readout
    label: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One read-out as the clock sees it."""

    agreed: Agreed
    due: datetime
    overdue: datetime
    is_told: bool  # that it is overdue
    tried: datetime | None = None


class ReadoutKeeper:
    """The read-outs of one agent. All but `tick` is called in the agent's own thread."""

    def __init__(
        self,
        *,
        programs: Callable[[], Programs],
        run: Run,
        wake: Callable[[], None],
        clock: Callable[[], datetime],
        zone: tzinfo | None = None,
    ) -> None:
        self._programs = programs
        self._run = run
        self._wake = wake
        self._clock = clock
        self._zone = zone
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._plans: dict[str, Plan] = {}  # by source
        self._ended: list[tuple[Agreed, str]] = []  # what was started, and why it failed
        self._failed: dict[str, str] = {}  # by source: why
        self._worker: threading.Thread | None = None

    # the agent's own thread

    def attend(
        self,
        ledger: Queue,
        problems: Problems,
        agreed: Iterable[Agreed],
        gates: Mapping[str, Gate],
    ) -> None:
        """Take up what is agreed now, and state what came of it and what did not come.

        ``gates`` are those of every source of phones, by name.

        Raises:
            UnwritableError: it is stated the next time.
        """
        self._take_ended(ledger)
        plans, _ = self._look(ledger, problems, agreed, gates)
        self._failed = {name: why for name, why in self._failed.items() if name in plans}
        problems.state(
            ledger, FAILED, {name: Found(f"{name}: {why}") for name, why in self._failed.items()}
        )
        with self._lock:
            for name, plan in plans.items():
                before = self._plans.get(name)
                tried = None if before is None else before.tried
                plans[name] = replace(plan, tried=tried)
            self._plans = plans

    def look(
        self,
        ledger: Queue,
        problems: Problems,
        agreed: Iterable[Agreed],
        gates: Mapping[str, Gate],
    ) -> bool:
        """State what did not come and what nobody knows, and start nothing; whether there is news.

        What was started by another agent's life, and how it ended, stays as it was stated.

        Raises:
            UnwritableError: it is stated the next time.
        """
        return self._look(ledger, problems, agreed, gates)[1]

    def stop(self) -> None:
        """End what was started."""
        self._stop.set()
        worker = self._worker
        if worker is not None:
            worker.join()

    def _look(
        self,
        ledger: Queue,
        problems: Problems,
        agreed: Iterable[Agreed],
        gates: Mapping[str, Gate],
    ) -> tuple[dict[str, Plan], bool]:
        """What is agreed as the clock sees it, and whether anything is late that was not."""
        now = self._clock()
        plans = {one.readout.source: self._plan(ledger, one, now) for one in agreed}
        late = {
            name: Found(f"{name}: since {format_time(plan.overdue.replace(microsecond=0))}")
            for name, plan in plans.items()
            if now >= plan.overdue
        }
        new = problems.state(ledger, OVERDUE, late)
        for name in new:
            plan = plans[name]
            said = {"type": OVERDUE, "due": format_time(plan.due.replace(microsecond=0))}
            ledger.observe(plan.agreed.label, {**said, "why": self._failed.get(name, "")})
        problems.state(ledger, UNKNOWN, dict(_strangers(gates)))
        told = {name: replace(plan, is_told=name in late) for name, plan in plans.items()}
        return told, bool(new)

    def _plan(self, ledger: Queue, one: Agreed, now: datetime) -> Plan:
        """Return when it is due; a time that lies ahead was written by a clock that was wrong."""
        last, since = last_readout(ledger, one.label), _since(ledger, one)
        if (last is None or last > now) and (since is None or since > now):
            value = format_time(now.replace(microsecond=0))
            ledger.remember(_SINCE + one.label, value.encode())
        due, overdue = upcoming(ledger, one, now, self._zone)
        return Plan(one, due, overdue, is_told=False)

    def _take_ended(self, ledger: Queue) -> None:
        while True:
            with self._lock:
                if not self._ended:
                    return
                one, why = self._ended[0]
            said = {"type": "readout-command", "command": one.readout.command, "why": why}
            ledger.observe(one.label, said)
            with self._lock:
                del self._ended[0]
            if why:
                self._failed[one.readout.source] = why
            else:
                self._failed.pop(one.readout.source, None)

    # the timetable's thread

    def tick(self) -> None:
        """Look at the clock: start what is due in an open window, tell when something is late."""
        now = self._clock()
        with self._lock:
            plans = dict(self._plans)
        if any(now >= plan.overdue and not plan.is_told for plan in plans.values()):
            self._wake()
        busy = self._worker is not None and self._worker.is_alive()
        for name, plan in plans.items():
            until = readouttimes.open_until(plan.agreed.readout, now, self._zone)
            if not busy and until is not None and _is_wanted(plan, now):
                with self._lock:
                    self._plans[name] = replace(plan, tried=now)
                self._start(plan.agreed, min(until - now, LONGEST))
                return  # one at a time: two would want one cable

    def _start(self, one: Agreed, limit: timedelta) -> None:
        def work() -> None:
            why = NOT_ALLOWED
            try:
                arguments = self._programs().get(one.readout.command or "")
            except UsageError:
                arguments, why = None, BAD_SETTINGS
            if arguments is not None:
                why = self._run(arguments, limit.total_seconds(), self._stop)
            with self._lock:
                self._ended.append((one, why))
            self._wake()

        self._worker = threading.Thread(target=work, name="readout")
        self._worker.start()


def upcoming(
    memory: Memory, one: Agreed, now: datetime, zone: tzinfo | None
) -> tuple[datetime, datetime]:
    """From when on a read-out is due, and from when on it is overdue.

    What was never read out is due as soon as a window opens, since it was agreed.
    """
    last = last_readout(memory, one.label)
    if last is not None and last <= now:
        due = readouttimes.due(one.readout, last, zone)
    else:
        due = last = min(_since(memory, one) or now, now)
    return due, readouttimes.overdue(one.readout, last, zone)


def _since(memory: Memory, one: Agreed) -> datetime | None:
    """When a read-out that was never made was first agreed."""
    kept = memory.recall(_SINCE + one.label)
    return None if kept is None else parse_time(kept.decode(), what="since")


def _is_wanted(plan: Plan, now: datetime) -> bool:
    """Return whether its program is to be started; a clock that went back delays nothing."""
    if plan.agreed.readout.command is None or now < plan.due:
        return False
    return plan.tried is None or not plan.tried <= now < plan.tried + RETRY


def _strangers(gates: Mapping[str, Gate]) -> Iterable[tuple[str, Found]]:
    """Yield for each source how many finished backups are there of phones it does not know."""
    for name, gate in gates.items():
        many = sum(not ours and not backup.why for _, backup, ours in gate.found())
        if many:
            text = f"{name}: {many} backups of phones that the policy does not know"
            yield name, Found(text, many)
