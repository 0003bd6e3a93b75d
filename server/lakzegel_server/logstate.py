# SPDX-License-Identifier: EUPL-1.2
"""The log of one DATA: what is committed, what that proves, what is shown (storage.md §2).

1. Entries are checked against the custody of what is committed; one that fails gets its own error.
2. One database transaction appends the rest by compare-and-swap on the size: the single fsync.
3. Only then does the custody take them in, are tiles written and is the new tree signed and shown.

Nothing changes before it is durable, so a failure leaves nothing to undo. A crash after 2 leaves
entries whose tiles are made again from the table ``pending`` at the next start.

A log that may not be the newest takes nothing in and signs nothing new (`standing.py`); what it had
before it was set back is taken over from those who saw it (`recovery/`).
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

from lakzegel_core.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from lakzegel_core.cosignature import add_cosignature
from lakzegel_core.custody import Custody
from lakzegel_core.errors import LakzegelError, LimitError, RootMismatchError
from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_core.note import Signature
from lakzegel_core.tiles import HashReader
from lakzegel_server.database import Database
from lakzegel_server.errors import BusyError, DamageError
from lakzegel_server.grouping import Group, Outcome, choose
from lakzegel_server.layout import Layout, LogSigner
from lakzegel_server.logstore import LogStore
from lakzegel_server.standing import SEALING, Standing

MAX_PENDING: Final = 512  # entries whose tiles may be made durable later, all at once


@dataclass(frozen=True, slots=True)
class Shown:
    """What everybody may see: the newest signed checkpoint, and proofs over its tree."""

    checkpoint: Checkpoint
    data: bytes
    reader: HashReader


class LogState:
    """One process's view of the log; ``turn`` keeps all processes' and threads' apart."""

    def __init__(
        self, layout: Layout, signer: LogSigner, database: Database, clock: Callable[[], float]
    ) -> None:
        self.store = LogStore(layout.log, layout.incoming)
        self.keys = signer.keys
        self.origin = self.keys.origin
        self._signer = signer
        self._database = database
        self._clock = clock
        self._lock_path = layout.lock
        self._turn = threading.Lock()
        self._guard = threading.RLock()
        self._listeners: list[Callable[[], None]] = []
        self._before: list[Callable[[Checkpoint], None]] = []
        self._standing = SEALING
        self._unsynced = False  # the tiles may have been lost by a sync that failed
        self.stated = 0  # the size of the newest checkpoint of its own that lay there at the start
        self._custody = Custody.start(self.origin, pinned=None, threshold=None)
        self._shown = Shown(Checkpoint(self.origin, 0, self.store.root(0)), b"", self._reader(0))

    @classmethod
    def open(cls, layout: Layout, signer: LogSigner, *, clock: Callable[[], float]) -> Self:
        """The log as its database says, with tiles and checkpoint brought up to that.

        Raises:
            DamageError: tiles or entries are not what was committed.
        """
        state = cls(layout, signer, Database.open(layout.database), clock)
        with state.turn():
            state._load()
        return state

    def close(self) -> None:
        """Make everything durable and close the database."""
        with self.turn():
            self._make_durable()
        self._database.close()

    # what is shown

    def when_shown(self, listener: Callable[[], None]) -> None:
        """Call this after every new checkpoint; it must return at once, and never fail."""
        self._listeners.append(listener)

    def before_shown(self, listener: Callable[[Checkpoint], None]) -> None:
        """Call this before every new checkpoint is shown; when it fails, nothing is shown."""
        self._before.append(listener)

    @property
    def standing(self) -> Standing:
        """Whether entries may be appended, and why not."""
        return self._standing

    def stand(self, standing: Standing) -> None:
        """Decide whether entries may be appended; what is under way ends first."""
        with self.turn():
            self._standing = standing

    @property
    def key_trouble(self) -> str | None:
        """Why nothing can be signed at present; None when it can, as far as is known."""
        return self._signer.trouble

    @property
    def shown(self) -> Shown:
        """The newest signed checkpoint."""
        return self._shown

    @contextmanager
    def reading(self) -> Iterator[tuple[Custody, Shown]]:
        """The custody and the checkpoint that it belongs to; nothing changes meanwhile.

        Raises:
            BusyError: what was committed could not be shown yet.
        """
        with self._guard:
            if self._custody.size != self._shown.checkpoint.size or not self._shown.data:
                raise BusyError("the newest entries are not shown yet; try again")
            yield self._custody, self._shown

    @contextmanager
    def looking(self) -> Iterator[Custody]:
        """The custody of what is committed, whether it is shown or not; nothing changes meanwhile.

        Not for answers that tell others of the log.
        """
        with self._guard:
            yield self._custody

    def root(self, size: int) -> bytes:
        """The root that this log had at ``size``, which must not be beyond what is shown."""
        return self._shown.reader.root(size)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One at a time, among this process's threads and between processes.

        Whoever only reads goes on while another process has its turn.
        """
        with self._turn, self._lock_path.open("a") as file:
            self._lock_path.chmod(0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            with self._guard:
                yield

    def test_keys(self) -> None:
        """Return when the log's keys sign: the checkpoint that is shown, once more and for nobody.

        Raises:
            LakzegelError: what they signed does not hold.
        """
        now, shown = int(self._clock()), self._shown.checkpoint
        data = sign_checkpoint(shown, self._signer.ed25519, self._signer.mldsa, now=now)
        open_checkpoint(data, self.keys)

    # what changes

    def append(self, wanted: Sequence[bytes]) -> list[Outcome]:
        """Each entry's index, or why it was refused; what has an index is durable and shown."""
        with self.turn():
            self._standing.require_sealing()
            self._catch_up()
            outcomes: dict[int, Outcome] = {}
            waiting = list(enumerate(wanted))
            while waiting:
                taken, waiting = choose(self._custody, self._database.index_of, waiting, outcomes)
                self._commit(taken, outcomes)
            self._show()
            return [outcomes[place] for place in range(len(wanted))]

    def refresh(self) -> None:
        """Take in what another process appended, show what could not be shown before."""
        if self._standing.sealing and self._database_size() != self._shown.checkpoint.size:
            with self.turn():
                self._catch_up()

    def settle(self) -> None:
        """Make the tiles durable; for moments when nothing else waits."""
        with self._guard:
            start = self._database.pending_start()
        if start is not None:
            with self.turn():
                self._make_durable()

    def add_witness(self, checkpoint: Checkpoint, signatures: Sequence[Signature]) -> bool:
        """Merge witnesses' lines when they are about the newest checkpoint."""
        with self.turn():
            self._standing.require_sealing()
            self._catch_up()
            if checkpoint != self._shown.checkpoint:
                return False
            data = self._shown.data
            try:
                for signature in signatures:
                    data = add_cosignature(data, signature)
            except LimitError:
                return False
            self.store.write_checkpoint(data)
            self._shown = Shown(checkpoint, data, self._shown.reader)
            return True

    def take_over(self, entries: Sequence[bytes]) -> None:
        """Commit entries that this log had before it was set back; durable, and not shown yet.

        Raises:
            BusyError: another process appended.
            DamageError: the custody refuses one.
        """
        with self.turn():
            if not self._database.commit(self._custody.size, entries):
                raise BusyError("the log grew while it was being caught up")
            self._complete()

    def complete(self) -> None:
        """Bring custody and tiles up to what is committed, when that failed; it shows nothing.

        Raises:
            DamageError: what was committed is no log.
        """
        with self.turn():
            self._complete()

    def show_as(self, data: bytes) -> None:
        """Show the committed tree by a checkpoint that this log signed before.

        Raises:
            LakzegelError: it did not, or that is about another tree.
        """
        with self.turn():
            checkpoint = open_checkpoint(data, self._signer.keys).checkpoint
            tree = self._database.tree()
            if (checkpoint.size, checkpoint.root) != (tree.size, tree.root()):
                raise RootMismatchError(f"checkpoint {checkpoint.size}: not of the committed tree")
            self.store.write_checkpoint(data)
            self._reveal(checkpoint, data)

    def edge(self) -> Frontier:
        """The committed tree's right edge."""
        with self._guard:
            return self._database.tree()

    def _commit(
        self,
        taken: Group,
        outcomes: dict[int, Outcome],
    ) -> None:
        if not taken:
            return
        data = [checked.data for checked, _ in taken.values()]
        if not self._database.commit(self._custody.size, data):
            raise BusyError("another receiver was first; try again")
        for checked, places in taken.values():
            outcomes.update(dict.fromkeys(places, self._custody.size))
            self._custody.take(checked)

    # state

    def _load(self) -> None:
        tree = self._database.tree()
        stated = self._stated()
        self.stated = stated.size
        self._repair_tiles(tree.size)
        found = self._replay(tree.size, Frontier())
        if found.to_hashes() != tree.to_hashes() or self.store.root(tree.size) != tree.root():
            raise DamageError(
                f"log: entries and tiles do not give the root of the {tree.size} entries that"
                " index.sqlite committed; run 'lakzegel-server check'"
            )
        if stated.size <= tree.size and self.store.root(stated.size) != stated.root:
            raise DamageError(
                f"log/checkpoint: this log signed another tree of {stated.size} entries than"
                " index.sqlite has; keep that file, and restore a backup of the whole of DATA"
            )
        self._show()

    def _repair_tiles(self, size: int) -> None:
        """Write the tiles of committed entries again whose tiles a crash may have lost."""
        pending = self._database.pending()
        if not pending:
            return
        start = pending[0][0]
        if pending[-1][0] != size - 1 or len(pending) != size - start:
            raise DamageError("index.sqlite: pending entries do not end at the tree's size")
        self.store.append(start, [data for _, data in pending])

    def _replay(self, size: int, frontier: Frontier) -> Frontier:
        """Take in committed entries from where the custody is; the frontier grows with them."""
        for data in self._entries(self._custody.size, size):
            frontier.append(leaf_hash(data))
            try:
                self._custody.apply(data)
            except LakzegelError as error:
                raise DamageError(f"log: entry {self._custody.size}: {error}") from None
        return frontier

    def _entries(self, start: int, size: int) -> Iterator[bytes]:
        """Committed entries: from tiles where those are durable, else from the database."""
        pending = self._database.pending(start)
        durable = pending[0][0] if pending else size
        yield from self.store.entries(start, max(start, durable))
        yield from (data for _, data in pending)

    def _catch_up(self) -> None:
        size = self._database.size()
        if size > self._custody.size:
            self._replay(size, Frontier())
        self._show()

    def _complete(self) -> None:
        tree = self._database.tree()
        self._replay(tree.size, Frontier())
        self._write_tiles(tree, self._shown.checkpoint.size)
        self._make_durable(tree.size)

    def _show(self) -> None:
        """Tiles, then the signed checkpoint, of the committed tree."""
        tree = self._database.tree()
        if tree.size == self._shown.checkpoint.size and self._shown.data:
            return
        self._write_tiles(tree, self._shown.checkpoint.size)
        checkpoint = Checkpoint(self.origin, tree.size, tree.root())
        data = self._adopt(checkpoint) or self._sign(checkpoint)
        self._reveal(checkpoint, data)
        start = self._database.pending_start()
        if start is not None and tree.size - start > MAX_PENDING:
            self._make_durable()

    def _reveal(self, checkpoint: Checkpoint, data: bytes) -> None:
        for prepare in self._before:
            prepare(checkpoint)
        self._shown = Shown(checkpoint, data, self._reader(checkpoint.size))
        for listener in self._listeners:
            listener()

    def _write_tiles(self, tree: Frontier, start: int) -> None:
        pending = self._database.pending(start)
        if pending and self.store.append(pending[0][0], [d for _, d in pending]) != tree.root():
            raise DamageError(
                f"log: the tiles do not give the root of the {tree.size} entries that"
                " were committed; run 'lakzegel-server check'"
            )

    def _adopt(self, checkpoint: Checkpoint) -> bytes | None:
        """The checkpoint that lies there, with its witnesses, when it is of this very tree."""
        data = self.store.read_checkpoint()
        if data is None or not data.startswith(checkpoint.to_text()):
            return None  # as after every entry: no signature has to be verified to see that
        try:
            found = open_checkpoint(data, self._signer.keys).checkpoint
        except (LakzegelError, ValueError):
            return None
        return data if found == checkpoint else None

    def _sign(self, checkpoint: Checkpoint) -> bytes:
        now = int(self._clock())
        data = sign_checkpoint(checkpoint, self._signer.ed25519, self._signer.mldsa, now=now)
        if checkpoint.size >= self.stated:  # else a larger one lies there: it shows what is lacking
            self.store.write_checkpoint(data)
        return data

    def _stated(self) -> Checkpoint:
        """The signed checkpoint that lies there; of nothing when there is none, or it is torn."""
        data = self.store.read_checkpoint()
        try:
            return open_checkpoint(data or b"", self._signer.keys).checkpoint
        except (LakzegelError, ValueError):
            return Checkpoint(self.origin, 0, self.store.root(0))

    def _make_durable(self, size: int | None = None) -> None:
        start = self._database.pending_start()
        if start is None:
            return
        size = self._shown.checkpoint.size if size is None else size
        if self._unsynced:  # the system takes pages that it could not write for clean: no
            self._write_tiles(self._database.tree(), start)  # second sync would notice
        self._unsynced = True
        self.store.sync(start, size)
        self._unsynced = False
        self._database.forget_pending(size)

    def _database_size(self) -> int:
        with self._guard:
            return self._database.size()

    def _reader(self, size: int) -> HashReader:
        return self.store.reader(size)
