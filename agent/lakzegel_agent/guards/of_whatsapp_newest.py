# SPDX-License-Identifier: EUPL-1.2
"""What several exports of one chat come to: the newest decides.

It is the newest by its last message, or by its file where no message's moment is known. Where an
older one ended with a timer that is on, or not known, by a line that is later than any of the
newest, the newest does not go back far enough, or is of another chat with that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from lakzegel_agent.guards.base import Reading, State
from lakzegel_agent.guards.of_whatsapp_files import Export

LINE_GONE: Final = "line-gone"
_AHEAD: Final = timedelta(hours=26)  # a phone's clock may be ahead of a file's time, by its zone


def decide(subject: str, exports: Sequence[Export], now: datetime) -> Reading:
    """Return the reading of a chat."""
    *older, newest = sorted(exports, key=_age)
    state, reason = newest.state
    if newest.why:
        state, reason = State.UNKNOWN, newest.why
    elif state is State.COMPLIANT and any(_says_otherwise(one, newest) for one in older):
        state, reason = State.UNKNOWN, LINE_GONE
    value = {
        **newest.told,
        "export": newest.path,
        "exports": len(exports),
        "last": newest.at,
    }
    since = _instant(newest.since, now) if state is State.DRIFTED else None
    return Reading(subject, state, reason, value, since)


def _age(export: Export) -> tuple[datetime, datetime, str]:
    """Return what says which of two exports is the newer one."""
    moment = export.moment
    if moment is None or moment > export.written + _AHEAD:  # no message is newer than its export
        moment = export.written
    return moment, export.written, export.path


def _says_otherwise(older: Export, newest: Export) -> bool:
    """Whether an older export's last line is one that the newest must have, and has not."""
    if older.why or older.state[0] is State.COMPLIANT:
        return False
    if newest.last is None or older.last is None:
        return not newest.told["events"]
    return older.last > newest.last


def _instant(wall: datetime | None, now: datetime) -> datetime | None:
    """Return the moment at which this device's clock showed what the phone's did, or now."""
    if wall is None:
        return None
    try:
        return min(wall.replace(tzinfo=None).astimezone(UTC), now)
    except (OverflowError, OSError, ValueError):  # a year that no clock has
        return None
