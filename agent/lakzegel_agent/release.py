# SPDX-License-Identifier: EUPL-1.2
"""When a spooled batch may go (docs/spec/receipt.md §3, held.md §2).

    held     the records office states that it holds and could open it       preservation
    sealed   the quorum has seen it, a witness outside the receiver too      detection

A batch goes from the ledger's list first and from the disk after, so that a crash between leaves a
file that nothing names, which is swept at the next start, and never a name without its file.
"""

from __future__ import annotations

from lakzegel_agent.ledger import Ledger
from lakzegel_agent.spool import Spool
from lakzegel_agent.trust import Answer, Pins, open_statement, require_witnessed
from lakzegel_core.errors import MissingSignatureError
from lakzegel_core.policy import Policy


def released_below(answer: Answer, policy: Policy, pins: Pins) -> int:
    """The size of the log below which this policy lets batches go; 0 for none yet.

    Raises:
        LakzegelError: the held statement, or a witness's line, does not hold.
    """
    if policy.release == "held":
        held = open_statement(answer)
        return 0 if held is None else held.size
    office = (answer.delegation.witness, answer.delegation.mirror)
    try:
        signed = require_witnessed(
            answer.signed.data, log=pins.log, quorum=policy.quorum, office=office
        )
    except MissingSignatureError:
        return 0
    return signed.checkpoint.size


def let_go(size: int, *, ledger: Ledger, spool: Spool) -> int:
    """Let every sealed batch below this size go; how many did."""
    count = 0
    for row in ledger.sealed():
        if row.index is not None and row.index < size:
            ledger.mark_released(row.id)
            spool.remove(row.epoch, row.batch)
            count += 1
    return count
