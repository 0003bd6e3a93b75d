# SPDX-License-Identifier: EUPL-1.2
"""A log beside the one of `world`: entries by name, and the checkpoint over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kit.case import kept
from kit.world import LOG, LOG_MLDSA, NOW, ORIGIN
from lakzegel_core.checkpoint import Checkpoint, sign_checkpoint
from lakzegel_core.tiles import HashReader, new_tiles


@dataclass(frozen=True)
class OtherLog:
    """Entries in their order; ``checkpoint`` is the vector that was first made of it."""

    entries: Mapping[str, bytes]
    tree: HashReader
    checkpoint: bytes


def other_log(entries: Mapping[str, bytes], *, kept_as: str, after: int) -> OtherLog:
    """The log of these entries, signed ``after`` seconds of the world's own time."""
    files = new_tiles(0, tuple(entries.values()), lambda _: b"").files
    tree = HashReader(len(entries), files.__getitem__)
    state = Checkpoint(ORIGIN, len(entries), tree.root())
    made = kept(f"checkpoint/{kept_as}")
    signed = made or sign_checkpoint(state, LOG, LOG_MLDSA, now=int(NOW.timestamp()) + after)
    return OtherLog(entries, tree, signed)
