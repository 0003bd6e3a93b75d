# SPDX-License-Identifier: EUPL-1.2
"""Whether classic Outlook for Windows deletes by itself: AutoArchive, and when it closes.

A subject each for every version of Office that the user has settings of. The new Outlook reads
none of them. docs/spec/settings-guarded.md, outlook-retention
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final

from lakzegel_agent.guards.base import (
    MDM_OWNED,
    NOT_UNDERSTOOD,
    WINDOWS,
    Change,
    Declaration,
    Guard,
    Place,
    PlaceError,
    Reading,
    State,
    Surroundings,
)
from lakzegel_agent.guards.of_outlook import (
    AGING,
    ARCHIVES_BY_FOLDER,
    ARCHIVES_ELSEWHERE,
    BY_DEFAULT,
    DELETES_EXPIRED,
    DELETES_OLD,
    DO_AGING,
    EMPTY_TRASH,
    ODD,
    OFF,
    ON,
    OWN,
    POLICY,
    PST_NULL,
    STORE,
    aging,
    said,
    uses_new,
    versions,
)
from lakzegel_agent.guards.placesvalues import encode
from lakzegel_core.encoding import JsonValue

EMPTIES_TRASH: Final = "empties-trash"
PURGES_PST: Final = "purges-pst"
NEW_OUTLOOK: Final = "new-outlook"
_SUBJECTS: Final = "subjects"  # the note of what there was when it could be read
_OFF: Final = encode(OFF)


class OutlookRetention:
    """Guards AutoArchive and the emptying of Deleted Items."""

    declaration: ClassVar[Declaration] = Declaration(
        id="outlook-retention",
        rows=(15,),
        platforms=frozenset({WINDOWS}),
        enforces=True,
        reasons=frozenset(
            {DELETES_OLD, DELETES_EXPIRED, ARCHIVES_ELSEWHERE, ARCHIVES_BY_FOLDER, EMPTIES_TRASH}
            | {PURGES_PST, NEW_OUTLOOK, BY_DEFAULT}
        ),
        cannot=(
            "The new Outlook; retention by the server (Exchange, Microsoft 365); AutoArchive as one"
            " folder has it of its own; what somebody deletes by hand. It only reports that deleted"
            " data is overwritten in PST files"
        ),
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield AutoArchive, Deleted Items and PST files of each version, and the new Outlook.

        Raises:
            PlaceError: nothing can be told.
        """
        try:
            found = list(_found(surroundings))
        except PlaceError as error:
            before = surroundings.notes.get(_SUBJECTS)
            if before is None:
                raise
            return [Reading(one, State.UNKNOWN, error.reason) for one in json.loads(before)]
        surroundings.notes.put(_SUBJECTS, json.dumps([one.subject for one in found]).encode())
        return found

    def changes(self, surroundings: Surroundings, readings: Sequence[Reading]) -> Iterable[Change]:
        """Yield 0 for each setting of a policy, but where a policy says something else."""
        if not readings:
            return
        registry = surroundings.places[STORE]
        for version in versions(registry):
            runs = said(registry, version, DO_AGING).policy
            for name in AGING if runs in (None, OFF) else ():
                if said(registry, version, name).policy in (None, OFF):
                    yield _change(POLICY, version, name, "turn AutoArchive of Outlook off")
            trash = said(registry, version, EMPTY_TRASH)
            if trash.policy in (None, OFF):
                says = "let Outlook keep Deleted Items when it closes"
                yield _change(POLICY, version, EMPTY_TRASH, says)
                if trash.own in (OFF, ON):
                    yield _change(OWN, version, EMPTY_TRASH, says)

    def without(self, place: str, held: bytes) -> bytes | None:
        """Return it as it is: a number is somebody's whole."""
        del place
        return held


def _found(surroundings: Surroundings) -> Iterator[Reading]:
    registry = surroundings.places[STORE]
    new = uses_new(surroundings, registry)
    if new in (ON, ODD):
        reason = NEW_OUTLOOK if new == ON else NOT_UNDERSTOOD
        yield Reading("new-outlook", State.UNKNOWN, reason)
    for version in versions(registry):
        yield _aging(registry, version)
        yield _trash(registry, version)
        yield from _pst(registry, version)


def _aging(registry: Place, version: str) -> Reading:
    settings = {name: said(registry, version, name) for name in AGING}
    state, reason = aging(settings)
    value: dict[str, JsonValue] = {_name(name): one.stated() for name, one in settings.items()}
    if state is State.DRIFTED and settings[DO_AGING].policy == ON:
        value["does"], reason = reason, MDM_OWNED
    locked = all(one.policy == OFF for one in settings.values())
    return Reading(f"{version}/autoarchive", state, reason, value, locked=locked)


def _trash(registry: Place, version: str) -> Reading:
    """Return whether Deleted Items is emptied, by either: a policy of it is not proven to count."""
    found = said(registry, version, EMPTY_TRASH)
    state, reason = State.COMPLIANT, "" if found.worse == OFF else BY_DEFAULT
    if found.worse == ON:
        state, reason = State.DRIFTED, MDM_OWNED if found.policy == ON else EMPTIES_TRASH
    elif found.worse == ODD:
        state, reason = State.UNKNOWN, NOT_UNDERSTOOD
    value: dict[str, JsonValue] = {_name(EMPTY_TRASH): found.stated()}
    locked = found.policy == OFF
    return Reading(f"{version}/deleted-items", state, reason, value, locked=locked)


def _pst(registry: Place, version: str) -> Iterator[Reading]:
    """Yield whether deleted data is overwritten, where anybody says so; nothing is lost by it."""
    found = said(registry, version, PST_NULL)
    if found.counts is None:
        return
    state = State.UNKNOWN if found.counts == ODD else State.COMPLIANT
    reason = {ON: PURGES_PST, OFF: "", ODD: NOT_UNDERSTOOD}[found.counts]
    yield Reading(f"{version}/pst", state, reason, {_name(PST_NULL): found.stated()})


def _change(below: str, version: str, setting: str, says: str) -> Change:
    return Change(STORE, rf"{below.format(version)}\{setting}", _OFF, says)


def _name(setting: str) -> str:
    return setting.rpartition("\\")[2]


GUARD: Final[Guard] = OutlookRetention()
