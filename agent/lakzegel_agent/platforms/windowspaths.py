# SPDX-License-Identifier: EUPL-1.2
r"""Paths of Windows: the agent's, and what the system is given.

The agent's own are bytes with / between names, as on every system: ``C:/Users/jan/Mail``. The
system is given ``\\?\C:\Users\jan\Mail``: then there is no limit of 260, no device is called CON or
NUL, and no dot or space at the end of a name is lost.
"""

from __future__ import annotations

import ntpath
import os
import re
from collections.abc import Sequence
from typing import Final

from lakzegel_agent.platforms.base import Path

_DRIVE: Final = re.compile(rb"[A-Za-z]:")
_ABSOLUTE: Final = re.compile(rb"[A-Za-z]:/|//[^/]+/[^/]+")


def native(path: Path) -> str:
    r"""A path as the system takes it whole: ``\\?\``, without a limit or a device's name."""
    text = os.fsdecode(path).replace("/", "\\")
    if text.startswith(("\\\\?\\", "\\\\.\\")):
        return text
    text = ntpath.normpath(text if ntpath.isabs(text) else ntpath.join(_here(), text))
    return rf"\\?\UNC{text[1:]}" if text.startswith("\\\\") else rf"\\?\{text}"


def _here() -> str:
    return os.getcwd()  # noqa: PTH109 - a text


def slashed(path: bytes) -> bytes:
    """With / for each backslash, which no name may have here."""
    return path.replace(b"\\", b"/")


def is_absolute(path: bytes) -> bool:
    """Whether it begins with a drive, or a server and its share."""
    return bool(_ABSOLUTE.match(path))


def rooted(names: Sequence[bytes]) -> bytes:
    """Below a drive; below a server where the first name is none."""
    if names and _DRIVE.fullmatch(names[0]):
        return names[0] + b"/" + b"/".join(names[1:])
    return b"//" + b"/".join(names)


def folds_case() -> bool:
    """Return True: NTFS keeps the case of a name, and finds it by any."""
    return True
