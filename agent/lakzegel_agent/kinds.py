# SPDX-License-Identifier: EUPL-1.2
"""Modules that are found by being there: one a kind, named as the kind is.

``whatsapp-ios`` is the module ``whatsapp_ios``. Only what a policy asks for is imported: each
process that reads would else load every format there is.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def module_of(package: ModuleType, kind: str, has: str) -> ModuleType | None:
    """Return the module of this kind, or None where there is none that has such a name in it."""
    name = kind.replace("-", "_")
    if "_" in kind or name not in {found.name for found in iter_modules(package.__path__)}:
        return None
    module = import_module(f"{package.__name__}.{name}")
    return module if hasattr(module, has) else None


def kinds_of(package: ModuleType, has: str) -> Iterator[str]:
    """Yield every kind there is; imports all of them."""
    for found in iter_modules(package.__path__):
        kind = found.name.replace("_", "-")
        if module_of(package, kind, has) is not None:
            yield kind
