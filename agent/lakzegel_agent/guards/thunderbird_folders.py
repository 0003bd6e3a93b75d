# SPDX-License-Identifier: EUPL-1.2
"""Folders of Thunderbird's that delete mail by a setting of their own, which no lock reaches.

A reading a folder that has settings of its own or cannot be read, and one a profile for all others.
docs/spec/settings-guarded.md
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from lakzegel_agent.exclusion import Narrowing, excluder
from lakzegel_agent.guards.base import (
    EVERYWHERE,
    IN_USE,
    NOT_UNDERSTOOD,
    TOO_LARGE,
    TOO_MANY,
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
from lakzegel_agent.guards.of_thunderbirdkeys import RETAIN, RETAIN_ALL
from lakzegel_agent.guards.of_thunderbirdprofile import HALF_WRITTEN, whole_preferences
from lakzegel_agent.guards.places import MAX_SETTINGS
from lakzegel_core.encoding import JsonValue

MAX_ENTRIES: Final = 50_000  # files and folders of one profile's mail
MAX_DEPTH: Final = 32
MAX_BYTES: Final = 32 * 2**20  # that one look reads: what is beyond is for the next ones
NOT_YET: Final = "not-yet"
_SUFFIX: Final = ".msf"
_ROOTS: Final = ("ImapMail", "Mail", "News")
_OWN: Final = "useServerDefaults"  # 0: the folder has settings of its own
_NUMBERS: Final = ("retainBy", "daysToKeepHdrs", "numHdrsToKeep")
_FLAGS: Final = {"cleanupBodies": "drops-bodies", "keepUnreadOnly": "keeps-unread-only"}
_KIND: Final = "mbox"  # of a source with folders of Thunderbird's
_CACHE: Final = "folderCache.json"
Told = dict[str, int] | str | None  # a folder's own settings, why they are unknown, or none


@dataclass(frozen=True, slots=True)
class _File:
    """A folder's file, and how it is called."""

    path: Path
    name: str


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
        place = surroundings.places["file"]
        kept: set[str] = set()
        left = [MAX_BYTES]
        names: dict[str, int] = {}
        for profile in profiles(surroundings.home, place):
            names[profile.name] = names.get(profile.name, 0) + 1
            again = names[profile.name]
            name = profile.name if again == 1 else f"{profile.name} ({again})"
            kept.add(str(profile.root))
            yield from _readings(profile, name, surroundings, left)
        surroundings.notes.only(kept)


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
        for file in _files(profile, prefs):
            if is_agreed(file.path):
                continue
            told = _told(file, known, noted, cache)
            if told is not None:
                yield _reading(f"{name}/{file.name}", told)
    except PlaceError as error:
        why = error.reason
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
    file: _File, known: dict[str, object], noted: dict[str, JsonValue], cache: _Cache
) -> Told:
    """Return what a folder says, by the note of an earlier look where it did not change since."""
    try:
        told = file.path.lstat()
    except OSError:
        return UNREADABLE
    stamp: list[JsonValue] = [told.st_size, told.st_mtime_ns]
    before = known.get(str(file.path))
    if isinstance(before, list) and before[:2] == stamp:
        found: Told = before[2]
    else:
        found = _looked_at(file.path, told.st_size, cache)
    if found not in (IN_USE, NOT_YET):  # it will be another in a moment
        kept: JsonValue = {**found} if isinstance(found, dict) else found
        noted[str(file.path)] = [*stamp, kept]
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


def _noted(surroundings: Surroundings, profile: Profile) -> dict[str, object]:
    found = json.loads(surroundings.notes.get(str(profile.root)) or b"{}")
    return found if isinstance(found, dict) else {}


def _files(profile: Profile, prefs: Prefs) -> Iterator[_File]:
    """Yield the file of each folder: below the profile, and where servers have theirs elsewhere.

    Raises:
        PlaceError: there are more.
    """
    left = [MAX_ENTRIES]
    for part in _ROOTS:
        yield from _below(profile.root / part, profile.root, left, MAX_DEPTH)
    for root in sorted(_elsewhere(profile, prefs)):
        yield from _below(root, None, left, MAX_DEPTH)


def _elsewhere(profile: Profile, prefs: Prefs) -> set[Path]:
    """Return the folders of servers that lie outside of the profile."""
    found = set()
    for name, value in prefs.items():
        if not name.startswith("mail.server.") or not name.endswith(".directory"):
            continue
        if not isinstance(value, str) or not value or "\0" in value:
            raise PlaceError(NOT_UNDERSTOOD)
        path = Path(os.path.normpath(value))
        if path.is_absolute() and not path.is_relative_to(profile.root):
            found.add(path)
    return {one for one in found if not any(one.is_relative_to(more) for more in found - {one})}


def _below(folder: Path, root: Path | None, left: list[int], depth: int) -> Iterator[_File]:
    """Yield the files below a folder; links to folders are not followed."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(_taken(entries, left), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        raise PlaceError(UNREADABLE) from None
    for entry in found:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            if not depth:
                raise PlaceError(TOO_MANY)
            yield from _below(path, root, left, depth - 1)
        elif entry.name.endswith(_SUFFIX):
            bare = path.with_suffix("")
            yield _File(path, str(bare.relative_to(root) if root is not None else bare))


def _taken(entries: Iterable[os.DirEntry[str]], left: list[int]) -> Iterator[os.DirEntry[str]]:
    for entry in entries:
        left[0] -= 1
        if left[0] < 0:
            raise PlaceError(TOO_MANY)
        yield entry


GUARD: Final[Guard] = ThunderbirdFolders()
