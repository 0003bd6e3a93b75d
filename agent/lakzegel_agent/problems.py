# SPDX-License-Identifier: EUPL-1.2
"""What stands in the way now, since when, and what to do about it; without a name of a file.

What a problem is about is known by an id that tells nothing without the ledger's key, and is kept
in the ledger, encrypted. docs/spec/health.md §1
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from lakzegel_agent import journal
from lakzegel_core.encoding import format_time

NAME: Final = "problems"  # what the ledger remembers them by
MAX_DETAIL: Final = 400  # characters
MAX_ABOUT: Final = 100  # names that are kept of what one problem is about
_ID: Final = 5  # bytes of an id: 8 characters
_PATH: Final = re.compile(r"(?<![\w/:.~-])(?:~?/[^\s/]|[A-Za-z]:\\)[^;,:]*")  # begins like one
NEXT: Final = {
    "rollback": "keep this device as it is and tell the records office: the receiver's log lacks"
    " what it had sealed",
    "fork": "keep this device as it is and tell the records office: the receiver shows two logs",
    "refused": "see the detail; nothing that was captured is lost, it waits in the spool",
    "revoked": "the records office revoked this device; ask them",
    "superseded": "another copy of this device is enrolled; run enrol with a new token",
    "keys-not-replaced": "see the detail; the keys that were in force stay in force",
    "not-enrolled": "with a token in its settings it enrols by itself; else run: lakzegel-agent"
    " enrol --config FILE --token-file F",
    "state-lost": "run enrol with a new token: it opens a new epoch",
    "unreachable": "check the network and the receiver; it is tried again by itself",
    "proxy-refused": "check proxy and pac in the settings, and what the proxy lets through; it is"
    " tried again by itself",
    "tls-failed": "check ca_file and this device's clock, or who sits between; it is tried again by"
    " itself",
    "busy": "nothing: the receiver asked to be left alone for a while",
    "receipt-refused": "tell the receiver's administrator: it answers what proves nothing",
    "answer-refused": "tell the receiver's administrator: it answers what proves nothing",
    "policy-refused": "tell the records office; the policy that was in force stays in force",
    "policy-expires": "the records office has to sign a new policy in time; capture goes on anyhow",
    "policy-expired": "the records office has to sign a new policy; capture goes on meanwhile",
    "no-policy": "the records office has to sign a policy for this device and have it published",
    "held-refused": "tell the records office; batches stay in the spool",
    "reader-unknown": "update this agent, or have the policy name another kind",
    "source-missing": "check that the folder exists and that the agent may read it",
    "files-failed": "they are tried again at every pass; if it stays, have the user of this device"
    " run: lakzegel-agent explain --config FILE ID",
    "spool-full": "let the receiver be reached, or have the policy raise limits.spool",
    "given-up": "tell the records office, and keep the folder until they have looked: what it holds"
    " was captured again only where it was still there",
    "disk-failed": "check this disk; capture goes on by itself once it takes what is written",
    "disk-error": "check this disk; what was sealed is sent by itself once it can be",
    "no-room": "make room on this disk; capture goes on by itself",
    "polling": "no-watch: raise fs.inotify.max_user_watches; share: nothing to do; until then"
    " changes are found by looking",
    "events-dropped": "nothing: everything is looked at again; if it stays, raise"
    " fs.inotify.max_queued_events",
    "ledger-unbalanced": "keep this device as it is and tell the records office: the counts of the"
    " ledger and its rows do not agree",
    "source-uncovered": "see readiness in status for why; then check the folder, the agent's access"
    " to it, or the policy's kind and accounts",
    "clock-skew": "set this device's clock",
    "readout-overdue": "have the phone read out in the window that was agreed; see readout-failed",
    "readout-failed": "see why in the detail; check the cable, the phone's screen lock, and the"
    " program in readout.toml; it is tried again in the window",
    "unknown-phone": "nothing of it was read; have the records office bind this phone to a custody,"
    " or remove its backup",
    "guard-drifted": "see guards for the reason and the next step; what the policy lets the agent"
    " set right, it sets right by itself",
    "guard-unknown": "see guards for the reason; until it can be read, nobody knows whether"
    " something is deleted or leaks",
    "guard-contested": "find out who or what else changes it: MDM, another tool, or the user; the"
    " agent set it right once and does not fight",
    "guard-unsupported": "update this agent, or tell the records office: the policy names a guard"
    " that it does not have",
    "update-rolled-back": "nothing at first: the version before it works on; have a mended version"
    " installed, and send the diagnostics to who maintains this agent",
    "over-limits": "nothing at first: work pauses; if it stays, send the diagnostics to who"
    " maintains this agent",
}


class Memory(Protocol):
    """Where named values are kept: the ledger."""

    def remember(self, name: str, value: bytes) -> None:
        """Keep a value durably."""
        ...

    def recall(self, name: str) -> bytes | None:
        """The value that was kept."""
        ...

    def keyed(self, *parts: bytes) -> bytes:
        """At least 5 bytes that these parts give, and that tell nothing without the key."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """What one subject's problem is: without names, how many, and the names, for the ledger."""

    detail: str
    count: int = 1
    about: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: a stable code, since when, what exactly, what to do.

    ``about`` names what it is about, and stays in the ledger.
    """

    code: str
    since: str
    detail: str
    next: str
    id: str = ""
    count: int = 1
    about: tuple[str, ...] = ()

    def shown(self) -> dict[str, Any]:
        """What everybody may see of it."""
        return {name: value for name, value in asdict(self).items() if name != "about"}


class Problems:
    """The problems of one agent, shared by its threads, kept in the ledger."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, Problem] = {}  # by id
        self._kept: dict[str, Problem] = {}  # as the ledger has them: it may lag behind

    def load(self, memory: Memory) -> None:
        """Take up what was wrong before."""
        with self._lock:
            self._kept = {p.id: p for p in read_problems(memory)}
            self._known = dict(self._kept)

    def add(self, memory: Memory, code: str, detail: str, *, about: Sequence[str] = ()) -> bool:
        """State a problem of the whole device; whether it is new."""
        with self._lock:
            return bool(self._put(memory, code, {"": Found(detail, about=about)}, only=False))

    def state(self, memory: Memory, code: str, found: Mapping[str, Found]) -> list[str]:
        """State all problems of one code, by subject, and no others; the subjects that are new."""
        with self._lock:
            return self._put(memory, code, found, only=True)

    def clear(self, memory: Memory, *codes: str) -> None:
        """State that these problems are over."""
        with self._lock:
            gone = [key for key, problem in self._known.items() if problem.code in codes]
            self._drop(gone)
            self._keep(memory)

    def has(self, code: str) -> bool:
        """Whether this stands in the way now."""
        with self._lock:
            return any(problem.code == code for problem in self._known.values())

    def listed(self) -> list[Problem]:
        """All problems, oldest first."""
        with self._lock:
            return sorted(self._known.values(), key=lambda p: (p.since, p.code, p.id))

    def _put(
        self, memory: Memory, code: str, found: Mapping[str, Found], *, only: bool
    ) -> list[str]:
        """Take these in, durably where anything changed; with ``only``, drop the code's others.

        One that could not be kept is new the next time too.
        """
        before = dict(self._known)
        new = []
        ids = {subject: problem_id(memory, code, subject) for subject in found}
        if only:
            wanted = set(ids.values())
            self._drop([k for k, p in before.items() if p.code == code and k not in wanted])
        for subject, one in found.items():
            old = before.get(ids[subject])
            since = old.since if old else format_time(self._clock())
            self._known[ids[subject]] = _problem(code, since, ids[subject], one)
            if old is None or ids[subject] not in self._kept:
                new.append(subject)
            if old is None:
                journal.note(
                    "problem-raised",
                    "problem",
                    result="failed",
                    code=code,
                    id_=ids[subject],
                    numbers={"count": one.count},
                )
        self._keep(memory)
        return new

    def _drop(self, keys: Sequence[str]) -> None:
        for key in keys:
            gone = self._known.pop(key)
            journal.note("problem-cleared", "problem", code=gone.code, id_=gone.id)

    def _keep(self, memory: Memory) -> None:
        """Make what changed durable, also what could not be kept before."""
        if self._kept != self._known:
            rows = [asdict(p) for p in self._known.values()]
            memory.remember(NAME, json.dumps(rows).encode())
            self._kept = dict(self._known)


def problem_id(memory: Memory, code: str, subject: str) -> str:
    """Eight characters that stand for a problem of this subject in this ledger alone."""
    name = memory.keyed(b"problem", code.encode(), subject.encode("utf-8", "surrogateescape"))
    return base64.b32encode(name[:_ID]).decode().lower()


def read_problems(memory: Memory) -> list[Problem]:
    """The problems that the ledger remembers."""
    data = memory.recall(NAME)
    found = [Problem(**row) for row in json.loads(data)] if data else []
    return [
        replace(p, about=tuple(p.about), id=p.id or problem_id(memory, p.code, "")) for p in found
    ]


def without_names(text: str) -> str:
    """A detail as it may be shown: in one line, bounded, without what looks like a path."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    return _PATH.sub("…", line)[:MAX_DETAIL]


def _problem(code: str, since: str, id_: str, found: Found) -> Problem:
    return Problem(
        code=code,
        since=since,
        detail=without_names(found.detail),
        next=NEXT[code],
        id=id_,
        count=found.count,
        about=tuple(found.about[:MAX_ABOUT]),
    )
