# SPDX-License-Identifier: EUPL-1.2
"""The only caller of fsync: after a crash it is the old file or the new one.

Work in progress lies in one folder, ``incoming``, so that a start finds and removes what a crash
left behind without searching the rest of DATA.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from pathlib import Path
from typing import IO, Final

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
FOLDER: Final = 0o700
LARGE: Final = 2**22  # bytes
SYNCERS: Final = 8  # syncs at a time; each more is a thread to wake for every group


def write_new(path: Path, pieces: Sequence[bytes | memoryview]) -> None:
    """A new file that nobody else has, of these bytes; not durable before ``settle``."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    number = os.open(path, flags, PRIVATE)
    try:
        rest = memoryview(b"".join(pieces))
        while rest:
            rest = rest[os.write(number, rest) :]
    finally:
        os.close(number)


def create(path: Path, *, mode: int = PRIVATE) -> IO[bytes]:
    """A new, unbuffered file that nobody else has; FileExistsError when there is one."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, mode), "wb", buffering=0)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; the name of each new one is durable."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True, mode=FOLDER)
        sync_folder(new.parent)


def sync_open_file(fd: int) -> None:
    """Make what is open durable; a network share that cannot do that with a folder is let be."""
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise


def sync_data(fd: int) -> None:
    """Make the bytes of an open file durable; its times may be those of before."""
    getattr(os, "fdatasync", os.fsync)(fd)


def sync_files(paths: Iterable[Path]) -> None:
    """Make the bytes of files durable; call ``sync_folder`` for their names."""
    for path in paths:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
            _let_go(fd)
        finally:
            os.close(fd)


def replace_file(
    path: Path, data: bytes, *, work: Path, sync: bool = True, mode: int = PRIVATE
) -> None:
    """Put ``data`` at ``path``: the old bytes or the new ones, never something between.

    ``work`` is a folder on the same file system. Without ``sync`` it is atomic, not yet durable.
    """
    if sync:
        make_folder(path.parent)
    else:
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER)
    part = work / f"{secrets.token_hex(16)}.part"
    try:
        with create(part, mode=mode) as file:
            write_all(file, data)
            if sync:
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def new_file(path: Path, data: bytes, *, work: Path) -> None:
    """Put ``data`` at a path that nobody else has, durably: the whole of it, or nothing.

    Raises:
        FileExistsError: something is there.
    """
    part = work / f"{secrets.token_hex(16)}.part"
    try:
        with create(part) as file:
            write_all(file, data)
            os.fsync(file.fileno())
        os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_all(file: IO[bytes], data: bytes | memoryview) -> None:
    """Write every byte to an unbuffered file, however often the system takes only some."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def settle(moves: Iterable[tuple[Path, Path]], before: Callable[[], None] = lambda: None) -> None:
    """Make written files durable under their final names, in this order.

    ``before`` is done while they are synced, and has returned before the first gets its name.
    """
    pairs = list(moves)
    noted = _syncers().submit(before)
    try:
        _at_once(sync_files, [work for work, _ in pairs])
    finally:
        wait([noted])
    noted.result()
    for work, path in pairs:
        work.replace(path)
    _at_once(_sync_folders, list(dict.fromkeys(path.parent for _, path in pairs)))


def _sync_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        sync_folder(folder)


def _at_once(sync: Callable[[Iterable[Path]], None], paths: Sequence[Path]) -> None:
    """Sync all of them; a disk that is asked for many at a time makes one write of its journal."""
    shares = [paths[start::SYNCERS] for start in range(min(SYNCERS, len(paths)))]
    others = [_syncers().submit(sync, share) for share in shares[1:]]
    try:
        for share in shares[:1]:
            sync(share)
    finally:
        wait(others)
    for other in others:
        other.result()


@cache
def _syncers() -> ThreadPoolExecutor:
    """Threads that do nothing but wait for the disk."""
    return ThreadPoolExecutor(SYNCERS, thread_name_prefix="syncer")


def _let_go(fd: int) -> None:
    """Give a large file's memory back: the next upload then finds pages that are at hand.

    A day of batches would else push everything out of the page cache, and on a virtual machine
    every new page costs more than the bytes that go into it.
    """
    if hasattr(os, "posix_fadvise") and os.fstat(fd).st_size >= LARGE:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
