# SPDX-License-Identifier: EUPL-1.2
"""The mark that the agent leaves each minute, in a thread of its own (docs/spec/sources.md §7).

A pass may take hours and a laptop may lose its power at any moment: what the last mark says is what
the agent knows of its own absence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_agent.coverage import BEAT, Gap, Moment, Record
from lakzegel_agent.errors import AgentError, UnwritableError
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.platforms import system
from lakzegel_core.encoding import format_time

NAME: Final = "coverage"  # what the ledger keeps the record by
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
Said = Callable[[Record], Iterable[tuple[str, bytes]]]
"""The observations, as source and payload, that state a record."""


def moment() -> Moment:
    """Return this moment by every clock of the system.

    Where no clock goes on while the device sleeps the wall clock stands in, and its steps are
    taken for sleep.
    """
    boot = ""
    with suppress(OSError):
        boot = _BOOT_ID.read_text("ascii").strip()
    return Moment(datetime.now(UTC).replace(microsecond=0), boot, system.going_on(), system.awake())


class Pulse:
    """Marks that this agent is alive; one object a process, shared by its threads."""

    def __init__(
        self, open_ledger: Callable[[], Ledger], *, clock: Callable[[], Moment] = moment
    ) -> None:
        self._open_ledger = open_ledger
        self._clock = clock
        self._lock = threading.Lock()
        self._record: Record | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, ledger: Ledger) -> tuple[Gap, ...]:
        """Leave the first mark and go on each minute; the gap before it, if there was one."""
        now = self._clock()
        data = ledger.recall(NAME)
        before = None if data is None else Record.unpack(data)
        record = Record(now.at, now) if before is None else before.marked(now, fresh=True)
        with self._lock:
            self._record = record
            with suppress(UnwritableError):
                self._keep(ledger, record)
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._thread.start()
        return () if before is None else record.gaps[len(before.gaps) :]

    def looked(self, labels: Iterable[str]) -> None:
        """Note that a pass over these sources came to its end; kept with the next mark."""
        with self._lock:
            record = self._known()
            at = format_time(self._clock().at)
            seen = {label: (record.looked.get(label, (0, ""))[0] + 1, at) for label in labels}
            self._record = replace(record, looked={**record.looked, **seen})

    def since(self) -> datetime:
        """Return from when on nothing was attested yet."""
        with self._lock:
            return self._known().since

    def attest(self, ledger: Ledger, said: Said) -> None:
        """Queue what states the record up to now, and begin another one: both or neither."""
        with self._lock:
            record = self._known().marked(self._clock(), fresh=False)
            after = record.attested()
            observed = list(said(record))
            ledger.files.apply(Work(observed=observed, named=[(NAME, after.pack())]))
            self._record = after

    def stop(self, ledger: Ledger) -> None:
        """Leave the last mark of an orderly end."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock, suppress(AgentError):
            self._keep(ledger, self._known().marked(self._clock(), fresh=False, stopped=True))

    def _known(self) -> Record:
        if self._record is None:  # not begun
            now = self._clock()
            self._record = Record(now.at, now)
        return self._record

    def _keep(self, ledger: Ledger, record: Record) -> None:
        """Make a mark durable; without room the older one stays, and the gap is seen later."""
        ledger.remember(NAME, record.pack())
        self._record = record

    def _run(self) -> None:
        if self._over.wait(BEAT):
            return
        while not self._over.is_set():
            with suppress(AgentError), self._open_ledger() as ledger:
                self._go_on(ledger)
            self._over.wait(BEAT)  # the ledger could not be opened: again with the next mark

    def _go_on(self, ledger: Ledger) -> None:
        while True:
            with self._lock, suppress(AgentError):
                self._keep(ledger, self._known().marked(self._clock(), fresh=False))
            if self._over.wait(BEAT):
                return
