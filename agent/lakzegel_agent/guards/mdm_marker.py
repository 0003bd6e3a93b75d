# SPDX-License-Identifier: EUPL-1.2
r"""The marker that MDM leaves on a device it manages is there.

    /etc/minxyz/managed            a plain file of root's, in a folder of root's
    HKLM\Software\MinXYZ\Managed   a value of Windows' registry, of whatever type

Nothing in it is read. docs/spec/settings.md §7
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable
from typing import ClassVar, Final

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    NOT_OURS,
    UNREADABLE,
    Declaration,
    Guard,
    PlaceError,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
)

NO_MARKER: Final = "no-marker"
OTHER_SYSTEM: Final = "other-system"
SUBJECT: Final = "device"
_REGISTRY: Final = "HKLM\\"
_GONE: Final = (errno.ENOENT, errno.ENOTDIR)
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class MdmMarker(ReportingGuard):
    """One reading: the device."""

    declaration: ClassVar[Declaration] = Declaration(
        "mdm-marker",
        (6,),
        EVERYWHERE,
        enforces=False,
        reasons=frozenset({NO_MARKER, OTHER_SYSTEM}),
        cannot="whether MDM still reaches this device, and what a marker holds; without the setting"
        " mdm_marker nothing is looked for",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield whether the marker is there.

        Raises:
            PlaceError: it cannot be told.
        """
        marker = surroundings.marker
        if marker is None:
            yield Reading(SUBJECT, State.NOT_APPLICABLE)
            return
        value = {"marker": marker}
        try:
            is_there = _is_there(surroundings, marker)
        except PlaceError as error:
            yield Reading(SUBJECT, State.UNKNOWN, error.reason, value)
            return
        if is_there:
            yield Reading(SUBJECT, State.COMPLIANT, "", value)
        else:
            yield Reading(SUBJECT, State.DRIFTED, NO_MARKER, value)


def _is_there(surroundings: Surroundings, marker: str) -> bool:
    """Return whether the marker stands where only the machine's own administrator can put it.

    Raises:
        PlaceError: it cannot be told.
    """
    if marker.startswith(_REGISTRY):
        return _is_in_registry(surroundings, marker)
    owner = surroundings.system.stat().st_uid  # root, who owns the root of the file system
    try:
        path = surroundings.system / marker.removeprefix("/")
        told, folder = path.lstat(), path.parent.stat()
    except OSError as error:
        if error.errno in _GONE:
            return False
        raise PlaceError(UNREADABLE) from None
    for one in (told, folder):
        if one.st_uid != owner or (os.name == "posix" and one.st_mode & _OTHERS):
            raise PlaceError(NOT_OURS)
    if not stat.S_ISREG(told.st_mode):
        raise PlaceError(NOT_OURS)
    return True


def _is_in_registry(surroundings: Surroundings, marker: str) -> bool:
    """Return whether a key has a value of that name; what type it is does not matter."""
    registry = surroundings.places.get("registry")
    if registry is None:
        raise PlaceError(OTHER_SYSTEM)
    key, _, name = marker.rpartition("\\")
    has = registry.read(f"{key}\\")
    names = [] if has is None else json.loads(has)["values"]
    return name.lower() in {one.lower() for one in names}


GUARD: Final[Guard] = MdmMarker()
