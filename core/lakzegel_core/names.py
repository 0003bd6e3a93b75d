# SPDX-License-Identifier: EUPL-1.2
"""The names that formats are made of (docs/spec/notes.md §2).

    device, group, custody   minister-1             a-z, 0-9 and hyphens inside, 1 to 63 characters
    origin                   log.example/lakzegel   a signed-note key name, 1 to 255 bytes
"""

from __future__ import annotations

import re
from typing import Final

from lakzegel_core.errors import FormatError
from lakzegel_core.keys import check_name

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def check_device(name: str) -> str:
    """The name of a device, as it was given.

    Raises:
        FormatError: another letter, or too long.
    """
    if not _LABEL.fullmatch(name):
        raise FormatError("device", "not 1 to 63 of a-z, 0-9 and inner hyphens")
    return name


def check_origin(name: str) -> str:
    """The origin of a log, as it was given.

    Raises:
        FormatError: not a signed-note key name.
    """
    return check_name(name)


def header_key_name(origin: str, device: str, epoch: int) -> str:
    """What the key is called that signs a device's batches in one epoch."""
    return f"{origin}/{device}/{epoch}/header"


def witness_key_name(origin: str, device: str, epoch: int) -> str:
    """What the key is called that a device cosigns checkpoints with in one epoch."""
    return f"{origin}/{device}/{epoch}/witness"
