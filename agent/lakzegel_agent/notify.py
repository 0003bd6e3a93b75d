# SPDX-License-Identifier: EUPL-1.2
"""Tells a service manager how the agent fares, and feeds its watchdog while there is progress.

    READY=1            arrived; STATUS=12 found = 12 sealed + 0 excluded + 0 failed
    WATCHDOG=1         every third of WATCHDOG_USEC, while waiting for work or making progress
    STOPPING=1         at the end

systemd's protocol, sd_notify(3): datagrams of NAME=value lines to the socket that NOTIFY_SOCKET
names, an abstract one where it begins with @. docs/spec/health.md §4
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol

from lakzegel_agent.platforms import system
from lakzegel_agent.settingsconfig import ServiceManager

_FEEDS: Final = 3  # a watchdog's time is cut in so many


class Pulse(Protocol):
    """What a daemon tells of its life; none of it raises."""

    def ready(self) -> None:
        """It has arrived and works from now on."""
        ...

    def status(self, text: str) -> None:
        """How it fares: numbers and codes, for whoever asks the service manager."""
        ...

    def progress(self) -> None:
        """Something got done."""
        ...

    @contextmanager
    def working(self) -> Iterator[None]:
        """While this lasts there has to be progress."""
        ...

    def stopping(self) -> None:
        """It begins to end."""
        ...


class Quiet:
    """Nobody listens."""

    def ready(self) -> None:
        """Nothing."""

    def status(self, text: str) -> None:
        """Nothing."""

    def progress(self) -> None:
        """Nothing."""

    @contextmanager
    def working(self) -> Iterator[None]:
        """Nothing."""
        yield

    def stopping(self) -> None:
        """Nothing."""


class Feeder:
    """Whether the watchdog is to be fed: work that hangs is not."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._lock = threading.Lock()
        self._at_work = 0
        self._last = now()

    def progress(self) -> None:
        """Something got done."""
        self._last = self._now()

    @contextmanager
    def working(self) -> Iterator[None]:
        """From the begin to the end of this, progress is what counts."""
        self.progress()
        with self._lock:
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
            self.progress()

    def is_due(self) -> bool:
        """Whether it waits for work, or made progress within the watchdog's time."""
        return not self._at_work or self._now() - self._last < self._seconds


class Notifier:
    """A service manager's socket. What cannot be sent is not: the agent works on."""

    def __init__(
        self, manager: ServiceManager, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        name = manager.notify
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket = system.local_socket(socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._watchdog = manager.watchdog
        self._feeder = Feeder(manager.watchdog or 0.0, now)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="watchdog", daemon=True)

    def ready(self) -> None:
        """Say that it works; the watchdog is fed from now on."""
        self._send("READY=1")
        if self._watchdog is not None and self._thread.ident is None:
            self._thread.start()

    def status(self, text: str) -> None:
        """Say how it fares."""
        self._send("STATUS=" + text.replace("\n", " "))

    def progress(self) -> None:
        """Note that something got done."""
        self._feeder.progress()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Expect progress while this lasts."""
        with self._feeder.working():
            yield

    def stopping(self) -> None:
        """Say that it ends; the watchdog is fed on: the end has its own time limit."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """End."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()

    def _feed(self) -> None:
        seconds = self._watchdog or 0.0
        while not self._ended.is_set():
            if self._feeder.is_due():
                self._send("WATCHDOG=1")
            self._ended.wait(seconds / _FEEDS)

    def _send(self, text: str) -> None:
        with suppress(OSError):
            self._socket.sendto(text.encode(), self._address)


@contextmanager
def notifying(manager: ServiceManager | None) -> Iterator[Pulse]:
    """What a daemon tells its service manager through, if there is one."""
    if manager is None:
        yield Quiet()
        return
    notifier = Notifier(manager)
    try:
        yield notifier
    finally:
        notifier.close()
