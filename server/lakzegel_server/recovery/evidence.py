# SPDX-License-Identifier: EUPL-1.2
"""Checkpoints that one log signed and that contradict each other (docs/spec/recovery.md §5)."""

from __future__ import annotations

import hashlib

from lakzegel_core.checkpoint import LogKeys, SignedCheckpoint, open_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_server.layout import Layout
from lakzegel_server.stores import names


def keep(layout: Layout, *checkpoints: bytes) -> None:
    """Keep them; durable, each under its SHA-256.

    Raises:
        OSError: they cannot be stored.
    """
    for data in filter(None, checkpoints):
        place = names.evidence(hashlib.sha256(data).hexdigest())
        layout.stores.documents.replace(place, data)


def is_kept(layout: Layout) -> bool:
    """Whether this log is known to have forked."""
    return any(layout.stores.documents.names(names.EVIDENCE))


def keep_ahead(layout: Layout, checkpoint: bytes) -> None:
    """Keep a checkpoint that this log signed of more than DATA has; durable.

    Raises:
        OSError: it cannot be stored.
    """
    layout.stores.documents.replace(names.AHEAD, checkpoint)


def ahead(layout: Layout, keys: LogKeys) -> SignedCheckpoint | None:
    """The checkpoint that is kept so; None when none is, or it is damaged."""
    try:
        return open_checkpoint(layout.stores.documents.read(names.AHEAD, MAX_CHECKPOINT), keys)
    except (FileNotFoundError, LakzegelError, ValueError):
        return None


def size_ahead(layout: Layout, keys: LogKeys) -> int:
    """Its size, 0 when there is none."""
    found = ahead(layout, keys)
    return found.checkpoint.size if found else 0
