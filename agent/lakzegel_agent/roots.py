# SPDX-License-Identifier: EUPL-1.2
"""Whether what lies in a watched folder is what lay there, or a share or disk is away.

An unmounted share leaves its mount point: an empty folder, that is there and can be read. Nothing
may be written into a watched folder to tell the two apart, so it is remembered what was mounted:

    {"away":{"":["2026-11-24T10:00:00Z",3]},"places":{"":"<64 hex>","bmFz":"<64 hex>"}}

`places` has the root (no name) and every mount below it, by path in base64, and the SHA-256 of the
place (`place_of`). `away` has those of which nothing was met under another place: since when, and
in how many passes. docs/spec/sources.md §2.1
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self

from lakzegel_agent.watchmounts import Mount, mount_of, mounts_below
from lakzegel_core.encoding import (
    JsonValue,
    b64,
    canonical_json,
    format_time,
    parse_canonical_json,
    parse_time,
    unb64,
)
from lakzegel_core.errors import LakzegelError

ROOT: Final = b""
PASSES: Final = 14  # that must find everything gone before it is believed
DAYS: Final = timedelta(days=14)  # that this must last
_WHAT: Final = "places of a root"
MAX_SIZE: Final = 16 * 2**20  # bytes of one source in the ledger
MOST_MOUNTS: Final = 1_000  # below one root that are remembered

Away = tuple[datetime, int]  # since when, in how many passes


def remembered_as(label: str) -> str:
    """Return the name under which the ledger keeps a source's places."""
    return f"root/{label}"


@dataclass(frozen=True, slots=True)
class Places:
    """What lay where, when a pass last met something there; paths from the root."""

    places: Mapping[bytes, bytes] = field(default_factory=dict)
    away: Mapping[bytes, Away] = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return it as the ledger keeps it."""
        away: dict[str, JsonValue] = {
            b64(folder): [format_time(since), passes]
            for folder, (since, passes) in self.away.items()
        }
        places: dict[str, JsonValue] = {b64(f): place.hex() for f, place in self.places.items()}
        return canonical_json({"away": away, "places": places})

    @classmethod
    def unpack(cls, data: bytes | None) -> Self:
        """Return what the ledger kept; nothing where it kept nothing, or what is not ours."""
        if data is None:
            return cls()
        try:
            found: Any = parse_canonical_json(data, what=_WHAT, max_size=MAX_SIZE)
            return cls(
                {
                    unb64(f, what=_WHAT): bytes.fromhex(place)
                    for f, place in found["places"].items()
                },
                {
                    unb64(folder, what=_WHAT): (parse_time(since, what=_WHAT), int(passes))
                    for folder, (since, passes) in found["away"].items()
                },
            )
        except (ValueError, KeyError, TypeError, AttributeError, LakzegelError):
            return cls()

    def others(self, now: Mapping[bytes, bytes]) -> tuple[bytes, ...]:
        """Return the folders in which something else is mounted now, or nothing any more."""
        return tuple(sorted(f for f, place in self.places.items() if now.get(f) != place))

    def is_believed(self, folder: bytes, when: datetime) -> bool:
        """Whether it was gone for so long that it is taken for deleted."""
        since, passes = self.away.get(folder, (when, 0))
        return passes >= PASSES and when - since >= DAYS

    def after(self, now: Mapping[bytes, bytes], away: Collection[bytes], when: datetime) -> Places:
        """Return what to remember after a pass in which these folders were away."""
        kept = {folder: self.places[folder] for folder in away if folder in self.places}
        counts = {}
        for folder in kept:
            since, passes = self.away.get(folder, (when, 0))
            counts[folder] = (min(since, when), passes + 1)  # a clock set back begins anew
        return Places({**now, **kept}, counts)


def places_now(root: bytes, mounts: tuple[Mount, ...]) -> dict[bytes, bytes]:
    """Return what lies at a root and at the mounts below it."""
    real = os.path.realpath(root)
    below = sorted(mounts_below(real, mounts))[:MOST_MOUNTS]
    places = {folder: place_of(real + b"/" + folder, mounts) for folder in below}
    return {ROOT: place_of(real, mounts), **places}


def place_of(path: bytes, mounts: tuple[Mount, ...]) -> bytes:
    """Return what tells the file system at a path, without links, from any other (SHA-256).

    Type, device and folder of the mount: these stay the same over restarts, as the device number
    does not. Where the system has no table of mounts: device and inode number.
    """
    mount = mount_of(path, mounts)
    if mount is not None:
        return hashlib.sha256(b"\0".join((mount.kind, mount.device, mount.folder))).digest()
    told = os.stat(path)  # noqa: PTH116  # bytes
    return hashlib.sha256(b"%d %d" % (told.st_dev, told.st_ino)).digest()
