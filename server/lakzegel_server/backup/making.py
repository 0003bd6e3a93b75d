# SPDX-License-Identifier: EUPL-1.2
"""Copies one moment of a receiver, beside what it seals meanwhile (docs/spec/backup.md §2)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from lakzegel_core import entries
from lakzegel_core.checkpoint import Checkpoint, LogKeys, open_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_CHECKPOINT, MAX_NOTE
from lakzegel_core.tiles import paths_for
from lakzegel_core.timenames import ROOTS, Name
from lakzegel_server.backup.manifest import Manifest, Stored
from lakzegel_server.backup.objects import Objects, digest_of
from lakzegel_server.backup.portable import write_index
from lakzegel_server.claiming import claimed_folder
from lakzegel_server.database import open_turns
from lakzegel_server.durable import replace_file
from lakzegel_server.errors import ConfigError, DamageError
from lakzegel_server.fsck.indexed import Indexed, open_indexed
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import ED25519, MLDSA, PKCS11
from lakzegel_server.logstore import LogStore
from lakzegel_server.people import trailrows
from lakzegel_server.people.trailkey import TRAIL_KEY
from lakzegel_server.people.trailrows import State
from lakzegel_server.stores import names
from lakzegel_server.stores.protocols import Keeping

MANIFEST: Final = "manifest"
MAX_MANIFEST: Final = 2**31  # bytes: some ten million files
_OBJECTS: Final = (names.BATCHES, names.ANNEXES, names.TRAIL, names.TIMESTAMPS)
_ALWAYS: Final = ("server.toml", "log.vkey", "log.keys")
_SECRET: Final = (f"keys/{ED25519}", f"keys/{MLDSA}", f"keys/{TRAIL_KEY}")
_OPTIONAL: Final = ("settings.toml", f"keys/{PKCS11}")  # the latter is public


@dataclass(slots=True)
class Made:
    """What a backup did."""

    manifest: Manifest
    copied: int = 0  # files that were read
    missing: list[str] = field(default_factory=list)  # what DATA lacks, whether OUT has it or not


def back_up(layout: Layout, keys: LogKeys, out: Path, *, at: datetime, secret: bool) -> Made:
    """The backup that OUT holds now; ``secret`` has the signing keys in it.

    Raises:
        ConfigError: OUT is another log's, or no backup.
        DamageError: DATA is not what its log says.
    """
    objects = Objects(out)
    _earlier(out, keys.origin)  # before anything is made in a folder that is something else
    objects.make()
    with claimed_folder(objects.folder, f"{out}: another backup is at work there; try again later"):
        earlier = _earlier(out, keys.origin)
        with _moment(layout, keys) as moment:
            made = Made(Manifest(moment.tree, at, secret, {}))
            copying = _Copying(layout, objects, earlier, made)
            copying.run(moment)
        replace_file(out / MANIFEST, made.manifest.to_bytes(), work=objects.folder)
        objects.tidy(made.manifest.files.values())
    return made


def load_manifest(out: Path) -> Manifest:
    """The manifest of a backup.

    Raises:
        ConfigError: there is none.
    """
    try:
        with (out / MANIFEST).open("rb") as file:
            return Manifest.parse(file.read(MAX_MANIFEST))
    except FileNotFoundError:
        raise ConfigError(f"{out}: no backup here; give the folder that 'backup' wrote") from None


def _earlier(out: Path, origin: str) -> dict[str, Stored]:
    if not out.exists() or not any(out.iterdir()):
        return {}
    if {path.name for path in out.iterdir()} == {"objects"}:
        return {}  # the first one was cut off
    found = load_manifest(out)
    if found.tree.origin != origin:
        raise ConfigError(f"{out}: a backup of {found.tree.origin}; give another folder")
    return found.files


@dataclass(frozen=True, slots=True)
class _Moment:
    """What belongs together: the index, the checkpoint, and the held statement."""

    tree: Checkpoint
    checkpoint: bytes
    held: bytes | None
    index: Indexed


@contextmanager
def _moment(layout: Layout, keys: LogKeys) -> Iterator[_Moment]:
    """One moment; sequencing waits only until it is fixed."""
    documents = layout.stores.documents
    index = open_indexed(layout, live=True)
    try:
        with closing(open_turns(layout.database, layout.lock)) as turns, turns.turn():
            index.begin()
            (size,) = index.connection.execute("SELECT size FROM tree").fetchone()
            checkpoint = documents.read(names.CHECKPOINT, MAX_CHECKPOINT)
            held = None
            if documents.exists(names.HELD):
                held = documents.read(names.HELD, MAX_NOTE)
        try:
            tree = open_checkpoint(checkpoint, keys).checkpoint
        except LakzegelError as error:
            raise DamageError(f"log/checkpoint: {error}; run 'lakzegel-server check'") from None
        if tree.size != size:
            raise DamageError(
                f"log/checkpoint: states {tree.size} entries, {index.name} has {size};"
                " let 'serve' show them first"
            )
        yield _Moment(tree, checkpoint, held, index)
    finally:
        index.close()


def _annexes(index: Indexed) -> Iterator[str]:
    for (name,) in index.rows("SELECT id FROM annexes"):
        yield names.annex(name)


def _timestamps(index: Indexed) -> Iterator[str]:
    if "timestamps" not in index.tables():  # an index of an earlier version lacks some
        return
    for name, root in index.rows("SELECT name, root FROM timestamps"):
        known = Name.parse(name)
        yield from map(names.timestamp, (known.stamped, known.answer, f"{ROOTS}/{root}.pem"))


def _trail(index: Indexed) -> Iterator[str]:
    if "trail_segments" not in index.tables():
        return
    for segment in trailrows.segments(index.connection):
        if segment.state is not State.LOST:
            yield names.segment(segment.number)


class _Copying:
    """One run."""

    def __init__(
        self, layout: Layout, objects: Objects, earlier: dict[str, Stored], made: Made
    ) -> None:
        self._layout = layout
        self._objects = objects
        self._earlier = earlier
        self._made = made
        self._files = made.manifest.files

    def run(self, moment: _Moment) -> None:
        """Copy everything of that moment."""
        self._files["log/checkpoint"] = self._objects.put(moment.checkpoint)
        if moment.held is not None:
            self._files["held"] = self._objects.put(moment.held)
        self._index(moment.index)
        named = [*_annexes(moment.index), *_timestamps(moment.index), *_trail(moment.index)]
        moment.index.end()  # or its journal would grow until all batches are read
        store = LogStore.of(self._layout.stores, self._layout.log, self._layout.incoming)
        self._tiles(store, moment.tree.size)
        for data in store.entries(0, moment.tree.size):
            if entries.kind_of(data) == entries.BATCH:
                name = hashlib.sha256(data).hexdigest()
                self._fixed(f"batches/{name}.batch")
                self._file(f"keyrings/{name}.keyring")
        for place in named:
            self._fixed(place)
        self._rest()

    def _rest(self) -> None:
        for place in _ALWAYS:
            self._file(place)
        for place in (*_OPTIONAL, *(_SECRET if self._made.manifest.keys else ())):
            if (self._layout.data / place).exists():
                self._file(place)
        for place in self._layout.stores.documents.names(names.EVIDENCE):
            self._fixed(place)

    def _index(self, source: Indexed) -> None:
        part = self._objects.folder / f"{secrets.token_hex(16)}.part"
        try:
            write_index(source, part)
            self._files["index.sqlite"] = self._objects.adopt(part, digest_of(part))
        finally:
            part.unlink(missing_ok=True)

    def _tiles(self, store: LogStore, size: int) -> None:
        for path in paths_for(size):
            place = f"log/{path}"
            if ".p/" not in path and self._keep_earlier(place):
                continue
            self._files[place] = self._objects.put(store.read(path))
            self._made.copied += 1

    def _fixed(self, place: str) -> None:
        """A file whose bytes never change under its name."""
        if not self._keep_earlier(place):
            self._file(place)

    def _keep_earlier(self, place: str) -> bool:
        known = self._earlier.get(place)
        if known is None or not self._objects.has(known):
            return False
        self._files[place] = known
        if not self._is_there(place):
            self._made.missing.append(place)
        return True

    def _file(self, place: str) -> None:
        try:
            self._files[place] = self._read(place)
        except FileNotFoundError:
            self._made.missing.append(place)
            known = self._earlier.get(place)
            if known is not None and self._objects.has(known):
                self._files[place] = known
        self._made.copied += 1

    def _read(self, place: str) -> Stored:
        """The bytes of what has this name, wherever it is kept.

        Raises:
            FileNotFoundError: nothing has.
        """
        store, documents = self._store(place), self._layout.stores.documents
        if store is not None:
            with store.open(place) as reading:
                return self._objects.keep(reading)
        if place.startswith(names.EVIDENCE):
            return self._objects.put(documents.read(place, MAX_CHECKPOINT))
        return self._objects.copy(self._layout.data / place)

    def _is_there(self, place: str) -> bool:
        store = self._store(place)
        if store is not None:
            return store.size(place) is not None
        if place.startswith(names.TILES):
            return self._layout.stores.tiles.size(place.removeprefix(names.TILES)) is not None
        if place.startswith(names.EVIDENCE):
            return self._layout.stores.documents.exists(place)
        return (self._layout.data / place).exists()

    def _store(self, place: str) -> Keeping | None:
        """Where it is kept, when that is a store."""
        if place.startswith(names.KEYRINGS):
            return self._layout.stores.keyrings
        return self._layout.stores.objects if place.startswith(_OBJECTS) else None
