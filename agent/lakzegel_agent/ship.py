# SPDX-License-Identifier: EUPL-1.2
"""Sends what was sealed, oldest first, and keeps the receipts.

A batch is named by its header's hash, so that sending it again is harmless; it counts as sealed
only once its receipt was verified and that, with what it shows of the log, is durable in one
transaction. What was not sent is never deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Final

from lakzegel_agent import journal
from lakzegel_agent.errors import LedgerDamagedError, UnwritableError
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.ledgerrows import BatchRow
from lakzegel_agent.link import Link, seen_of
from lakzegel_agent.problems import Problems
from lakzegel_agent.spool import Spool
from lakzegel_agent.transport import Body, NeverError
from lakzegel_core.batch import BatchStream, peek_header, split_header
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_HEADER

MAX_SKEW: Final = 300.0  # seconds between this device's clock and the log's
OF_BYTES: Final = frozenset({400, 413, 422})  # statuses of format, limit, content


class StoppedError(Exception):
    """An upload was given up because the agent ends."""


class Interruptible:
    """A body that stops being read when the agent is to end."""

    def __init__(self, body: Body, stopped: Callable[[], bool]) -> None:
        self._body = body
        self._stopped = stopped

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        for piece in self._body:
            if self._stopped():
                raise StoppedError
            yield piece


def as_it_is(body: Body) -> Body:
    """A body at the speed of the network."""
    return body


class Shipper:
    """Sends one device's batches over one link."""

    def __init__(
        self,
        link: Link,
        *,
        ledger: Ledger,
        spool: Spool,
        problems: Problems,
        clock: Callable[[], datetime],
        stopped: Callable[[], bool],
        pace: Callable[[Body], Body] = as_it_is,
    ) -> None:
        self._link = link
        self._ledger = ledger
        self._spool = spool
        self._problems = problems
        self._clock = clock
        self._stopped = stopped
        self._pace = pace
        self.skew: int | None = None  # seconds that this device's clock is ahead of the log's

    def drain(self) -> int:
        """Send everything that waits, and what is closed meanwhile; how many got their receipt.

        Raises:
            UnreachableError: later, from the oldest that is left.
            NeverError, LogAlarmError, LakzegelError: not before somebody has looked at it.
            StoppedError: the agent is to end.
        """
        count = 0
        while waiting := self._ledger.waiting():
            for row in waiting:
                if self._stopped():
                    raise StoppedError
                self._send(row)
                count += 1
        return count

    def _send(self, row: BatchRow) -> None:
        name = f"{row.epoch}/{row.batch}"
        numbers: dict[journal.Number, int] = {"epoch": row.epoch, "batch": row.batch}
        try:
            body = self._spool.upload(row.epoch, row.batch)
            begin = self._spool.beginning(row.epoch, row.batch, MAX_HEADER)
        except FileNotFoundError:
            raise LedgerDamagedError(f"spool: batch {name} is not there any more") from None
        header = header_in(begin)
        if hashlib.sha256(header).digest() != row.id:
            raise LedgerDamagedError(f"spool: batch {name} is not the one that was closed")
        try:
            receipt, data = self._link.send_batch(
                header, Interruptible(self._pace(body), self._stopped)
            )
        except NeverError as error:
            journal.note("refusal", "batch", result="refused", actor="receiver", numbers=numbers)
            if error.status in OF_BYTES:  # not of the device, nor of its place in the chain
                require_intact(body, name)
            raise
        self._ledger.mark_sealed(row.id, receipt.index, data, seen_of(receipt))
        journal.note(
            "receipt", "batch", actor="receiver", numbers={**numbers, "index": receipt.index}
        )
        self._measure(receipt.signed.signed_at)

    def _measure(self, signed_at: int) -> None:
        """Record how far the two clocks are apart; order is by chain, never by clock."""
        skew = signed_at - self._clock().timestamp()
        self.skew = -int(skew)
        if abs(skew) <= MAX_SKEW:
            self._problems.clear(self._ledger, "clock-skew")
            return
        text = f"this device's clock is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead'}"
        if self._problems.add(self._ledger, "clock-skew", text):
            with suppress(UnwritableError):
                self._ledger.observe(DEVICE, {"type": "clock-skew", "seconds": int(skew)})


def require_intact(body: Body, name: str) -> None:
    """Find out whether a batch that was refused is still the one that was closed.

    Raises:
        LedgerDamagedError: it is not; no receiver will ever take it, nor one after it.
    """
    stream = BatchStream(peek_header)
    try:
        for piece in body:
            stream.feed(piece)
        stream.finish()
    except LakzegelError as error:
        raise LedgerDamagedError(f"spool: batch {name} was damaged on this disk: {error}") from None


def header_in(begin: bytes) -> bytes:
    """The header note that the file of a batch begins with.

    Raises:
        LedgerDamagedError: it does not begin with one.
    """
    header = split_header(begin)
    if header is None:
        raise LedgerDamagedError("spool: a batch without its header")
    return header
