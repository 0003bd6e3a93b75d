# SPDX-License-Identifier: EUPL-1.2
"""Makes a DATA of a backup (docs/spec/backup.md §3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_server.backup.making import load_manifest
from lakzegel_server.backup.manifest import Manifest, Stored
from lakzegel_server.backup.objects import Objects
from lakzegel_server.claiming import claimed
from lakzegel_server.durable import (
    PRIVATE,
    create,
    make_folder,
    replace_file,
    settle,
    write_all,
)
from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout, make_folders
from lakzegel_server.logstore import PUBLIC

_LAST: Final = "server.toml"  # without it there is no receiver


def restore(out: Path, layout: Layout) -> tuple[Manifest, list[str]]:
    """The backup that was restored, and what it lacks or has damaged.

    Raises:
        ConfigError: there is no backup, or DATA is in use.
    """
    manifest, objects = load_manifest(out), Objects(out)
    _require_free(layout)
    make_folders(layout)
    with claimed(layout):
        return manifest, _restore(manifest, objects, layout)


def _restore(manifest: Manifest, objects: Objects, layout: Layout) -> list[str]:
    note = f"{format_time(manifest.at)}\n".encode()
    replace_file(layout.restored, note, work=layout.incoming)
    for end in ("-wal", "-shm"):  # of an index that was served after an earlier try
        layout.index_file.with_name(layout.index_file.name + end).unlink(missing_ok=True)
    if not layout.shared:
        replace_file(layout.unsealed, b"", work=layout.incoming)  # the log names all that comes
    return [
        place
        for place in sorted(manifest.files, key=lambda place: place == _LAST)
        if not _copy(objects, manifest.files[place], layout, place)
    ]


def _require_free(layout: Layout) -> None:
    """An empty folder, or one in which an operator put the keys; or what was cut off before."""
    if not layout.data.exists() or layout.restored.exists():
        return
    found = sorted(path.name for path in layout.data.iterdir() if path.name != "keys")
    if found:
        raise ConfigError(f"{layout.data}: holds {found[0]}; give an empty folder")


def _copy(objects: Objects, stored: Stored, layout: Layout, place: str) -> bool:
    """Whether the file is there now, byte for byte."""
    path, work = layout.data / place, layout.incoming / "restored.part"
    make_folder(path.parent)
    mode = PUBLIC if place.startswith("log/") else PRIVATE
    hashed = hashlib.sha256()
    work.unlink(missing_ok=True)
    try:
        with create(work, mode=mode) as file:
            for block in _known(objects, stored):
                hashed.update(block)
                write_all(file, block)
        if hashed.hexdigest() != stored.sha256:
            return False
        settle([(work, path)])
    finally:
        work.unlink(missing_ok=True)
    return True


def _known(objects: Objects, stored: Stored) -> Iterator[bytes]:
    try:
        yield from objects.blocks(stored)
    except FileNotFoundError:
        return
