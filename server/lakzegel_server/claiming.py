# SPDX-License-Identifier: EUPL-1.2
"""One at a time for a folder, among all processes: a second one is refused, for it would wait long.

A lock ends with the process that has it, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout


@contextmanager
def claimed(layout: Layout) -> Iterator[None]:
    """DATA is this process's to serve, or to write a backup into.

    Raises:
        ConfigError: it is another's.
    """
    with layout.serving.open("a") as lock:
        layout.serving.chmod(0o600)
        _claim(lock.fileno(), f"{layout.data}: is served by another process; stop that first")
        yield


@contextmanager
def claimed_folder(folder: Path, why: str) -> Iterator[None]:
    """A folder is this process's to write to.

    Raises:
        ConfigError: it is another's; ``why`` says so.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _claim(descriptor, why)
        yield
    finally:
        os.close(descriptor)


def _claim(descriptor: int, why: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(why) from None
