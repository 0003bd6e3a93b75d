# SPDX-License-Identifier: EUPL-1.2
"""Files that are, after a crash, the old one or the new one; the only caller of fsync.

Temporary file 0600 beside the target, write, fsync, rename, fsync of the folder.
"""

import os
from pathlib import Path
from typing import Final

from lakzegel_agent.platforms import system

TEMPORARY: Final = ".part"  # suffix of what is not yet whole


def write_file(path: Path, data: bytes) -> None:
    """Leave ``data`` at ``path``, whole or not at all; replaces what is there."""
    temporary = path.with_name(path.name + TEMPORARY)
    _write_synced(temporary, data, os.O_TRUNC)
    system.replace(temporary, path)
    sync_folder(path.parent)


def replace_as(path: Path, data: bytes, *, owner: tuple[int, int], mode: int) -> None:
    """Leave ``data`` at ``path``, whole or not at all, with this owner (uid, gid) and mode."""
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    temporary.unlink(missing_ok=True)
    try:
        descriptor = system.open_to_write(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_all(descriptor, data)
            system.keep_owner(descriptor, owner, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        system.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Leave ``data`` at a path that was free.

    Raises:
        FileExistsError: something is there already; it is left as it is.
    """
    _write_synced(path, data, os.O_EXCL)
    sync_folder(path.parent)


def write_part(path: Path, data: bytes) -> None:
    """Write a file that is durable but whose name may yet be lost: its folder is synced later."""
    _write_synced(path, data, os.O_TRUNC)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that only its owner may enter; durable."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Return when everything written to the file, by whatever process, is on the disk."""
    descriptor = system.open_to_sync(path)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in this folder durable."""
    descriptor = system.open_folder(folder)
    if descriptor is None:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write every byte, however many calls that takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _write_synced(path: Path, data: bytes, flag: int) -> None:
    descriptor = system.open_to_write(path, os.O_WRONLY | os.O_CREAT | flag)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
