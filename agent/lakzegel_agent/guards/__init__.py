# SPDX-License-Identifier: EUPL-1.2
"""Guards, one module each, found by being there: what ends in ``GUARD``.

A module is named as its guard's id, with ``_`` for ``-``. What guards share lies in `base.py`,
`reading.py` and modules whose names begin with ``of_``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

from lakzegel_agent.guards.base import Guard
from lakzegel_agent.kinds import kinds_of, module_of


@cache
def guards() -> Mapping[str, Guard]:
    """Return every guard by its id, in the order of their ids."""
    here = sys.modules[__name__]
    found: dict[str, Guard] = {}
    for id_ in sorted(kinds_of(here, "GUARD")):
        module = module_of(here, id_, "GUARD")
        assert module is not None  # noqa: S101  # it was just found
        found[id_] = module.GUARD
    return found
