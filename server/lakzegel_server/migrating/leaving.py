# SPDX-License-Identifier: EUPL-1.2
"""What becomes of the files that were moved elsewhere (docs/spec/stores.md §10).

They go into ``DATA/moved``, the index first: no receiver may go on from it, or the log would fork.
Keyrings are taken away: what is to be destroyed later must not lie there still.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lakzegel_server.durable import make_folder, sync_folder
from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout

MOVED: Final = "moved"
INDEX: Final = ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm")
DOCUMENTS: Final = ("held", "ahead", "restored", "evidence")
OBJECTS: Final = ("batches", "annexes", "trail", "timestamps")
KEPT: Final = ("keys", "incoming", "keyrings")


def leave(source: Layout, target: Layout) -> None:
    """Set aside what is elsewhere now; may be called again after a crash."""
    folder = source.data / MOVED
    make_folder(folder)
    moved: list[str] = []
    if source.database != target.database:
        moved += [*INDEX, *DOCUMENTS, "unsealed"]
    if type(source.stores.objects) is not type(target.stores.objects):
        moved += OBJECTS
    for name in moved:
        _rename(source.data / name, folder / name)
    _leave_log(source, target, folder)
    if type(source.stores.keyrings) is not type(target.stores.keyrings):
        for path in source.keyrings.iterdir():
            path.unlink()
        sync_folder(source.keyrings)
    sync_folder(source.data)
    sync_folder(folder)


def require_not_left(layout: Layout) -> None:
    """Return when DATA still is where its log lies.

    Raises:
        ConfigError: that was moved elsewhere, and nobody says where it is now.
    """
    gone = layout.data / MOVED
    if layout.index is None and (gone / INDEX[0]).exists():
        raise ConfigError(
            f"{gone}: this log's index was moved to a database; name that in [stores] of"
            f" {layout.settings}, or give --database"
        )


def _leave_log(source: Layout, target: Layout, folder: Path) -> None:
    if type(source.stores.tiles) is not type(target.stores.tiles):
        _rename(source.log / "tile", folder / "tile")
    if source.database != target.database:
        _rename(source.log / "checkpoint", folder / "checkpoint")


def _rename(path: Path, aside: Path) -> None:
    if path.exists():
        path.rename(aside)
