# SPDX-License-Identifier: EUPL-1.2
"""A cpio archive in the portable form of POSIX.1-1988, gzipped (docs/spec/flat-package.md §3)."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from typing import Final

from lakzegel_frozen.entries import Entry
from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.identity import EPOCH

MAGIC: Final = 0o070707
END: Final = "TRAILER!!!"
MAX_INODES: Final = 0o777777
MAX_SIZE: Final = 0o77777777777


def pack(entries: Iterable[Entry]) -> bytes:
    """The archive of these entries, all of them root's.

    Raises:
        FrozenError: more, or larger ones, than the form can say.
    """
    archive = b"".join(
        _one(number, entry) for number, entry in enumerate(entries, start=1)
    ) + _header(0, 0, 1, 0, END)
    return gzip.compress(archive, compresslevel=9, mtime=0)


def _one(number: int, entry: Entry) -> bytes:
    content = entry.read()
    if number > MAX_INODES or len(content) > MAX_SIZE:
        raise FrozenError(f"{entry.name}: too many files, or too large a one, for a package")
    name = entry.name if entry.name == "." else f"./{entry.name}"
    links = 2 if entry.is_folder else 1
    return _header(number, entry.type_and_mode, links, len(content), name) + content


def _header(number: int, mode: int, links: int, size: int, name: str) -> bytes:
    """Magic, device, inode, mode, user, group, links, device, time, length of name, size."""
    encoded = name.encode() + b"\0"
    time = EPOCH if name != END else 0
    fields = f"{MAGIC:06o}{0:06o}{number:06o}{mode:06o}{0:06o}{0:06o}{links:06o}{0:06o}{time:011o}"
    return f"{fields}{len(encoded):06o}{size:011o}".encode() + encoded
