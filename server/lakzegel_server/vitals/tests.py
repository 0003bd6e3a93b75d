# SPDX-License-Identifier: EUPL-1.2
"""What is tested of a receiver (docs/spec/monitoring.md §1)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from lakzegel_core.checkpoint import Checkpoint, open_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_server.chores import Chores
from lakzegel_server.database import Database
from lakzegel_server.index.engine import FAILURES, code_of
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.schema import put, row_digest
from lakzegel_server.vitals.probes import FailedError, Test

LOCKED_SECONDS: Final = 2.0  # as long may somebody else be writing
SHOWN_SECONDS: Final = 2.0  # within which what was committed is shown: publish is seen in 0.25
EARLIEST: Final = 1_767_225_600  # 2026-01-01: no receiver of this version ran before
AHEAD_SECONDS: Final = 60  # what the newest checkpoint may be signed later than now
ROUND_SECONDS: Final = 3600.0  # a chore's round that takes longer hangs
FEW_INODES: Final = 1000


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the tests look at."""

    layout: Layout
    log: LogState
    chores: Chores
    free: int  # bytes that must be left on the disk
    clock: Callable[[], float]

    def tests(self) -> dict[str, Test]:
        """Every test, in the order in which they are told."""
        return {
            "database": self.database,
            "disk": self.disk,
            **({"stores": self.stores} if self.layout.stores.apart() else {}),
            "keys": self.keys,
            "checkpoint": self.checkpoint,
            "sealing": self.sealing,
            "chores": self.round,
            "clock": self.time,
        }

    def database(self) -> str:
        """A transaction is durable."""
        began = time.perf_counter()
        now = int(self.clock())
        try:
            opened = Database.open_briefly(self.layout.database, LOCKED_SECONDS)
            with closing(opened) as database:
                database.connection.execute(put("probe"), (1, now, row_digest(1, now)))
        except FAILURES as error:
            raise FailedError(f"the index cannot be written: {code_of(error)}") from None
        return f"a transaction in {(time.perf_counter() - began) * 1000:.0f} ms"

    def disk(self) -> str:
        """There is room, in bytes and in names."""
        found = os.statvfs(self.layout.data)
        free = found.f_bavail * found.f_frsize
        if free < self.free:
            raise FailedError(f"{free} bytes free, fewer than {self.free}")
        if found.f_files and found.f_favail < FEW_INODES:
            raise FailedError(f"room for {found.f_favail} more files")
        return f"{free} bytes free"

    def stores(self) -> str:
        """Where objects and keyrings are answers."""
        began = time.perf_counter()
        for name, store in self.layout.stores.apart().items():
            try:
                store.test()
            except OSError as error:
                raise FailedError(f"{name}: {error.strerror}") from None
        return f"an answer in {(time.perf_counter() - began) * 1000:.0f} ms"

    def keys(self) -> str:
        """The log's keys sign."""
        try:
            self.log.test_keys()
        except LakzegelError as error:
            raise FailedError(f"the log's keys do not sign: {error.code}") from None
        return "both sign"

    def checkpoint(self) -> str:
        """What is shown, in memory and on the disk, is what was committed."""
        until = time.monotonic() + SHOWN_SECONDS
        while (found := self._compare()) is not None:
            if time.monotonic() > until:
                raise FailedError(found)
            time.sleep(0.05)
        return f"{self.log.shown.checkpoint.size} entries"

    def _compare(self) -> str | None:
        with closing(Database.open_readonly(self.layout.database)) as database:
            tree = database.tree()
        shown = self.log.shown
        if shown.checkpoint != Checkpoint(self.log.origin, tree.size, tree.root()):
            return f"{tree.size} entries are committed, {shown.checkpoint.size} are shown"
        data = self.log.store.read_checkpoint() or b""
        try:
            lies_there = open_checkpoint(data, self.log.keys).checkpoint
        except LakzegelError as error:
            return f"log/checkpoint does not hold: {error.code}"
        return None if lies_there == shown.checkpoint else "log/checkpoint is another than shown"

    def sealing(self) -> str:
        """It is the newest log, and takes batches."""
        standing = self.log.standing
        if not standing.sealing:
            raise FailedError(f"{standing.phase.value}: nothing is sealed")
        return standing.phase.value

    def round(self) -> str:
        """What it does by itself is being done."""
        chores = list(self.chores)
        dead = [chore.name for chore in chores if not chore.alive]
        stuck = [chore.name for chore in chores if chore.busy() > ROUND_SECONDS]
        if dead or stuck:
            raise FailedError("; ".join(f"{name} has stopped" for name in (*dead, *stuck)))
        failing = [f"{chore.name}: {chore.failed}" for chore in chores if chore.failed]
        return "; ".join(failing) or f"{len(chores)} alive"

    def time(self) -> str:
        """The clock is not behind what was signed by it."""
        now = int(self.clock())
        data = self.log.shown.data
        signed = open_checkpoint(data, self.log.keys).signed_at if data else EARLIEST
        if now < EARLIEST or now + AHEAD_SECONDS < signed:
            behind = max(EARLIEST, signed) - now
            raise FailedError(f"the clock is {behind} s behind what this receiver signed by it")
        return "not behind what was signed by it"
