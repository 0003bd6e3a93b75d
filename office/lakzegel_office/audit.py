# SPDX-License-Identifier: EUPL-1.2
"""Who did what here, on what, from where, why, and how it ended: `records/audit.jsonl`.

docs/spec/journal.md §2, with the fields that BIO2 8.15.01 asks for. A line is on disk before
anything that it tells of is shown or written.
"""

import hashlib
import os
import pwd
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from lakzegel_core.encoding import b64
from lakzegel_office.errors import UsageError
from lakzegel_office.home import Home
from lakzegel_office.journal import Entry, Journal

DONE: Final = "done"
REFUSED: Final = "refused"
FAILED: Final = "failed"
RESULTS: Final = (DONE, REFUSED, FAILED)
MAX_REASON: Final = 2000  # characters
_FORMER: Final = "audit.jsonl"  # below state/, until this trail began


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as far as this program knows, and on which machine."""

    name: str
    origin: str

    @classmethod
    def here(cls, name: str | None = None) -> Self:
        """Return who runs this process, or the member of staff whose passphrase was given."""
        user = _user()
        return cls(name or user, f"{user}@{socket.gethostname()}")


class AuditTrail:
    """The trail of one office."""

    def __init__(self, home: Home, key: bytes, actor: Actor) -> None:
        """Keep the place, the key of the journals (`Office.journal_key`) and who acts."""
        self.journal = Journal(home.records / "audit.jsonl", key)
        self._former = home.state / _FORMER
        self._actor = actor

    def record(
        self,
        action: str,
        what: Mapping[str, str],
        *,
        now: datetime,
        reason: str = "",
        result: str = DONE,
    ) -> Entry:
        """Add a line, on disk before this returns.

        Args:
            action: a verb: `open`, `prove`, `restore`, `export`, `destroy`, …
            what: what it was done to, by kind: `{"item": "d/0/3/17"}`.
            now: the time.
            reason: why, in the person's words.
            result: one of RESULTS.

        Raises:
            DoubtError: the trail that is there is broken; nothing is added.
            UsageError: the reason is too long.
        """
        return self.record_all(action, [what], now=now, reason=reason, result=result)[-1]

    def record_all(
        self,
        action: str,
        objects: Sequence[Mapping[str, str]],
        *,
        now: datetime,
        reason: str = "",
        result: str = DONE,
    ) -> list[Entry]:
        """Add a line for each object, all on disk before this returns.

        Raises:
            DoubtError: the trail that is there is broken; nothing is added.
            UsageError: the reason is too long.
        """
        if len(reason) > MAX_REASON:
            raise UsageError(f"reason: {len(reason)} characters; at most {MAX_REASON}")
        rows = [self._line(action, what, reason, result) for what in objects]
        if self._former.exists() and self.journal.head().count == 0:
            rows.insert(0, self._line("continue", {"trail": _digest(self._former)}, "", DONE))
        return self.journal.append_all(rows, now)

    def _line(
        self, action: str, what: Mapping[str, str], reason: str, result: str
    ) -> dict[str, object]:
        return {
            "action": action,
            "actor": self._actor.name,
            "object": dict(what),
            "origin": self._actor.origin,
            "reason": reason,
            "result": result,
        }


def why(reason: str) -> str:
    """Return a reason that says something.

    Raises:
        UsageError: it is empty.
    """
    if not reason.strip():
        raise UsageError("--reason: say why; it is kept with your name")
    return reason.strip()


def _user() -> str:
    """Return the system's user, as the system says it: the environment says what he likes."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid-{number}"


def _digest(path: Path) -> str:
    return b64(hashlib.sha256(path.read_bytes()).digest())
