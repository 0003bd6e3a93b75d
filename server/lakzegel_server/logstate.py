# SPDX-License-Identifier: EUPL-1.2
"""The log of one DATA: what is committed, what that proves, what is shown (storage.md §2).

1. Entries are checked against the custody of what is committed; one that fails gets its own error.
2. One database transaction appends the rest by compare-and-swap on the size: the single fsync.
3. Only then does the custody take them in, are tiles written and is the new tree signed and shown.

Nothing changes before it is durable, so a failure leaves nothing to undo. A crash after 2 leaves
entries whose tiles are made again from the table ``pending`` at the next start.

A log that may not be the newest takes nothing in and signs nothing new (`standing.py`); what it had
before it was set back is taken over from those who saw it (`recovery/`).

What was taken in (`taken.py`), what is shown (`showing.py`) and what others committed
(`logfollower.py`) are apart; the locks over them (`logturn.py`) are taken here and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, Self

from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.custody import Custody
from lakzegel_core.errors import LakzegelError
from lakzegel_core.merkle import Frontier
from lakzegel_core.note import Signature
from lakzegel_server.committed import Committed
from lakzegel_server.database import FAILURES, Database, code_of, open_turns
from lakzegel_server.errors import BusyError, ServerError
from lakzegel_server.grouping import Group, Outcome, choose
from lakzegel_server.index.turns import Lease
from lakzegel_server.layout import Layout
from lakzegel_server.logfollower import LogFollower
from lakzegel_server.logsigner import LogSigner
from lakzegel_server.logstore import LogStore
from lakzegel_server.logturn import LogTurn
from lakzegel_server.savepoints import Savepoints
from lakzegel_server.showing import Showing, Shown
from lakzegel_server.signing import Signing
from lakzegel_server.standing import Standing
from lakzegel_server.taken import Taken, Taker

_log: Final = logging.getLogger(__name__)


class LogState:
    """One process's view of the log; each method takes the locks that it names."""

    def __init__(
        self, layout: Layout, signer: LogSigner, database: Database, clock: Callable[[], float]
    ) -> None:
        self.store = LogStore.of(layout.stores, layout.log, layout.incoming)
        self.keys = signer.keys
        self.origin = self.keys.origin
        self._clock = clock
        self._is_shared = layout.shared
        self._database = database
        self._turn = LogTurn(open_turns(layout.database, layout.lock))
        self._signing = Signing(self.store, signer, clock, layout)
        self._committed = Committed(self.store, database)
        self._savepoints = Savepoints(layout.savepoint, layout.incoming, self.store)
        self._taken = Taken(self.origin, self.store, self._committed, self._savepoints)
        parts = self.store, self._committed, self._taken, self._signing
        self._showing = Showing(*parts, self._turn)
        self._follower = LogFollower(*parts, self._showing, database, self.keys)

    @classmethod
    def open(cls, layout: Layout, signer: LogSigner, *, clock: Callable[[], float]) -> Self:
        """The log as its database says, with tiles and checkpoint brought up to that.

        Several receivers of one index take in most of it before the turn, under the guard alone.

        Raises:
            DamageError: tiles or entries are not what was committed.
        """
        state = cls(layout, signer, Database.open(layout.database), clock)
        if layout.shared:
            with state._turn.looking():
                state._follower.prepare()
        with state.turn():
            state._follower.load()
        return state

    def close(self) -> None:
        """Make everything durable and close the database; takes the turn."""
        try:
            with self.turn():
                self._committed.make_durable(self.shown.checkpoint.size)
            self.save(ending=True)
        except FAILURES as error:  # the next one to have the turn goes on from there
            _log.warning("the index is not there at the end: %s", code_of(error))
        finally:
            self._database.close()
            self._turn.close()

    # whose turn it is

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One at a time, among this process's threads and all who share the index.

        Whoever only reads goes on while another process has its turn.
        """
        with self._turn.among_all():
            yield

    def lease(self, name: str) -> Lease:
        """The right to do what one of all receivers of this log does (docs/spec/stores.md §8)."""
        return self._turn.lease(name)

    # what is shown

    def when_shown(self, listener: Callable[[], None]) -> None:
        """Call this after every new checkpoint; it must return at once, and never fail."""
        self._showing.when_shown(listener)

    def before_shown(self, listener: Callable[[Checkpoint], None]) -> None:
        """Call this before every new checkpoint is shown; when it fails, nothing is shown."""
        self._showing.before_shown(listener)

    def when_taken(self, listener: Taker) -> None:
        """Call this after every entry that the custody takes in; it must return at once."""
        self._taken.when_taken(listener)

    @property
    def standing(self) -> Standing:
        """Whether entries may be appended, and why not."""
        return self._follower.standing

    def stand(self, standing: Standing) -> None:
        """Decide whether entries may be appended; what is under way ends first: takes the turn."""
        with self.turn():
            self._follower.standing = standing

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
        return self._follower.lost

    def forget_lost(self) -> None:
        """It is kept where it counts."""
        self._follower.lost = None

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
        return self._showing.now

    @contextmanager
    def reading(self) -> Iterator[tuple[Custody, Shown]]:
        """The custody and the checkpoint that it belongs to; takes the guard, after a signature.

        Raises:
            BusyError: what was committed could not be shown yet.
        """
        with self._turn.looking_when_signed():
            if not self._showing.is_whole():
                raise BusyError("the newest entries are not shown yet; try again")
            yield self._taken.custody, self._showing.now

    @contextmanager
    def looking(self) -> Iterator[Custody]:
        """The custody of what is committed, whether it is shown or not; nothing changes meanwhile.

        Not for answers that tell others of the log. Takes the guard.
        """
        with self._turn.looking():
            yield self._taken.custody

    @contextmanager
    def deciding(self) -> Iterator[Custody]:
        """The custody of all that anybody committed, while nobody commits more; takes the turn."""
        with self.turn():
            if self.standing.sealing:
                self._follower.follow()
            yield self._taken.custody

    def root(self, size: int) -> bytes:
        """The root that this log had at ``size``, which must not be beyond what is shown."""
        return self.shown.reader.root(size)

    def edge(self) -> Frontier:
        """The committed tree's right edge; takes the guard."""
        with self._turn.looking():
            return self._database.tree()

    def test_keys(self) -> None:
        """Return when the log's keys sign: the checkpoint that is shown, once more and for nobody.

        Raises:
            LakzegelError: what they signed does not hold.
        """
        self._signing.test(self.shown.checkpoint)

    # what changes

    def append(self, wanted: Sequence[bytes]) -> list[Outcome]:
        """Each entry's index, or why not; what has one is durable and shown; takes the turn."""
        with self.turn():
            self.standing.require_sealing()
            self._follower.catch_up()
            outcomes: dict[int, Outcome] = {}
            waiting = list(enumerate(wanted))
            while waiting:
                custody = self._taken.custody
                group, waiting = choose(custody, self._database.index_of, waiting, outcomes)
                self._commit(group, outcomes)
            self._showing.show()
            return [outcomes[place] for place in range(len(wanted))]

    def _commit(self, group: Group, outcomes: dict[int, Outcome]) -> None:
        """Needs the turn among all, and the guard."""
        if not group:
            return
        data = [checked.data for checked, _ in group.values()]
        if not self._database.commit(self._taken.edge, data):
            raise BusyError("another receiver was first; try again")
        for checked, places in group.values():
            outcomes.update(dict.fromkeys(places, self._taken.custody.size))
            self._taken.take(checked)

    def refresh(self) -> None:
        """Take in what another process appended, show what could not be shown before.

        Looks under the guard, takes in under the turn among threads, and only to sign takes the
        turn among all; each is let go of before the next.
        """
        if self._turn.is_signing:
            return  # it is being shown
        if not self.standing.sealing:
            return
        with self._turn.looking():
            if self._follower.is_newest():
                return
        with self._turn.among_threads():
            if self._follower.adopt():
                return
        with self.turn():
            self._follower.catch_up()

    def settle(self) -> None:
        """Make the tiles durable; for moments when nothing else waits. Takes the turn for it."""
        with self._turn.looking():
            waiting = self._committed.is_waiting(self.shown.checkpoint.size)
        if waiting:
            with self.turn():
                self._committed.make_durable(self.shown.checkpoint.size)

    def save(self, *, ending: bool = False) -> None:
        """Write down where the next start may go on from, if it is time; takes the guard."""
        try:
            with self.reading() as (custody, shown):
                if not self._savepoints.is_due(shown.checkpoint.size, ending=ending):
                    return
                made = self._savepoints.begin(custody, self._taken.edge.copy())
            self._savepoints.write(made)
        except (LakzegelError, ServerError, OSError) as error:
            _log.warning("no savepoint could be written: %s", error)

    def see_lines(self) -> None:
        """Show witnesses' lines that came to another receiver of the same log; takes the guard."""
        if not self._is_shared:
            return
        with self._turn.looking():
            self._showing.see_lines()

    def add_witness(self, checkpoint: Checkpoint, signatures: Sequence[Signature]) -> bool:
        """Merge witnesses' lines when they are about the newest checkpoint; takes the turn."""
        with self.turn():
            self.standing.require_sealing()
            self._follower.catch_up()
            return self._showing.add_lines(checkpoint, signatures)

    # what comes back

    def take_over(self, entries: Sequence[bytes]) -> None:
        """Commit entries that this log had before it was set back, unshown; takes the turn.

        Raises:
            BusyError: another process appended.
            DamageError: the custody refuses one.
        """
        with self.turn():
            self._follower.take_over(entries)

    def complete(self) -> None:
        """Bring custody and tiles up to what is committed, unshown; takes the turn.

        Raises:
            DamageError: what was committed is no log.
        """
        with self.turn():
            self._follower.complete()

    def show_as(self, data: bytes) -> None:
        """Show the committed tree by a checkpoint that this log signed before; takes the turn.

        Raises:
            LakzegelError: it did not, or that is about another tree.
        """
        with self.turn():
            self._follower.show_as(data)
