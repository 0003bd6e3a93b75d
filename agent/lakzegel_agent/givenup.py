# SPDX-License-Identifier: EUPL-1.2
"""Closed batches that will never be sent: kept below HOME/given-up/, encrypted as they are.

What they hold is captured again where it is still on the device; where it is not, these files are
the only copy, and the records office can open them. Nothing unsent is ever deleted.
docs/spec/ledger.md §5
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from lakzegel_agent.errors import UnwritableError
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.ledgerrows import EpochTip
from lakzegel_agent.problems import Problems
from lakzegel_agent.spool import Place, Spool

CODE: Final = "given-up"


def keep_given_up(ledger: Ledger, spool: Spool, problems: Problems) -> int:
    """Set aside what the spool holds and will never send; how many batches that were.

    It is stated before it is done: after a crash between, it is stated again.
    """
    lost = _lost(spool.places(), ledger.given_up(), ledger.epoch())
    if lost:
        with suppress(UnwritableError):
            ledger.observe(DEVICE, {"type": CODE, "batches": len(lost)})
        for place in lost:
            spool.set_aside(*place)
    kept = spool.aside_count()
    if kept:
        with suppress(UnwritableError):
            problems.add(ledger, CODE, f"{kept} batches that were never sent are kept in given-up")
    elif problems.has(CODE):
        problems.clear(ledger, CODE)
    return len(lost)


def _lost(places: set[Place], given_up: Iterable[Place], tip: EpochTip | None) -> list[Place]:
    """Which closed batches in the spool the chain has gone on without.

    Those that the ledger gave up; all of them where the ledger is new; and those beyond the next
    number, where the ledger is older than the spool. A single batch at the next number is what a
    kill left before the ledger knew it: that one never was, and its number is used again.
    """
    if tip is None:
        return sorted(places)
    lost = places & set(given_up)
    following = (tip.epoch, tip.next_batch)
    if places and max(places) > following:
        lost |= {place for place in places if place >= following}
    return sorted(lost)
