# SPDX-License-Identifier: EUPL-1.2
"""One process's view of the log, brought to what the index has committed by whomever.

- At a start: all of it is taken in, and must give the tiles and every checkpoint that was signed.
- While others append: their entries are taken in, and shown by their checkpoint or one of ours.
- When the index went back: never a fork, but read-only with the log that it has (stores.md §9),
  until what it lost is taken over from those who saw it (`recovery/`).

Nothing here takes a lock (`logturn.py`); each method says which its caller holds.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from lakzegel_core.checkpoint import Checkpoint, LogKeys, open_checkpoint
from lakzegel_core.errors import RootMismatchError
from lakzegel_core.merkle import Frontier
from lakzegel_server.committed import Committed
from lakzegel_server.database import Database
from lakzegel_server.errors import BusyError, DamageError, ReadOnlyError
from lakzegel_server.logstore import LogStore
from lakzegel_server.showing import Showing
from lakzegel_server.signing import Signing
from lakzegel_server.standing import SEALING, Phase, Standing
from lakzegel_server.taken import Taken

_log: Final = logging.getLogger(__name__)


class LogFollower:
    """Follows the index.

    ``standing`` says whether entries may be appended, and is set by who has the turn among threads;
    ``lost`` is the checkpoint that was shown before the index went back, None as nearly always.
    """

    def __init__(
        self,
        store: LogStore,
        committed: Committed,
        taken: Taken,
        signing: Signing,
        showing: Showing,
        database: Database,
        keys: LogKeys,
    ) -> None:
        self._keys = keys
        self._store = store
        self._database = database
        self._committed = committed
        self._taken = taken
        self._signing = signing
        self._showing = showing
        self.standing = SEALING
        self.lost: bytes | None = None

    # at a start

    def prepare(self) -> None:
        """Take in most of the log before the turn: others go on sealing meanwhile.

        Needs the guard, before there are other threads.
        """
        tree = self._database.tree()
        if not self._taken.replay_from_savepoint(tree) and not self._taken.replay(tree):
            self._taken.start_anew()  # what is wrong is said by whoever has the turn

    def load(self) -> None:
        """Take in all that is committed, and show it; needs the turn among all, and the guard.

        Raises:
            DamageError: tiles or entries are not what was committed.
        """
        tree = self._database.tree()
        stated = self._signing.newest()
        self._signing.stated = stated.size
        self._committed.repair(tree.size)
        begun = self._taken.custody.size > 0 or self._taken.replay_from_savepoint(tree)
        replayed = (begun and self._taken.edge.size == tree.size) or self._taken.replay(tree)
        if not replayed or self._store.root(tree.size) != tree.root():
            raise DamageError(
                f"log: entries and tiles do not give the root of the {tree.size} entries that"
                " index.sqlite committed; run 'lakzegel-server check'"
            )
        if stated.size <= tree.size and self._store.root(stated.size) != stated.root:
            raise DamageError(
                f"log/checkpoint: this log signed another tree of {stated.size} entries than"
                " index.sqlite has; keep that file, and restore a backup of the whole of DATA"
            )
        self._showing.show()

    # while others append

    def is_newest(self) -> bool:
        """Whether what is shown is what is committed; needs the guard."""
        tree = self._database.tree()
        is_shown = self._showing.is_whole() and tree.size == self._showing.now.checkpoint.size
        return is_shown and tree.to_hashes() == self._taken.edge.to_hashes()

    def adopt(self) -> bool:
        """Whether what others committed is taken in and shown by a checkpoint of theirs.

        Needs the turn among threads, and the guard.
        """
        self.follow()
        checkpoint = Checkpoint(self._taken.origin, self._taken.edge.size, self._taken.edge.root())
        if checkpoint.size == self._showing.now.checkpoint.size:
            return True
        data = self._signing.adopt(checkpoint)
        if data is not None:
            self._showing.reveal(checkpoint, data)
        return data is not None

    def catch_up(self) -> None:
        """Take in what others committed, and show it; needs the turn among all, and the guard."""
        self.follow()
        self._showing.show()

    def follow(self) -> None:
        """Take in what others committed; needs the turn among threads, and the guard.

        Raises:
            ReadOnlyError: the index is not the continuation of what this process knows.
            DamageError: what it has is no log.
        """
        tree = self._database.tree()
        try:
            if tree.size >= self._taken.edge.size and self._taken.replay(tree):
                return
        except DamageError:
            self._set_back(tree)
            raise
        self._set_back(tree)
        raise ReadOnlyError("the index went back; nothing is sealed until what it lost is there")

    # when the index went back

    def _set_back(self, tree: Frontier) -> None:
        """Be read-only from now on, with the log that the index has (docs/spec/stores.md §9).

        Needs the turn among threads, and the guard.
        """
        was = self._showing.now
        _log.error(
            "the index has %d entries, which do not continue the %d that were shown: it went back",
            tree.size,
            was.checkpoint.size,
        )
        detail = f"this log showed {was.checkpoint.size} entries, the index has {tree.size}"
        self.standing = Standing(Phase.ASKING, detail, was.checkpoint.size)
        self._signing.stated = max(self._signing.stated, was.checkpoint.size)
        self.lost = was.data or self.lost
        self._taken.start_anew()
        checkpoint = Checkpoint(self._taken.origin, tree.size, tree.root())
        is_smaller = tree.size < was.checkpoint.size
        is_beginning = is_smaller and was.reader.root(tree.size) == checkpoint.root
        if not self._taken.replay(tree):
            raise DamageError("log: entries and tiles do not give the root that the index has")
        data = self._signing.adopt(checkpoint)
        if data is None and is_beginning:
            data = self._showing.sign(checkpoint)
        self._showing.stand_by(checkpoint, data or b"")

    def take_over(self, entries: Sequence[bytes]) -> None:
        """Commit entries that this log had before; needs the turn among all, and the guard.

        Raises:
            BusyError: another process appended.
            DamageError: the custody refuses one.
        """
        if not self._database.commit(self._taken.edge, entries):
            raise BusyError("the log grew while it was being caught up")
        self.complete()

    def complete(self) -> None:
        """Bring custody and tiles up to what is committed; needs the turn among all, and the guard.

        Raises:
            DamageError: what was committed is no log.
        """
        tree = self._database.tree()
        if not self._taken.replay(tree):
            raise DamageError("log: its entries do not give the root that the index has")
        self._committed.write_tiles(tree, self._showing.now.checkpoint.size)
        self._committed.make_durable(tree.size)

    def show_as(self, data: bytes) -> None:
        """Show the committed tree by this checkpoint; needs the turn among all, and the guard.

        Raises:
            LakzegelError: this log did not sign it, or it is about another tree.
        """
        checkpoint = open_checkpoint(data, self._keys).checkpoint
        tree = self._database.tree()
        if (checkpoint.size, checkpoint.root) != (tree.size, tree.root()):
            raise RootMismatchError(f"checkpoint {checkpoint.size}: not of the committed tree")
        self._store.write_checkpoint(data)
        self._showing.reveal(checkpoint, data)
