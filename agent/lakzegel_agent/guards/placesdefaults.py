# SPDX-License-Identifier: EUPL-1.2
"""macOS' preferences of the user whose home is guarded, through the system's own programs.

    read   defaults export DOMAIN -            a whole domain, typed, as cfprefsd has it
    write  defaults write DOMAIN KEY -int 0    then whoever listens is told

cfprefsd answers each user for himself, so that a service of root's asks as that user and in his
session: ``launchctl asuser UID sudo -u #UID``. What was put into the file instead would be
overwritten by what cfprefsd has in memory. Not run on a real device. docs/spec/guards.md §5
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from lakzegel_agent.guards.base import (
    NOT_OURS,
    NOT_PERMITTED,
    NOT_SIGNED_IN,
    NOT_UNDERSTOOD,
    UNREADABLE,
    PlaceError,
)
from lakzegel_agent.guards.of_plists import read_plist
from lakzegel_agent.guards.places import MAX_SETTINGS
from lakzegel_agent.guards.placesvalues import Value, decode, encode
from lakzegel_agent.platforms import system

DEFAULTS: Final = "/usr/bin/defaults"
LAUNCHCTL: Final = "/bin/launchctl"
SUDO: Final = "/usr/bin/sudo"
NOTIFYUTIL: Final = "/usr/bin/notifyutil"
LIMIT: Final = 5.0  # seconds for one program; all guards together have a minute
ROOT: Final = 0
_ABSENT: Final = b"does not exist"
_BEGIN: Final = b"<?xml"  # what a program complains of stands before it
_MESSAGES: Final = (
    "com.apple.MobileSMS.KeepMessages.changed",
    "com.apple.imautomatichistorydeletionagent.prefchange",
)
LISTENERS: Final[Mapping[str, tuple[str, ...]]] = {  # docs/spec/settings-guarded.md, Messages
    "com.apple.MobileSMS": _MESSAGES,
    "com.apple.iChat": _MESSAGES,
}


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended, and what it printed, complaints among it."""

    status: int
    out: bytes = b""


class Programs(Protocol):
    """The system's own programs, by their absolute path."""

    def run(self, arguments: Sequence[str]) -> Ran:
        """Return how it ended.

        Raises:
            PlaceError: it did not start, did not end in time, or printed too much.
        """
        ...


class SystemPrograms:
    """Those of this device; each has so many seconds."""

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit

    def run(self, arguments: Sequence[str]) -> Ran:
        """Return how it ended."""
        until = time.monotonic() + self._limit
        try:
            process = subprocess.Popen(
                list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
                start_new_session=True,
            )
        except OSError:
            raise PlaceError(UNREADABLE) from None
        assert process.stdout is not None  # noqa: S101  # it was asked for
        try:
            out = _drain(process.stdout.fileno(), until)
            status = process.wait(max(until - time.monotonic(), 0))
        except (PlaceError, subprocess.TimeoutExpired):
            system.end(process, at_once=True)
            process.wait()
            raise PlaceError(UNREADABLE) from None
        finally:
            process.stdout.close()
        if status < 0:
            raise PlaceError(UNREADABLE)
        return Ran(status, out)


def _drain(descriptor: int, until: float) -> bytes:
    """Return what is printed until the end.

    Raises:
        PlaceError: there is no end to it in time, or within the limit.
    """
    pieces: list[bytes] = []
    left = MAX_SETTINGS
    while left >= 0 and select.select([descriptor], [], [], max(until - time.monotonic(), 0))[0]:
        piece = os.read(descriptor, 65_536)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        left -= len(piece)
    raise PlaceError(UNREADABLE)


class Defaults:
    """Preferences of any host of one user, by ``domain key``."""

    def __init__(
        self,
        home: Path,
        programs: Programs | None = None,
        *,
        me: Callable[[], int] | None = None,
    ) -> None:
        self._home = home
        self._programs = programs or SystemPrograms()
        self._me = me or system.me
        self._session: tuple[str, ...] | None = None  # what is put before a program, once known

    def read(self, place: str) -> bytes | None:
        """Return the value of a key, None where there is none.

        Raises:
            PlaceError: the user is not signed in, or it is not understood.
        """
        domain, key = _parts(place)
        ran = self._as_user(DEFAULTS, "export", domain, "-")
        if ran.status:
            if _ABSENT in ran.out:
                return None
            raise PlaceError(UNREADABLE)
        begin = ran.out.find(_BEGIN)
        if begin < 0:
            raise PlaceError(NOT_UNDERSTOOD)
        found = read_plist(ran.out[begin:])
        return encode(found[key]) if key in found else None

    def write(self, place: str, value: bytes | None) -> None:
        """Leave this value, or none, and tell who listens.

        Raises:
            PlaceError: what was there is there still.
        """
        domain, key = _parts(place)
        if value is not None:
            ran = self._as_user(DEFAULTS, "write", domain, key, *_typed(decode(value)))
        elif self.read(place) is None:
            return
        else:
            ran = self._as_user(DEFAULTS, "delete", domain, key)
        if ran.status:
            raise PlaceError(NOT_PERMITTED)
        for name in LISTENERS.get(domain, ()):
            with suppress(PlaceError):  # it is written; who listens reads it at its next start
                self._as_user(NOTIFYUTIL, "-p", name)

    def _as_user(self, *arguments: str) -> Ran:
        """Run a program as the user whose home it is, in his session."""
        if self._session is None:
            self._session = self._entered()
        return self._programs.run((*self._session, *arguments))

    def _entered(self) -> tuple[str, ...]:
        """Return what is put before a program so that it runs there; nothing where we are he.

        Raises:
            PlaceError: he is not signed in, or he is somebody else and we are not root.
        """
        try:
            user = self._home.stat().st_uid
        except OSError:
            raise PlaceError(UNREADABLE) from None
        if user == self._me():
            return ()
        if self._me() != ROOT:
            raise PlaceError(NOT_OURS)
        if self._programs.run((LAUNCHCTL, "print", f"gui/{user}")).status:
            raise PlaceError(NOT_SIGNED_IN)
        return (LAUNCHCTL, "asuser", str(user), SUDO, "-n", "-H", "-u", f"#{user}", "--")


def _parts(place: str) -> tuple[str, str]:
    domain, _, key = place.partition(" ")
    if not domain or not key or domain.startswith(("-", "/", "~")) or key.startswith("-"):
        raise PlaceError(NOT_UNDERSTOOD)
    return domain, key


def _typed(value: Value) -> tuple[str, str]:
    if isinstance(value, bool):
        return "-bool", "true" if value else "false"
    return ("-int", str(value)) if isinstance(value, int) else ("-string", value)
