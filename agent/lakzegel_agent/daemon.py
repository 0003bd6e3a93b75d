# SPDX-License-Identifier: EUPL-1.2
"""The turns of `run`: capture as things appear, ship at the policy's cadence, until told to end.

A hint of a change wakes a pass over its source once it has been quiet for the source's settle
time; the timetable, a sleep that ended and events that the system dropped wake a pass over
everything. The courier's thread ships meanwhile. docs/spec/sources.md §6
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from lakzegel_agent import completeness, ending, guardtimes, memory, readout, updates
from lakzegel_agent.backoff import Backoff
from lakzegel_agent.capture import PassReport, WatchedSource
from lakzegel_agent.capturing import Pass, attest, run_last, run_pass, watched
from lakzegel_agent.courier import POLL, Courier
from lakzegel_agent.coveragepulse import Pulse
from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.errors import UnwritableError
from lakzegel_agent.guardapart import look_apart
from lakzegel_agent.heart import Heart
from lakzegel_agent.ledger import DEVICE
from lakzegel_agent.ledgerrows import BatchRow
from lakzegel_agent.policies import InForce
from lakzegel_agent.renewal import Renewal
from lakzegel_agent.schedule import Active, poll_after, rescan_after
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.standing import Say, arrive
from lakzegel_agent.station import Station, chance, wall_clock
from lakzegel_agent.telling import Teller
from lakzegel_agent.times import Acts, Plan, Times
from lakzegel_agent.vitals import Vitals
from lakzegel_agent.wake import Wake
from lakzegel_agent.watchkeeper import WatchKeeper
from lakzegel_agent.weather import Weather

BLOCKED_RETRY: Final = 30.0  # seconds, after a turn that the disk did not take
CHEAP: Final = 0.05  # seconds of processor time of a pass over everything that nobody minds
LEAVING: Final = 5.0  # seconds between two looks whether all of an ended term may go
PATIENCE: Final = 60.0  # seconds that a pass waits for room
Sealing = Callable[[Station, Pass, list[WatchedSource]], PassReport]
NO_POLICY_CADENCE: Final = 60.0  # seconds between two questions for a first policy


class Daemon:
    """One life of the agent."""

    def __init__(
        self,
        opened: Station,
        current: Introduction,
        *,
        pool: Pool,
        say: Say,
        stop: threading.Event,
        vitals: Vitals,
        wake: Wake,
        trial: updates.Trial,
    ) -> None:
        self._opened = opened
        self._trial = trial
        self._current = current
        self._pool = pool
        self._stop = stop
        self._vitals = vitals
        self._wake = wake
        self._keeper = WatchKeeper(self._wake)
        self._teller = Teller(opened, vitals, self._keeper, say)
        self._pulse = Pulse(opened.open_ledger)
        self._readouts = readout.keeper(opened, self._wake.all)
        self._stated = 0  # overflows that the office was told of
        self._cost = 0.0  # seconds of processor time of a pass over everything without news
        acts = Acts(self._wake.all, self._poll, self._consult, self._readouts.tick, readout.LOOK)
        self._times = Times(acts)
        self._weather = Weather(opened.ledger, opened.problems)
        self._active = Active()
        self._renewal = Renewal(opened)
        self._courier: Courier | None = None
        self._heart = Heart(
            opened.problems, boot=os.urandom(16), started=wall_clock(), chance=chance
        )
        self.is_over = False  # the term of office ended, and nothing is left to be sent

    def run(self) -> None:
        """Arrive, then work pass by pass until told to end."""
        with suppress(UnwritableError):
            completeness.begin(self._opened, self._pulse)
            self._trial.begin(self._opened.ledger, self._opened.problems)
        try:
            with self._trial.arriving():
                self._weather.through(self._arrive)
            self._vitals.ready(self._current.enrolment.epoch)
            while not self._stop.is_set():
                with self._vitals.working():
                    self._turn()
                self._opened.ledger.rest()
                memory.give_back()
                self._wake.wait()
        finally:
            self._end()

    # one turn

    def _turn(self) -> None:
        """Everything that woke us, once; what the disk does not take is tried again soon."""
        in_force = self._weather.through(self._work)
        if not (self._weather.is_blocked or self._stop.is_set()):
            self._weather.through(lambda: self._trial.turned(self._opened.ledger))
        self._arrange(in_force)
        self._keep(in_force)

    def _work(self) -> InForce | None:
        """A pass over what is due; the policy in force."""
        if ending.is_ended(self._opened.ledger):
            return self._leaving()
        in_force, sources = self._survey()
        roots = self._wake.take()
        if self._must_arrive(in_force, timed=roots is None):
            self._arrive()
            in_force, sources = self._survey()
        if in_force is None:
            return None
        attest(self._opened, in_force, self._pulse)
        if self._must_end(in_force):
            self._pass(in_force, sources, seal=run_last)
            self._wake.all()
            return in_force
        if roots is None:
            self._everything(in_force, sources)
        else:
            self._some(in_force, sources, roots)
        readout.attend(self._readouts, self._opened, in_force, sources)
        return in_force

    def _leaving(self) -> InForce | None:
        """After the last batch: look at nothing, ask where this device stands, and end."""
        roots = self._wake.take()
        self._readouts.stop()
        self._wake.settles({})
        self._keeper.attend({})
        courier = self._courier
        if courier is None or (courier.outcome.halted and roots is None):
            self._arrive()
        elif not courier.outcome.halted:
            courier.consult()
        self._opened.sweep()
        if ending.may_leave(self._opened.home, self._opened.ledger):
            self.is_over = True
            self._stop.set()
        return self._policy()

    def _must_end(self, in_force: InForce | None) -> bool:
        opened = self._opened
        log = opened.config.pins.log
        return ending.must_end(opened.home, opened.ledger, in_force, log, wall_clock())

    def _survey(self) -> tuple[InForce | None, list[WatchedSource]]:
        """The policy in force and its sources, which are watched before they are looked at."""
        in_force = self._policy()
        sources = [] if in_force is None else watched(self._opened, in_force)
        settles: dict[bytes, float] = {}
        for source in sources:
            settles[source.root] = max(source.settle, settles.get(source.root, 0.0))
        self._wake.settles(settles)
        self._keeper.attend(settles)
        return in_force, sources

    def _everything(self, in_force: InForce, sources: list[WatchedSource]) -> None:
        """A pass over all sources; events that were dropped before it are made good by it."""
        ledger, problems, lost = self._opened.ledger, self._opened.problems, self._keeper.overflows
        if lost > self._stated:
            text = f"{lost} times since this agent started"
            problems.add(ledger, "events-dropped", text)
            ledger.observe(DEVICE, {"type": "events-dropped", "times": lost - self._stated})
            self._stated = lost
            self._keep(in_force)
        before = time.process_time()
        self._pool.prefer_here(safe=False)
        report = self._pass(in_force, sources)
        if report.stopped:
            return
        self._pool.prefer_here(safe=True)
        if not report.batches:
            self._cost = time.process_time() - before
        news = completeness.look_back(self._opened, in_force)
        if guardtimes.guard(self._opened, in_force, look_apart, wall_clock()) or news:
            self._pass(in_force, [])  # seals what was found
        self._opened.sweep()
        self._vitals.passed()
        if self._keeper.overflows == lost:
            problems.clear(ledger, "events-dropped")

    def _some(
        self,
        in_force: InForce,
        sources: list[WatchedSource],
        roots: Mapping[bytes, frozenset[bytes] | None],
    ) -> None:
        """A pass over what is due; where something is gone, a look at the whole follows.

        At once where that is cheap, else with the folders that are polled.
        """
        due = [
            replace(source, touched=roots[source.root])
            for source in sources
            if source.root in roots
        ]
        report = self._pass(in_force, due)
        lacking = {source.root for source in due if source.label in report.lacking}
        if lacking and self._cost < CHEAP:
            self._wake.look(lacking)
        else:
            self._wake.later(lacking)

    def _pass(
        self, in_force: InForce, sources: list[WatchedSource], *, seal: Sealing = run_pass
    ) -> PassReport:
        courier, limit = self._courier, in_force.policy.spool_limit

        def wait_for_room(size: int) -> bool:
            def has_room() -> bool:
                return self._opened.spool.used() + size <= limit

            if courier is None:
                return has_room()
            return courier.wait_for_room(has_room, patience=PATIENCE)

        def on_batch(row: BatchRow) -> None:
            self._vitals.closed(row)
            self._active.did()
            if courier is not None and not in_force.policy.cadence:
                courier.kick()

        work = Pass(
            current=self._current,
            in_force=in_force,
            pool=self._pool,
            wait_for_room=wait_for_room,
            on_batch=on_batch,
            progress=lambda _: self._vitals.progress(),
            stop=self._stop,
            pulse=self._pulse,
        )
        try:
            return seal(self._opened, work, sources)
        finally:
            self._pool.rest()

    def _policy(self) -> InForce | None:
        liaison = self._opened.liaison(self._opened.ledger)
        try:
            return liaison.policy(self._current)
        finally:
            liaison.link.close()

    # the receiver

    def _must_arrive(self, in_force: InForce | None, *, timed: bool) -> bool:
        """Whether this device's standing has to be found out anew, or its keys be replaced."""
        courier = self._courier
        if courier is None or (courier.outcome.halted and (timed or courier.renew)):
            return True
        if self._renewal.is_due(self._current, in_force):
            return True
        if self._renewal.is_wanted(self._current, in_force):
            courier.kick()
        return False

    def _arrive(self) -> None:
        """Ask the log where this device stands, then ship in a thread of its own."""
        if self._courier is not None:
            if not self._courier.stop():  # it would go on in the name of the old keys
                self._renewal.put_off()
            self._courier = None  # begun anew below, or in a later turn
        self._current, fault = arrive(self._opened, self._current, tries=1)
        if fault is None and not ending.is_ended(self._opened.ledger):
            self._current, fault = self._renewal.attempt(self._current, self._policy())
        else:
            self._renewal.put_off()
        in_force = self._policy()
        courier = Courier(
            self._opened.parts,
            self._current,
            backoff=Backoff(chance),
            heard=self._wake.all,
            heart=self._heart,
        )
        courier.policy = None if in_force is None else in_force.id
        courier.doubt = fault is not None
        courier.start()
        courier.consult()
        self._courier = courier
        self._teller.say_problems()

    def _consult(self) -> None:
        if self._courier is not None and self._active.is_time():
            self._courier.consult()

    # hints and times

    def _arrange(self, in_force: InForce | None) -> None:
        """Set the timetable, anew when the cadence or the need to look changed."""
        cadence = NO_POLICY_CADENCE if in_force is None else in_force.policy.cadence
        rescan = BLOCKED_RETRY if self._weather.is_blocked else rescan_after(self._cost)
        if ending.is_ended(self._opened.ledger):
            rescan = LEAVING
        self._times.follow(Plan(rescan, poll_after(self._cost), max(cadence, POLL)))

    def _poll(self) -> None:
        """Time for the folders that give no hints, and those where something is gone."""
        self._wake.poll(self._keeper.polled())

    def _keep(self, in_force: InForce | None) -> None:
        """Tell how it stands, the receiver too where that is news."""
        self._teller.keep(self._current, in_force)
        if self._courier is not None and self._heart.has_news():
            self._courier.nudge()

    def _end(self) -> None:
        self._vitals.stopping()
        self._times.stop()
        self._keeper.stop()
        self._readouts.stop()
        if self._courier is not None:
            self._courier.stop()
        with suppress(UnwritableError):
            self._opened.ledger.observe(DEVICE, {"type": "stop"})
        self._pulse.stop(self._opened.ledger)
        self._keep(self._policy())
