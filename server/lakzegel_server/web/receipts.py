# SPDX-License-Identifier: EUPL-1.2
"""Receipts: proof that an entry is in the log as it is shown, and that the log only grew."""

from __future__ import annotations

from lakzegel_core.errors import ConsistencyError
from lakzegel_core.receipt import make_receipt
from lakzegel_core.tiles import HashReader
from lakzegel_server.errors import BusyError
from lakzegel_server.logstate import LogState


def receipt(log: LogState, index: int, old: int) -> bytes:
    """The receipt of an entry in the newest checkpoint, consistent from ``old`` (0: no proof).

    Raises:
        BusyError: the entry is not shown yet.
        ConsistencyError: this log has fewer entries than ``old``.
    """
    shown = log.shown
    if index >= shown.checkpoint.size:
        raise BusyError("the entry is not shown yet; try again")
    proof = consistency(shown.reader, old)
    path = shown.reader.inclusion(index)
    return make_receipt(index, path, shown.data, old_size=old or None, consistency=proof)


def consistency(reader: HashReader, old: int) -> list[bytes]:
    """The proof that the tree extends its first ``old`` entries.

    Raises:
        ConsistencyError: it has fewer.
    """
    if old > reader.size:
        raise ConsistencyError(f"this log has {reader.size} entries, not yet {old}")
    return reader.consistency(old)
