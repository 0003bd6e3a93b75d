# SPDX-License-Identifier: EUPL-1.2
"""Whether Messages on an iPhone deletes by age, as its backup says (docs/spec/settings-guarded.md).

HomeDomain Library/Preferences/com.apple.MobileSMS.plist    KeepMessageForDays, SSKeepMessages

Which of the two counts is the version's: the older key is a remnant since iOS 17.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from lakzegel_agent.exclusion import Excluder, Narrowing
from lakzegel_agent.guards.base import (
    EVERYWHERE,
    NOT_UNDERSTOOD,
    Declaration,
    Guard,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
    Watched,
)
from lakzegel_agent.guards.of_seen import Seen, plain
from lakzegel_agent.guards.of_stores import REASONS, Looking, Place, phones_of, unlisted
from lakzegel_agent.stores import store_of
from lakzegel_agent.stores.appleplists import parse_plist, read_plist
from lakzegel_agent.stores.opening import Given, passphrase_of
from lakzegel_agent.stores.phone import phone_store
from lakzegel_core.encoding import JsonValue

KIND: Final = "ios-backup"
APP: Final = "messages"
DOMAIN: Final = "HomeDomain"
PATH: Final = "Library/Preferences/com.apple.MobileSMS.plist"
PLACE: Final = "7f/7ff7fe545440ab72b1570232d0ed81b84a5334dd"  # by its SHA-1
OLD: Final = "KeepMessageForDays"
NEW: Final = "SSKeepMessages"
NEW_SINCE: Final = 17  # iOS
BY_AGE: Final = "by-age"
BY_DEFAULT: Final = "by-default"
STALE_KEY: Final = "stale-key"
NOT_TOLD: Final = "not-told"
NO_SETTINGS: Final = "no-settings"
UNKNOWN_VERSION: Final = "unknown-version"
_DAYS: Final = (30, 365)
_VERSION: Final = re.compile(r"([0-9]{1,3})(?:\.[0-9]{1,3}){0,3}")
_PARTS: Final = ("Status.plist", "Manifest.plist", "Manifest.db", "Info.plist", PLACE)


class IPhoneMessagesRetention(ReportingGuard):
    """Reads Messages' setting out of the backups of phones whose messages the policy names."""

    declaration: ClassVar[Declaration] = Declaration(
        id="iphone-messages-retention",
        rows=(15,),
        platforms=EVERYWHERE,
        enforces=False,
        reasons=REASONS | {BY_AGE, BY_DEFAULT, STALE_KEY, NOT_TOLD, NO_SETTINGS, UNKNOWN_VERSION},
        cannot="An iPhone's setting can only be read from its backup, and set on the phone.",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield a reading a phone's backup."""
        looking = Looking(surroundings)
        for source in surroundings.sources:
            if source.kind == KIND:
                if why := unlisted(source, APP):
                    yield Reading(plain(source.label), State.UNKNOWN, why)
                for place in _places(surroundings, source):
                    yield from looking.into(place, _read)
        looking.end()


def decided(major: int | None, found: Mapping[str, object]) -> tuple[State, str]:
    """Return what the keys of a version say; ``found`` has of the two those that are there."""
    if major is None:
        return State.UNKNOWN, UNKNOWN_VERSION
    if major >= NEW_SINCE:
        if NEW in found:
            return _judged(found[NEW])
        return State.UNKNOWN, STALE_KEY if OLD in found else NOT_TOLD
    if NEW in found and found[NEW] != found.get(OLD):
        return State.UNKNOWN, NOT_UNDERSTOOD  # of a version that does not know it
    return _judged(found[OLD]) if OLD in found else (State.COMPLIANT, BY_DEFAULT)


def version_of(*told: object) -> int | None:
    """Return the major version that all descriptions which tell one agree on."""
    majors: set[int | None] = set()
    for one in told:
        if one is not None:
            version = _VERSION.fullmatch(one) if isinstance(one, str) else None
            majors.add(None if version is None else int(version[1]))
    return majors.pop() if len(majors) == 1 else None


def _judged(value: object) -> tuple[State, str]:
    if isinstance(value, bool) or not isinstance(value, int) or value not in (0, *_DAYS):
        return State.UNKNOWN, NOT_UNDERSTOOD
    return (State.DRIFTED, BY_AGE) if value else (State.COMPLIANT, "")


def _places(surroundings: Surroundings, source: Watched) -> Iterator[Place]:
    store = phone_store(store_of(KIND))
    if store is None:
        return
    folders = Excluder(surroundings.excluded, os.fsencode(source.root), Narrowing(kind=KIND))
    keys = surroundings.keys if surroundings.keys is not None else Path(os.devnull)
    given = Given(keys, source.label)
    for folder in phones_of(surroundings, source, store, APP):
        path = folder + b"/" + PLACE.encode() if folder else PLACE.encode()
        if folders.in_folder(path) or not (source.only is None or source.only(path)):
            continue
        backup = source.root / os.fsdecode(folder)
        yield Place(source, folder, given, (given.phrase, *(backup / part for part in _PARTS)))


def _read(place: Place, before: JsonValue) -> tuple[list[Seen], JsonValue]:
    """Return what a backup says."""
    from lakzegel_agent.stores.ios_backup import read_file  # noqa: PLC0415 - heavy
    from lakzegel_agent.stores.ios_backup_files import MAX_INFO, MAX_MANIFEST  # noqa: PLC0415

    backup = place.root + b"/" + place.path if place.path else place.root
    data = read_file(backup, DOMAIN, PATH, MAX_MANIFEST, lambda: passphrase_of(place.given.phrase))
    lockdown = read_plist(backup + b"/Manifest.plist", MAX_MANIFEST).get("Lockdown")
    major = version_of(
        read_plist(backup + b"/Info.plist", MAX_INFO).get("Product Version"),
        lockdown.get("ProductVersion") if isinstance(lockdown, Mapping) else None,
    )
    return [_seen(major, data)], before


def _seen(major: int | None, data: bytes | None) -> Seen:
    if data is None:
        return Seen("", State.UNKNOWN, NO_SETTINGS, {"ios": major})
    settings = parse_plist(data)
    if not settings:
        return Seen("", State.UNKNOWN, NOT_UNDERSTOOD, {"ios": major})
    found = {key: settings[key] for key in (OLD, NEW) if key in settings}
    state, reason = decided(major, found)
    keys: dict[str, JsonValue] = {key: _shown(value) for key, value in found.items()}
    return Seen("", state, reason, {"ios": major, "keys": keys})


def _shown(value: object) -> JsonValue:
    """Return a value as it can be stated: a small number, else what it is."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    return value if is_number and isinstance(value, int) else {"type": type(value).__name__}


GUARD: Final[Guard] = IPhoneMessagesRetention()
