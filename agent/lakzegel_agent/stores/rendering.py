# SPDX-License-Identifier: EUPL-1.2
"""A conversation as the file that is captured of it (docs/spec/conversations.md §2).

    {head}            ┐ segment 0
    {row} {row} …     ┐ segment 1, the first day
    {row} …           ┐ segment 2, the next

Whatever a store yields, memory holds one segment.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol, runtime_checkable

from lakzegel_agent.errors import StoreError
from lakzegel_agent.readers.base import MAX_SEGMENT_CUT
from lakzegel_agent.stores.base import MAX_KEY, Conversation, OpenStore, Row, line_of

MAX_SEAMS: Final = 60_000  # changes of day that count; its segments fit in one batch
MAX_SIZE: Final = 900 * 2**20  # bytes of one conversation: a batch holds 1 GiB
FOLDER: Final = b".conversations/"
END: Final = b".jsonl"
_KEY_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")


class Piece(NamedTuple):
    """One segment, and the day that its rows are of."""

    day: str
    data: bytes


@runtime_checkable
class Blocks(Protocol):
    """A store that is captured as it is, and not as conversations."""

    def blocks(self) -> Iterator[bytes]:
        """Yield the file in blocks."""
        ...


@runtime_checkable
class Blobs(Protocol):
    """A store of which some conversations are files that have to be derived."""

    def blob(self, one: Conversation) -> Iterator[bytes]:
        """Yield a file in blocks."""
        ...


def derived(path: bytes, key: str) -> bytes:
    """Return the path of a conversation's file; the store's own where it is captured whole.

    Raises:
        StoreError: ``damaged``: the key cannot be a file's name.
    """
    if not key:
        return path
    if len(key) > MAX_KEY or not _KEY_CHARACTERS.issuperset(key) or key[0] == ".":
        raise StoreError("damaged")
    return path + FOLDER + key.encode() + END


def pieces(store: OpenStore, one: Conversation) -> Iterator[Piece]:
    """Yield a conversation's segments in their order.

    Raises:
        StoreError, sqlite3.Error: as reading does.
    """
    if isinstance(store, Blocks):
        return (Piece("", block) for block in store.blocks())
    if one.path is not None and isinstance(store, Blobs):
        return (Piece("", block) for block in store.blob(one))
    return _days(line_of(one.head), store.rows(one.key))


def _days(head: bytes, rows: Iterator[Row]) -> Iterator[Piece]:
    yield Piece("", head)
    day, some, size, seams = "", list[bytes](), 0, 0
    for row in rows:
        turned = row.day != day and seams < MAX_SEAMS
        if some and (turned or size + len(row.line) > MAX_SEGMENT_CUT):
            yield Piece(day, b"".join(some))
            some, size = [], 0
        if turned:
            day = row.day
            seams += 1
        some.append(row.line)
        size += len(row.line)
    if some:
        yield Piece(day, b"".join(some))
