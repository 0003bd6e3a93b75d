# SPDX-License-Identifier: EUPL-1.2
"""One profile of Thunderbird's: its preferences when none is missing, and who may be using it.

docs/spec/settings-guarded.md, thunderbird-retention §3
"""

from __future__ import annotations

import re
from typing import Final

from lakzegel_agent.guards.base import LINUX, MACOS, Place, PlaceError, Surroundings
from lakzegel_agent.guards.of_thunderbird import USERS, Prefs, Profile, parse_prefs, said

HALF_WRITTEN: Final = "half-written"
SERVERS: Final = b"mail.server/"  # sorts behind all of mail.server
ACCOUNTS: Final = b"mail.smtpservers/"  # and this one behind all that is said of accounts
_LOCK: Final = re.compile(r"[0-9.]{7,15}:\+?([0-9]{1,10})")  # address and process


def whole_preferences(profile: Profile, place: Place, behind: bytes = SERVERS) -> Prefs:
    """Return a profile's preferences when none that sorts before ``behind`` can be missing.

    Thunderbird writes prefs.js in the order of its lines, so that one behind `mail.server` shows
    that all before it are there, also where a file was cut between two lines.

    Raises:
        PlaceError: as `preferences`, or ``half-written``.
    """
    held = place.read(str(profile.root / "prefs.js")) or b""
    names = [one.name.encode() + b'"' for one in said(held, USERS)]
    if not names or names != sorted(names) or names[-1] < behind:
        raise PlaceError(HALF_WRITTEN)
    own = place.read(str(profile.root / "user.js"))
    return {**parse_prefs(held), **parse_prefs(own or b"")}


def may_run_since_before(profile: Profile, moment: int, surroundings: Surroundings) -> bool:
    """Whether a Thunderbird may use a profile that was started before a moment (in ns).

    On Linux `lock` is a link that names the process; elsewhere there is a file of the last start,
    and nothing that tells whether that one still runs.
    """
    name = {LINUX: "lock", MACOS: ".parentlock"}.get(surroundings.platform, "parent.lock")
    lock = profile.root / name
    try:
        if lock.lstat().st_mtime_ns > moment:
            return False
        if surroundings.platform != LINUX:
            return True
        match = _LOCK.fullmatch(str(lock.readlink()))
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return match is None or (surroundings.system / "proc" / match[1]).exists()
