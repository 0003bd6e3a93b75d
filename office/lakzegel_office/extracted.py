# SPDX-License-Identifier: EUPL-1.2
"""Which extract stands for a segment whose key was destroyed: docs/spec/disposal.md §4.

`disposals/N-M/extract-<device>-<epoch>-<batch>-<index>.age`, where the newest keyring change that
names the segment names the certificate beside it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from lakzegel_core.age import Identity
from lakzegel_core.limits import MAX_BATCH
from lakzegel_office.extracts import Extract, read_extract
from lakzegel_office.headers import HeaderRecord, place_of
from lakzegel_office.home import Home
from lakzegel_office.mirror import read_limited
from lakzegel_office.names import ItemId
from lakzegel_office.replay import Replay

DEED: Final = "verklaring.xml"
KEPT: Final = 8  # extracts that stay open


def extract_name(item: ItemId) -> str:
    """Return the name of the file that holds what stays of a segment."""
    return f"extract-{str(item).replace('/', '-')}.age"


def extracts_in_force(home: Home, replay: Replay) -> Mapping[ItemId, Path]:
    """Return the extract of each segment that was destroyed and left something."""
    folders = {digest: folder for folder, digest in _certificates(home)}
    if not folders:
        return {}
    found: dict[ItemId, Path] = {}
    for change in (row.change for row in replay.changes):
        folder = folders.get(change.certificate or b"")
        for index in change.destroyed:
            item = ItemId(change.device, change.epoch, change.batch, index)
            path = folder / extract_name(item) if folder is not None else None
            found.pop(item, None)
            if path is not None and path.is_file():
                found[item] = path
    return found


def numbers(home: Home) -> Mapping[str, str]:
    """Return the number of each certificate that was drawn here, by its SHA-256 in hexadecimal."""
    return {digest.hex(): path.name.partition("-")[0] for path, digest in _certificates(home)}


class Extracts:
    """Opens extracts; some stay open."""

    def __init__(self, files: Mapping[ItemId, Path], identities: Sequence[Identity]) -> None:
        """Keep where each lies, and the keys."""
        self._files = files
        self._identities = identities
        self._open: OrderedDict[ItemId, Extract] = OrderedDict()

    def of(self, item: ItemId) -> Extract | None:
        """Return what is left of a destroyed segment; None where nothing is.

        Raises:
            DoubtError: it cannot be opened.
        """
        if item not in self._files:
            return None
        if item not in self._open:
            self._open[item] = read_extract(self._files[item], self._identities)
            if len(self._open) > KEPT:
                self._open.popitem(last=False)
        return self._open[item]

    def in_batch(self, record: HeaderRecord) -> tuple[tuple[int, Path], ...]:
        """Return the items of a batch of which something is left, and where that lies."""
        wanted = place_of(record)
        found = [
            (item.index, path)
            for item, path in self._files.items()
            if (item.device, item.epoch, item.batch) == wanted
        ]
        return tuple(sorted(found))


def _certificates(home: Home) -> Iterator[tuple[Path, bytes]]:
    for path in home.disposals.glob(f"*/{DEED}"):
        yield path.parent, hashlib.sha256(read_limited(path, MAX_BATCH)).digest()
