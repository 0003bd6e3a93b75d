# SPDX-License-Identifier: EUPL-1.2
"""What one process took in of the committed log: its custody, and its right edge.

Replaying takes committed entries in from where the custody is; a savepoint spares the beginning
(docs/spec/storage.md §8). Nothing here takes a lock (`logturn.py`): reading needs the guard,
and changing the turn among this process's threads as well.
"""

from __future__ import annotations

from collections.abc import Callable

from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import CheckedEntry
from lakzegel_core.errors import LakzegelError
from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_core.tiles import HashReader
from lakzegel_server.committed import Committed
from lakzegel_server.errors import DamageError
from lakzegel_server.logstore import LogStore
from lakzegel_server.savepoints import Savepoints

Taker = Callable[[Custody, CheckedEntry], None]


class Taken:
    """The custody, and the edge that belongs to it: the index must never have another."""

    custody: Custody
    edge: Frontier

    def __init__(
        self, origin: str, store: LogStore, committed: Committed, savepoints: Savepoints
    ) -> None:
        self.origin = origin
        self._store = store
        self._committed = committed
        self._savepoints = savepoints
        self._takers: list[Taker] = []
        self.start_anew()

    def when_taken(self, listener: Taker) -> None:
        """Call this after every entry that is taken in; before there are threads."""
        self._takers.append(listener)

    def start_anew(self) -> None:
        """Have taken in nothing; needs the turn among threads, and the guard."""
        self._known: dict[tuple[int, int], bytes] = {}  # hashes of full subtrees of it
        self.custody = Custody.start(self.origin, pinned=None, threshold=None)
        self.edge = Frontier()

    def take(self, checked: CheckedEntry) -> None:
        """Take in the next entry, which is committed; needs the turn among all, and the guard."""
        self.custody.take(checked)
        self.edge.append(leaf_hash(checked.data))
        self._tell(checked)

    def replay(self, tree: Frontier) -> bool:
        """Take in committed entries from where the custody is; whether they lead to that tree.

        Needs the turn among threads, and the guard.

        Raises:
            DamageError: the custody refuses one.
        """
        for data in self._committed.entries(self.custody.size, tree.size):
            try:
                self._tell(self.custody.apply(data))
            except LakzegelError as error:
                raise DamageError(f"log: entry {self.custody.size}: {error}") from None
            self.edge.append(leaf_hash(data))
        return self.edge.to_hashes() == tree.to_hashes()

    def replay_from_savepoint(self, tree: Frontier) -> bool:
        """Whether a savepoint leads to the committed tree; else nothing was taken in.

        Needs the turn among threads, and the guard.
        """
        restored = self._savepoints.load(self.origin, tree)
        if restored is None:
            return False
        self.custody, self.edge = restored.custody, restored.edge
        try:
            return self.replay(tree)
        except DamageError as error:
            self._savepoints.distrust(error)
            self.start_anew()
            return False

    def reader(self, size: int) -> HashReader:
        """Roots and proofs of the log's first entries, which were taken in; needs the guard."""
        return HashReader(size, self._store.read, known=self._known)

    def _tell(self, checked: CheckedEntry) -> None:
        for listener in self._takers:
            listener(self.custody, checked)
