# SPDX-License-Identifier: EUPL-1.2
"""The calls of Windows' service manager, so that a recording can stand behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, Protocol


class State(IntEnum):
    """Of a service."""

    STOPPED = 1
    START_PENDING = 2
    STOP_PENDING = 3
    RUNNING = 4


class Control(IntEnum):
    """What the manager tells a service."""

    STOP = 1
    INTERROGATE = 4
    SHUTDOWN = 5
    PARAMCHANGE = 6
    POWEREVENT = 13
    SESSIONCHANGE = 14
    PRESHUTDOWN = 15


class Accepts(IntFlag):
    """What of it a service wants to be told."""

    NOTHING = 0
    STOP = 0x1
    PARAMCHANGE = 0x8
    POWEREVENT = 0x40
    SESSIONCHANGE = 0x80
    PRESHUTDOWN = 0x100


NO_ERROR: Final = 0
NOT_IMPLEMENTED: Final = 120  # ERROR_CALL_NOT_IMPLEMENTED
SPECIFIC: Final = 1066  # ERROR_SERVICE_SPECIFIC_ERROR: the code is the service's own
RESUMED: Final = 18  # PBT_APMRESUMEAUTOMATIC
SIGNED_IN: Final = frozenset({1, 3, 5, 8})  # console or remote connect, logon, unlock

Handler = Callable[[int, int], int]
"""Called with a control and the kind of its event; returns an error code."""


class NotAServiceError(Exception):
    """The service manager did not start this process."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a service says of itself; ``hint`` is in milliseconds."""

    state: State
    accepts: Accepts = Accepts.NOTHING
    checkpoint: int = 0
    hint: int = 0
    code: int = 0  # the service's own exit code


class Scm(Protocol):
    """The manager's side of one service in this process."""

    def dispatch(self, name: str, main: Callable[[], None]) -> None:
        """Have ``main`` called in a thread of the manager's; return once it is stopped.

        Raises:
            NotAServiceError: at once, with nothing called.
        """
        ...

    def register(self, name: str, handler: Handler) -> None:
        """Have orders given to ``handler``; the first thing that ``main`` does."""
        ...

    def tell(self, status: Status) -> None:
        """Say how it stands."""
        ...
