# SPDX-License-Identifier: EUPL-1.2
"""One module a kind of source; each has ``READER``, and adding one touches nothing else."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from lakzegel_agent.errors import UnknownReaderError
from lakzegel_agent.readers.base import Reader
from lakzegel_agent.stores.files import store_readers

__all__ = ["Reader", "kinds", "reader_of"]


def reader_of(kind: str) -> Reader:
    """Return the reader of this kind.

    Raises:
        UnknownReaderError: there is none; the message names those there are.
    """
    try:
        return _readers()[kind]
    except KeyError:
        known = ", ".join(kinds())
        raise UnknownReaderError(f"source kind {kind!r}: unknown; this agent has {known}") from None


def kinds() -> tuple[str, ...]:
    """Return the kinds that can be read, sorted."""
    return tuple(sorted(_readers()))


@cache
def _readers() -> dict[str, Reader]:
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    readers: list[Reader] = [module.READER for module in modules if hasattr(module, "READER")]
    readers += store_readers()
    return {reader.kind: reader for reader in readers}
