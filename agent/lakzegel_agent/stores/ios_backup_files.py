# SPDX-License-Identifier: EUPL-1.2
"""The files that describe a backup of iTunes or Finder (docs/spec/readout.md §2).

Status.plist     SnapshotState: finished      Date
Info.plist       Serial Number
Manifest.plist   IsEncrypted, BackupKeyBag, ManifestKey
Manifest.db      Files(fileID, domain, relativePath, flags, file)
"""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.appleplaces import Places
from lakzegel_agent.stores.appleplists import parse_plist, read_plist
from lakzegel_agent.stores.database import columns
from lakzegel_agent.stores.phone import INCOMPLETE, Backup, read_small

MAX_STATUS: Final = 2**16  # bytes
MAX_INFO: Final = 32 * 2**20  # it has an icon of each app
MAX_MANIFEST: Final = 8 * 2**20
PARTS: Final = (b"Status.plist", b"Info.plist", b"Manifest.plist", b"Manifest.db", b"Manifest.mbdb")
_FINISHED: Final = "finished"


def look(folder: bytes) -> Backup:
    """Return what the backup in a folder says of itself."""
    serial = read_plist(folder + b"/Info.plist", MAX_INFO).get("Serial Number")
    status = read_plist(folder + b"/Status.plist", MAX_STATUS)
    made = status.get("Date")
    return Backup(
        serial if isinstance(serial, str) else None,
        made.replace(tzinfo=UTC) if isinstance(made, datetime) else None,
        "" if status.get("SnapshotState") == _FINISHED else INCOMPLETE,
    )


def require_finished(folder: bytes) -> bytes:
    """Return the bytes of the status of a backup that is whole.

    Raises:
        StoreError: ``incomplete``.
    """
    status = read_small(folder + b"/Status.plist", MAX_STATUS)
    if status is None or parse_plist(status).get("SnapshotState") != _FINISHED:
        raise StoreError(INCOMPLETE)
    return status


class Manifest:
    """Which files the backup says that it holds.

    Raises, on the way in:
        StoreError: ``unknown-schema``.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        if not {"fileID", "domain", "relativePath"} <= set(columns(connection, "Files")):
            raise StoreError("unknown-schema")

    def lists(self, file: str, domain: str, path: str) -> bool:
        """Return whether this file is listed under this name."""
        found = self._connection.execute(
            'SELECT "domain", "relativePath" FROM "Files" WHERE "fileID" = ? LIMIT 2', (file,)
        )
        return found.fetchall() == [(domain, path)]


@dataclass(frozen=True, slots=True)
class ListedPlaces(Places):
    """Where the files of a store lie that its backup's manifest lists, and no others."""

    manifest: Manifest | None = None

    def find(self, name: str) -> bytes | None:
        """Return where a file lies, below the root; None where it is not listed."""
        found = Places.find(self, name)
        if found is None or self.manifest is None:
            return None
        try:
            path = self.folder + (self.inside + name.lstrip("/").encode()).decode()
        except UnicodeEncodeError:  # the manifest is Unicode
            return None
        file = found.rpartition(b"/")[2].decode("ascii")
        return found if self.manifest.lists(file, self.domain, path) else None
