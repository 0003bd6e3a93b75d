# SPDX-License-Identifier: EUPL-1.2
"""Names of subjects, one each: what a person named may be named alike twice."""

from __future__ import annotations

from itertools import chain, count


def unique(name: str, seen: set[str]) -> str:
    """Return a name that was not seen yet, with a number behind it where it was; it is seen now."""
    again = (f"{name} ({n})" for n in count(2))
    free = next(one for one in chain([name], again) if one not in seen)
    seen.add(free)
    return free
