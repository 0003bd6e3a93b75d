# SPDX-License-Identifier: EUPL-1.2
"""Showing what was taken in: tiles, a signature, and then everybody may see it.

Nothing here takes a lock (`logturn.py`); each method says which its caller holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.cosignature import add_cosignature
from lakzegel_core.errors import LimitError
from lakzegel_core.note import Signature
from lakzegel_core.tiles import HashReader
from lakzegel_server.committed import Committed
from lakzegel_server.logstore import LogStore
from lakzegel_server.logturn import LogTurn
from lakzegel_server.signing import Signing
from lakzegel_server.taken import Taken


@dataclass(frozen=True, slots=True)
class Shown:
    """What everybody may see: the newest signed checkpoint, and proofs over its tree."""

    checkpoint: Checkpoint
    data: bytes
    reader: HashReader


class Showing:
    """Shows what was taken in, as soon as it is signed; ``now`` is whole and is never changed."""

    now: Shown

    def __init__(
        self, store: LogStore, committed: Committed, taken: Taken, signing: Signing, turn: LogTurn
    ) -> None:
        self._store = store
        self._committed = committed
        self._taken = taken
        self._signing = signing
        self._turn = turn
        self._listeners: list[Callable[[], None]] = []
        self._before: list[Callable[[Checkpoint], None]] = []
        self.stand_by(Checkpoint(taken.origin, 0, store.root(0)), b"")

    def when_shown(self, listener: Callable[[], None]) -> None:
        """Call this after every new checkpoint; before there are threads."""
        self._listeners.append(listener)

    def before_shown(self, listener: Callable[[Checkpoint], None]) -> None:
        """Call this before every new checkpoint is shown; before there are threads."""
        self._before.append(listener)

    def is_whole(self) -> bool:
        """Whether all that was taken in is shown; needs the guard."""
        return bool(self.now.data) and self._taken.custody.size == self.now.checkpoint.size

    def show(self) -> None:
        """Tiles, then the signed checkpoint, of the tree that was taken in.

        Needs the turn among all, and the guard, which it lets go of while it signs.
        """
        tree = self._taken.edge
        if tree.size == self.now.checkpoint.size and self.now.data:
            return
        self._committed.write_tiles(tree, self.now.checkpoint.size)
        checkpoint = Checkpoint(self._taken.origin, tree.size, tree.root())
        data = self._signing.adopt(checkpoint) or self.sign(checkpoint)
        self.reveal(checkpoint, data)
        if self._committed.is_much(tree.size):
            self._committed.make_durable(tree.size)

    def sign(self, checkpoint: Checkpoint) -> bytes:
        """The checkpoint with this log's signatures, which lies there from now on.

        Needs the turn among threads, and the guard, which it lets go of meanwhile.
        """
        with self._turn.signing():
            return self._signing.sign(checkpoint)

    def reveal(self, checkpoint: Checkpoint, data: bytes) -> None:
        """Show this one, and say so; needs the turn among threads, and the guard."""
        for prepare in self._before:
            prepare(checkpoint)
        self._signing.remember(data)
        self.stand_by(checkpoint, data)
        for listener in self._listeners:
            listener()

    def stand_by(self, checkpoint: Checkpoint, data: bytes) -> None:
        """Show this one, signed or not, and tell nobody.

        Needs the turn among threads, and the guard.
        """
        self.now = Shown(checkpoint, data, self._taken.reader(checkpoint.size))

    def see_lines(self) -> None:
        """Take over the lines of witnesses that lie there; needs the guard."""
        shown = self.now
        if shown.data and self.is_whole() and not self._turn.is_signing:
            data = self._signing.adopt(shown.checkpoint)
            if data is not None:
                self.now = Shown(shown.checkpoint, data, shown.reader)

    def add_lines(self, checkpoint: Checkpoint, signatures: Sequence[Signature]) -> bool:
        """Merge witnesses' lines when they are about what is shown.

        Needs the turn among all, and the guard.
        """
        if checkpoint != self.now.checkpoint:
            return False
        data = self._signing.adopt(checkpoint) or self.now.data
        try:
            for signature in signatures:
                data = add_cosignature(data, signature)
        except LimitError:
            return False
        self._store.write_checkpoint(data)
        self.now = Shown(checkpoint, data, self.now.reader)
        return True
