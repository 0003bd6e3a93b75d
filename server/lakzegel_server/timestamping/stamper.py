# SPDX-License-Identifier: EUPL-1.2
"""Has one authority stamp the newest checkpoint, at its pace (docs/spec/timestamps.md §2)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from lakzegel_core.errors import TimestampError
from lakzegel_core.timenames import Name
from lakzegel_core.timetoken import open_token
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.timestamping.authority import Authority
from lakzegel_server.timestamping.kept import Kept, Row
from lakzegel_server.timestamping.log import Log, Shown
from lakzegel_server.timestamping.query import make_query

FIRST_WAIT: Final = 60.0  # seconds after a failure; doubles
_log: Final = logging.getLogger(__name__)


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
        authority: Authority,
        *,
        log: Log,
        kept: Kept,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._authority = authority
        self._log = log
        self._kept = kept
        self._clock = clock
        self._monotonic = monotonic
        self.state = State(authority.name, authority.every)
        self._due = monotonic()
        self.resume()

    def resume(self) -> None:
        """Go on from what is kept, whoever kept it."""
        authority = self._authority
        self.state = State(authority.name, authority.every)
        self._due = self._monotonic()
        newest = self._kept.newest(authority.name)
        if newest is not None:
            self._note(newest)
            self._due += min(max(newest.at + authority.every - self._clock(), 0.0), authority.every)

    def turn(self) -> None:
        """Ask, when it is time and there is something new; whatever fails is in ``state``."""
        shown = self._log.shown
        is_new = bool(shown.data) and shown.checkpoint.size > self.state.size
        if self._monotonic() < self._due or not is_new:
            return
        try:
            row = self._stamp(shown)
        except TimestampError as error:
            self._fail(error.reason)
        except (OSError, *FAILURES):
            self._fail("storage")
        else:
            self._succeed(row)

    def _stamp(self, shown: Shown) -> Row:
        query = make_query(shown.data)
        answer = self._authority.ask(query.der)
        token = open_token(answer, shown.data, self._authority.roots, nonce=query.nonce)
        name = Name(False, shown.checkpoint.size, self.state.name)
        with self._log.turn():
            return self._kept.keep(name, shown.data, answer, token)

    def _note(self, row: Row) -> None:
        self.state = replace(self.state, size=row.named.number, at=row.at, expires=row.expires)

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
