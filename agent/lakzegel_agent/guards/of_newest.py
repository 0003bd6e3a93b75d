# SPDX-License-Identifier: EUPL-1.2
"""Exports of one chat, and what several of them come to: the newest decides.

It is the newest by its last message, or by its file where no message's moment is known. Where an
older one ended with a timer that is on, or not known, by a line that is later than any of the
newest, the newest does not go back far enough, or is of another chat with that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Final, Self

from lakzegel_agent.guards.base import Reading, State

LINE_GONE: Final = "line-gone"
NEVER: Final = datetime.min.replace(tzinfo=UTC)
_AHEAD: Final = timedelta(hours=26)  # a phone's clock may be ahead of a file's time, by its zone


@dataclass(slots=True)
class Export:
    """One export of one chat: where it lies, how far it goes, what it tells.

    ``chat`` is empty where it is not known to be one. ``moment`` and ``last`` are compared among
    exports of one program only, and may be by a phone's clock.
    """

    path: str
    chat: str
    why: str  # why it cannot be told
    written: datetime = NEVER  # when the file was, in UTC
    state: tuple[State, str] = (State.UNKNOWN, "")
    at: str = ""  # the last message's moment, as it is written
    moment: datetime | None = None  # the same
    since: datetime | None = None  # since when messages disappear
    last: datetime | None = None  # the last line that tells of a timer
    told: dict[str, Any] = field(default_factory=dict)
    attached: list[str] = field(default_factory=list)  # names of attachments like exports

    @property
    def folder(self) -> str:
        """Return where its attachments lie."""
        return str(PurePosixPath(self.path).parent)

    @property
    def place(self) -> str:
        """Return where it lies, as an attachment's name is written."""
        return f"{self.folder}/{PurePosixPath(self.path).name}"

    def packed(self) -> dict[str, Any]:
        """Return it as a note keeps it."""
        moments = (self.moment, self.since, self.last)
        return {
            "path": self.path,
            "chat": self.chat,
            "why": self.why,
            "state": [str(self.state[0]), self.state[1]],
            "at": self.at,
            "moments": [None if one is None else one.isoformat() for one in moments],
            "told": self.told,
            "attached": self.attached,
        }

    @classmethod
    def unpacked(cls, kept: dict[str, Any], written: datetime) -> Self:
        """Return what a note kept."""
        moment, since, last = (
            None if one is None else datetime.fromisoformat(one) for one in kept["moments"]
        )
        state = (State(kept["state"][0]), kept["state"][1])
        return cls(
            kept["path"], kept["chat"], kept["why"], written, state, kept["at"],
            moment, since, last, kept["told"], kept["attached"],
        )  # fmt: skip


def by_age(exports: Sequence[Export]) -> list[Export]:
    """Return exports of one chat, the newest last."""
    return sorted(exports, key=_age)


def decide(subject: str, exports: Sequence[Export], now: datetime) -> Reading:
    """Return the reading of a chat."""
    *older, newest = by_age(exports)
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
    since = newest.since if state is State.DRIFTED else None
    return Reading(subject, state, reason, value, None if since is None else min(since, now))


def _age(export: Export) -> tuple[datetime, datetime, str]:
    """Return what says which of two exports is the newer one."""
    moment = export.moment
    if moment is None or moment > export.written + _AHEAD:  # no message is newer than its export
        moment = export.written
    return moment, export.written, export.path


def _says_otherwise(older: Export, newest: Export) -> bool:
    """Whether an older export's last line is one that the newest must have, and has not."""
    if older.state[0] is State.COMPLIANT or not older.told.get("events"):
        return False
    if newest.last is None or older.last is None:
        return not newest.told["events"]
    return older.last > newest.last
