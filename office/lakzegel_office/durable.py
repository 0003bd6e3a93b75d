# SPDX-License-Identifier: EUPL-1.2
"""Files that are, after a crash, the old one or the new one; the only caller of fsync.

Temporary file 0600 beside the target, write, fsync, rename, fsync of the folder.
"""

import errno
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

TEMPORARY: Final = ".part"  # suffix of what is not yet whole


def write_file(path: Path, data: bytes) -> None:
    """Leave `data` at `path`, whole or not at all."""
    write_files({path: data})


def write_files(files: Mapping[Path, bytes]) -> None:
    """Leave every file whole or not at all; each folder is synced once."""
    for path, data in files.items():
        temporary = path.with_name(path.name + TEMPORARY)
        make_folder(path.parent)
        _write_synced(temporary, [data], os.O_TRUNC)
        temporary.replace(path)
    sync_folders(files)


def make_folder(folder: Path) -> None:
    """Make a folder for its owner alone, durably, and so each one above it that is not there."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folders([folder])


def write_new(path: Path, data: bytes) -> None:
    """Leave `data`, whole or not at all, at a path that was free.

    Raises:
        FileExistsError: something is there already; it is left as it is.
    """
    write_new_pieces(path, [data])


def write_new_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Leave pieces, one after the other, whole or not at all, at a path that was free.

    They are drawn as they are written, so that memory is one of them.

    Raises:
        FileExistsError: something is there already; it is left as it is.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        _write_synced(temporary, pieces, os.O_TRUNC)
        _name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folders([path])


def settle(source: Path, path: Path) -> None:
    """Bring a file that was written elsewhere on this disk to its place, durably."""
    descriptor = os.open(source, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    make_folder(path.parent)
    source.replace(path)
    sync_folders([path])


def settle_tree(source: Path, path: Path) -> None:
    """Bring a folder with all that is in it to its place, durably; the place must be free.

    One sync for all: one a file would take minutes for what a transfer writes.

    Raises:
        FileExistsError: something is there already; both are left as they are.
    """
    os.sync()
    if path.exists() or path.is_symlink():
        raise FileExistsError(f"{path}: exists")
    source.rename(path)
    sync_folders([path])


def append_line(path: Path, line: bytes) -> None:
    """Add one line to the end of a log, on disk before this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        _write_all(descriptor, line + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_at(descriptor: int, size: int, data: bytes) -> None:
    """Leave an open file as its first `size` bytes and `data`, on disk before this returns.

    Where that fails it is left as its first `size` bytes.
    """
    os.ftruncate(descriptor, size)
    os.lseek(descriptor, size, os.SEEK_SET)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def sync_disk() -> None:
    """Make everything durable that was written so far: for what counts on thousands of files."""
    os.sync()


def sync_folders(paths: Iterable[Path]) -> None:
    """Make the names of these files durable."""
    for folder in {path.parent for path in paths}:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _name(temporary: Path, path: Path) -> None:
    """Give a whole file its name, where nothing has it."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a stick whose file system has no links
        if path.exists() or path.is_symlink():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        temporary.rename(path)


def _write_synced(path: Path, pieces: Iterable[bytes], flag: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag | os.O_NOFOLLOW, 0o600)
    try:
        for piece in pieces:
            _write_all(descriptor, piece)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
