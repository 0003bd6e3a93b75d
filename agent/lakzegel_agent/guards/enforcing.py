# SPDX-License-Identifier: EUPL-1.2
"""The only module that writes for guards: sets right once per cause, and undoes.

    remember what the place holds -> write -> remember that it is written

A place that holds again what it should not, after it was set right, is contested: somebody or
something else is at work there, and two that take turns help nobody. docs/spec/guards.md §5
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from lakzegel_agent.guards.base import (
    CONTESTED,
    FAULT,
    Change,
    Guard,
    PlaceError,
    Reading,
    Surroundings,
)
from lakzegel_agent.guards.remembered import (
    Kept,
    Memory,
    digest,
    keep_places,
    recall_places,
)
from lakzegel_core.encoding import format_time, parse_time

ANEW: Final = timedelta(days=30)  # after so long, what was set right is set right again


@dataclass(frozen=True, slots=True)
class Enforced:
    """What came of it: whether anything was written, and why something was not."""

    wrote: bool = False
    why: str = ""


class Enforcer:
    """Changes places for guards, under one policy."""

    def __init__(self, memory: Memory, policy: str) -> None:
        self._memory = memory
        self._policy = policy

    def enforce(
        self, guard: Guard, surroundings: Surroundings, readings: Sequence[Reading]
    ) -> Enforced:
        """Set right what may be set right, and say what came of it."""
        try:
            changes = _changes(guard, surroundings, readings)
            pending = [
                (change, held)
                for change in changes
                if (held := self._held(surroundings, change)) != change.after
            ]
            kept = {(one.store, one.place): one for one in recall_places(self._memory)}
            if any(
                self._is_contested(kept.get((change.store, change.place)), held, surroundings.now)
                for change, held in pending
            ):
                return Enforced(why=CONTESTED)
            for change, held in pending:
                self._set_right(guard, surroundings, change, held)
        except PlaceError as error:
            return Enforced(why=error.reason)
        return Enforced(wrote=bool(pending))

    def planned(
        self, guard: Guard, surroundings: Surroundings, readings: Sequence[Reading]
    ) -> tuple[list[Change], str]:
        """Return the changes that are not in place, and why they could not be told, if so."""
        try:
            return [
                change
                for change in _changes(guard, surroundings, readings)
                if self._held(surroundings, change) != change.after
            ], ""
        except PlaceError as error:
            return [], error.reason

    def undo(self, guard: Guard, surroundings: Surroundings) -> str:
        """Put back what this guard changed; why something could not be, or nothing."""
        why = ""
        for kept in recall_places(self._memory):
            if kept.guard != guard.declaration.id:
                continue
            try:
                self._put_back(guard, surroundings, kept)
            except PlaceError as error:
                why = error.reason
                continue
            self._forget(kept)
        return why

    def _set_right(
        self, guard: Guard, surroundings: Surroundings, change: Change, held: bytes | None
    ) -> None:
        all_kept = recall_places(self._memory)
        places = [one for one in all_kept if not _is_of(one, change)]
        earlier = next((one for one in all_kept if _is_of(one, change)), None)
        kept = Kept(
            guard=guard.declaration.id,
            store=change.store,
            place=change.place,
            before=_without(guard, change, held, earlier),
            left=digest(change.after),
            at=format_time(surroundings.now),
            policy=self._policy,
        )
        keep_places(self._memory, [*places, kept])
        place = surroundings.places[change.store]
        place.write(change.place, change.after)
        keep_places(self._memory, [*places, replace(kept, written=True)])
        if place.read(change.place) != change.after:  # somebody was quicker than this line
            raise PlaceError(CONTESTED)

    def _put_back(self, guard: Guard, surroundings: Surroundings, kept: Kept) -> None:
        place = surroundings.places.get(kept.store)
        if place is None:
            raise PlaceError(FAULT)
        held = place.read(kept.place)
        if held is None and kept.before is None:
            return
        if digest(held) == kept.left:
            place.write(kept.place, kept.before)
        elif held is not None and digest(held) != digest(kept.before):
            rest = _rest(guard, kept.place, held)
            if rest != held:
                place.write(kept.place, rest)

    def _forget(self, kept: Kept) -> None:
        rest = [one for one in recall_places(self._memory) if one != kept]
        keep_places(self._memory, rest)

    def _is_contested(self, kept: Kept | None, held: bytes | None, now: datetime) -> bool:
        """Whether somebody undid what was set right under this policy not long ago."""
        if kept is None or not kept.written or kept.policy != self._policy:
            return False
        if digest(held) == kept.left:
            return False
        since = parse_time(kept.at, what="guards")
        return now < since + ANEW

    @staticmethod
    def _held(surroundings: Surroundings, change: Change) -> bytes | None:
        place = surroundings.places.get(change.store)
        if place is None:
            raise PlaceError(FAULT)
        return place.read(change.place)


def _without(
    guard: Guard, change: Change, held: bytes | None, earlier: Kept | None
) -> bytes | None:
    """Return what a place would hold without this agent: what others wrote since stays theirs."""
    if earlier is not None and digest(held) in {earlier.left, digest(earlier.before)}:
        return earlier.before
    return None if held is None else _rest(guard, change.place, held)


def _changes(guard: Guard, surroundings: Surroundings, readings: Sequence[Reading]) -> list[Change]:
    """Return what a guard would change; a fault of its keeps no other guard from its look.

    Raises:
        PlaceError: it cannot be told.
    """
    try:
        return list(guard.changes(surroundings, readings))
    except PlaceError:
        raise
    except Exception:  # noqa: BLE001  # docs/spec/guards.md §2
        raise PlaceError(FAULT) from None


def _rest(guard: Guard, place: str, held: bytes) -> bytes | None:
    """Return what a place holds without this agent's own.

    Raises:
        PlaceError: it is not understood, or the guard is at fault.
    """
    try:
        return guard.without(place, held)
    except PlaceError:
        raise
    except Exception:  # noqa: BLE001  # docs/spec/guards.md §2
        raise PlaceError(FAULT) from None


def _is_of(kept: Kept, change: Change) -> bool:
    return (kept.store, kept.place) == (change.store, change.place)
