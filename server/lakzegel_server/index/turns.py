# SPDX-License-Identifier: EUPL-1.2
"""Whose turn it is, among all processes that share an index (docs/spec/stores.md §3).

That one sequences at a time makes it fair and cheap; what makes it safe is the compare-and-swap of
`Database.commit`. So a turn that was lost without being noticed costs a refusal and no fork.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

_PRIVATE = 0o600


class Held(Protocol):
    """A turn that was taken."""

    def require(self) -> None:
        """Return when it still is ours.

        Raises:
            BusyError: the connection broke, and another may have it.
        """
        ...


class Lease(Protocol):
    """The right to do what one of several receivers does."""

    def holds(self) -> bool:
        """Whether it is ours now; takes it where nobody has it. Never waits for another."""
        ...

    def close(self) -> None:
        """Leave it to another."""
        ...


class Turns(Protocol):
    """One at a time, among all that share an index; a thread asks for one turn at a time."""

    def turn(self) -> AbstractContextManager[Held]:
        """Wait for a turn, and have it for as long as the context lasts."""
        ...

    def lease(self, name: str) -> Lease:
        """A right of this name, which whoever asked for it closes."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class FileTurns:
    """Turns among the processes of one machine, by a lock that the system takes back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def turn(self) -> Iterator[Held]:
        """Wait for a turn."""
        with self._path.open("a") as file:
            self._path.chmod(_PRIVATE)
            fcntl.flock(file, fcntl.LOCK_EX)
            yield _Always()

    def lease(self, name: str) -> Lease:
        """Ours: of an index in a file there is one receiver, which `serve.lock` sees to."""
        del name
        return _Always()

    def close(self) -> None:
        """Nothing is held between turns."""


class _Always:
    """What nobody else can have."""

    def require(self) -> None:
        """It is ours."""

    def holds(self) -> bool:
        """It is ours."""
        return True

    def close(self) -> None:
        """Nothing to leave."""
