# SPDX-License-Identifier: EUPL-1.2
"""What a system gives the agent: a module of `platforms` is one. docs/adr/0035 says why."""

from __future__ import annotations

import mmap
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

Path = str | bytes | os.PathLike[str]


class Files(Protocol):
    """Files of other people's, and of ours. Whatever fails raises OSError."""

    def open_to_read(self, path: Path) -> int:
        """Open a file that may be anybody's: no link is followed, nothing is waited for."""
        ...

    def open_unnoticed(self, path: Path) -> int:
        """Likewise, and where this process may, without a trace in the time of last access."""
        ...

    def open_to_write(self, path: Path, flags: int, mode: int = 0o600) -> int:
        """Open or make a file of ours; no link is followed. ``flags`` as `os.open` has them."""
        ...

    def open_to_sync(self, path: Path) -> int:
        """Open a file of ours to have it written to the disk; no link is followed."""
        ...

    def open_folder(self, path: Path) -> int | None:
        """Open a folder to have its names written to the disk; None where that is not needed."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another name, in place of what has it; as durable as the system does it."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file, also where somebody looks at it just now."""
        ...

    def pread(self, descriptor: int, count: int, at: int, /) -> bytes:
        """Read at a place of a file; no other thread's reading is disturbed."""
        ...

    def read_into(self, descriptor: int, memory: memoryview, /) -> int:
        """Read on into memory; return how many bytes."""
        ...

    def listing(self, folder: bytes, /) -> AbstractContextManager[Iterator[os.DirEntry[bytes]]]:
        """What a folder holds, however long its path is."""
        ...

    def lstat(self, path: bytes, /) -> os.stat_result:
        """What lies there itself, however long its path is."""
        ...

    def stat_entry(self, entry: os.DirEntry[bytes], /) -> os.stat_result:
        """What an entry of a folder is itself, with the numbers that make it the same file."""
        ...

    def is_folder(self, entry: os.DirEntry[bytes], /) -> bool:
        """Whether an entry is a folder itself, and no link or mount point."""
        ...

    def past_the_cache(self, descriptor: int, *, on: bool) -> bool:
        """Return whether what follows goes past the system's cache of files."""
        ...

    def reserve(self, descriptor: int, size: int) -> None:
        """Have so many bytes of a new file lie on the disk."""
        ...

    def free(self, folder: Path) -> int:
        """How many bytes this user may still write there."""
        ...

    def keep_owner(self, descriptor: int, owner: tuple[int, int], mode: int) -> None:
        """Give a file that replaces another one that one's owner and mode."""
        ...

    def close_to_others(self, folder: Path) -> None:
        """Let nobody but this user and the system's administrators into a folder of ours."""
        ...

    def is_open_to_others(self, path: Path) -> bool:
        """Whether somebody else on this machine, its administrators apart, could open it."""
        ...


class Paths(Protocol):
    """Paths as the agent has them on every system: bytes, with / between names."""

    def slashed(self, path: bytes) -> bytes:
        """A path as somebody wrote it, with / between its names."""
        ...

    def is_absolute(self, path: bytes) -> bool:
        """Whether a slashed path begins at a root."""
        ...

    def rooted(self, names: Sequence[bytes]) -> bytes:
        """The absolute path of these names, of which the first may be a drive."""
        ...

    def folds_case(self) -> bool:
        """Whether names that differ in case alone are one."""
        ...


class Locks(Protocol):
    """A lock on an open file; it ends when that is closed, or with its process."""

    def lock(self, descriptor: int, *, shared: bool) -> bool:
        """Return whether it is ours now; nothing is waited for."""
        ...


class Programs(Protocol):
    """Other processes, and this one."""

    def end(self, process: subprocess.Popen[bytes], *, at_once: bool) -> bool:
        """Tell a program that has a session of its own, and all it started, to end.

        Return whether there was anything to be told.
        """
        ...

    def confine(self, limits: dict[str, int]) -> None:
        """Take from this process what it does not need, and every right beside its user's.

        Names are those of `setrlimit`.

        Raises:
            OSError: it has such a right, and cannot give it up.
        """
        ...

    def widen(self, descriptor: int, size: int) -> None:
        """Let a pipe hold so many bytes, where that can be."""
        ...

    def never_wait(self, descriptor: int) -> None:
        """Have writing to a full pipe fail rather than wait, where that can be."""
        ...

    def work_quietly(self) -> None:
        """Let every other program go first, for processor and disk, where that can be."""
        ...

    def memory(self, size: int) -> mmap.mmap:
        """Memory of this process alone, found at once where that can be."""
        ...


class Users(Protocol):
    """Who there is, by number; on Windows one that is made of the user's security identifier."""

    def me(self) -> int:
        """The user whose rights this process has."""
        ...

    def me_really(self) -> int:
        """The user that started this process."""
        ...

    def owner(self, descriptor: int) -> int:
        """Whose an open file is."""
        ...

    def owner_of(self, path: Path) -> int:
        """Whose a file or folder is."""
        ...

    def name_of(self, user: int) -> str | None:
        """The name of a user, None where there is none of this number."""
        ...

    def home_of(self, user: int) -> bytes | None:
        """The home that the system has for a user."""
        ...

    def shows(self, home: bytes, names: list[bytes], user: int) -> bool:
        """Whether a user owns the folder that the last of these names lies in, below this home.

        By a walk from folder to folder, on which no link is followed.
        """
        ...


class Sockets(Protocol):
    """Sockets of this machine alone."""

    def local_socket(self, kind: socket.SocketKind) -> socket.socket:
        """A socket that is no network's.

        Raises:
            OSError: the system has none.
        """
        ...

    def peer(self, connection: socket.socket) -> tuple[int, int]:
        """Process and user at the other end, as the kernel saw them when they connected."""
        ...


class Clocks(Protocol):
    """What time cannot be told by `time` alone."""

    def going_on(self) -> float:
        """Seconds by a clock that goes on while the device sleeps."""
        ...

    def awake(self) -> float:
        """Seconds by a clock that stops while the device sleeps."""
        ...


class System(Files, Paths, Locks, Programs, Users, Sockets, Clocks, Protocol):
    """All of it; a module."""


NOBODY = 2**32 - 1
