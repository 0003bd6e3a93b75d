# SPDX-License-Identifier: EUPL-1.2
"""Names that a device chose, made harmless: an item's id for people, and where a file may lie.

Item id: `device/epoch/batch/index`, e.g. `minister-laptop/0/12/345`.

A path from a device is hostile until proven otherwise: relative, no empty part, no `.` or `..`,
no NUL, within the limits. Its bytes are kept exactly.
"""

import os
from dataclasses import dataclass
from typing import Final

from lakzegel_core import limits
from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import FormatError
from lakzegel_office.errors import UsageError

VERSIONS: Final = b".versions"  # where older versions lie below the restored folder
MAX_COMPONENT: Final = 255  # bytes of one part of a path, as common file systems have it
_FORBIDDEN: Final = frozenset({b"", b".", b".."})


@dataclass(frozen=True, slots=True, order=True)
class ItemId:
    """The name of one item for people."""

    device: str
    epoch: int
    batch: int
    index: int

    def __str__(self) -> str:
        """Return `device/epoch/batch/index`."""
        return f"{self.device}/{self.epoch}/{self.batch}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> "ItemId":
        """Return the id that a person typed.

        Raises:
            UsageError: it is none.
        """
        parts = text.split("/")
        try:
            device, *numbers = parts
            epoch, batch, index = (parse_decimal(number, what="item") for number in numbers)
        except (FormatError, ValueError) as error:
            raise UsageError(f"{text}: an item is device/epoch/batch/index") from error
        return cls(device, epoch, batch, index)


def safe_parts(source: str, path: bytes) -> tuple[bytes, ...]:
    """Return the parts, source first, below which a file of a device may lie.

    Raises:
        FormatError: it would lie elsewhere, or cannot exist.
    """
    if len(path) > limits.MAX_PATH:
        raise FormatError("path", f"longer than {limits.MAX_PATH} bytes")
    parts = (_source_part(source), *path.split(b"/"))
    for part in parts:
        if part in _FORBIDDEN:
            raise FormatError("path", "absolute, or with an empty part, '.' or '..'")
        if b"\0" in part or len(part) > MAX_COMPONENT:
            raise FormatError("path", f"a part holds NUL or is longer than {MAX_COMPONENT} bytes")
    return parts


def _source_part(source: str) -> bytes:
    try:
        part = os.fsencode(source)
    except UnicodeEncodeError:
        raise FormatError("source", "its name cannot be written as UTF-8") from None
    if b"/" in part or part == VERSIONS:
        raise FormatError("source", "its name is not one folder's name")
    return part
