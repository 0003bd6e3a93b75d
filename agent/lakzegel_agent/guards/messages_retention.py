# SPDX-License-Identifier: EUPL-1.2
"""How long Messages on a Mac keeps what it has: for ever, or a month or a year.

Which of several keys counts differs by the version of macOS, and is not proven for each: what any
of them deletes by counts as deleted. docs/spec/settings-guarded.md, messages-retention
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from lakzegel_agent.guards.base import (
    MACOS,
    MDM_OWNED,
    NOT_SIGNED_IN,
    NOT_UNDERSTOOD,
    Change,
    Declaration,
    Guard,
    PlaceError,
    Reading,
    State,
    Surroundings,
)
from lakzegel_agent.guards.of_plists import macos_version, managed_preferences, read_plist_file
from lakzegel_agent.guards.placesvalues import Value, decode, encode
from lakzegel_core.encoding import JsonValue

BY_AGE: Final = "by-age"
BY_DEFAULT: Final = "by-default"
MOBILE: Final = "com.apple.MobileSMS"
ICHAT: Final = "com.apple.iChat"
KEYS: Final = (
    (MOBILE, "KeepMessageForDays"),
    (MOBILE, "SSKeepMessages"),
    (ICHAT, "KeepMessageForDays"),
)
FOREVER: Final = 0
DAYS: Final = (30, 365)
SUBJECT: Final = "messages"
STORE: Final = "defaults"
_PREFERENCES: Final = Path("Library/Preferences")
_CONTAINERS: Final = Path("Library/Containers")
_OURS: Final = encode(FOREVER)


@dataclass(frozen=True, slots=True)
class Kept:
    """What one key says, None where it is not there or not understood; managed: MDM says it."""

    domain: str
    key: str
    value: Value | None = None
    managed: bool = False
    is_odd: bool = False  # of a wrong type, or a number of which is not known what it does

    @property
    def is_said(self) -> bool:
        """Whether it is there at all."""
        return self.is_odd or self.value is not None

    @property
    def deletes(self) -> bool:
        """Whether messages go by it."""
        return not self.is_odd and self.value in DAYS


class MessagesRetention:
    """Guards the setting Keep messages."""

    declaration: ClassVar[Declaration] = Declaration(
        id="messages-retention",
        rows=(15,),
        platforms=frozenset({MACOS}),
        enforces=True,
        reasons=frozenset({BY_AGE, BY_DEFAULT}),
        cannot=(
            "Messages on an iPhone, and a setting that arrives from there through iCloud;"
            " audio messages that expire; what somebody deletes by hand"
        ),
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield one reading, for all the keys together."""
        try:
            found, how = kept(surroundings)
        except PlaceError as error:
            yield Reading(SUBJECT, State.UNKNOWN, error.reason)
            return
        if any(one.is_said for one in found) or _is_used(surroundings):
            yield _reading(surroundings, found, how)

    def changes(self, surroundings: Surroundings, readings: Sequence[Reading]) -> Iterable[Change]:
        """Yield for ever, for each key that is there and understood."""
        if not readings or any(one.reason == MDM_OWNED for one in readings):
            return
        for one in kept(surroundings)[0]:
            if one.value is not None and not one.managed:
                says = "let Messages keep messages for ever"
                yield Change(STORE, f"{one.domain} {one.key}", _OURS, says)

    def without(self, place: str, held: bytes) -> bytes | None:
        """Return it as it is: a number is somebody's whole."""
        del place
        return held


def kept(surroundings: Surroundings) -> tuple[list[Kept], str]:
    """Return what each key says, and whether the user's session or his files said it.

    Raises:
        PlaceError: it cannot be read.
    """
    managed = {name: managed_preferences(surroundings, name) for name in (MOBILE, ICHAT)}
    if STORE in surroundings.places:
        try:
            return [_asked(surroundings, managed, *one) for one in KEYS], "session"
        except PlaceError as error:
            if error.reason != NOT_SIGNED_IN:
                raise
    files = {name: list(_files(surroundings.home, name)) for name in (MOBILE, ICHAT)}
    return [_written(files, managed, *one) for one in KEYS], "file"


def judged(found: Sequence[Kept]) -> tuple[State, str]:
    """Return the state that these keys come to, and why."""
    deleting = [one for one in found if one.deletes]
    if deleting:
        owned = any(one.managed for one in deleting)
        return State.DRIFTED, MDM_OWNED if owned else BY_AGE
    if any(one.is_odd for one in found):
        return State.UNKNOWN, NOT_UNDERSTOOD
    if any(one.value is not None for one in found):
        return State.COMPLIANT, ""
    return State.COMPLIANT, BY_DEFAULT


def _reading(surroundings: Surroundings, found: Sequence[Kept], how: str) -> Reading:
    state, reason = judged(found)
    keys: dict[str, JsonValue] = {
        f"{one.domain} {one.key}": NOT_UNDERSTOOD if one.is_odd else one.value
        for one in found
        if one.is_said
    }
    value: dict[str, JsonValue] = {
        "keys": keys,
        "read": how,
        "macos": macos_version(surroundings.system),
        "managed": any(one.managed for one in found),
    }
    locked = None if state is State.UNKNOWN or reason == BY_DEFAULT else not reason
    return Reading(SUBJECT, state, reason, value, locked=locked)


def _asked(
    surroundings: Surroundings, managed: dict[str, dict[str, Any]], domain: str, key: str
) -> Kept:
    """Return a key as cfprefsd has it, MDM's before the user's."""
    if key in managed[domain]:
        return _of(domain, key, managed[domain][key], managed=True)
    try:
        data = surroundings.places[STORE].read(f"{domain} {key}")
    except PlaceError as error:
        if error.reason != NOT_UNDERSTOOD:
            raise
        return Kept(domain, key, is_odd=True)
    return Kept(domain, key) if data is None else _of(domain, key, decode(data))


def _written(
    files: dict[str, list[dict[str, Any]]],
    managed: dict[str, dict[str, Any]],
    domain: str,
    key: str,
) -> Kept:
    """Return a key as the files have it; of two files the worse one counts."""
    if key in managed[domain]:
        return _of(domain, key, managed[domain][key], managed=True)
    found = [_of(domain, key, held[key]) for held in files[domain] if key in held]
    found.sort(key=lambda one: (one.deletes, one.is_odd))
    return found[-1] if found else Kept(domain, key)


def _of(domain: str, key: str, value: object, *, managed: bool = False) -> Kept:
    if type(value) is not int or value not in (FOREVER, *DAYS):
        return Kept(domain, key, managed=managed, is_odd=True)
    return Kept(domain, key, value, managed)


def _files(home: Path, domain: str) -> Iterator[dict[str, Any]]:
    """Yield what the files of a domain hold: the user's own, and the one of the app's container."""
    name = f"{domain}.plist"
    for folder in (home, home / _CONTAINERS / domain / "Data"):
        yield read_plist_file(folder / _PREFERENCES / name)


def _is_used(surroundings: Surroundings) -> bool:
    try:
        return (surroundings.home / "Library/Messages").is_dir()
    except OSError:  # it is there, and not ours to look into
        return True


GUARD: Final[Guard] = MessagesRetention()
