# SPDX-License-Identifier: EUPL-1.2
"""Thunderbird's profiles and their preferences, for every guard that looks into them.

    profiles(home, files)       -> each folder that is a profile
    preferences(profile, files) -> what prefs.js says, user.js over it
    parse_prefs(data)           -> name and typed value: str, int or bool
    said(data, verbs)           -> each line, also of files of defaults and of AutoConfig

One syntax error makes a file not understood: it is half-written, or of another program.
docs/spec/settings-guarded.md
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from lakzegel_agent.guards.base import (
    NOT_OURS,
    NOT_UNDERSTOOD,
    TOO_LARGE,
    TOO_MANY,
    UNREADABLE,
    Place,
    PlaceError,
)

MAX_PROFILES: Final = 1_000  # docs/spec/guards.md §7
MAX_PREFS: Final = 50_000  # of one file; a used profile has one to three thousand
_MAX_FOLDERS: Final = 10_000  # entries of one folder that are looked at
_ROOTS: Final = (  # of all systems: none is another program's elsewhere
    ".thunderbird",
    ".var/app/org.mozilla.Thunderbird/.thunderbird",
    ".var/app/net.thunderbird.Thunderbird/.thunderbird",
    "snap/thunderbird/common/.thunderbird",
    "Library/Thunderbird",
    "AppData/Roaming/Thunderbird",
)

Value = str | int | bool
Prefs = Mapping[str, Value]

# The grammar of libpref, with upper bounds and without going back: time is linear in the length.
_MAX_TEXT: Final = 2**20  # libpref's own most, of one string
_SPACE: Final = rb"[ \t\v\f\r\n]{0,64}+"
_BETWEEN: Final = re.compile(
    rb"(?:[ \t\v\f\r\n]{1,65536}+|(?:#|//)[^\r\n]{0,65536}+(?=[\r\n]|\Z)"
    rb"|/\*(?:[^*]|\*(?!/)){0,65536}+\*/){0,65536}+"
)
_TEXT: Final = (
    rb"(?:\"(?:[^\"\\]|\\.){0,1048576}+\"|'(?:[^'\\]|\\.){0,1048576}+')"  # a line end may be in it
)
_PREF: Final = re.compile(
    rb"(?s:(?P<verb>[A-Za-z_]{1,16}+)" + _SPACE + rb"\(" + _SPACE
    + rb"(?P<name>" + _TEXT + rb")" + _SPACE + rb"(?P<value>," + _SPACE
    + rb"(?:(?P<text>" + _TEXT + rb")|(?P<flag>true|false)|(?P<number>[+-]?[0-9]{1,10}))" + _SPACE
    + rb"(?P<marks>(?:," + _SPACE + rb"(?:sticky|locked)" + _SPACE + rb"){0,2}))?\)"
    + _SPACE + rb";)"
)  # fmt: skip
USERS: Final = frozenset({"user_pref", "sticky_pref", "pref"})  # what prefs.js may say
_ESCAPE: Final = re.compile(r"(?s)\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))")
_PLAIN: Final = {"n": "\n", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_INT: Final = range(-(2**31), 2**31)
_SECTION: Final = re.compile(r"\[(Profile[0-9]{1,9})\]")


@dataclass(frozen=True, slots=True)
class Profile:
    """A folder with a profile; ``name`` is the folder's, for the office alone."""

    name: str
    root: Path


@dataclass(frozen=True, slots=True)
class Said:
    """One line of a file: ``value`` is None of a call that has none, such as `unlockPref`."""

    verb: str
    name: str
    value: Value | None
    locked: bool = False


def profiles(home: Path, place: Place) -> Iterator[Profile]:
    """Yield each profile once: those in the usual folders, then others that profiles.ini names.

    Raises:
        PlaceError: there may be more, behind those that were yielded.
    """
    seen: set[str] = set()
    wrong: PlaceError | None = None
    for root in (home / part for part in _ROOTS):
        try:
            for folder in _folders(root, place):
                path = os.path.realpath(folder)
                if path not in seen:
                    _require_ours(path, home, len(seen))
                    seen.add(path)
                    yield Profile(folder.name, Path(path))
        except PlaceError as error:
            wrong = wrong or error
    if wrong is not None:
        raise wrong


def preferences(profile: Profile, place: Place) -> Prefs | None:
    """Return what a profile's preferences are, None where it has none yet.

    What user.js says is taken over at each start, and comes before prefs.js.

    Raises:
        PlaceError: one of the two cannot be read, or is not understood.
    """
    held = place.read(str(profile.root / "prefs.js"))
    if held is None:
        return None
    own = place.read(str(profile.root / "user.js"))
    return {**parse_prefs(held), **parse_prefs(own or b"")}


def parse_prefs(data: bytes) -> dict[str, Value]:
    """Return every preference of a file by its name; of two of one name the last.

    Raises:
        PlaceError: as `said`.
    """
    return {one.name: one.value for one in said(data, USERS) if one.value is not None}


def said(
    data: bytes, verbs: AbstractSet[str], valueless: AbstractSet[str] = frozenset()
) -> Iterator[Said]:
    """Yield every line of a file of preferences that may say these verbs.

    Raises:
        PlaceError: ``not-understood`` at the first byte that is none of the grammar's, or
            ``too-large`` with more than `MAX_PREFS`.
    """
    at = _end_of(_BETWEEN.match(data))
    count = 0
    while at < len(data):
        match = _PREF.match(data, at)
        if match is None:
            raise PlaceError(NOT_UNDERSTOOD)
        count += 1
        if count > MAX_PREFS:
            raise PlaceError(TOO_LARGE)
        verb = match["verb"].decode("ascii")
        if verb not in (verbs if match["value"] else valueless):
            raise PlaceError(NOT_UNDERSTOOD)
        value = _value(match) if match["value"] else None
        yield Said(verb, _text(match["name"]), value, b"locked" in (match["marks"] or b""))
        at = _end_of(_BETWEEN.match(data, match.end()))


def _value(match: re.Match[bytes]) -> Value:
    if match["text"] is not None:
        return _text(match["text"])
    if match["flag"] is not None:
        return match["flag"] == b"true"
    number = int(match["number"])
    if number not in _INT:
        raise PlaceError(NOT_UNDERSTOOD)
    return number


def _text(quoted: bytes) -> str:
    """Return what a string is, with what is no Unicode in it as U+FFFD: no address has that."""
    inside = quoted[1:-1]
    if len(inside) > _MAX_TEXT or b"\0" in inside:
        raise PlaceError(NOT_UNDERSTOOD)
    text = inside.decode("utf-8", "replace")
    if "\\" in text:  # two halves of a pair are escapes of their own, and joined here
        units = _ESCAPE.sub(_unescaped, text).encode("utf-16-le", "surrogatepass")
        text = units.decode("utf-16-le", "replace")
    return text


def _unescaped(match: re.Match[str]) -> str:
    """Return what one escape stands for; a byte beyond ASCII alone is no character."""
    byte, unit, plain = match.groups()
    code = int(byte or unit or "1", 16)
    if not code or (plain and plain not in _PLAIN):
        raise PlaceError(NOT_UNDERSTOOD)
    if plain:
        return _PLAIN[plain]
    return chr(code) if unit or code < 0x80 else "\ufffd"  # noqa: PLR2004 - ASCII


def folders(within: Path) -> list[Path]:
    """Return the folders in one, in the order of their names; none where it is not there.

    Raises:
        PlaceError: it cannot be read, or has too many entries.
    """
    return [path for path in _inside(within) if path.is_dir() and not path.is_symlink()]


def _folders(root: Path, place: Place) -> Iterator[Path]:
    """Yield the folders that are profiles of one installation."""
    for within in (root, root / "Profiles"):
        yield from (path for path in _inside(within) if os.path.lexists(path / "prefs.js"))
    yield from (path for path in _named(root, place) if os.path.lexists(path / "prefs.js"))


def _inside(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entry.name for entry in islice(entries, _MAX_FOLDERS + 1))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        raise PlaceError(UNREADABLE) from None
    yield from (folder / name for name in found[:_MAX_FOLDERS])
    if len(found) > _MAX_FOLDERS:
        raise PlaceError(TOO_MANY)


def _named(root: Path, place: Place) -> Iterator[Path]:
    """Yield the folders that profiles.ini names, wherever they are."""
    held = place.read(str(root / "profiles.ini"))
    if held is None:
        return
    try:
        text = held.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PlaceError(NOT_UNDERSTOOD) from None
    for section in _sections(text):
        path = section.get("Path", "")
        if not path or "\0" in path:
            raise PlaceError(NOT_UNDERSTOOD)
        yield root / path if section.get("IsRelative", "1") == "1" else Path(path)


def _sections(text: str) -> list[dict[str, str]]:
    """Return the names and values of each section of a profile."""
    found: list[dict[str, str]] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = _SECTION.fullmatch(line.strip()) is not None
            if inside:
                found.append({})
        elif inside:
            name, _, value = line.partition("=")
            found[-1][name.strip()] = value.strip()
    return found


def _require_ours(path: str, home: Path, count: int) -> None:
    """Refuse a folder of another user's, to which a link may lead, and more than the limit.

    Raises:
        PlaceError: so it is.
    """
    try:
        ours = os.stat(path).st_uid == home.stat().st_uid  # noqa: PTH116 - a text, as realpath's
    except OSError:
        raise PlaceError(UNREADABLE) from None
    if not ours:
        raise PlaceError(NOT_OURS)
    if count >= MAX_PROFILES:
        raise PlaceError(TOO_MANY)


def _end_of(match: re.Match[bytes] | None) -> int:
    return match.end() if match is not None else 0
