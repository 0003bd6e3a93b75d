# SPDX-License-Identifier: EUPL-1.2
"""Has one authority stamp the newest checkpoint, at its pace (docs/spec/timestamps.md §2)."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final, Protocol

from cryptography.x509 import Certificate

from lakzegel_core.checkpoint import Checkpoint
from lakzegel_server.timestamping.errors import TimestampError
from lakzegel_server.timestamping.kept import Kept, Row
from lakzegel_server.timestamping.tokens import make_query, open_token

FIRST_WAIT: Final = 60.0  # seconds after a failure; doubles
_log: Final = logging.getLogger(__name__)
Ask = Callable[[bytes], bytes]


class Shown(Protocol):
    """The newest checkpoint and its exact bytes."""

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        ...

    @property
    def data(self) -> bytes:
        """As it is served."""
        ...


class Log(Protocol):
    """What is needed of the log."""

    @property
    def shown(self) -> Shown:
        """The newest checkpoint."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Keep others from looking at DATA while it changes."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """How one authority fares; for metrics, alerts and pages."""

    name: str
    every: float  # seconds
    size: int = 0  # what its newest token speaks of
    at: int | None = None  # the authority's time in it
    expires: int | None = None  # when its chain ends
    skew: int | None = None  # the authority's clock less ours, in seconds; since the start only
    succeeded: int | None = None  # POSIX seconds by our clock; since the start only
    failing: int | None = None  # since when, by our clock
    reason: str | None = None  # why, by timestamps.md §3; `storage` when it could not be kept
    failures: int = 0  # in a row


class Stamper:
    """One authority. ``turn`` is called often, in a thread of its own, and mostly does nothing."""

    def __init__(
        self,
        name: str,
        *,
        every: float,
        ask: Ask,
        roots: tuple[Certificate, ...],
        log: Log,
        kept: Kept,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._ask = ask
        self._roots = roots
        self._log = log
        self._kept = kept
        self._clock = clock
        self._monotonic = monotonic
        self.state = State(name, every)
        self._due = monotonic()
        newest = kept.newest(name)
        if newest is not None:
            self._note(newest)
            self._due += min(max(newest.at + every - clock(), 0.0), every)

    def turn(self) -> None:
        """Ask, when it is time and there is something new; whatever fails is in ``state``."""
        shown = self._log.shown
        if self._monotonic() < self._due or shown.checkpoint.size <= self.state.size:
            return
        try:
            row = self._stamp(shown)
        except TimestampError as error:
            self._fail(error.reason)
        except (OSError, sqlite3.Error):
            self._fail("storage")
        else:
            self._succeed(row)

    def _stamp(self, shown: Shown) -> Row:
        query = make_query(shown.data)
        answer = self._ask(query.der)
        token = open_token(answer, shown.data, self._roots, nonce=query.nonce)
        name = f"{shown.checkpoint.size}-{self.state.name}"
        with self._log.turn():
            return self._kept.keep(name, shown.data, answer, token)

    def _note(self, row: Row) -> None:
        self.state = replace(self.state, size=row.size, at=row.at, expires=row.expires)

    def _succeed(self, row: Row) -> None:
        if self.state.failing is not None:
            _log.info("timestamps of %s: well again", self.state.name)
        now = int(self._clock())
        self._note(row)
        self.state = replace(
            self.state, skew=row.at - now, succeeded=now, failing=None, reason=None, failures=0
        )
        self._due = self._monotonic() + self.state.every

    def _fail(self, reason: str) -> None:
        old = self.state
        if old.reason != reason:
            _log.warning("timestamps of %s: %s", old.name, reason)
        since = int(self._clock()) if old.failing is None else old.failing
        self.state = replace(old, failing=since, reason=reason, failures=old.failures + 1)
        wait = FIRST_WAIT * 2.0 ** min(old.failures, 20)
        self._due = self._monotonic() + min(wait, old.every)
