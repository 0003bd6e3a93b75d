# SPDX-License-Identifier: EUPL-1.2
"""What mail programs wrote down of how much a server holds, folder by folder; no password needed.

    folder_cache(data) -> Thunderbird's folderCache.json: `serverTotal`, kept offline or not
    mbsync(data)       -> .mbsyncstate: which messages of the far side lie on this side
    dovecot(data)      -> dovecot-uidlist: the files of a folder

docs/spec/settings-guarded.md, mail-complete
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, TOO_MANY, PlaceError

MAX_FOLDERS: Final = 5_000  # of one profile
MAX_COUNT: Final = 2**31 - 1  # Thunderbird's own numbers are of 32 bits
OFFLINE: Final = 0x08000000  # nsMsgFolderFlags: kept whole on this device
TRASH: Final = 0x00000100
_IMAP: Final = "/ImapMail/"
_ENDING: Final = ".msf"
_HEADER: Final = frozenset(
    {"FarUidValidity", "NearUidValidity", "MaxPulledUid", "MaxPushedUid", "MaxExpiredFarUid"}
    | {"MasterUidValidity", "SlaveUidValidity", "MaxExpiredMasterUid", "MaxExpiredSlaveUid"}
)
_NEEDED: Final = frozenset({"MaxPulledUid", "MaxPushedUid"})
_TITLE: Final = re.compile(r"([A-Za-z]{1,32}) ([0-9]{1,10})")
_PAIR: Final = re.compile(r"([0-9]{1,10}) ([0-9]{1,10}) ([<>]?[\^~!]?)[A-Za-z]{0,64}")
_ABSENT: Final = frozenset("^~!>")  # left out for its size, expired, pending, a placeholder here
_NEWER: Final = re.compile(rb"3(?: [A-Z][!-~]{1,256}){2,64}")
_OLDER: Final = re.compile(rb"1 [0-9]{1,10} [0-9]{1,10}")
_FILE: Final = re.compile(rb"[0-9]{1,10} (?:[A-Z][!-9;-~]{0,1024} ){0,64}:(.{1,1024})")
_FILE_OF_OLD: Final = re.compile(rb"[0-9]{1,10} (.{1,1024})")


@dataclass(frozen=True, slots=True)
class Cached:
    """One folder of a server, as Thunderbird knew it last; ``path`` is below the profile."""

    path: str
    server: int | None  # messages; None: it never asked
    offline: bool
    trash: bool


@dataclass(frozen=True, slots=True)
class Paired:
    """A synchronised folder: how many the far side holds, and what of it should lie here."""

    server: int
    here: frozenset[int]  # UIDs of this side


def folder_cache(data: bytes) -> Iterator[Cached]:
    """Yield each folder of an IMAP server that Thunderbird has seen.

    Raises:
        PlaceError: it is not understood, or names too many folders.
    """
    for name, row in _object(data).items():
        at = name.replace("\\", "/").rfind(_IMAP)
        if at < 0 or not name.endswith(_ENDING):
            continue  # a server itself, feeds, local folders
        path = name.replace("\\", "/")[at + 1 :].removesuffix(_ENDING)
        if not isinstance(row, dict) or not {"", ".", ".."}.isdisjoint(path.split("/")):
            raise PlaceError(NOT_UNDERSTOOD)
        server, flags = row.get("serverTotal", 0), row.get("flags", 0)
        if type(server) is not int or type(flags) is not int or not 0 <= server <= MAX_COUNT:
            raise PlaceError(NOT_UNDERSTOOD)
        told = server if server or "nextUID" in row else None  # it has that once it was opened
        yield Cached(path, told, bool(flags & OFFLINE), bool(flags & TRASH))


def mbsync(data: bytes) -> Paired:
    """Return what mbsync knew after it synchronised last.

    Raises:
        PlaceError: it is not understood; mbsync before 1.3 wrote otherwise.
    """
    try:
        head, blank, rows = data.decode("ascii").partition("\n\n")
    except UnicodeDecodeError:
        raise PlaceError(NOT_UNDERSTOOD) from None
    titles = [_TITLE.fullmatch(line) for line in head.split("\n")]
    names = {one[1] for one in titles if one is not None}
    if not blank or None in titles or not _NEEDED <= names <= _HEADER:
        raise PlaceError(NOT_UNDERSTOOD)
    server, here = 0, set()
    for line in rows.splitlines():
        pair = _PAIR.fullmatch(line)
        if pair is None:
            raise PlaceError(NOT_UNDERSTOOD)
        far, near, marks = int(pair[1]), int(pair[2]), pair[3]
        server += far > 0
        if far and near and _ABSENT.isdisjoint(marks):
            here.add(near)
    return Paired(server, frozenset(here))


def dovecot(data: bytes) -> frozenset[bytes]:
    """Return the names, without flags, of the files that a folder has by Dovecot's list.

    Raises:
        PlaceError: it is not understood.
    """
    head, newline, rest = data.partition(b"\n")
    row = _FILE if _NEWER.fullmatch(head) else _FILE_OF_OLD if _OLDER.fullmatch(head) else None
    if row is None or not newline or (rest and not rest.endswith(b"\n")):
        raise PlaceError(NOT_UNDERSTOOD)
    found = set()
    for line in rest.split(b"\n")[:-1]:
        entry = row.fullmatch(line)
        if entry is None:
            raise PlaceError(NOT_UNDERSTOOD)
        found.add(entry[1].partition(b":2,")[0])
    return frozenset(found)


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise PlaceError(NOT_UNDERSTOOD) from None
    if not isinstance(found, dict):
        raise PlaceError(NOT_UNDERSTOOD)
    if len(found) > MAX_FOLDERS:
        raise PlaceError(TOO_MANY)
    return found
