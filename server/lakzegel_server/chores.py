# SPDX-License-Identifier: EUPL-1.2
"""What a receiver does by itself, beside answering: each chore in a thread of its own.

A chore that hangs or fails holds up no other, and no request. What it did is durable or is done
again: the process may end at any moment. Where several receivers share an index, a chore that one
of them does is done by the holder of its lease (docs/spec/stores.md §8).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from lakzegel_server.index.turns import Lease

STOP_SECONDS: Final = 5.0  # all may take this long to end; then the process goes without them
_log: Final = logging.getLogger(__name__)


class Chore:
    """Work that is done again and again, and at once when it is woken."""

    def __init__(
        self,
        name: str,
        every: float,
        work: Callable[[], None],
        lease: Lease | None = None,
        take_over: Callable[[], None] = lambda: None,
    ) -> None:
        """With a lease, only its holder works; first it takes over what rows say, not memory."""
        self.name = name
        self.failed: str | None = None  # the kind of the newest failure; None after a success
        self.ours = lease is None  # whether the newest round was this receiver's to do
        self._lease = lease
        self._take_over = take_over
        self._every = every
        self._began: float | None = None  # of the round under way
        self._work = work
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"chore-{name}", daemon=True)

    @property
    def stopping(self) -> bool:
        """Whether the work should end soon; for work that takes long."""
        return self._stopping.is_set()

    @property
    def leads(self) -> bool:
        """Whether it is done here for all receivers."""
        return self._lease is not None and self.ours

    @property
    def alive(self) -> bool:
        """Whether its thread is there."""
        return self._thread.is_alive()

    def busy(self) -> float:
        """Seconds since the round under way began; 0 between two."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def start(self) -> None:
        """Do it now, and then every so often."""
        self._thread.start()

    def wake(self) -> None:
        """Do it once more as soon as it can be."""
        self._woken.set()

    def end(self) -> None:
        """Begin no more; what is under way should end soon."""
        self._stopping.set()
        self._woken.set()

    def wait(self, seconds: float) -> None:
        """Wait for the end of what is under way, and no longer than that."""
        if self._thread.is_alive():
            self._thread.join(max(seconds, 0.0))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            self._began = time.monotonic()
            try:
                self._round()
            except Exception as error:  # noqa: BLE001 - the composition root of a chore
                self.failed = type(error).__name__
                _log.warning("%s: %s", self.name, self.failed)
            else:
                self.failed = None
            self._began = None
            self._woken.wait(self._every)

    def _round(self) -> None:
        """Do it, where it is this receiver's to do."""
        if self._lease is not None:
            had, self.ours = self.ours, self._lease.holds()
            if not self.ours:
                return
            if not had:
                self.ours = False  # until it took over, or the next round would not
                self._take_over()
                self.ours = True
        self._work()

    def leave(self) -> None:
        """Leave it to another receiver, where its thread has ended."""
        if self._lease is not None and not self.alive:
            self._lease.close()


class Chores:
    """All chores of one receiver."""

    def __init__(self, lease: Callable[[str], Lease] | None = None) -> None:
        """None began; ``lease`` is where leases are asked for, if there are other receivers."""
        self._lease = lease
        self._all: dict[str, Chore] = {}
        self._started = False

    def add(
        self,
        name: str,
        every: float,
        work: Callable[[], None],
        *,
        alone: str = "",
        take_over: Callable[[], None] = lambda: None,
    ) -> Chore:
        """A new chore, which begins when the others do, or now when they have.

        Of several receivers the one that has the lease ``alone`` does it, where that is named.
        """
        if name in self._all:
            raise ValueError(f"there is a chore {name} already")
        lease = self._lease(alone) if self._lease is not None and alone else None
        chore = self._all[name] = Chore(name, every, work, lease, take_over)
        if self._started:
            chore.start()
        return chore

    def __getitem__(self, name: str) -> Chore:
        return self._all[name]

    def __contains__(self, name: str) -> bool:
        return name in self._all

    def __iter__(self) -> Iterator[Chore]:
        return iter(tuple(self._all.values()))

    def start(self) -> None:
        """Begin with all of them."""
        self._started = True
        for chore in self._all.values():
            chore.start()

    def stop(self) -> None:
        """End all of them at once, and wait a while for those that are at work."""
        for chore in self._all.values():
            chore.end()
        deadline = time.monotonic() + STOP_SECONDS
        for chore in self._all.values():
            chore.wait(deadline - time.monotonic())
            chore.leave()
