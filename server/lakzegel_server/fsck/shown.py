# SPDX-License-Identifier: EUPL-1.2
"""The checkpoint that is shown: signed by the log, and every other line by whom the log names."""

from __future__ import annotations

from typing import Final

from lakzegel_core.checkpoint import Checkpoint, LogKeys, open_checkpoint
from lakzegel_core.cosignature import verify_cosignature
from lakzegel_core.custody import Custody
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_core.merkle import Frontier
from lakzegel_core.note import parse
from lakzegel_server.cosigners import cosigners
from lakzegel_server.fsck.doubts import Survey

CHECKPOINT: Final = "log/checkpoint"


def open_shown(found: Survey, keys: LogKeys, data: bytes | None) -> Checkpoint | None:
    """The tree that the checkpoint states; None, and a doubt, when it is not the log's."""
    if data is None:
        return None
    try:
        return open_checkpoint(data, keys).checkpoint
    except LakzegelError as error:
        found.doubt(CHECKPOINT, str(error))
        return None


def compare_shown(found: Survey, shown: Checkpoint | None, edge: Frontier) -> None:
    """The checkpoint is of the tree that the log's entries give."""
    if shown is not None and (shown.size, shown.root) != (edge.size, edge.root()):
        found.doubt(
            CHECKPOINT,
            f"states {shown.size} entries and their root; the log's {edge.size} entries"
            " do not give that",
        )


def check_lines(
    found: Survey, keys: LogKeys, data: bytes, shown: Checkpoint, custody: Custody, *, whole: bool
) -> None:
    """Besides the log's, only lines of cosigners that the log names, and all of them hold."""
    own = {(key.name, key.key_id) for key in (keys.ed25519, keys.mldsa)}
    known = cosigners(custody)
    for line in parse(data, max_size=MAX_CHECKPOINT).signatures:
        identity = (line.name, line.key_id)
        if identity in own:
            continue
        try:
            verify_cosignature(shown, line, known[identity])
        except (KeyError, LakzegelError):
            if identity not in known and not whole:
                continue  # the entry that names this cosigner may be the damaged one
            found.doubt(CHECKPOINT, f"a signature by {line.name} that does not hold")
