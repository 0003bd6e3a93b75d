# SPDX-License-Identifier: EUPL-1.2
"""Closing a batch: strictly in the order of the chain, and in this order against crashes.

    1. body and keyring are on the disk, as parts (the sealing process did that)
    2. head (signed header, manifest) on the disk; the three renamed; the folder synced
    3. one transaction: the batch, and everything that it changed about files
    4. the shipper hears of it

Killed before 3, the batch never was: its files are removed at the next start, its number is used
again, and nobody was sent anything. Killed after 3, it is complete. docs/spec/ledger.md §7.
"""

import contextlib
import json
from collections.abc import Callable
from datetime import datetime

from lakzegel_agent.errors import (
    LedgerDamagedError,
    SealingError,
    UnwritableError,
    unwritable,
)
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.ledgerrows import BatchRow
from lakzegel_agent.passes import ENDED, SealContext
from lakzegel_agent.sealing.jobs import JobResult
from lakzegel_agent.spool import Spool
from lakzegel_core.batch import Header, Seen, State, batch_id, sign_header
from lakzegel_core.merkle import root_of


class Closer:
    """Gives batches their place in the chain."""

    def __init__(
        self,
        context: SealContext,
        ledger: Ledger,
        spool: Spool,
        clock: Callable[[], datetime],
        on_batch: Callable[[BatchRow], None],
    ) -> None:
        tip = ledger.epoch()
        if tip is None or tip.epoch != context.epoch:
            raise LedgerDamagedError(f"ledger: not in epoch {context.epoch}, that its keys are of")
        self.next_batch = tip.next_batch
        self._previous = tip.previous
        self._context = context
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._on_batch = on_batch
        if ledger.recall(ENDED) is not None:
            raise SealingError("the last batch of this custody was closed; nothing may follow it")

    def close(self, made: JobResult, work: Work) -> BatchRow:
        """Return the closed batch; everything in ``work`` is kept with it, or nothing.

        Raises:
            UnwritableError: no room, or a disk that fails; the ledger is as it was, and will be so
                before the batch's files are gone.
        """
        self._ledger.files.settle()
        if self._is_final:
            if self._ledger.recall(ENDED) is not None:
                raise SealingError("a final batch was closed in this very pass")
            work.named.append((ENDED, self._last(made)))
        header = self._sign(made)
        row = BatchRow(
            self._context.epoch,
            made.batch,
            batch_id(header),
            len(header) + len(made.manifest) + made.size,
            None,
            "waiting",
        )
        try:
            self._place(made, header)
            self._ledger.files.apply(work, row)
        except BaseException:
            self._undo(made, row)
            raise
        self._previous = row.id
        self.next_batch = made.batch + 1
        self._on_batch(row)
        return row

    @property
    def _is_final(self) -> bool:
        return self._context.state is State.FINAL

    def _last(self, made: JobResult) -> bytes:
        said = {"batch": made.batch, "epoch": self._context.epoch}
        return json.dumps(said, sort_keys=True).encode()

    def _undo(self, made: JobResult, row: BatchRow) -> None:
        """Remove the batch; where that cannot be done now, its files are replaced or swept."""
        with contextlib.suppress(UnwritableError, OSError):
            self._ledger.files.settle()
            self._spool.discard(row.epoch, row.batch, made.token)
            self._spool.remove(row.epoch, row.batch)

    def _place(self, made: JobResult, header: bytes) -> None:
        try:
            self._spool.place(self._context.epoch, made.batch, made.token, header + made.manifest)
        except OSError as error:
            raise unwritable(error, "spool") or SealingError(
                f"spool: cannot be written ({error.strerror})"
            ) from error

    def _sign(self, made: JobResult) -> bytes:
        context, seen = self._context, self._ledger.seen()
        header = Header(
            origin=context.origin,
            device=context.device,
            epoch=context.epoch,
            batch=made.batch,
            previous=self._previous,
            seen=Seen(0, root_of([])) if seen is None else Seen(seen.size, seen.root),
            closed=self._clock().replace(microsecond=0),
            items=made.items,
            contents=made.contents,
            keyring=made.keyring,
            policy=context.policy_id,
            state=self._context.state,
        )
        return sign_header(header, context.header_key)
