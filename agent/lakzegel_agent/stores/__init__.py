# SPDX-License-Identifier: EUPL-1.2
"""One module a kind of chat store; each has ``STORE``, and adding one touches nothing else."""

import sys
from functools import cache

from lakzegel_agent.kinds import kinds_of, module_of
from lakzegel_agent.stores.base import Store

__all__ = ["Store", "store_kinds", "store_of"]


@cache
def store_of(kind: str) -> Store | None:
    """Return the store of this kind, or None where the kind is one of plain files."""
    module = module_of(sys.modules[__name__], kind, "STORE")
    if module is None:
        return None
    store: Store = module.STORE
    return store


def store_kinds() -> tuple[str, ...]:
    """Return the kinds whose conversations can be read, sorted."""
    return tuple(sorted(kinds_of(sys.modules[__name__], "STORE")))
