# SPDX-License-Identifier: EUPL-1.2
"""What a problem is about, by name, for the user of this device alone (docs/spec/health.md §2)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_agent import journal, policies
from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.errors import RefusedError, UsageError
from lakzegel_agent.failures import FAILED, subject_of
from lakzegel_agent.health import remote_ancestors
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.policies import Reader
from lakzegel_agent.problems import MAX_ABOUT, NEXT, problem_id, read_problems
from lakzegel_agent.rootstold import told
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.words import words

LOGIN: Final = Path("/proc/self/loginuid")
_NOBODY: Final = 2**32 - 1  # what Linux says of a process that no login began
_ROOT: Final = 0
MISSING: Final = "source-missing"


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: ids of users; ``login`` is None where the system keeps none."""

    real: int
    effective: int
    login: int | None
    remote: tuple[str, ...]  # servers of remote logins that this process descends from


@dataclass(frozen=True, slots=True)
class Explanation:
    """One problem with its names; ``more`` were left out."""

    id: str
    code: str
    next: str
    reason: str | None
    names: tuple[str, ...]
    more: int


def asking() -> Person:
    """Who runs this process."""
    return Person(os.getuid(), os.geteuid(), _login(LOGIN), remote_ancestors())


def require_owner(person: Person, user_home: Path) -> None:
    """Return when this is the user of the device, in a session of his own.

    Raises:
        RefusedError: says which rule of docs/spec/health.md §2 is not met.
    """
    if _ROOT in {person.real, person.effective}:
        raise RefusedError("explain: not as root; the user of this device runs it himself")
    if person.real != person.effective:
        raise RefusedError("explain: not with another user's rights")
    try:
        owner = user_home.stat().st_uid
    except OSError as error:
        raise RefusedError(
            f"explain: user_home: {error.strerror}; whose it is is not known"
        ) from None
    if owner != person.real:
        raise RefusedError("explain: only the user whose folders are captured may ask")
    if person.login is not None and person.login != person.real:
        raise RefusedError("explain: this session was begun by another user")
    if person.remote:
        raise RefusedError("explain: not over the network; at the device itself")


def explain(config: Config, wanted: str, person: Person) -> Explanation:
    """What the problem of this id is about.

    Raises:
        RefusedError: this is not the user of the device, or not in his own session.
        UsageError: there is no such problem, or the agent never worked here.
    """
    home = Home(config.home)
    with journal.append_to(home.log):
        try:
            require_owner(person, config.user_home)
        except RefusedError:
            _note(wanted, person, "refused")
            raise
        found = _look_up(home, wanted.strip().lower())
        _note(found.id, person, "ok")
    return found


def _look_up(home: Home, wanted: str) -> Explanation:
    keys = KeyStore(home.keys)
    if not (home.ledger.exists() and keys.has_ledger_key()):
        raise UsageError("explain: not enrolled, so that there is nothing to explain")
    with Ledger.open(home.ledger, keys.ledger_key(random=os.urandom)) as ledger:
        for found in (*_files(ledger), *_others(ledger, _away(ledger, keys))):
            if found.id == wanted:
                return found
    raise UsageError("explain: no problem of this id now; see the ids in: lakzegel-agent status")


def _files(ledger: Ledger) -> Iterator[Explanation]:
    """Files that could not be captured, by source and reason."""
    for label, reason, versions in ledger.files.failures():
        id_ = problem_id(ledger, FAILED, subject_of(label, reason))
        paths = ledger.files.failed(label, reason, limit=MAX_ABOUT)
        names = tuple(f"{label}: {os.fsdecode(path)}" for path in paths)
        yield Explanation(id_, FAILED, NEXT[FAILED], reason, names, versions - len(names))


def _others(ledger: Ledger, away: tuple[str, ...]) -> Iterator[Explanation]:
    """Every other problem that the ledger remembers."""
    for problem in read_problems(ledger):
        if problem.code != FAILED:
            names = away if problem.code == MISSING else problem.about
            more = max(0, problem.count - len(names)) if names else 0
            yield Explanation(problem.id, problem.code, problem.next, None, names, more)


def _away(ledger: Ledger, keys: KeyStore) -> tuple[str, ...]:
    """The sources that are not there, with their paths, by the policy in force."""
    current = introduction_in_force(ledger, keys)
    if current is None:
        return ()
    made = current.enrolment
    in_force = policies.recall(ledger, Reader(made.device, made.group, keys.annex_identities()))
    why = told(ledger)
    sources = () if in_force is None else in_force.sources
    return tuple(f"{e.label}: {e.path} ({why[e.label]})" for e in sources if e.label in why)


def lines(found: Explanation) -> Sequence[str]:
    """An explanation for a person; a name that cannot be printed is shown with marks of escape."""
    text = words()
    rows = [f"{found.id}  {found.code}" + (f", {found.reason}" if found.reason else "")]
    rows += [f"  {ascii(name)[1:-1] if not name.isprintable() else name}" for name in found.names]
    if found.more:
        rows.append("  " + text.said(f"and {found.more} more, or such as are no longer there"))
    if not found.names and not found.more:
        rows.append("  " + text.said("of this device as a whole: it is about no file"))
    return [*rows, f"  {text.said(found.next)}"]


def _note(id_: str, person: Person, result: journal.Result) -> None:
    numbers: dict[journal.Number, int] = {"uid": person.real}
    known = id_ if result == "ok" else ""  # what somebody typed is no id of ours
    journal.note("explain", "problem", result=result, actor="user", id_=known, numbers=numbers)


def _login(path: Path) -> int | None:
    try:
        found = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if found == _NOBODY else found
