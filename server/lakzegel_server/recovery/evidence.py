# SPDX-License-Identifier: EUPL-1.2
"""Checkpoints that one log signed and that contradict each other (docs/spec/recovery.md §5)."""

from __future__ import annotations

import hashlib

from lakzegel_core.checkpoint import LogKeys, SignedCheckpoint, open_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_server.durable import replace_file
from lakzegel_server.layout import Layout


def keep(layout: Layout, *checkpoints: bytes) -> None:
    """Keep them; durable, each under its SHA-256.

    Raises:
        OSError: they cannot be stored.
    """
    for data in checkpoints:
        path = layout.evidence / hashlib.sha256(data).hexdigest()
        replace_file(path, data, work=layout.incoming)


def is_kept(layout: Layout) -> bool:
    """Whether this log is known to have forked."""
    return layout.evidence.is_dir() and any(layout.evidence.iterdir())


def keep_ahead(layout: Layout, checkpoint: bytes) -> None:
    """Keep a checkpoint that this log signed of more than DATA has; durable.

    Raises:
        OSError: it cannot be stored.
    """
    replace_file(layout.ahead, checkpoint, work=layout.incoming)


def ahead(layout: Layout, keys: LogKeys) -> SignedCheckpoint | None:
    """The checkpoint that is kept so; None when none is, or it is damaged."""
    try:
        return open_checkpoint(layout.ahead.read_bytes(), keys)
    except (FileNotFoundError, LakzegelError, ValueError):
        return None


def size_ahead(layout: Layout, keys: LogKeys) -> int:
    """Its size, 0 when there is none."""
    found = ahead(layout, keys)
    return found.checkpoint.size if found else 0
