# SPDX-License-Identifier: EUPL-1.2
"""Files opened as what they have to be: regular, no link, and without waiting for anybody.

A pipe in the place of a file would keep whoever opens it until somebody writes, a link would have
him read, or add to, what lies elsewhere.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from lakzegel_office.errors import DoubtError

_NO_WAIT: Final = os.O_NONBLOCK | os.O_CLOEXEC
NO_FILE: Final = frozenset({errno.EISDIR, errno.ELOOP, errno.ENOTDIR, errno.ENXIO})


def open_regular(path: Path) -> BinaryIO:
    """Return a file to be read.

    Raises:
        FileNotFoundError: it is not there.
        DoubtError: something lies there that is no file.
    """
    return os.fdopen(open_descriptor(path, os.O_RDONLY), "rb")


def open_followed(path: Path) -> BinaryIO:
    """Return a file to be read, also through links: what its owner may keep elsewhere.

    Raises:
        FileNotFoundError: it is not there.
        DoubtError: something lies there that is no file.
    """
    return os.fdopen(_open(path, os.O_RDONLY), "rb")


def open_descriptor(path: Path, flags: int) -> int:
    """Return a descriptor of a regular file; one that is made is its owner's alone.

    Raises:
        FileNotFoundError: it is not there.
        DoubtError: something lies there that is no file.
    """
    return _open(path, flags | os.O_NOFOLLOW)


def _open(path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | _NO_WAIT, 0o600)
    except OSError as error:
        if error.errno in NO_FILE:
            raise DoubtError(f"{path}: not a regular file") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DoubtError(f"{path}: not a regular file")
    return descriptor
