# SPDX-License-Identifier: EUPL-1.2
"""What stands in the way now, since when, and what to do about it; without a name of a file."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Protocol

from lakzegel_core.encoding import format_time

NAME: Final = "problems"  # what the ledger remembers them by
MAX_DETAIL: Final = 400  # characters
NEXT: Final = {
    "rollback": "keep this device as it is and tell the records office: the receiver's log lacks"
    " what it had sealed",
    "fork": "keep this device as it is and tell the records office: the receiver shows two logs",
    "refused": "see the detail; nothing that was captured is lost, it waits in the spool",
    "revoked": "the records office revoked this device; ask them",
    "superseded": "another copy of this device is enrolled; run enrol with a new token",
    "not-enrolled": "run: lakzegel-agent enrol --config FILE --token-file F",
    "state-lost": "run enrol with a new token: it opens a new epoch",
    "unreachable": "check the network and the receiver; it is tried again by itself",
    "receipt-refused": "tell the receiver's administrator: it answers what proves nothing",
    "answer-refused": "tell the receiver's administrator: it answers what proves nothing",
    "policy-refused": "tell the records office; the policy that was in force stays in force",
    "policy-expired": "the records office has to sign a new policy; capture goes on meanwhile",
    "no-policy": "the records office has to sign a policy for this device and have it published",
    "held-refused": "tell the records office; batches stay in the spool",
    "reader-unknown": "update this agent, or have the policy name another kind",
    "source-missing": "check that the folder exists and that the agent may read it",
    "files-failed": "see the reasons in status; the files are tried again at every pass",
    "spool-full": "let the receiver be reached, or have the policy raise limits.spool",
    "given-up": "tell the records office, and keep the folder until they have looked: what it holds"
    " was captured again only where it was still there",
    "no-room": "make room on this disk; capture goes on by itself",
    "polling": "no-watch: raise fs.inotify.max_user_watches; share: nothing to do; until then"
    " changes are found by looking",
    "events-dropped": "nothing: everything is looked at again; if it stays, raise"
    " fs.inotify.max_queued_events",
    "clock-skew": "set this device's clock",
}


class Memory(Protocol):
    """Where named values are kept: the ledger."""

    def remember(self, name: str, value: bytes) -> None:
        """Keep a value durably."""
        ...

    def recall(self, name: str) -> bytes | None:
        """The value that was kept."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: a stable code, since when, what exactly, what to do."""

    code: str
    since: str
    detail: str
    next: str


class Problems:
    """The problems of one agent, shared by its threads, kept in the ledger."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, Problem] = {}

    def load(self, memory: Memory) -> None:
        """Take up what was wrong before."""
        with self._lock:
            self._known = {p.code: p for p in read_problems(memory)}

    def add(self, memory: Memory, code: str, detail: str) -> bool:
        """State a problem; whether it is new."""
        with self._lock:
            old = self._known.get(code)
            since = old.since if old else format_time(self._clock())
            found = Problem(code, since, _clean(detail), NEXT[code])
            if old != found:
                self._known[code] = found
                self._keep(memory)
            return old is None

    def clear(self, memory: Memory, *codes: str) -> None:
        """State that these problems are over."""
        with self._lock:
            gone = [self._known.pop(code, None) for code in codes]
            if any(gone):
                self._keep(memory)

    def has(self, code: str) -> bool:
        """Whether this stands in the way now."""
        return code in self._known

    def listed(self) -> list[Problem]:
        """All problems, oldest first."""
        with self._lock:
            return sorted(self._known.values(), key=lambda p: (p.since, p.code))

    def _keep(self, memory: Memory) -> None:
        rows = [asdict(p) for p in self._known.values()]
        memory.remember(NAME, json.dumps(rows).encode())


def read_problems(memory: Memory) -> list[Problem]:
    """The problems that the ledger remembers."""
    data = memory.recall(NAME)
    return [Problem(**row) for row in json.loads(data)] if data else []


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:MAX_DETAIL]
