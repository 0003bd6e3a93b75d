# SPDX-License-Identifier: EUPL-1.2
"""Which file systems lie where: Linux's table of mounts, /proc/self/mountinfo.

    52 28 0:47 /post /home/a/Mail rw,relatime shared:9 - nfs4 nas:/post rw,hard
               |     |                        |      |   |    `-- what is mounted
               |     |                        |      |   `-- type of file system
               |     |                        |      `-- ends the optional fields
               |     `-- where                `-- none, one or several of them
               `-- which folder of it

A blank, tab, line feed or backslash in a name is a backslash and three octal digits (proc(5)).
docs/spec/sources.md §2.1 and §6
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

TABLE: Final = Path("/proc/self/mountinfo")
MAX_TABLE: Final = 2**22  # bytes of it that are read
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")
_LEAST_FIELDS: Final = 10
# What others may write to without this device's kernel hearing of it.
_SHARES: Final = frozenset(
    b"9p afs beegfs ceph cifs coda drvfs glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs"
    b" prl_fs smb3 smbfs vboxsf virtiofs vmhgfs".split()
)


class Mount(NamedTuple):
    """One file system in its place; all bytes as the kernel has them."""

    point: bytes  # where
    kind: bytes  # type of file system
    device: bytes  # what is mounted: a device, `server:/share`, or a word
    folder: bytes  # which folder of it

    def is_share(self) -> bool:
        """Whether its files change without the kernel telling."""
        return self.kind in _SHARES or self.kind == b"fuse" or self.kind.startswith(b"fuse.")


def read_mounts(table: Path = TABLE) -> tuple[Mount, ...]:
    """Return what is mounted now; nothing where the system has no such table."""
    with suppress(OSError), table.open("rb") as file:
        return parse_mounts(file.read(MAX_TABLE))
    return ()


def parse_mounts(data: bytes) -> tuple[Mount, ...]:
    """Return the mounts that a table names, in its order; a line that is none is passed over."""
    return tuple(mount for line in data.split(b"\n") if (mount := _parse(line)) is not None)


def mount_of(path: bytes, mounts: Iterable[Mount]) -> Mount | None:
    """Return what a path without links lies on: the longest point, of several the last."""
    found = None
    for mount in mounts:
        longer = found is None or len(mount.point) >= len(found.point)
        if longer and is_below(path, mount.point):
            found = mount
    return found


def mounts_below(path: bytes, mounts: Iterable[Mount]) -> dict[bytes, Mount]:
    """Return what is mounted below a path, by the path from there."""
    start = path.rstrip(b"/") + b"/"
    return {
        m.point[len(start) :]: m for m in mounts if m.point.startswith(start) and m.point > start
    }


def is_below(path: bytes, folder: bytes) -> bool:
    """Whether a path is this folder or lies in it."""
    return folder in {b"/", path} or path.startswith(folder + b"/")


def _parse(line: bytes) -> Mount | None:
    fields = line.split(b" ")
    if len(fields) < _LEAST_FIELDS or b"-" not in fields[6:-2]:
        return None
    end = fields.index(b"-", 6)
    return Mount(_plain(fields[4]), fields[end + 1], _plain(fields[end + 2]), _plain(fields[3]))


def _plain(field: bytes) -> bytes:
    return _OCTAL.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), field)
