# SPDX-License-Identifier: EUPL-1.2
"""One module a kind of chat store; each has ``STORE``, and adding one touches nothing else."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from lakzegel_agent.stores.base import Store

__all__ = ["Store", "store_kinds", "store_of"]


def store_of(kind: str) -> Store | None:
    """Return the store of this kind, or None where the kind is one of plain files."""
    return _stores().get(kind)


def store_kinds() -> tuple[str, ...]:
    """Return the kinds whose conversations can be read, sorted."""
    return tuple(sorted(_stores()))


@cache
def _stores() -> dict[str, Store]:
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    stores: list[Store] = [module.STORE for module in modules if hasattr(module, "STORE")]
    return {store.kind: store for store in stores}
