# SPDX-License-Identifier: EUPL-1.2
"""A list from its proposal to its end, a step a function: docs/spec/disposal.md §3, §5, §6."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lakzegel_core.encoding import format_time
from lakzegel_core.keys import VerifierKey
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.collection.indexed import IndexedCollection
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import catalog_from, identities, trail_of
from lakzegel_office.destroying.approval import Approval, Approvals
from lakzegel_office.destroying.approvers import approver_key
from lakzegel_office.destroying.clearing import Clearance
from lakzegel_office.destroying.deed import Done
from lakzegel_office.destroying.drafting import Draft
from lakzegel_office.destroying.holds import Holds
from lakzegel_office.destroying.lists import (
    APPROVED,
    DRAFTED,
    PROPOSED,
    WITHDRAWN,
    DestructionList,
    Lists,
)
from lakzegel_office.destroying.planning import NothingLeftError, Plan, Planner
from lakzegel_office.destroying.selection import Category, Copy
from lakzegel_office.destroying.staging import Drafter, draft_folder, folder_of
from lakzegel_office.destroying.tombs import tomb_row
from lakzegel_office.destroying.withdrawing import Withdrawal
from lakzegel_office.errors import UsageError
from lakzegel_office.extracted import extracts_in_force
from lakzegel_office.extracts import read_extract
from lakzegel_office.mirror import Mirror
from lakzegel_office.replay import Replay
from lakzegel_office.review.book import Book
from lakzegel_office.transport import Receiver


@dataclass(frozen=True, slots=True)
class Ground:
    """Why some units are to go."""

    text: str
    category: Category
    observations: bool = False


class Carrier:
    """Does the steps; whoever calls holds the home."""

    def __init__(self, office: Office, random: Callable[[int], bytes]) -> None:
        """Keep the office, and what gives random bytes."""
        self._office = office
        self._random = random
        self.lists = Lists(office)

    def propose(self, units: Sequence[str], ground: Ground, now: datetime) -> tuple[int, Plan]:
        """Put units on a new list; return its number, and what it would reach.

        Raises:
            UsageError: one must not go, or not yet.
        """
        replay, collection = self._opened()
        with closing(collection):
            rows = [collection.unit(unit) for unit in units]
            if not rows:
                raise UsageError("no unit is found; nothing to put on a list")
            Clearance.open(self._office, now).require(rows, ground.category)
            plan = self._plan(replay, collection, units, observations=ground.observations)
            category = ground.category
            said = {
                "by": self._office.actor.name,
                "category": {
                    "about": category.about,
                    "appraisal": category.appraisal,
                    "class": " ".join(category.classes),
                    "code": category.code,
                    "ground": category.ground,
                    "term": category.term,
                },
                "ground": ground.text,
                "key": approver_key(self._office, replay).verifier.to_text(),
                "observations": ground.observations,
                **plan.row(),
            }
            number = self.lists.propose(said, now)
            self._tell("propose", number, ground.text, now)
            self._draft(self.lists.get(number), replay, collection, plan, now)
        return number, plan

    def prepare(self, number: int, now: datetime) -> Plan:
        """Make ready anew what an approval of a list takes; return what it would reach.

        Raises:
            UsageError: the list was carried out, is empty, or something on it must not go.
        """
        found = self._open_list(number)
        replay, collection = self._opened()
        with closing(collection):
            plan = self._plan(replay, collection, found.units, observations=found.observations)
            self._draft(found, replay, collection, plan, now)
        return plan

    def take_off(self, number: int, now: datetime) -> Mapping[str, str]:
        """Take off a list what review does not let go any more; return why, by unit."""
        _, collection = self._opened()
        with closing(collection):
            clearance = Clearance.open(self._office, now)
            return self.lists.take_off_kept(number, clearance, collection, now)

    def planned(self, number: int) -> tuple[DestructionList, Plan]:
        """Return a list that was not carried out, and what it would reach now."""
        found = self._open_list(number)
        replay, collection = self._opened()
        with closing(collection):
            plan = self._plan(replay, collection, found.units, observations=found.observations)
        return found, plan

    def drafted(self, number: int) -> Draft:
        """Return what an approver who opens nothing is shown of a list.

        Raises:
            UsageError: nothing is ready, or it is not as it was drafted any more.
        """
        return Approvals(self._office, self._replayed()).draft(self._open_list(number))

    def approve(self, number: int, now: datetime) -> Draft:
        """Draw the certificate and sign every change of a draft, as the second person.

        Raises:
            UsageError: nothing is ready, or it is not as it was drafted any more.
        """
        found = self._open_list(number)
        replay = self._replayed()
        approvals = Approvals(self._office, replay)
        key = approver_key(self._office, replay, besides=VerifierKey.from_text(found.key))
        draft = approvals.draft(found)
        said = approvals.approve(draft, Approval(found, self._office.actor.name, key, now))
        self._tell("approve", number, found.ground, now)
        self.lists.say(number, APPROVED, now, **said)
        shutil.rmtree(draft_folder(self._office.home, number), ignore_errors=True)
        return draft

    def carry_out(
        self,
        number: int,
        receiver: Receiver,
        pull: Callable[[], object],
        copies: Sequence[Copy],
        now: datetime,
    ) -> Path:
        """Withdraw an approved list from every live store; return the certificate's folder.

        Raises:
            UsageError: it is not approved, or a hold took something off it.
            DoubtError, UnreachableError: not all of it is done; run it again.
        """
        pull()
        replay, collection = self._opened()
        with closing(collection):
            taken = self.lists.take_off(Holds(self._office, replay).on(), collection, now)
            clearance = Clearance.open(self._office, now)
            kept = self.lists.take_off_kept(number, clearance, collection, now)
            found = self.lists.get(number)
            more = self._more(replay, collection, found)
            left = set(found.units) - {one.unit for one in collection.gone()}
        if found.state == WITHDRAWN:
            return folder_of(self._office.home, number, found.round)
        withdrawal = Withdrawal(self._office, found, receiver)
        if found.state == PROPOSED and found.round and found.units and not left:
            done = withdrawal.attest_sent(replay)  # cut off, and the rest was taken off
            return self._finish(found, withdrawal, done, copies, now)
        _require_ready(found, [unit for one, unit, _ in taken if one == number], kept, more)
        self._tell("destroy", number, found.ground, now)
        withdrawal.send(replay)
        pull()
        replay, collection = self._opened()  # which takes what is gone out of the index
        collection.close()
        return self._finish(found, withdrawal, withdrawal.attest(replay), copies, now)

    def _finish(
        self,
        found: DestructionList,
        withdrawal: Withdrawal,
        done: Sequence[Done],
        copies: Sequence[Copy],
        now: datetime,
    ) -> Path:
        """Write down what was done, for review too; return the certificate's folder."""
        folder, files = withdrawal.conclude(done, copies, now)
        who = self._office.actor.name
        book = Book.open(self._office.home, self._office.journal_key)
        book.destroyed(found.units, actor=who, certificate=str(found.number), now=now)
        rows = [[row.batch, row.entry, row.note, format_time(row.at)] for row in done]
        self.lists.say(found.number, WITHDRAWN, now, entries=rows, files=files)
        return folder

    def _replayed(self) -> Replay:
        return replay_mirror(Mirror(self._office.home.mirror), self._office.config)

    def _opened(self) -> tuple[Replay, IndexedCollection]:
        return self._replayed(), open_collection(self._office)[0]

    def _draft(
        self,
        found: DestructionList,
        replay: Replay,
        collection: IndexedCollection,
        plan: Plan,
        now: datetime,
    ) -> None:
        """Leave what an approval takes, and write down that it is ready."""
        units = [collection.unit(unit) for unit in found.units]
        gone = {one.unit for one in collection.gone()}
        clearance = Clearance.open(self._office, now)
        clearance.require([one for one in units if one.id not in gone], found.by_category)
        catalog = catalog_from(self._office, replay)
        drafter = Drafter(self._office, replay, catalog, self._random)
        _, digest = drafter.draft(found.number, plan, units, clearance.classes(units))
        tombs = [tomb_row(unit, collection.places(unit.id)) for unit in units]
        said = {"by": self._office.actor.name, "draft": digest, "tombs": tombs}
        self.lists.say(found.number, DRAFTED, now, **said)

    def _plan(
        self,
        replay: Replay,
        collection: IndexedCollection,
        units: Sequence[str],
        *,
        observations: bool,
    ) -> Plan:
        keys = identities(self._office)
        files = extracts_in_force(self._office.home, replay)
        before = {item: read_extract(path, keys) for item, path in files.items()}
        planner = Planner(collection, catalog_from(self._office, replay), replay, before)
        return planner.plan(units, Holds(self._office, replay).on(), observations=observations)

    def _more(self, replay: Replay, collection: IndexedCollection, found: DestructionList) -> int:
        """Return how many items hold an approved list's units by now and are not approved."""
        if found.state != APPROVED:
            return 0
        try:
            plan = self._plan(replay, collection, found.units, observations=found.observations)
        except NothingLeftError:
            return 0
        return len({str(item) for item in plan.items} - set(found.items))

    def _open_list(self, number: int) -> DestructionList:
        found = self.lists.get(number)
        if found.state not in {PROPOSED, APPROVED}:
            raise UsageError(f"list {number}: is {found.state}")
        if not found.units:
            raise UsageError(f"list {number}: holds and review took everything off it")
        return found

    def _tell(self, act: str, number: int, reason: str, now: datetime) -> None:
        trail_of(self._office).record(act, {"list": str(number)}, reason=reason, now=now)


def _require_ready(
    found: DestructionList, held: Sequence[str], kept: Mapping[str, str], more: int
) -> None:
    """Return when a list is approved as it is now.

    Raises:
        UsageError: it is not: holds or review took something off, or it reaches more by now.
    """
    name = f"list {found.number}"
    if held:
        text = f"{name}: a hold took {len(held)} units off it; have it approved again"
        raise UsageError(text)
    for unit, why in kept.items():
        text = f"{name}: review took {len(kept)} units off it: {unit}: {why}"
        raise UsageError(f"{text}; have it approved again")
    if found.state != APPROVED:
        raise UsageError(f"{name}: is {found.state}; run: lakzegel-office approve")
    if more:
        text = f"{name}: {more} items more hold its units than were approved"
        raise UsageError(f"{text}; run: lakzegel-office approve {found.number}")
