# SPDX-License-Identifier: EUPL-1.2
"""What lies beside a store, read as files (docs/spec/conversations.md §2)."""

from typing import ClassVar

from lakzegel_agent.readers.base import OpaqueReader
from lakzegel_agent.stores.base import Store


class StoreFiles(OpaqueReader):
    """The reader of a source that is a store: media in blocks.

    It excludes nothing by itself: what is in scope is known once the store was surveyed.
    """

    kind: ClassVar[str] = ""

    def __init__(self, store: Store) -> None:
        self.kind = store.kind  # type: ignore[misc]  # one object a kind
