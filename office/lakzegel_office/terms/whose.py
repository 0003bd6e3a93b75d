# SPDX-License-Identifier: EUPL-1.2
"""From a person to his custodies, by the register of terms (docs/spec/terms.md §2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lakzegel_office.errors import UsageError
from lakzegel_office.replay import Replay
from lakzegel_office.terms.model import Period
from lakzegel_office.terms.register import Terms


def custodies_of(
    person: str, terms: Terms, known: Iterable[str], period: Period | None
) -> tuple[str, ...]:
    """Return the custodies of one person that overlap with a period, or all.

    Where the register has nobody of that name, those that are called so and are of nobody in it.

    Raises:
        UsageError: there is none.
    """
    if person in terms.persons():
        found = {term.custody for term in terms.custodies_of(person, period)}
    else:
        called = re.compile(re.escape(person) + r"(?![A-Za-z0-9])")
        found = {name for name in known if called.match(name) and terms.get(name) is None}
    if not found:
        raise UsageError(
            f"--person {person}: no term is his then and no custody called so; see: term list"
        )
    return tuple(sorted(found))


def known_custodies(replay: Replay) -> frozenset[str]:
    """Return every custody that a device was admitted to, or a phone bound to."""
    every = {one.custody for policy in replay.policies() for one in policy.sources}
    every |= {one.custody for one in replay.custody.devices.values()}
    return frozenset(name for name in every if name is not None)
