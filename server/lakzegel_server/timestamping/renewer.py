# SPDX-License-Identifier: EUPL-1.2
"""Has tokens stamped anew before their chains end (docs/spec/timestamps.md §6)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_core.errors import LakzegelError, TimestampError
from lakzegel_core.timenames import Name
from lakzegel_core.timerenewal import MAX_TOKENS, Renewed, list_text, parse_list
from lakzegel_core.timetoken import open_token
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.timestamping.authority import Authority
from lakzegel_server.timestamping.kept import Kept, Row
from lakzegel_server.timestamping.log import Log
from lakzegel_server.timestamping.query import make_query

MARGIN_SECONDS: Final = 90 * 86400  # before a chain ends
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Whether tokens are about to end that nothing renews."""

    waiting: int = 0  # how many
    soonest: int | None = None  # when the first of them ends
    reason: str | None = None  # why they could not be renewed


class Renewer:
    """Looks now and then; asks the authorities in their order until one will do."""

    def __init__(
        self,
        origin: str,
        *,
        authorities: Sequence[Authority],
        log: Log,
        kept: Kept,
        clock: Callable[[], float],
    ) -> None:
        self._origin = origin
        self._authorities = authorities
        self._log = log
        self._kept = kept
        self._clock = clock
        self.state = Renewal()

    def turn(self) -> None:
        """Renew what ends within 90 days and was not renewed; whatever fails is in ``state``."""
        reason = None
        try:
            due = self._due()
            if due:
                self._renew(due[:MAX_TOKENS])
                due = self._due()
        except TimestampError as error:
            reason = error.reason
        except (OSError, *FAILURES, LakzegelError):
            reason, due = "storage", []
        if reason is not None and reason != self.state.reason:
            _log.warning("timestamps could not be renewed: %s", reason)
        soonest = min((row.expires for row in due), default=None)
        self.state = Renewal(len(due), soonest, reason)

    def _due(self) -> list[Row]:
        limit = self._clock() + MARGIN_SECONDS
        rows = self._kept.rows()
        ending = [row for row in rows if row.expires < limit]
        if not ending:
            return []
        renewed = {
            one.name
            for row in rows
            if row.named.renewal
            for one in parse_list(self._kept.read_stamped(row))[1]
        }
        return [row for row in ending if row.name not in renewed]

    def _renew(self, due: Sequence[Row]) -> None:
        data = list_text(self._origin, [Renewed(r.name, r.token, r.root) for r in due])
        failure = TimestampError("unreachable", "no authority is configured")
        for authority in self._authorities:
            try:
                self._stamp(authority, data)
            except TimestampError as error:
                failure = error
            else:
                _log.info("%d timestamps renewed by %s", len(due), authority.name)
                return
        raise failure

    def _stamp(self, authority: Authority, data: bytes) -> None:
        query = make_query(data)
        answer = authority.ask(query.der)
        token = open_token(answer, data, authority.roots, nonce=query.nonce)
        if token.expires < self._clock() + MARGIN_SECONDS:
            raise TimestampError("short", "the new chain ends too soon as well")
        with self._log.turn():
            number = 1 + max(
                (row.named.number for row in self._kept.rows() if row.named.renewal), default=0
            )
            self._kept.keep(Name(True, number, authority.name), data, answer, token)
