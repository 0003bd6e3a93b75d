# SPDX-License-Identifier: EUPL-1.2
"""`run`: capture as things appear, ship at the policy's cadence, until told to end.

A hint of a change wakes a pass over its source once it has been quiet for the source's settle
time; the timetable wakes a pass over everything. The courier's thread ships meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from typing import Final

from lakzegel_agent.backoff import Backoff
from lakzegel_agent.capture import WatchedSource
from lakzegel_agent.capturing import Pass, attest, run_pass, watched
from lakzegel_agent.courier import POLL, Courier
from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.errors import SpoolFullError
from lakzegel_agent.health import own_load
from lakzegel_agent.ledger import DEVICE
from lakzegel_agent.policies import InForce
from lakzegel_agent.schedule import Timetable
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.settings import Config
from lakzegel_agent.standing import Say, arrive, enrolled, keep_status
from lakzegel_agent.station import Station, chance, station
from lakzegel_agent.watch import Watcher

RESCAN: Final = 900.0  # seconds between passes over everything
BLIND_RESCAN: Final = 60.0  # seconds, where no hints come
FULL_RETRY: Final = 30.0  # seconds, after a pass that found no room
LEAST_SETTLE: Final = 0.2  # seconds without a hint before a pass begins
MOST_SETTLE: Final = 30.0  # seconds after which a folder that never rests is read anyway
PATIENCE: Final = 60.0  # seconds that a pass waits for room
ALARMS: Final = ("rollback", "fork", "revoked", "superseded")
TICK: Final = 1.0  # seconds between two looks whether to end
NO_POLICY_CADENCE: Final = 60.0  # seconds between two questions for a first policy


def run(config: Config, *, say: Say, stop: threading.Event) -> int:
    """Work until ``stop``; 0, or 1 when the log could not be trusted at the end.

    Raises:
        UsageError: not enrolled, or another agent is at work.
    """
    with station(config) as opened:
        current = enrolled(opened, config)
        with Pool.open(config.workers) as pool:
            daemon = Daemon(opened, current, pool=pool, say=say, stop=stop)
            daemon.run()
        return 1 if any(opened.problems.has(code) for code in ALARMS) else 0


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
    ) -> None:
        self._opened = opened
        self._current = current
        self._pool = pool
        self._say = say
        self._stop = stop
        self._wake = Wake(stop)
        self._watcher = Watcher(frozenset())
        self._timetable: Timetable | None = None
        self._plan: tuple[float, float] | None = None
        self._full = False
        self._courier: Courier | None = None
        self._said: set[str] = set()

    def run(self) -> None:
        """Arrive, then work pass by pass until told to end."""
        with suppress(SpoolFullError):
            self._opened.ledger.observe(DEVICE, {"type": "start", "version": version("lakzegel")})
        try:
            self._arrive()
            while not self._stop.is_set():
                self._turn()
                self._wake.wait()
        finally:
            self._end()

    # one turn

    def _turn(self) -> None:
        """Everything that woke us, once; without room it is tried again soon."""
        in_force = None
        try:
            in_force = self._work(self._wake.take())
            self._full = False
        except SpoolFullError as error:
            self._full = True
            with suppress(SpoolFullError):
                self._opened.problems.add(self._opened.ledger, "spool-full", str(error))
        else:
            self._opened.problems.clear(self._opened.ledger, "spool-full")
        self._arrange(in_force)
        self._keep(in_force)

    def _work(self, roots: set[bytes] | None) -> InForce | None:
        """A pass over the sources below these roots, None for all; the policy in force."""
        if self._must_arrive(timed=roots is None):
            self._arrive()
        in_force = self._policy()
        if in_force is None:
            return None
        sources = watched(self._opened, in_force)
        self._watch(sources)
        chosen = [s for s in sources if roots is None or s.root in roots]
        self._wake.settle(max((s.settle for s in chosen), default=0.0))
        attest(self._opened, in_force)
        self._pass(in_force, chosen)
        return in_force

    def _pass(self, in_force: InForce, sources: list[WatchedSource]) -> None:
        courier, limit = self._courier, in_force.policy.spool_limit

        def wait_for_room(size: int) -> bool:
            def has_room() -> bool:
                return self._opened.spool.used() + size <= limit

            if courier is None:
                return has_room()
            return courier.wait_for_room(has_room, patience=PATIENCE)

        def on_batch(_: object) -> None:
            if courier is not None and not in_force.policy.cadence:
                courier.kick()

        work = Pass(
            current=self._current,
            in_force=in_force,
            pool=self._pool,
            wait_for_room=wait_for_room,
            on_batch=on_batch,
            progress=lambda _: None,
            stop=self._stop,
        )
        try:
            run_pass(self._opened, work, sources)
        finally:
            self._pool.rest()

    def _policy(self) -> InForce | None:
        liaison = self._opened.liaison(self._opened.ledger)
        try:
            return liaison.policy(self._current)
        finally:
            liaison.link.close()

    # the receiver

    def _must_arrive(self, *, timed: bool) -> bool:
        """Whether this device's standing has to be found out anew before anything is sent."""
        courier = self._courier
        return courier is None or (courier.outcome.halted and (timed or courier.renew))

    def _arrive(self) -> None:
        """Ask the log where this device stands, then ship in a thread of its own."""
        if self._courier is not None:
            self._courier.stop()
        self._current, fault = arrive(self._opened, self._current, tries=1)
        in_force = self._policy()
        courier = Courier(
            self._opened.parts, self._current, backoff=Backoff(chance), heard=self._wake.all
        )
        courier.policy = None if in_force is None else in_force.id
        courier.doubt = fault is not None
        courier.start()
        courier.consult()
        self._courier = courier
        self._tell()

    def _consult(self) -> None:
        if self._courier is not None:
            self._courier.consult()

    # hints and times

    def _watch(self, sources: Iterable[WatchedSource]) -> None:
        """Watch these sources' folders, anew when they changed or a watch died."""
        roots = frozenset(source.root for source in sources)
        if roots == self._watcher.roots and self._watcher.is_well():
            return
        self._watcher.stop()
        self._watcher = Watcher.start(roots, self._wake.root)
        ledger, problems = self._opened.ledger, self._opened.problems
        if self._watcher.blind:
            text = f"{len(self._watcher.blind)} of {len(roots)} folders send no hints"
            problems.add(ledger, "polling", text)
        else:
            problems.clear(ledger, "polling")

    def _arrange(self, in_force: InForce | None) -> None:
        """Set the timetable, anew when the cadence or the need to look changed."""
        cadence = NO_POLICY_CADENCE if in_force is None else in_force.policy.cadence
        rescan = BLIND_RESCAN if self._watcher.blind else RESCAN
        plan = (FULL_RETRY if self._full else rescan, max(cadence, POLL))
        if plan == self._plan:
            return
        if self._timetable is not None:
            self._timetable.stop()
        self._plan, self._timetable = plan, Timetable()
        self._timetable.every(plan[0], self._wake.all)
        self._timetable.every(plan[1], self._consult)
        self._timetable.start()

    # telling

    def _keep(self, in_force: InForce | None) -> None:
        load = own_load()
        keep_status(
            self._opened,
            self._current,
            in_force,
            process={
                "processes": load.processes,
                "rss": load.rss,
                "cpu_seconds": load.cpu_seconds,
            },
        )
        self._tell()

    def _tell(self) -> None:
        """Say each problem once, in one line, when it arises."""
        now = {p.code: p for p in self._opened.problems.listed()}
        for code in now.keys() - self._said:
            self._say(f"{code}: {now[code].detail}; {now[code].next}")
        self._said = set(now)

    def _end(self) -> None:
        if self._timetable is not None:
            self._timetable.stop()
        self._watcher.stop()
        if self._courier is not None:
            self._courier.stop()
        with suppress(SpoolFullError):
            self._opened.ledger.observe(DEVICE, {"type": "stop"})
        self._keep(self._policy())


class Wake:
    """What woke the agent: roots below which something changed, or everything."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._changed = threading.Condition()
        self._roots: set[bytes] = set()
        self._all = True
        self._at = time.monotonic()

    def root(self, root: bytes) -> None:
        """A hint: something changed below this root."""
        with self._changed:
            self._roots.add(root)
            self._at = time.monotonic()
            self._changed.notify_all()

    def all(self) -> None:
        """Time for everything."""
        with self._changed:
            self._all = True
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when there is something to do, or to end for."""
        with self._changed:
            while not (self._roots or self._all or self._stop.is_set()):
                self._changed.wait(TICK)

    def settle(self, seconds: float) -> None:
        """Return when no hint came for so long, or a folder never rests."""
        quiet = max(seconds, LEAST_SETTLE)
        until = time.monotonic() + max(MOST_SETTLE, quiet)
        while not self._stop.is_set():
            now = time.monotonic()
            left = min(self._at + quiet, until) - now
            if left <= 0:
                return
            self._stop.wait(left)

    def take(self) -> set[bytes] | None:
        """What is to be looked at; None for everything."""
        with self._changed:
            roots = None if self._all else set(self._roots)
            self._roots.clear()
            self._all = False
            return roots
