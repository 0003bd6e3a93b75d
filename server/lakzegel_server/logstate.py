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

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from lakzegel_core.checkpoint import Checkpoint, open_checkpoint
from lakzegel_core.cosignature import add_cosignature
from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import CheckedEntry
from lakzegel_core.errors import LakzegelError, LimitError, RootMismatchError
from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_core.note import Signature
from lakzegel_core.tiles import HashReader
from lakzegel_server.committed import Committed
from lakzegel_server.database import FAILURES, Database, code_of, open_turns
from lakzegel_server.errors import BusyError, DamageError, ReadOnlyError, ServerError
from lakzegel_server.grouping import Group, Outcome, choose
from lakzegel_server.index.turns import Lease
from lakzegel_server.layout import Layout, LogSigner
from lakzegel_server.logstore import LogStore
from lakzegel_server.savepoints import Savepoints
from lakzegel_server.signing import Signing
from lakzegel_server.standing import SEALING, Phase, Standing

PATIENCE: Final = 2.0  # seconds that whoever reads waits for a signature that is being made
_log: Final = logging.getLogger(__name__)


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
        self.store = LogStore.of(layout.stores, layout.log, layout.incoming)
        self.keys = signer.keys
        self.origin = self.keys.origin
        self._signing = Signing(self.store, signer, clock, layout)
        self._clock = clock
        self._is_shared = layout.shared
        self._database = database
        self._committed = Committed(self.store, database)
        self._savepoints = Savepoints(layout.savepoint, layout.incoming, self.store)
        self._turns = open_turns(layout.database, layout.lock)
        self._queue = threading.Lock()  # of this process's threads that want the turn
        self._turn = threading.Lock()
        self._guard = threading.Condition()  # over a lock that one thread may take again
        self._is_signing = False  # others look meanwhile, and what is committed is not shown yet
        self._listeners: list[Callable[[], None]] = []
        self._before: list[Callable[[Checkpoint], None]] = []
        self._takers: list[Callable[[Custody, CheckedEntry], None]] = []
        self._standing = SEALING
        self._custody = Custody.start(self.origin, pinned=None, threshold=None)
        self._known: dict[tuple[int, int], bytes] = {}  # hashes of full subtrees of it
        self._edge = Frontier()  # of what the custody took in: the index must never have another
        self._lost: bytes | None = None  # what was shown and the index has no more
        self._shown = Shown(Checkpoint(self.origin, 0, self.store.root(0)), b"", self._reader(0))

    @classmethod
    def open(cls, layout: Layout, signer: LogSigner, *, clock: Callable[[], float]) -> Self:
        """The log as its database says, with tiles and checkpoint brought up to that.

        Raises:
            DamageError: tiles or entries are not what was committed.
        """
        state = cls(layout, signer, Database.open(layout.database), clock)
        if layout.shared:
            state._prepare()
        with state.turn():
            state._load()
        return state

    def close(self) -> None:
        """Make everything durable and close the database."""
        try:
            with self.turn():
                self._committed.make_durable(self._shown.checkpoint.size)
            self.save(ending=True)
        except FAILURES as error:  # the next one to have the turn goes on from there
            _log.warning("the index is not there at the end: %s", code_of(error))
        finally:
            self._database.close()
            self._turns.close()

    # what is shown

    def when_shown(self, listener: Callable[[], None]) -> None:
        """Call this after every new checkpoint; it must return at once, and never fail."""
        self._listeners.append(listener)

    def before_shown(self, listener: Callable[[Checkpoint], None]) -> None:
        """Call this before every new checkpoint is shown; when it fails, nothing is shown."""
        self._before.append(listener)

    def when_taken(self, listener: Callable[[Custody, CheckedEntry], None]) -> None:
        """Call this after every entry that the custody takes in; it must return at once."""
        self._takers.append(listener)

    @property
    def standing(self) -> Standing:
        """Whether entries may be appended, and why not."""
        return self._standing

    def stand(self, standing: Standing) -> None:
        """Decide whether entries may be appended; what is under way ends first."""
        with self.turn():
            self._standing = standing

    @property
    def stated(self) -> int:
        """The size of the newest checkpoint that this log is known to have signed."""
        return self._signing.stated

    @stated.setter
    def stated(self, size: int) -> None:
        self._signing.stated = size

    @property
    def lost(self) -> bytes | None:
        """The checkpoint that was shown before the index went back; None as nearly always."""
        return self._lost

    def forget_lost(self) -> None:
        """It is kept where it counts."""
        self._lost = None

    @property
    def word(self) -> bytes | None:
        """The newest checkpoint that is known to have been signed and lies here."""
        return self._signing.word()

    @property
    def now(self) -> datetime:
        """This receiver's clock."""
        return datetime.fromtimestamp(int(self._clock()), UTC)

    @property
    def key_trouble(self) -> str | None:
        """Why nothing can be signed at present; None when it can, as far as is known."""
        return self._signing.trouble

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
            self._guard.wait_for(lambda: not self._is_signing, timeout=PATIENCE)
            if not self._is_shown():
                raise BusyError("the newest entries are not shown yet; try again")
            yield self._custody, self._shown

    @contextmanager
    def looking(self) -> Iterator[Custody]:
        """The custody of what is committed, whether it is shown or not; nothing changes meanwhile.

        Not for answers that tell others of the log.
        """
        with self._guard:
            yield self._custody

    @contextmanager
    def deciding(self) -> Iterator[Custody]:
        """The custody of all that anybody committed, while nobody commits more."""
        with self.turn():
            if self._standing.sealing:
                self._follow(self._database.tree())
            yield self._custody

    def root(self, size: int) -> bytes:
        """The root that this log had at ``size``, which must not be beyond what is shown."""
        return self._shown.reader.root(size)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One at a time, among this process's threads and all who share the index.

        Whoever only reads goes on while another process has its turn.
        """
        with self._queue, self._turns.turn(), self._turn, self._guard:
            yield

    def lease(self, name: str) -> Lease:
        """The right to do what one of all receivers of this log does (docs/spec/stores.md §8)."""
        return self._turns.lease(name)

    def test_keys(self) -> None:
        """Return when the log's keys sign: the checkpoint that is shown, once more and for nobody.

        Raises:
            LakzegelError: what they signed does not hold.
        """
        self._signing.test(self._shown.checkpoint)

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
        if self._is_signing:
            return  # it is being shown
        if not self._standing.sealing or self._is_newest():
            return
        if not self._adopt():
            with self.turn():
                self._catch_up()

    def settle(self) -> None:
        """Make the tiles durable; for moments when nothing else waits."""
        with self._guard:
            waiting = self._committed.is_waiting(self._shown.checkpoint.size)
        if waiting:
            with self.turn():
                self._committed.make_durable(self._shown.checkpoint.size)

    def save(self, *, ending: bool = False) -> None:
        """Write down where the next start may go on from, when enough was appended since."""
        try:
            with self.reading() as (custody, shown):
                if not self._savepoints.is_due(shown.checkpoint.size, ending=ending):
                    return
                made = self._savepoints.begin(custody, self._edge.copy())
            self._savepoints.write(made)
        except (LakzegelError, ServerError, OSError) as error:
            _log.warning("no savepoint could be written: %s", error)

    def see_lines(self) -> None:
        """Show witnesses' lines that came to another receiver of the same log."""
        if not self._is_shared:
            return
        with self._guard:
            shown = self._shown
            if shown.data and self._is_shown() and not self._is_signing:
                data = self._signing.adopt(shown.checkpoint)
                if data is not None:
                    self._shown = Shown(shown.checkpoint, data, shown.reader)

    def add_witness(self, checkpoint: Checkpoint, signatures: Sequence[Signature]) -> bool:
        """Merge witnesses' lines when they are about the newest checkpoint."""
        with self.turn():
            self._standing.require_sealing()
            self._catch_up()
            if checkpoint != self._shown.checkpoint:
                return False
            data = self._signing.adopt(checkpoint) or self._shown.data
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
            if not self._database.commit(self._edge, entries):
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
            checkpoint = open_checkpoint(data, self.keys).checkpoint
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
        if not self._database.commit(self._edge, data):
            raise BusyError("another receiver was first; try again")
        for checked, places in taken.values():
            outcomes.update(dict.fromkeys(places, self._custody.size))
            self._custody.take(checked)
            self._edge.append(leaf_hash(checked.data))
            self._tell(checked)

    def _tell(self, checked: CheckedEntry) -> None:
        for listener in self._takers:
            listener(self._custody, checked)

    # state

    def _prepare(self) -> None:
        """Take in most of the log before the turn: others go on sealing meanwhile."""
        with self._guard:
            tree = self._database.tree()
            if not self._replay_from_savepoint(tree) and not self._replay(tree):
                self._start_anew()  # what is wrong is said by whoever has the turn

    def _load(self) -> None:
        tree = self._database.tree()
        stated = self._signing.newest()
        self.stated = stated.size
        self._committed.repair(tree.size)
        begun = self._custody.size > 0 or self._replay_from_savepoint(tree)
        replayed = (begun and self._edge.size == tree.size) or self._replay(tree)
        if not replayed or self.store.root(tree.size) != tree.root():
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

    def _replay_from_savepoint(self, tree: Frontier) -> bool:
        """Whether a savepoint leads to the committed tree; else nothing was taken in."""
        restored = self._savepoints.load(self.origin, tree)
        if restored is None:
            return False
        self._custody, self._edge = restored.custody, restored.edge
        try:
            return self._replay(tree)
        except DamageError as error:
            self._savepoints.distrust(error)
            self._start_anew()
            return False

    def _start_anew(self) -> None:
        self._known = {}
        self._custody = Custody.start(self.origin, pinned=None, threshold=None)
        self._edge = Frontier()

    def _replay(self, tree: Frontier) -> bool:
        """Take in committed entries from where the custody is; whether they lead to that tree."""
        for data in self._committed.entries(self._custody.size, tree.size):
            try:
                self._tell(self._custody.apply(data))
            except LakzegelError as error:
                raise DamageError(f"log: entry {self._custody.size}: {error}") from None
            self._edge.append(leaf_hash(data))
        return self._edge.to_hashes() == tree.to_hashes()

    def _follow(self, tree: Frontier) -> None:
        """Take in what others committed.

        Raises:
            ReadOnlyError: the index is not the continuation of what this process knows.
        """
        try:
            if tree.size >= self._edge.size and self._replay(tree):
                return
        except DamageError:
            self._set_back(tree)
            raise
        self._set_back(tree)
        raise ReadOnlyError("the index went back; nothing is sealed until what it lost is there")

    def _set_back(self, tree: Frontier) -> None:
        """Be read-only from now on, with the log that the index has (docs/spec/stores.md §9)."""
        was = self._shown
        _log.error(
            "the index has %d entries, which do not continue the %d that were shown: it went back",
            tree.size,
            was.checkpoint.size,
        )
        detail = f"this log showed {was.checkpoint.size} entries, the index has {tree.size}"
        self._standing = Standing(Phase.ASKING, detail, was.checkpoint.size)
        self.stated = max(self.stated, was.checkpoint.size)
        self._lost = was.data or self._lost
        self._start_anew()
        checkpoint = Checkpoint(self.origin, tree.size, tree.root())
        is_beginning = tree.size < was.checkpoint.size and self.root(tree.size) == checkpoint.root
        if not self._replay(tree):
            raise DamageError("log: entries and tiles do not give the root that the index has")
        data = self._signing.adopt(checkpoint)
        if data is None and is_beginning:
            data = self._sign(checkpoint)
        self._shown = Shown(checkpoint, data or b"", self._reader(tree.size))

    def _adopt(self) -> bool:
        """Whether what others committed is taken in and shown by a checkpoint of theirs."""
        with self._turn, self._guard:
            self._follow(self._database.tree())
            checkpoint = Checkpoint(self.origin, self._edge.size, self._edge.root())
            if checkpoint.size == self._shown.checkpoint.size:
                return True
            data = self._signing.adopt(checkpoint)
            if data is not None:
                self._reveal(checkpoint, data)
            return data is not None

    def _catch_up(self) -> None:
        self._follow(self._database.tree())
        self._show()

    def _complete(self) -> None:
        tree = self._database.tree()
        if not self._replay(tree):
            raise DamageError("log: its entries do not give the root that the index has")
        self._committed.write_tiles(tree, self._shown.checkpoint.size)
        self._committed.make_durable(tree.size)

    def _show(self) -> None:
        """Tiles, then the signed checkpoint, of the tree that was taken in."""
        tree = self._edge
        if tree.size == self._shown.checkpoint.size and self._shown.data:
            return
        self._committed.write_tiles(tree, self._shown.checkpoint.size)
        checkpoint = Checkpoint(self.origin, tree.size, tree.root())
        data = self._signing.adopt(checkpoint) or self._sign(checkpoint)
        self._reveal(checkpoint, data)
        if self._committed.is_much(tree.size):
            self._committed.make_durable(tree.size)

    def _sign(self, checkpoint: Checkpoint) -> bytes:
        """Sign while others look: a token may take long, and the turn keeps all who change."""
        self._is_signing = True
        self._guard.release()
        try:
            return self._signing.sign(checkpoint)
        finally:
            self._guard.acquire()
            self._is_signing = False
            self._guard.notify_all()

    def _is_shown(self) -> bool:
        return bool(self._shown.data) and self._custody.size == self._shown.checkpoint.size

    def _reveal(self, checkpoint: Checkpoint, data: bytes) -> None:
        for prepare in self._before:
            prepare(checkpoint)
        self._signing.remember(data)
        self._shown = Shown(checkpoint, data, self._reader(checkpoint.size))
        for listener in self._listeners:
            listener()

    def _is_newest(self) -> bool:
        """Whether what is shown is what is committed."""
        with self._guard:
            tree = self._database.tree()
            shown = self._is_shown() and tree.size == self._shown.checkpoint.size
            return shown and tree.to_hashes() == self._edge.to_hashes()

    def _reader(self, size: int) -> HashReader:
        return HashReader(size, self.store.read, known=self._known)
