# SPDX-License-Identifier: EUPL-1.2
"""What a problem is about, by name, for the user of this device alone (docs/spec/health.md §2).

Where that user can open the agent's home, `explain` looks into its ledger; where the agent runs as
another user it asks that agent, and `explainfor.py` answers there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from lakzegel_agent import journal, policies
from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.errors import RefusedError, UnreachableError, UsageError
from lakzegel_agent.explainasked import ask
from lakzegel_agent.failures import FAILED, subject_of
from lakzegel_agent.health import remote_ancestors
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.platforms import system
from lakzegel_agent.policies import InForce, Reader
from lakzegel_agent.problems import MAX_ABOUT, NEXT, problem_id, read_problems
from lakzegel_agent.rootstold import told
from lakzegel_agent.settingsconfig import Config

PROCESSES: Final = Path("/proc")
LOGIN: Final = PROCESSES / "self/loginuid"
UNKNOWN: Final = "explain: no problem of this id now; see the ids in: lakzegel-agent status"
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
    return Person(system.me_really(), system.me(), _login(LOGIN), remote_ancestors())


def person_of(pid: int) -> Person:
    """Who runs another process, which waits for an answer.

    Raises:
        RefusedError: it cannot be looked at, or is gone.
    """
    try:
        text = (PROCESSES / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        rows = [line.split() for line in text.splitlines()]
        real, effective = next((int(r[1]), int(r[2])) for r in rows if r[:1] == ["Uid:"])
    except (OSError, StopIteration, IndexError, ValueError):
        raise RefusedError("explain: who asks cannot be looked at") from None
    login = _login(PROCESSES / str(pid) / "loginuid")
    return Person(real, effective, login, remote_ancestors(pid))


def require_same(person: Person, uid: int) -> None:
    """Return when this is the user that the kernel named, as himself and in his own session.

    Raises:
        RefusedError: says which rule of docs/spec/health.md §2 is not met.
    """
    if uid == _ROOT or _ROOT in {person.real, person.effective}:
        raise RefusedError("explain: not as root; the user of this device runs it himself")
    if not person.real == person.effective == uid:
        raise RefusedError("explain: not with another user's rights")
    _require_session(person)


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
    _require_session(person)


def _require_session(person: Person) -> None:
    if person.login is not None and person.login != person.real:
        raise RefusedError("explain: this session was begun by another user")
    if person.remote:
        raise RefusedError("explain: not over the network; at the device itself")


def explain(config: Config, wanted: str, person: Person) -> Explanation:
    """What the problem of this id is about.

    Raises:
        RefusedError: this is not the user of the device, or not in his own session.
        UsageError: there is no such problem, or the agent never worked here.
        UnreachableError: the agent runs as another user, and is not at work.
    """
    home = Home(config.home)
    if home.root.exists() and not os.access(home.root, os.X_OK):
        return _from_json(ask(home.root, wanted.strip().lower()))
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
    raise UsageError(UNKNOWN)


def _from_json(found: Mapping[str, Any]) -> Explanation:
    """What another process answered.

    Raises:
        UnreachableError: it is no answer.
    """
    try:
        made = Explanation(**found)
        names = tuple(str(name) for name in made.names)
        return replace(made, names=names, more=int(made.more))
    except (TypeError, ValueError):
        raise UnreachableError("explain: the agent gave no whole answer") from None


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
    in_force = in_force_of(ledger, keys)
    why = told(ledger)
    sources = () if in_force is None else in_force.sources
    return tuple(f"{e.label}: {e.path} ({why[e.label]})" for e in sources if e.label in why)


def in_force_of(ledger: Ledger, keys: KeyStore) -> InForce | None:
    """The policy in force; None where there is none."""
    current = introduction_in_force(ledger, keys)
    if current is None:
        return None
    made = current.enrolment
    return policies.recall(ledger, Reader(made.device, made.group, keys.annex_identities()))


def lines(found: Explanation) -> Sequence[str]:
    """An explanation for a person; a name that cannot be printed is shown with marks of escape."""
    from lakzegel_agent.words import words  # noqa: PLC0415 - a service shows nothing

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
