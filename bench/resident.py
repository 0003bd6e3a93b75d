# SPDX-License-Identifier: EUPL-1.2
"""The agent as it lives on a device: it knows the corpus, waits, and is given small things to do.

Everything is measured from outside: processor time and memory by the kernel's count of the agent
and its children, receipts by the state of its batches in the ledger, which only a verified receipt
changes.
"""

import os
import signal
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from bench.measure import MB, BenchError, memory_of
from bench.rivals import append_mail, mail
from lakzegel_demo.journey import Journey
from lakzegel_demo.process import end

IDLE: Final = 120.0  # seconds of rest that are measured
SETTLED: Final = 75.0  # seconds before them: for a minute after it did something it asks more often
QUIET: Final = 2.0  # seconds without work after which the agent is at rest
FEW: Final = 0.1  # seconds of processor time that are no work: it asks the log now and then
WRITES: Final = 10
WAIT: Final = 120.0  # seconds for anything that must come
LOOK: Final = 0.005  # seconds between two looks at the ledger


@dataclass(slots=True)
class Resident:
    """A running agent and its ledger."""

    process: psutil.Process
    ledger: Path
    corpus: Path

    def idle(self) -> dict[str, float]:
        """Return percent of one core, and MB, of an agent that has nothing to do."""
        self._rest()
        time.sleep(SETTLED)
        before, began = self.cpu(), time.monotonic()
        time.sleep(IDLE)
        spent, passed = self.cpu() - before, time.monotonic() - began
        resident = sum(one.memory_info().rss for one in self._family()) / MB
        return {
            "percent": 100 * spent / passed,
            "resident": resident,
            "share": sum(memory_of(one.pid) for one in self._family()),
            "seconds": passed,
        }

    def rescan(self) -> float:
        """Return the processor time of one look at everything, with nothing new."""
        return self._cost(lambda: os.kill(self.process.pid, signal.SIGHUP))

    def append(self) -> float:
        """Return the processor time of one mail that is appended to the mbox."""
        box = self.corpus / "Mbox" / "archive.mbox"

        def work() -> None:
            before = self._sealed()
            append_mail(box)
            self._await(lambda: self._sealed() > before)

        return self._cost(work)

    def latencies(self) -> list[float]:
        """Return the seconds from a written file to its verified receipt, settle time 0."""
        return [self._latency(number) for number in range(WRITES)]

    def cpu(self) -> float:
        """Return the processor time of the agent, of its children, and of those that ended."""
        spent = 0.0
        for one in self._family():
            times = one.cpu_times()
            spent += times.user + times.system
            if one.pid == self.process.pid:
                spent += times.children_user + times.children_system
        return spent

    def await_rest(self) -> None:
        """Return when the agent has looked at everything once."""
        self._await(lambda: bool(self._sealed()))
        self._rest()

    def _latency(self, number: int) -> float:
        self._rest()
        folder = self.corpus / "Maildir"
        name = f"{2_000_000_000 + number}.M{number}P2.laptop"
        before = self._sealed()
        path = folder / "tmp" / name
        path.write_text(mail(f"new-{number}"))
        path.rename(folder / "new" / name)
        began = time.monotonic()
        self._await(lambda: self._sealed() > before)
        return time.monotonic() - began

    def _cost(self, work: Callable[[], None]) -> float:
        self._rest()
        before = self.cpu()
        work()
        self._rest()
        return self.cpu() - before

    def _rest(self) -> None:
        """Wait until the agent has next to no work, and no children."""
        limit = time.monotonic() + WAIT
        spent = FEW
        while spent >= FEW or len(self._family()) > 1 or self._waiting():
            before = self.cpu()
            time.sleep(QUIET)
            spent = self.cpu() - before
            if time.monotonic() > limit:
                raise BenchError("the agent does not come to rest")

    def _family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def _sealed(self) -> int:
        return self._count("state IN ('sealed', 'released')")

    def _waiting(self) -> int:
        return self._count("state = 'waiting'")

    def _count(self, which: str) -> int:
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as database:
            (count,) = database.execute(f"SELECT count(*) FROM batches WHERE {which}").fetchone()
        return int(count)

    def _await(self, come: Callable[[], bool]) -> None:
        limit = time.monotonic() + WAIT
        while not come():
            if time.monotonic() > limit:
                raise BenchError(f"nothing came in {WAIT:.0f} s")
            time.sleep(LOOK)


@contextmanager
def living(journey: Journey, corpus: Path) -> Iterator[Resident]:
    """Give a running agent that has looked at everything once."""
    pid = journey.agent.start()
    home = journey.agent.config.parent
    ledgers = list(home.glob("**/ledger.sqlite"))
    if len(ledgers) != 1:
        raise BenchError(f"{home}: no ledger")
    box = corpus / "Mbox" / "archive.mbox"
    size = box.stat().st_size
    try:
        resident = Resident(psutil.Process(pid), ledgers[0], corpus)
        resident.await_rest()
        yield resident
    finally:
        end([journey.children.running.pop("agent")])
        os.truncate(box, size)  # a corpus that is kept is as it was
        for mail in (corpus / "Maildir" / "new").iterdir():
            mail.unlink()


def measure(journey: Journey, corpus: Path) -> dict[str, float]:
    """Return everything that is measured of a resident agent."""
    with living(journey, corpus) as resident:
        time.sleep(SETTLED)
        rescan = min(resident.rescan() for _ in range(3))
        latencies = resident.latencies()
        return {
            "rescan": rescan,
            "append": min(resident.append() for _ in range(3)),
            "checked": resident.rescan(),
            "latency least": min(latencies),
            "latency": statistics.median(latencies),
            "latency most": max(latencies),
            **resident.idle(),
        }
