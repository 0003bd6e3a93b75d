# SPDX-License-Identifier: EUPL-1.2
"""Batch and keyring files that belong to nothing: found by listing, asked of the index.

Their folders hold a file for each batch that was ever sealed, so no list of them is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lakzegel_core.batch import Header
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.housekeeping import is_id

_ENDINGS = {"batches": ".batch", "keyrings": ".keyring"}
IndexOf = Callable[[bytes], int | None]


@dataclass(slots=True)
class Listed:
    """How many files each folder has of entries below the size that was checked."""

    of: dict[str, int] = field(default_factory=dict)


def list_stored(found: Survey, index_of: IndexOf, size: int) -> Listed:
    """Name what is no file, and put among the files what the index has no entry of."""
    listed = Listed()
    for folder, ending in _ENDINGS.items():
        if f"{folder}/" not in found.places.below:
            continue  # a store's names were listed with the rest
        count = 0
        with os.scandir(found.data / folder) as there:
            for one in there:
                place = f"{folder}/{one.name}"
                if not one.is_file(follow_symlinks=False):
                    folders = one.is_dir(follow_symlinks=False)
                    found.doubt(place, "is no regular file" if not folders else _FOLDER)
                    continue
                name = one.name.removesuffix(ending)
                index = index_of(bytes.fromhex(name)) if is_id(name) else None
                if index is None or not one.name.endswith(ending):
                    found.files.add(place)
                elif index < size:
                    count += 1
        listed.of[folder] = count
    return listed


def claim_known(found: Survey, index_of: IndexOf) -> None:
    """Where the log could not be replayed, its index still tells what belongs in a store."""
    for folder, ending in _ENDINGS.items():
        for place in [p for p in found.files - found.claimed if p.startswith(f"{folder}/")]:
            name = place.removeprefix(f"{folder}/").removesuffix(ending)
            if is_id(name) and index_of(bytes.fromhex(name)) is not None:
                found.claimed.add(place)


def name_strangers(
    found: Survey, listed: Listed, present: int, headers: Iterable[tuple[int, bytes, Header]]
) -> None:
    """Where a folder has more files of entries than there are batches, name those.

    ``present`` is how many files of batches and keyrings were looked for and found.
    """
    if sum(listed.of.values()) <= present:
        return
    batches = {entry_id.hex() for _, entry_id, _ in headers}
    for folder in listed.of:
        ending = _ENDINGS[folder]
        for path in (found.data / folder).glob(f"*{ending}"):
            name = path.name.removesuffix(ending)
            if is_id(name) and name not in batches:
                found.files.add(f"{folder}/{path.name}")


_FOLDER = "no folder of a receiver's"
