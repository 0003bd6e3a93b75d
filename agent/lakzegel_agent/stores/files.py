# SPDX-License-Identifier: EUPL-1.2
"""What lies beside a store, read as files (docs/spec/conversations.md §2)."""

from collections.abc import Iterator
from typing import ClassVar

from lakzegel_agent.readers.base import OpaqueReader
from lakzegel_agent.stores import Store, store_kinds, store_of


class StoreFiles(OpaqueReader):
    """The reader of a source that is a store: media in blocks.

    It excludes nothing by itself: what is in scope is known once the store was surveyed.
    """

    kind: ClassVar[str] = ""

    def __init__(self, store: Store) -> None:
        self.kind = store.kind  # type: ignore[misc]  # one object a kind


def store_readers() -> Iterator[StoreFiles]:
    """Yield the reader of each kind of store."""
    for kind in store_kinds():
        store = store_of(kind)
        if store is not None:
            yield StoreFiles(store)
