# SPDX-License-Identifier: EUPL-1.2
"""One module a kind of source; each has ``READER``, and adding one touches nothing else."""

import sys
from functools import cache

from lakzegel_agent.errors import UnknownReaderError
from lakzegel_agent.kinds import kinds_of, module_of
from lakzegel_agent.readers.base import Reader
from lakzegel_agent.stores import store_kinds, store_of
from lakzegel_agent.stores.files import StoreFiles

__all__ = ["Reader", "kinds", "reader_of"]


@cache
def reader_of(kind: str) -> Reader:
    """Return the reader of this kind.

    Raises:
        UnknownReaderError: there is none; the message names those there are.
    """
    module = module_of(sys.modules[__name__], kind, "READER")
    if module is not None:
        reader: Reader = module.READER
        return reader
    store = store_of(kind)
    if store is not None:
        return StoreFiles(store)
    known = ", ".join(kinds())
    raise UnknownReaderError(f"source kind {kind!r}: unknown; this agent has {known}")


def kinds() -> tuple[str, ...]:
    """Return the kinds that can be read, sorted."""
    return tuple(sorted({*kinds_of(sys.modules[__name__], "READER"), *store_kinds()}))
