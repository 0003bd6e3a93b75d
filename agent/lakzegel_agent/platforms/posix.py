# SPDX-License-Identifier: EUPL-1.2
"""Linux and macOS. The only module that may use what Windows has not."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Final

from lakzegel_agent.platforms.base import Path

assert sys.platform != "win32"  # noqa: S101  # tells mypy whose names these are

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_UNNOTICED: Final = _READ | os.O_NOCTTY | getattr(os, "O_NOATIME", 0)  # for a file's owner only
_WRITE: Final = os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS: Final = 0o077
_DIRECT: Final = getattr(os, "O_DIRECT", 0)  # 0 where the system has no such thing
_PRIVATE: Final = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0)
_SET_PIPE_SIZE: Final = getattr(fcntl, "F_SETPIPE_SZ", None)
_ZEROS: Final = bytes(2**16)
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1
_LOCAL_PEERPID: Final = 2
_XUCRED: Final = struct.Struct("2I")  # version, uid; then groups
_XUCRED_SIZE: Final = 76
_CAPABILITY_VERSION: Final = 0x20080522  # _LINUX_CAPABILITY_VERSION_3 of linux/capability.h
_CAPABILITY_HEAD: Final = struct.Struct("Ii")  # version; process, 0 for this one
_CAPABILITY_SETS: Final = struct.Struct("6I")  # effective, permitted, inheritable; their high bits
_CAPABILITIES_AMBIENT: Final = 47  # PR_CAP_AMBIENT of linux/prctl.h
_CLEAR_ALL: Final = 4  # PR_CAP_AMBIENT_CLEAR_ALL
_QUIET: Final = 10  # of 19; systemd and launchd set their own

pread = os.pread


def open_to_read(path: Path) -> int:
    """Open a file; O_NONBLOCK, so that a FIFO without a writer is not waited for."""
    return os.open(path, _READ)


def open_unnoticed(path: Path) -> int:
    """Open a file as its owner, or as anybody."""
    try:
        return os.open(path, _UNNOTICED)
    except PermissionError:
        return os.open(path, _READ | os.O_NOCTTY)


def open_to_write(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open or make a file."""
    return os.open(path, flags | _WRITE, mode)


def open_to_sync(path: Path) -> int:
    """Open a file."""
    return os.open(path, os.O_RDONLY | _WRITE)


def open_folder(path: Path) -> int | None:
    """Open a folder: until it is synced, a new name in it may be gone after a crash."""
    return os.open(path, _FOLDER)


def replace(source: Path, target: Path) -> None:
    """Rename; durable once the folder is synced."""
    os.replace(source, target)  # noqa: PTH105  # bytes or text


def remove(path: Path) -> None:
    """Unlink; who has it open keeps it."""
    os.unlink(path)  # noqa: PTH108  # bytes or text


def read_into(descriptor: int, memory: memoryview, /) -> int:
    """Read on."""
    return os.readv(descriptor, [memory])


def listing(folder: bytes, /) -> AbstractContextManager[Iterator[os.DirEntry[bytes]]]:
    """List it."""
    return os.scandir(folder)


def lstat(path: bytes, /) -> os.stat_result:
    """What it is."""
    return os.lstat(path)


def stat_entry(entry: os.DirEntry[bytes], /) -> os.stat_result:
    """What the entry is."""
    return entry.stat(follow_symlinks=False)


def is_folder(entry: os.DirEntry[bytes], /) -> bool:
    """By what the listing said."""
    return entry.is_dir(follow_symlinks=False)


def past_the_cache(descriptor: int, *, on: bool) -> bool:
    """O_DIRECT, where the file system can do that."""
    if not _DIRECT:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, _DIRECT if on else 0)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    return on


def reserve(descriptor: int, size: int) -> None:
    """Allocate; macOS has no call for it, and keeps zeros that are written."""
    if sys.platform != "darwin":
        os.posix_fallocate(descriptor, 0, size)
        return
    while size > 0:
        size -= os.write(descriptor, _ZEROS[:size])


def free(folder: Path) -> int:
    """What is free for users that are not root."""
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize


def keep_owner(descriptor: int, owner: tuple[int, int], mode: int) -> None:
    """By the descriptor, so that it is this file."""
    os.fchown(descriptor, *owner)
    os.fchmod(descriptor, mode)


def close_to_others(folder: Path) -> None:
    """Nothing: it was made with mode 0700, and who opened it since meant to (`doctor` says so)."""
    del folder


def is_open_to_others(path: Path) -> bool:
    """By its mode."""
    return bool(os.stat(path).st_mode & _OTHERS)  # noqa: PTH116  # bytes or text


def slashed(path: bytes) -> bytes:
    """Return it as it is: a backslash is a character like others."""
    return path


def is_absolute(path: bytes) -> bool:
    """Whether it begins with /."""
    return path.startswith(b"/")


def rooted(names: Sequence[bytes]) -> bytes:
    """Below the one root."""
    return b"/" + b"/".join(names)


def folds_case() -> bool:
    """Return False, of macOS too: a volume there may go either way."""
    return False


def lock(descriptor: int, *, shared: bool) -> bool:
    """By flock, which ends with the open file and not with the first descriptor of it."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end(process: subprocess.Popen[bytes], *, at_once: bool) -> bool:
    """Signal its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL if at_once else signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def _give_up() -> None:
    """Give up every capability, for good: the one that lets an agent read homes goes with it.

    Where a filter of system calls forbids capset, the program is begun anew without ambient ones;
    a user's process then has none.
    """
    import ctypes  # noqa: PLC0415 - for one process alone

    libc = ctypes.CDLL(None, use_errno=True)
    head = _CAPABILITY_HEAD.pack(_CAPABILITY_VERSION, 0)
    told = ctypes.create_string_buffer(_CAPABILITY_SETS.size)
    libc.capget(head, told)
    _, low, _, _, high, _ = _CAPABILITY_SETS.unpack(told.raw)
    if not low | high or not libc.capset(head, bytes(_CAPABILITY_SETS.size)):
        return
    if not me() or libc.prctl(_CAPABILITIES_AMBIENT, _CLEAR_ALL, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "capset")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself


def confine(limits: dict[str, int]) -> None:
    """Set each limit that this system has, once it has no right beside its user's."""
    import resource  # noqa: PLC0415 - for one process alone

    if sys.platform == "linux":
        _give_up()
    for name, most in limits.items():
        with suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(getattr(resource, name), (most, most))


def widen(descriptor: int, size: int) -> None:
    """Ask for it: a user may have no more than so many pages in pipes."""
    if _SET_PIPE_SIZE is not None:
        with suppress(OSError):
            fcntl.fcntl(descriptor, _SET_PIPE_SIZE, size)


def never_wait(descriptor: int) -> None:
    """O_NONBLOCK."""
    os.set_blocking(descriptor, False)


def work_quietly() -> None:
    """Be nicer than what it was started with."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(_QUIET, os.getpriority(os.PRIO_PROCESS, 0)))


def memory(size: int) -> mmap.mmap:
    """Private: pages that processes could share cost the system a third more to find."""
    return mmap.mmap(-1, size, flags=_PRIVATE)


def me() -> int:
    """The effective user."""
    return os.geteuid()


def me_really() -> int:
    """The real user."""
    return os.getuid()


def owner(descriptor: int) -> int:
    """By the system."""
    return os.fstat(descriptor).st_uid


def owner_of(path: Path) -> int:
    """By the system."""
    return os.stat(path).st_uid  # noqa: PTH116  # bytes or text


def name_of(user: int) -> str | None:
    """By the system's database of users."""
    import pwd  # noqa: PLC0415 - few processes ask

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return None


def home_of(user: int) -> bytes | None:
    """By the system's database of users."""
    import pwd  # noqa: PLC0415 - few processes ask

    try:
        return os.fsencode(pwd.getpwuid(user).pw_dir)
    except KeyError:
        return None


def shows(home: bytes, names: list[bytes], user: int) -> bool:
    """Walk by descriptors: a link that is put there meanwhile is an end."""
    at = -1
    try:
        at = os.open(home, _FOLDER)
        for name in names[:-1]:
            below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        os.stat(names[-1], dir_fd=at, follow_symlinks=False)
        return os.fstat(at).st_uid == user
    except (OSError, ValueError):
        return False
    finally:
        if at >= 0:
            os.close(at)


def local_socket(kind: socket.SocketKind) -> socket.socket:
    """Make one of AF_UNIX."""
    return socket.socket(socket.AF_UNIX, kind)


def peer(connection: socket.socket) -> tuple[int, int]:
    """By SO_PEERCRED; on macOS LOCAL_PEERCRED and LOCAL_PEERPID (sys/un.h, sys/ucred.h)."""
    if sys.platform != "darwin":
        told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(told)
        return pid, uid
    told = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_SIZE)
    version, uid = _XUCRED.unpack_from(told)
    if version:
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
    return connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID), uid


def awake() -> float:
    """By the monotonic clock, which stops here."""
    return time.monotonic()


def going_on() -> float:
    """By CLOCK_BOOTTIME; on macOS CLOCK_MONOTONIC is such a clock; else the wall clock."""
    name = "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME"
    clock: int | None = getattr(time, name, None)
    return time.time() if clock is None else time.clock_gettime(clock)
