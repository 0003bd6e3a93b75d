# SPDX-License-Identifier: EUPL-1.2
"""What a chat store is: a database from which conversations are taken, and nothing else.

A store is never captured whole: it holds other people's chats, and deleted rows in its free pages.
Each conversation becomes a file of lines, its head first, then its rows in the store's own order
and values, one segment a day. How a database is opened is in `database`.
docs/spec/conversations.md
"""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar, Final, NamedTuple, Protocol

from lakzegel_core.encoding import JsonValue, b64, canonical_json

MAX_LINE: Final = 4 * 2**20  # bytes of one row; a longer value is named by its length
SHORT: Final = 2**16  # bytes of a value that stays in a row that is too long
MAX_KEY: Final = 64  # characters
Value = int | float | str | bytes | None  # what SQLite holds


class Conversation(NamedTuple):
    """One conversation of a store, without its rows."""

    key: str  # a-z, 0-9, "-", ".": the same for as long as the store knows this conversation
    head: Mapping[str, JsonValue]  # the first line: name, kind, participants, as the store has them
    people: frozenset[str] | None  # `tel:+316…`, `mailto:…`, `id:…`, all but oneself; None: unknown
    path: bytes | None = None  # captured as this file below the root, of the bytes of a `Blobs`


class Row(NamedTuple):
    """One row, as it will be captured."""

    day: str  # YYYY-MM-DD in UTC, of the store's own time; "" where it has none
    line: bytes  # canonical JSON and a newline


class OpenStore(Protocol):
    """A store at one moment of its own."""

    def conversations(self) -> Iterator[Conversation]:
        """Yield every conversation, in the store's own order."""
        ...

    def rows(self, key: str) -> Iterator[Row]:
        """Yield the rows of a conversation, in the store's own order; none where it is unknown."""
        ...

    def media(self, key: str) -> Iterator[bytes]:
        """Yield the files that a conversation shows, as paths below the source's root."""
        ...


class Store(Protocol):
    """Knows one kind of store. One object serves all: it keeps no state."""

    kind: ClassVar[str]

    def is_store(self, path: bytes) -> bool:
        """Return whether the file at this path below the source is such a store."""
        ...

    def is_part(self, path: bytes) -> bool:
        """Return whether it belongs to one: a write-ahead log, a journal, an index."""
        ...

    def open(self, root: bytes, path: bytes) -> AbstractContextManager[OpenStore]:
        """Open the store at ``path`` below ``root``, without changing it.

        Raises:
            StoreError: ``no-store``, ``damaged``, ``locked``, ``no-key``, ``unknown-schema``.
                So does any reading of what was opened: use `opened` around it.
        """
        ...


class KeyedStore(Store, Protocol):
    """A kind of store of which some are encrypted under a key that is given to this device.

    The framework calls ``open_with`` instead of ``open`` where a store has it.
    """

    def open_with(
        self, root: bytes, path: bytes, key: Callable[[], bytes]
    ) -> AbstractContextManager[OpenStore]:
        """Open a store; ``key()`` gives the 32 bytes, or raises `StoreError`, ``no-key``."""
        ...


def line_of(value: Mapping[str, JsonValue]) -> bytes:
    """Return one line of a conversation's file."""
    return canonical_json(value) + b"\n"


def row_of(table: str, names: Sequence[str], values: Sequence[Value]) -> Mapping[str, JsonValue]:
    """Return a row as it is captured: the table, and each column with the store's own value."""
    most = MAX_LINE // 2
    if sum(len(value) for value in values if isinstance(value, str | bytes)) > most:
        most = SHORT
    columns = {name: json_of(value, most) for name, value in zip(names, values, strict=True)}
    return {"row": columns, "table": table}


def json_of(value: Value, most: int = MAX_LINE // 2) -> JsonValue:
    """Return a value of SQLite in JSON that loses nothing.

    Whole numbers below 2^53 and text as they are; ``{"integer": "…"}`` beyond, ``{"real": "…"}``
    in the shortest digits that give the same double, ``{"base64": "…"}`` for a blob,
    ``{"text64": "…"}`` for text that is not Unicode, ``{"left-out": bytes}`` for what is longer
    than ``most`` bytes.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _text(value, most)
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"integer": str(value)}
    if isinstance(value, float):
        return {"real": repr(value)}
    return {"base64": b64(value)} if len(value) <= most else {"left-out": len(value)}


def value_of(found: JsonValue) -> Value:
    """Return the value of SQLite that `json_of` wrote; the office's readers do the same.

    Raises:
        ValueError: it wrote no such thing, or left the value out.
    """
    if found is None or (isinstance(found, str | int) and not isinstance(found, bool)):
        return found
    if isinstance(found, Mapping) and len(found) == 1:
        ((kind, text),) = found.items()
        if kind in _READ and isinstance(text, str):
            return _READ[kind](text)
    raise ValueError("not a value of a store, or left out")


_READ: Final[Mapping[str, Callable[[str], Value]]] = {
    "base64": b64decode,
    "integer": int,
    "real": float,
    "text64": lambda text: b64decode(text).decode("utf-8", "surrogateescape"),
}


def _text(value: str, most: int) -> JsonValue:
    data = value.encode("utf-8", "surrogateescape")
    if len(data) > most:
        return {"left-out": len(data)}
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return {"text64": b64(data)}
    return value
