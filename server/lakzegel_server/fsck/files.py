# SPDX-License-Identifier: EUPL-1.2
"""The closed set of files: what is there, and what is there without a reason."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from pathlib import Path

from lakzegel_server.fsck.doubts import Doubt, Files, Survey
from lakzegel_server.fsck.places import Places
from lakzegel_server.fsck.rows import INDEX
from lakzegel_server.layout import FOLDERS, Layout
from lakzegel_server.migrating.leaving import MOVED
from lakzegel_server.stores.names import KEYRINGS, NEXT, WAITING
from lakzegel_server.unsealed import read_names

_GROWING = ("batches/", "keyrings/", "log/", "annexes/", "timestamps/", "trail/")
_STORED = re.compile(r"batches/[0-9a-f]{64}\.batch|keyrings/[0-9a-f]{64}\.keyring")
_SMALL = ("keys", "evidence", "incoming", "waiting")
_LOCKS = ("serve.lock", "sequence.lock")
_SOCKET = "publish.sock"  # holds nothing; left behind by a receiver that was killed, it is dead
_JOURNALS = ("index.sqlite-wal", "index.sqlite-shm")
_SETTINGS = "settings.toml"  # the operator's own; `serve` says when it cannot be read
_UNSEALED = "unsealed"  # a receiver's own note of what is under way
_SHOWN = "shown"  # a receiver's own note of what it showed, where it shares its index
_RESTORED = "restored"  # says when the backup was made; gone once `serve` has caught up


def is_served(layout: Layout) -> bool:
    """Whether another process serves this DATA now."""
    try:
        with layout.serving.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def survey(layout: Layout, live: bool) -> Survey:  # noqa: FBT001 - of `Look`
    """Every regular file below DATA and in its stores; anything else is a doubt.

    But for batches and keyrings below DATA: those are looked for one by one, and listed at the end.
    """
    places = Places(layout.data, layout.stores)
    found = Survey(layout.data, Files(places.is_file, *places.below), live, places)
    found.files.update(places.names())
    for folder, folders, names in os.walk(layout.data):
        for name in (*folders, *names):
            path = Path(folder, name)
            place = path.relative_to(layout.data).as_posix()
            _note(found, place, path)
        if Path(folder) == layout.data:
            folders[:] = [name for name in folders if f"{name}/" not in places.below]
            folders[:] = [name for name in folders if name != MOVED]  # no receiver goes by that
    return found


def glance(layout: Layout, live: bool) -> Survey:  # noqa: FBT001 - of `Look`
    """The files of DATA itself, of its keys and what else is small; others when they are asked for.

    However much was sealed, it costs the same.
    """
    places = Places(layout.data, layout.stores)
    found = Survey(layout.data, Files(places.is_file, *_GROWING), live, places)
    found.files.update(places.documents())
    for folder in (layout.data, *(layout.data / name for name in _SMALL)):
        if folder.is_dir():
            for path in folder.iterdir():
                _note(found, path.relative_to(layout.data).as_posix(), path)
    return found


def _note(found: Survey, place: str, path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISREG(mode):
        found.files.add(place)
    elif stat.S_ISDIR(mode) and place == MOVED:
        pass  # what a migration left: a copy, which the operator removes
    elif stat.S_ISDIR(mode):
        found.folders.add(place)
    elif not (stat.S_ISSOCK(mode) and place == _SOCKET):
        found.doubt(place, "is no regular file")


def check_modes(found: Survey, layout: Layout) -> None:
    """Nobody but the receiver may look into DATA, or read its keys."""
    for path in (layout.data, *sorted((layout.data / "keys").glob("*"))):
        if path.lstat().st_mode & 0o077:
            place = path.relative_to(layout.data).as_posix()
            found.doubt(place, "others can open it; take their permissions away")


def check_rest(found: Survey) -> None:
    """Name every file and folder that nothing accounts for."""
    _pass_over_locks(found)
    for place in sorted(found.files - found.claimed):
        if not _is_orphan(found, place):
            found.doubt(place, _why_unexpected(place))
    folders = {str(p) for place in found.claimed for p in Path(place).parents} | set(FOLDERS)
    for place in sorted(found.folders - folders):
        if not found.live and not _holds_doubt(found, place):
            found.doubt(place, "no folder of a receiver's")


def _is_orphan(found: Survey, place: str) -> bool:
    """Whether it is of an upload that was never sealed, where nobody sweeps.

    That is in a store apart, and in a folder of a receiver that shares its index.
    """
    store = found.places.store(place)
    if not _STORED.fullmatch(place) or (store is None and found.index == INDEX):
        return False
    objects = found.places.stores.objects
    kept = "the store keeps it until its term ends" if store is objects else "it does no harm"
    found.orphans.append(Doubt(place, f"never sealed, or not yet; {kept}"))
    return True


def _pass_over_locks(found: Survey) -> None:
    """Lock files are empty; a journal and an address are there while DATA is served."""
    for place in _LOCKS:
        if place in found.files and not (found.data / place).stat().st_size:
            found.claimed.add(place)
    found.claimed.update(
        place for place in (*_JOURNALS, _SETTINGS, _RESTORED, _SHOWN) if place in found.files
    )
    if _UNSEALED in found.files and (
        found.live or read_names(found.data / _UNSEALED, cut=False) is not None
    ):
        found.claimed.add(_UNSEALED)
    if found.live:
        found.claimed.add("listening")
        found.claimed.update(p for p in found.files if p.startswith("incoming/"))


def _why_unexpected(place: str) -> str:
    if place.startswith("incoming/"):
        return "an upload that was not finished; the next start takes it away"
    if place.startswith((WAITING, KEYRINGS)) and place.endswith(NEXT):
        return "a keyring whose change was not ended; the next start settles it"
    if place == _UNSEALED:
        return "names no batches; the next start looks at all of them and writes it anew"
    if place == "listening":
        return "left behind by a receiver that was killed; the next start replaces it"
    return "no file of a receiver's, or of nothing in its log"


def _holds_doubt(found: Survey, place: str) -> bool:
    return any(doubt.place.startswith(f"{place}/") for doubt in found.doubts)
