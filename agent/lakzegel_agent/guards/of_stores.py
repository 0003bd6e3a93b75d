# SPDX-License-Identifier: EUPL-1.2
"""Chat stores of the policy's sources: where they lie, whose they are, what was seen in them last.

    placed(surroundings, kinds, app)           -> each store that may be looked into
    Looking(surroundings).into(place, read)    -> readings, by a look or from the notes

What capture leaves out is left out here: agreed folders, other people's phones, apps that the
policy does not name. A store that did not change is not opened again. docs/spec/guards.md §8
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import StoreError
from lakzegel_agent.exclusion import Excluder, Narrowing
from lakzegel_agent.guards.base import (
    IN_USE,
    NOT_UNDERSTOOD,
    TOO_LARGE,
    UNREADABLE,
    Reading,
    State,
    Surroundings,
    Watched,
)
from lakzegel_agent.guards.of_seen import Kept, Seen, packed, plain, unpacked, worst_first
from lakzegel_agent.guards.of_walks import walk
from lakzegel_agent.readoutphones import Gate
from lakzegel_agent.stores import store_of
from lakzegel_agent.stores.base import Store
from lakzegel_agent.stores.database import hurried
from lakzegel_agent.stores.opening import Given
from lakzegel_agent.stores.phone import PhoneStore, backups, phone_store
from lakzegel_core.encoding import JsonValue

FORMAT: Final = 1  # of the notes, and of what is read: another looks into all again
SECONDS: Final = 12.0  # that one guard's look may take
PATIENCE: Final = 3.0  # seconds in which a store that is in use is tried again
PAUSE: Final = 0.1
FRESH: Final = timedelta(seconds=3)  # a change that is younger may hide another
NO_KEY: Final = "no-key"
NO_LIBRARY: Final = "no-library"
DAMAGED: Final = "damaged"
INCOMPLETE: Final = "incomplete"
UNKNOWN_SCHEMA: Final = "unknown-schema"
TOO_SLOW: Final = "too-slow"
REASONS: Final = frozenset({NO_KEY, NO_LIBRARY, DAMAGED, INCOMPLETE, UNKNOWN_SCHEMA, TOO_SLOW})
_PASSING: Final = frozenset({IN_USE, TOO_SLOW, NO_LIBRARY})  # may be over without a change
_KEYRING: Final = frozenset({"signal-desktop"})  # a key of these may come without a change
_SAID: Final = {"locked": IN_USE, "too-large": TOO_LARGE}
_BESIDE: Final = ("-wal", "-journal")


@dataclass(frozen=True, slots=True)
class Place:
    """One store, and what tells whether it changed."""

    source: Watched
    path: bytes  # below the source's root
    given: Given
    parts: tuple[Path, ...]  # besides the store and its logs

    @property
    def root(self) -> bytes:
        """The source's root."""
        return os.fsencode(self.source.root)

    @property
    def name(self) -> str:
        """What it is called for the office."""
        return plain(f"{self.source.label}/{os.fsdecode(self.path)}".rstrip("/"))


Read = Callable[[Place, JsonValue], tuple[Iterable[Seen], JsonValue]]


def placed(surroundings: Surroundings, kinds: Iterable[str], app: str) -> Iterator[Place | Seen]:
    """Yield each store of these kinds, and where there may be more than was looked for, that."""
    wanted = frozenset(kinds)
    for source in surroundings.sources:
        store = store_of(source.kind) if source.kind in wanted else None
        if store is None:
            continue
        folders = Excluder(
            surroundings.excluded, os.fsencode(source.root), Narrowing(kind=source.kind)
        )
        phones = phone_store(store)
        found: Iterator[bytes | str] = (
            _walked(source, store)
            if phones is None
            else _read_out(surroundings, source, phones, app)
        )
        for path in found:
            if isinstance(path, str):
                yield Seen(plain(source.label), State.UNKNOWN, path)
            elif not folders.in_folder(path) and (source.only is None or source.only(path)):
                yield _place(surroundings, source, path)


class Looking:
    """One guard's look at its stores: none is opened that is as it was at the last one."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._until = time.monotonic() + SECONDS
        self._names: set[str] = set()

    def into(self, place: Place, read: Read) -> Iterator[Reading]:
        """Yield what is found in a store; nothing where it is gone."""
        name = hashlib.sha256(place.name.encode()).hexdigest()[:32]
        self._names.add(name)
        mark, newest = self._mark(place)
        kept = unpacked(self._surroundings.notes.get(name))
        if kept is None or kept.mark != mark:
            kept = self._looked(place, read, kept)
            settled = mark == self._mark(place)[0] and newest + FRESH < self._surroundings.now
            passing = kept.why in _PASSING or (kept.why == NO_KEY and place.source.kind in _KEYRING)
            kept.mark = mark if settled and not passing else ""
            if kept.why == "no-store":
                return
            self._surroundings.notes.put(name, packed(kept))
        yield from _readings(place, kept, self._surroundings.now)

    def end(self) -> None:
        """Let go of what is known of stores that are there no more."""
        self._surroundings.notes.only(self._names)

    def _looked(self, place: Place, read: Read, before: Kept | None) -> Kept:
        more = None if before is None else before.more
        until = min(self._until, time.monotonic() + PATIENCE)
        while True:
            left = self._until - time.monotonic()
            if left <= 0:
                return Kept("", TOO_SLOW, [] if before is None else before.seen, more)
            try:
                with hurried(left):
                    seen, more = read(place, more)
                return Kept("", "", worst_first(seen), more)
            except StoreError as error:
                why = _SAID.get(error.reason, error.reason)
            if why != IN_USE or time.monotonic() > until:
                return Kept("", why, [] if before is None else before.seen, more)
            time.sleep(PAUSE)

    def _mark(self, place: Place) -> tuple[str, datetime]:
        """Return what is another once a store, its key or what is agreed is; and the last change.

        The state of a file is all that is looked at.
        """
        store = place.source.root / os.fsdecode(place.path)
        files = [store, *(store.with_name(store.name + end) for end in _BESIDE), *place.parts]
        told: list[object] = [FORMAT, sorted(self._surroundings.correspondents)]
        newest = 0
        for file in files:
            try:
                found = file.lstat()
            except OSError:
                told.append(None)
                continue
            told.append([found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino])
            newest = max(newest, found.st_mtime_ns)
        mark = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        now = self._surroundings.now
        moment = datetime.fromtimestamp(min(newest // 10**9, int(now.timestamp())), now.tzinfo)
        return mark, moment


def _walked(source: Watched, store: Store) -> Iterator[bytes | str]:
    for path in walk(os.fsencode(source.root), only=source.only):
        if isinstance(path, str) or store.is_store(path):
            yield path


def phones_of(
    surroundings: Surroundings, source: Watched, store: PhoneStore, app: str
) -> Iterator[bytes]:
    """Yield the folders of backups of this source's phones; none where the app is not its."""
    if app not in source.apps:
        return
    root = os.fsencode(source.root)
    gate = Gate(store, root, frozenset(source.apps), source.custody, surroundings.phones)
    for folder in backups(store, root):
        if gate(folder + b"/" if folder else b"") is None:
            yield folder


def unlisted(source: Watched, app: str) -> str:
    """Return why it is not known which backups a source has, where it is to have an app's."""
    if app not in source.apps:
        return ""
    try:
        with os.scandir(source.root):
            return ""
    except FileNotFoundError:
        return ""
    except OSError:
        return UNREADABLE


def _read_out(
    surroundings: Surroundings, source: Watched, store: PhoneStore, app: str
) -> Iterator[bytes | str]:
    """Yield the databases of an app in the backups of phones that are this source's.

    Last, as text, why there may be more.
    """
    root = os.fsencode(source.root)
    if why := unlisted(source, app):
        yield why
    for folder in phones_of(surroundings, source, store, app):
        for its, path in store.databases(folder):
            if its == app and os.path.lexists(root + b"/" + path):
                yield path


def _place(surroundings: Surroundings, source: Watched, path: bytes) -> Place:
    keys = surroundings.keys if surroundings.keys is not None else Path(os.devnull)
    given = Given(keys, source.label)
    whole = source.root / os.fsdecode(path)
    phones = phone_store(store_of(source.kind))
    parts = [given.key, given.phrase, whole.parent.parent / "config.json"]
    if phones is not None:
        folder = source.root / os.fsdecode(phones.folder_of(path))
        parts += [folder / name for name in ("Status.plist", "Manifest.plist", "Info.plist")]
    return Place(source, path, given, tuple(parts))


def _readings(place: Place, kept: Kept, now: datetime) -> Iterator[Reading]:
    """Yield what is known; of a store that cannot be read now, that nothing is known of it."""
    known = REASONS | {IN_USE, TOO_LARGE, ""}
    reason = kept.why if kept.why in known else NOT_UNDERSTOOD
    if reason:
        yield Reading(place.name, State.UNKNOWN, reason)
    for one in kept.seen:
        subject = f"{place.name} {one.what}" if one.what else place.name
        if not reason:
            since = one.since if one.since is None or one.since <= now else None
            yield Reading(subject, one.state, one.reason, one.value, since)
        elif one.what:
            yield Reading(subject, State.UNKNOWN, reason, one.value)
