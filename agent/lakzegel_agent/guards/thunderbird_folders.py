# SPDX-License-Identifier: EUPL-1.2
"""Folders of Thunderbird's that delete mail by a setting of their own, which no lock reaches.

A reading a folder that has settings of its own or cannot be read, and one a profile for all others.
docs/spec/settings-guarded.md
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

from lakzegel_agent.exclusion import Narrowing, excluder
from lakzegel_agent.guards.base import (
    EVERYWHERE,
    IN_USE,
    NOT_UNDERSTOOD,
    TOO_LARGE,
    UNREADABLE,
    Declaration,
    Guard,
    Place,
    PlaceError,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
)
from lakzegel_agent.guards.of_mork import folder_info
from lakzegel_agent.guards.of_thunderbird import Prefs, Profile, profiles
from lakzegel_agent.guards.of_thunderbirdfiles import File, files
from lakzegel_agent.guards.of_thunderbirdkeys import RETAIN, RETAIN_ALL
from lakzegel_agent.guards.of_thunderbirdprofile import HALF_WRITTEN, whole_preferences
from lakzegel_agent.guards.of_thunderbirdsubjects import SUBJECTS, Subjects
from lakzegel_agent.guards.places import MAX_SETTINGS
from lakzegel_core.encoding import JsonValue

MAX_BYTES: Final = 32 * 2**20  # that one look reads: what is beyond is for the next ones
NOT_YET: Final = "not-yet"
_OWN: Final = "useServerDefaults"  # 0: the folder has settings of its own
_NUMBERS: Final = ("retainBy", "daysToKeepHdrs", "numHdrsToKeep")
_FLAGS: Final = {"cleanupBodies": "drops-bodies", "keepUnreadOnly": "keeps-unread-only"}
_KIND: Final = "mbox"  # of a source with folders of Thunderbird's
_CACHE: Final = "folderCache.json"
Told = dict[str, int] | str | None  # a folder's own settings, why they are unknown, or none


class ThunderbirdFolders(ReportingGuard):
    """See the module."""

    declaration: ClassVar[Declaration] = Declaration(
        id="thunderbird-folders",
        rows=(15,),
        platforms=EVERYWHERE,
        enforces=False,
        reasons=frozenset({*RETAIN.values(), *_FLAGS.values(), HALF_WRITTEN, NOT_YET}),
        cannot="Thunderbird lets nobody lock the settings of a single folder: a person has to set "
        "them right.",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield a reading a folder with settings of its own, and one a profile."""
        before, now = Subjects.of(surroundings.notes), Subjects()
        left = [MAX_BYTES]
        names: Counter[str] = Counter()
        try:
            for profile in profiles(surroundings.home, surroundings.places["file"]):
                names[profile.name] += 1
                again = names[profile.name]
                name = profile.name if again == 1 else f"{profile.name} ({again})"
                readings = list(_readings(profile, name, surroundings, left))
                now.add(str(profile.root), [one.subject for one in readings])
                yield from readings
        except PlaceError as error:
            for root in before.beside(now):
                now.add(root, before.get(root))
                yield from _unread(before.get(root), error.reason)
            yield Reading("", State.UNKNOWN, error.reason)
        surroundings.notes.only({*now.roots(), SUBJECTS})
        now.keep(surroundings.notes)


def _unread(subjects: Iterable[str], why: str) -> Iterator[Reading]:
    return (Reading(name, State.UNKNOWN, why) for name in subjects)


def _readings(
    profile: Profile, name: str, surroundings: Surroundings, left: list[int]
) -> Iterator[Reading]:
    place = surroundings.places["file"]
    why = ""
    prefs: Prefs = {}
    try:
        prefs = whole_preferences(profile, place)
    except PlaceError as error:  # folders elsewhere are not known then
        why = error.reason
    if prefs.get("mail.panorama.enabled"):  # folders are in another database then
        why = NOT_UNDERSTOOD
    known = _noted(surroundings, profile)
    noted: dict[str, JsonValue] = {}
    cache = _Cache(profile, place, left)
    is_agreed = _agreed(profile, surroundings)
    try:
        for file in files(profile, prefs):
            if is_agreed(file.path):
                continue
            told = _told(file, known, noted, cache)
            if told is not None:
                yield _reading(f"{name}/{file.name}", told)
    except PlaceError as error:  # what was not come to is as it was, and not known
        why = error.reason
        rest = {path: one for path, one in known.items() if path not in noted}
        noted.update(rest)
        yield from _unread((f"{name}/{one[3]}" for one in rest.values() if one[2]), why)
    surroundings.notes.put(str(profile.root), json.dumps(noted).encode())
    yield Reading(name, State.UNKNOWN if why else State.COMPLIANT, why)


def _reading(subject: str, told: dict[str, int] | str) -> Reading:
    """Return what a folder's own settings come to."""
    if isinstance(told, str):
        return Reading(subject, State.UNKNOWN, told)
    value: dict[str, JsonValue] = {**told}
    retain = told.get("retainBy", RETAIN_ALL)
    reasons = [RETAIN[retain]] if retain in RETAIN else []
    reasons += [reason for flag, reason in _FLAGS.items() if told.get(flag)]
    if reasons:
        return Reading(subject, State.DRIFTED, reasons[0], value)
    if retain != RETAIN_ALL:
        return Reading(subject, State.UNKNOWN, NOT_UNDERSTOOD, value)
    return Reading(subject, State.COMPLIANT, "", value)


def _told(
    file: File, known: dict[str, list[Any]], noted: dict[str, JsonValue], cache: _Cache
) -> Told:
    """Return what a folder says, by the note of an earlier look where it did not change since."""
    try:
        told = file.path.lstat()
    except OSError:
        return UNREADABLE
    stamp: list[JsonValue] = [told.st_size, told.st_mtime_ns]
    before = known.get(str(file.path))
    if before is not None and before[:2] == stamp:
        found: Told = before[2]
    else:
        found = _looked_at(file.path, told.st_size, cache)
    if found not in (IN_USE, NOT_YET):  # it will be another in a moment
        kept: JsonValue = {**found} if isinstance(found, dict) else found
        noted[str(file.path)] = [*stamp, kept, file.name]
    if found == TOO_LARGE and cache.says_server(file.path, told.st_mtime_ns):
        return None
    return found


def _looked_at(path: Path, size: int, cache: _Cache) -> Told:
    if size <= MAX_SETTINGS:
        cache.left[0] -= size
        if cache.left[0] < 0:
            return NOT_YET
    try:
        held = cache.place.read(str(path))
        return None if held is None else _own_settings(folder_info(held))
    except PlaceError as error:
        return error.reason


def _own_settings(row: dict[str, str]) -> dict[str, int] | None:
    """Return a folder's own settings, None where it has those of its server."""
    try:
        if int(row.get(_OWN, "1"), 16):
            return None
        wanted = (*_NUMBERS, *_FLAGS)
        return {name: int(row[name], 16) for name in wanted if name in row}
    except ValueError:
        raise PlaceError(NOT_UNDERSTOOD) from None


class _Cache:
    """What Thunderbird keeps in one file of all folders, for those that are too large to read.

    ``left``: how many bytes of folders' files this look may still read.
    """

    def __init__(self, profile: Profile, place: Place, left: list[int]) -> None:
        self.place = place
        self.left = left
        self._path = profile.root / _CACHE
        self._rows: dict[str, object] | None = None

    def says_server(self, path: Path, changed: int) -> bool:
        """Whether it was written since a folder changed, and says that it has its server's."""
        try:
            if self._path.lstat().st_mtime_ns < changed:
                return False
            if self._rows is None:
                found = json.loads(self.place.read(str(self._path)) or b"{}")
                self._rows = found if isinstance(found, dict) else {}
        except (OSError, PlaceError, ValueError, RecursionError):
            return False
        row = self._rows.get(str(path))
        return isinstance(row, dict) and row.get("useServerRetention") == "1"


def _agreed(profile: Profile, surroundings: Surroundings) -> Callable[[Path], bool]:
    """Return what says whether a folder is agreed to be private or the party's."""
    roots = [one.root for one in surroundings.listed or surroundings.sources if one.kind == _KIND]
    each = [
        (root, excluder(surroundings.excluded, os.fsencode(root), Narrowing(kind=_KIND)))
        for root in {profile.root, *(Path(os.path.realpath(root)) for root in roots)}
    ]

    def is_agreed(path: Path) -> bool:
        return any(
            leaves_out(os.fsencode(path.relative_to(root)))
            for root, leaves_out in each
            if path.is_relative_to(root)
        )

    return is_agreed


def _noted(surroundings: Surroundings, profile: Profile) -> dict[str, list[Any]]:
    """Return by file: size, time, what it said, and how the folder is called."""
    found = json.loads(surroundings.notes.get(str(profile.root)) or b"{}")
    return found if isinstance(found, dict) else {}


GUARD: Final[Guard] = ThunderbirdFolders()
