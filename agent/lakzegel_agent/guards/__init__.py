# SPDX-License-Identifier: EUPL-1.2
"""Guards, one module each, found by being there: what ends in ``GUARD``.

A module is named as its guard's id, with ``_`` for ``-``. What guards share lies in `base.py`,
`reading.py` and modules whose names begin with ``of_``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache

from lakzegel_agent.guards.base import Guard
from lakzegel_agent.kinds import kinds_of, module_of


@cache
def guards() -> Mapping[str, Guard]:
    """Return every guard by its id, in the order of their ids; imports all of them."""
    return of_ids(kinds_of(sys.modules[__name__], "GUARD"))


def of_ids(ids: Iterable[str]) -> Mapping[str, Guard]:
    """Return the guards of these ids, in their order, but for ids that no guard has."""
    here = sys.modules[__name__]
    modules = ((id_, module_of(here, id_, "GUARD")) for id_ in sorted(set(ids)))
    return {id_: module.GUARD for id_, module in modules if module is not None}
