# SPDX-License-Identifier: EUPL-1.2
"""Windows, by the calls of `kernel.py`; tested with a recording, not run on a real device."""

from __future__ import annotations

import atexit
import errno
import mmap
import os
import pathlib
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import cache
from typing import Final, TypeVar

from lakzegel_agent.platforms import windowspaths, windowsprocesses
from lakzegel_agent.platforms.base import Path
from lakzegel_agent.platforms.kernel import (
    DENIED,
    DISK,
    REPARSE,
    SHARING,
    SURROGATE,
    About,
    Kernel,
)
from lakzegel_agent.platforms.shadows import Shadows
from lakzegel_agent.platforms.vss import Vss
from lakzegel_agent.platforms.windowsaccess import OURS, is_open, owner_in
from lakzegel_agent.platforms.windowspaths import native
from lakzegel_agent.platforms.windowsusers import SYSTEM, number_of

TRIES: Final = 10  # with pauses of 10, 20, 40 … ms: some 2.5 s, then it is the caller's
_FIRST: Final = 0.01  # seconds
_LONGEST: Final = 0.5
_ZEROS: Final = bytes(2**16)
_MARKS: Final = r"C:\ProgramData\Lakzegel\shadows"

T = TypeVar("T")

slashed = windowspaths.slashed
is_absolute = windowspaths.is_absolute
rooted = windowspaths.rooted
folds_case = windowspaths.folds_case
end = windowsprocesses.end


@cache
def kernel() -> Kernel:
    """The calls of the system; a test puts others in their place."""
    if sys.platform == "win32":
        from lakzegel_agent.platforms.win32api import Win32  # noqa: PLC0415 - loads libraries

        return Win32()
    raise _error(errno.ENOSYS)


def _error(number: int, name: str | None = None) -> OSError:
    """What the system would say of it, if it were the one that found it."""
    return OSError(number, os.strerror(number), name)


@cache
def shadows() -> Shadows:
    """Copies of volumes for files that others hold; gone at the end of this process."""
    made = Shadows(Vss(), pathlib.Path(_MARKS), close=close_to_others)
    atexit.register(made.close)
    return made


def open_to_read(path: Path) -> int:
    """Open what is there and no link: a symbolic link, a junction or a mount point is ELOOP.

    Another reparse point, as a file that is in the cloud, is the file: it is opened anew by its
    name, and has to be the same one. What another program holds is opened in a shadow copy.
    """
    name = native(path)
    try:
        return _open(name)
    except OSError as error:
        if getattr(error, "winerror", None) not in SHARING:
            raise
        copy = shadows().find(name)
        if copy is None:
            raise
        return _open(copy)


def _open(name: str) -> int:
    calls = kernel()
    handle = calls.open(name, follow=False)
    try:
        about = _require_file(calls.about(handle), name)
        if about.attributes & REPARSE:
            followed = calls.open(name, follow=True)
            calls.close(handle)
            handle = followed
            _require_same(_require_file(calls.about(handle), name), about, name)
        return calls.adopt(handle)
    except BaseException:
        calls.close(handle)
        raise


open_unnoticed = open_to_read  # NTFS does not keep the last access of a file as a rule


def _require_file(about: About, name: str) -> About:
    if about.kind != DISK:
        raise _error(errno.EINVAL, name)
    if about.attributes & REPARSE and about.tag & SURROGATE:
        raise _error(errno.ELOOP, name)
    return about


def _require_same(found: About, before: About, name: str) -> None:
    if found.identity != before.identity:
        raise _error(errno.ELOOP, name)


def open_to_write(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open or make a file of ours, in a folder that others cannot put a link into."""
    name = native(path)
    with suppress(FileNotFoundError):
        told = kernel().lstat(name)
        if _is_link(told):
            raise _error(errno.ELOOP, name)
    return _again(lambda: kernel().create(name, flags, mode))


def open_to_sync(path: Path) -> int:
    """Open a file for writing too: else its buffers may not be flushed."""
    return open_to_write(path, os.O_RDWR)


def open_folder(path: Path) -> int | None:
    """Return None: NTFS writes names to its journal, and `replace` returns once that is on disk."""
    del path
    return None


def replace(source: Path, target: Path) -> None:
    """Rename, written through; a virus scanner that looks at either is waited for a while."""
    _again(lambda: kernel().move(native(source), native(target)))


def remove(path: Path) -> None:
    """Delete; likewise."""
    _again(lambda: kernel().remove(native(path)))


def _again(what: Callable[[], T]) -> T:
    """Try for some seconds where somebody else has it open."""
    pause = _FIRST
    for _ in range(TRIES - 1):
        try:
            return what()
        except OSError as error:
            if getattr(error, "winerror", None) not in {*SHARING, DENIED}:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST)
    return what()


def pread(descriptor: int, count: int, at: int, /) -> bytes:
    """Read at a place: the file's own place moves, which no user of this looks at."""
    return kernel().read_at(descriptor, count, at)


def read_into(descriptor: int, memory: memoryview, /) -> int:
    """Read on."""
    data = os.read(descriptor, len(memory))
    memory[: len(data)] = data
    return len(data)


def listing(folder: bytes, /) -> AbstractContextManager[Iterator[os.DirEntry[bytes]]]:
    """List it by its whole path."""
    return kernel().listing(native(folder))


def lstat(path: bytes, /) -> os.stat_result:
    """What it is, by its whole path."""
    return kernel().lstat(native(path))


def stat_entry(entry: os.DirEntry[bytes], /) -> os.stat_result:
    """Ask for the file: a listing tells neither volume nor number."""
    return kernel().lstat(native(entry.path))


def is_folder(entry: os.DirEntry[bytes], /) -> bool:
    """Whether it is one and no junction, which Python takes for a folder."""
    return entry.is_dir(follow_symlinks=False) and not _is_link(entry.stat(follow_symlinks=False))


def _is_link(told: os.stat_result) -> bool:
    attributes, tag = getattr(told, "st_file_attributes", 0), getattr(told, "st_reparse_tag", 0)
    return stat.S_ISLNK(told.st_mode) or bool(attributes & REPARSE and tag & SURROGATE)


def past_the_cache(descriptor: int, *, on: bool) -> bool:
    """Return False: unbuffered files of Windows are opened so, and want the size of a sector."""
    del descriptor, on
    return False


def reserve(descriptor: int, size: int) -> None:
    """Write zeros: NTFS then has clusters for them."""
    while size > 0:
        size -= os.write(descriptor, _ZEROS[:size])


def free(folder: Path) -> int:
    """What is free for this user, quotas counted."""
    return shutil.disk_usage(folder).free


def keep_owner(descriptor: int, owner: tuple[int, int], mode: int) -> None:
    """Nothing: a new file takes over its folder's access list."""
    del descriptor, owner, mode


def close_to_others(folder: Path) -> None:
    """Let in the system, the administrators and the owner; what is made below is as it is.

    A folder that somebody else made first stays his, whatever its list says: it is refused.
    """
    if owner_of(folder) not in {me(), number_of(SYSTEM)}:
        raise _error(errno.EACCES, native(folder))
    if not is_open_to_others(folder):
        return
    kernel().secure(native(folder), OURS)


def is_open_to_others(path: Path) -> bool:
    """Whether its access list lets anybody in but system, administrators and owner."""
    return is_open(kernel().security(native(path)))


def lock(descriptor: int, *, shared: bool) -> bool:
    """Lock its first byte; who only looks lets it go at once."""
    try:
        kernel().lock(descriptor)
    except OSError:
        return False
    if shared:
        kernel().unlock(descriptor)
    return True


def confine(limits: dict[str, int]) -> None:
    """Nothing: who started this process ends it in time."""
    del limits


def widen(descriptor: int, size: int) -> None:
    """Nothing: a pipe here grows by itself."""
    del descriptor, size


def never_wait(descriptor: int) -> None:
    """Nothing: Python 3.11 cannot; a few bytes for each signal fill no pipe."""
    del descriptor


def work_quietly() -> None:
    """Below normal; the background mode would cut its memory down to 32 MiB."""
    with suppress(OSError):
        kernel().background()


def memory(size: int) -> mmap.mmap:
    """Of this process alone."""
    return mmap.mmap(-1, size)


def me() -> int:
    """By the token of this process."""
    return number_of(kernel().user())


me_really = me  # nobody acts as another here without a process of his


def owner(descriptor: int) -> int:
    """By its security descriptor: Python says 0 of every file."""
    return owner_in(kernel().owner(descriptor))


def owner_of(path: Path) -> int:
    """Likewise."""
    return owner_in(kernel().security(native(path)))


def name_of(user: int) -> str | None:
    """Nobody is known by a number."""
    del user
    return None


def home_of(user: int) -> bytes | None:
    """Nobody is known by a number."""
    del user
    return None


def shows(home: bytes, names: list[bytes], user: int) -> bool:
    """Nobody is known by a number, so that nothing is shown."""
    del home, names, user
    return False


def local_socket(kind: socket.SocketKind) -> socket.socket:
    """Refuse: pipes with a name are what Windows has."""
    del kind
    raise _error(errno.EAFNOSUPPORT)


def peer(connection: socket.socket) -> tuple[int, int]:
    """Refuse: see `local_socket`."""
    del connection
    raise _error(errno.EAFNOSUPPORT)


def going_on() -> float:
    """By the time since the start, which counts sleep."""
    return kernel().ticks()[0]


def awake() -> float:
    """By the interrupt time without its bias, which does not."""
    return kernel().ticks()[1]
