# SPDX-License-Identifier: EUPL-1.2
"""The calls of Windows that `windows.py` needs, so that a recording can stand behind it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final, NamedTuple, Protocol

REPARSE: Final = 0x400  # FILE_ATTRIBUTE_REPARSE_POINT
SURROGATE: Final = 0x20000000  # of a reparse tag: the file stands for another one, as a link does
DISK: Final = 1  # FILE_TYPE_DISK
SHARING: Final = frozenset({32, 33})  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
DENIED: Final = 5  # ERROR_ACCESS_DENIED: also of a file that is being deleted
END: Final = 38  # ERROR_HANDLE_EOF


class About(NamedTuple):
    """What an open handle is."""

    kind: int  # DISK, or a device or a pipe
    attributes: int
    tag: int  # of a reparse point, else 0
    identity: tuple[int, int]  # volume and file


class Kernel(Protocol):
    r"""Calls of kernel32.dll and advapi32.dll; paths are ``\\?\``, absolute.

    Whatever fails raises OSError with ``winerror``.
    """

    def open(self, path: str, *, follow: bool) -> int:
        """A handle to read a file by, that lets others read, write and delete meanwhile.

        Where not ``follow``, of the reparse point itself.
        """
        ...

    def about(self, handle: int) -> About:
        """What it is."""
        ...

    def close(self, handle: int) -> None:
        """Close it."""
        ...

    def adopt(self, handle: int) -> int:
        """Return a descriptor for reading, which closes the handle."""
        ...

    def lstat(self, path: str) -> os.stat_result:
        """What lies there itself."""
        ...

    def listing(self, path: str) -> AbstractContextManager[Iterator[os.DirEntry[bytes]]]:
        """What a folder holds, names as UTF-8."""
        ...

    def create(self, path: str, flags: int, mode: int) -> int:
        """Open or make a file of ours; a descriptor for bytes as they are, not for children."""
        ...

    def move(self, source: str, target: str) -> None:
        """Rename in place of what is there; on the disk when it returns."""
        ...

    def remove(self, path: str) -> None:
        """Delete."""
        ...

    def read_at(self, descriptor: int, count: int, at: int) -> bytes:
        """Read at a place; nothing at the end."""
        ...

    def lock(self, descriptor: int) -> None:
        """Lock the first byte of a file for this open file alone."""
        ...

    def unlock(self, descriptor: int) -> None:
        """Let it go."""
        ...

    def security(self, path: str) -> str:
        """Owner and access list, as SDDL."""
        ...

    def owner(self, descriptor: int) -> str:
        """The owner of an open file, as SDDL: ``O:…``."""
        ...

    def user(self) -> str:
        """Who this process acts as: a security identifier, ``S-1-…``."""
        ...

    def secure(self, path: str, sddl: str) -> None:
        """Set an access list, and take nothing over from above."""
        ...

    def ticks(self) -> tuple[float, float]:
        """Seconds since the start, with sleep and without."""
        ...

    def background(self) -> None:
        """Lower this process's share of processor, disk and memory."""
        ...
