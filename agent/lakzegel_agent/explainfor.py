# SPDX-License-Identifier: EUPL-1.2
"""What a problem is about, as far as it is about one user's own files (docs/spec/health.md §2.2).

For a service that captures more than this user may see. What is not his is as if it were not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import UsageError
from lakzegel_agent.explain import MISSING, UNKNOWN, Explanation, in_force_of
from lakzegel_agent.explainhomes import Homes
from lakzegel_agent.failures import FAILED, subject_of
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.policies import InForce
from lakzegel_agent.problems import MAX_ABOUT, NEXT, Problem, problem_id, read_problems
from lakzegel_agent.rootstold import told
from lakzegel_agent.sources import locate
from lakzegel_agent.station import Station

MOST: Final = 20_000  # files that are looked at for one question


def look_up_for(homes: Homes, opened: Station, ledger: Ledger, wanted: str) -> Explanation:
    """What the problem of this id is about, as far as it is about this user's own files.

    Raises:
        UsageError: nothing of it is; nobody learns whether there is such a problem.
    """
    in_force = in_force_of(ledger, opened.keys)
    roots = {} if in_force is None else dict(_roots(in_force, opened.config.user_home))
    for label, reason, _ in ledger.files.failures():
        if problem_id(ledger, FAILED, subject_of(label, reason)) == wanted and label in roots:
            names, more = _own(homes, roots[label], _paths(ledger, label, reason))
            if names:
                shown = tuple(f"{label}: {name}" for name in names)
                return Explanation(wanted, FAILED, NEXT[FAILED], reason, shown, more)
    for problem in read_problems(ledger):
        if problem.id == wanted and problem.code != FAILED:
            found = _of_this(homes, problem, in_force, roots, told(ledger))
            if found is not None:
                return found
    raise UsageError(UNKNOWN)


def _own(homes: Homes, root: bytes, paths: Iterable[bytes]) -> tuple[list[str], int]:
    """Names that this user sees himself, and how many more of them there are."""
    found = [os.fsdecode(path) for path in paths if homes.shows(root + b"/" + path)]
    return found[:MAX_ABOUT], len(found[MAX_ABOUT:])


def _paths(ledger: Ledger, label: str, reason: str) -> Iterator[bytes]:
    files = ledger.files
    rows = files.noticed(files.source(label), "failed", reason, after=0)
    return (path for _, path in islice(rows, MOST))


def _of_this(
    homes: Homes,
    problem: Problem,
    in_force: InForce | None,
    roots: Mapping[str, bytes],
    why: Mapping[str, str],
) -> Explanation | None:
    """Another problem, where it is of sources below this user's home, or of the whole device."""
    names: tuple[str, ...] = ()
    if problem.code == MISSING:
        names = tuple(
            f"{entry.label}: {entry.path} ({why[entry.label]})"
            for entry in (() if in_force is None else in_force.sources)
            if entry.label in why and homes.holds(roots.get(entry.label, b"") + b"/")
        )
        if not names:
            return None
    elif not homes.is_watched or problem.about:
        return None
    return Explanation(problem.id, problem.code, problem.next, None, names, 0)


def _roots(in_force: InForce, user_home: Path) -> Iterator[tuple[str, bytes]]:
    """Where each source of the policy in force lies, by its label."""
    for entry in in_force.sources:
        with suppress(UsageError):
            yield entry.label, locate(entry.path, home=os.fsencode(user_home)).root
