# SPDX-License-Identifier: EUPL-1.2
"""What every item says of itself, kept encrypted so that a list does not open everything anew.

`state/index/<batch id>`: Cobblestone-256 under the office's index key, with the batch id as
context, of zstd of one JSON line an item. `state/opened/<batch
id>`: what opening that batch found, no content, written last, under the same key: nobody else can
say that a batch was opened. Either may be thrown away: then the batch is opened again.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import zstandard

from lakzegel_core import cobblestone
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_CAPTURE
from lakzegel_office.durable import sync_folders
from lakzegel_office.errors import DoubtError
from lakzegel_office.mirror import read_limited

INLINE: Final = {"capture": MAX_CAPTURE, "observation": 16 << 20}  # bytes of a payload that is kept
_LEVEL: Final = 3
_FORMAT: Final = 1
MAX_INDEX: Final = 1 << 30  # bytes of what is kept of one batch
MAX_MARK: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class IndexedItem:
    """One item without its bytes; `payload` only for captures and observations."""

    index: int
    commitment: str
    core: Mapping[str, Any]
    context: Mapping[str, Any]
    payload: Mapping[str, Any] | None

    @property
    def kind(self) -> str:
        """`segment`, `capture` or `observation`."""
        return str(self.core["kind"])

    @property
    def source(self) -> str:
        """The source's name."""
        return str(self.core["source"])

    @property
    def size(self) -> int:
        """Bytes of the raw payload."""
        return int(self.core["size"])

    @property
    def labels(self) -> tuple[str, ...]:
        """What the device found in it (docs/spec/item.md §2); ones of a later version too."""
        found = self.context.get("labels")
        if not isinstance(found, list):
            return ()
        return tuple(label for label in found if isinstance(label, str))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item, or with index None the whole batch, could not be taken as sealed."""

    index: int | None
    code: str
    what: str


class IndexStore:
    """The two folders below `state/`."""

    def __init__(self, state: Path, key: bytes) -> None:
        """Keep the folders' place and the key; `make_folders` before the first write."""
        self._state = state
        self._index = state / "index"
        self._opened = state / "opened"
        self._key = key

    def make_folders(self) -> None:
        """Make both folders."""
        for folder in (self._index, self._opened):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(self, batch_id: str, items: Iterable[IndexedItem]) -> None:
        """Replace a batch's index."""
        compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
        pieces = [compressor.compress(_line(item)) for item in items]
        pieces.append(compressor.flush())
        salt = os.urandom(cobblestone.SALT_SIZE)
        sealed = cobblestone.seal(self._key, salt, batch_id.encode(), b"".join(pieces))
        replace_cache(self._index / batch_id, sealed)

    def read(self, batch_id: str) -> Iterator[IndexedItem] | None:
        """Return a batch's items in order, or None where it must be opened (again)."""
        try:
            data = read_limited(self._index / batch_id, MAX_INDEX)
            plain = cobblestone.open_(self._key, batch_id.encode(), data)
        except (OSError, LakzegelError, DoubtError):
            return None
        text = zstandard.ZstdDecompressor().decompressobj().decompress(plain)
        return (_item(line) for line in text.splitlines())

    def forget(self, batch_id: str) -> None:
        """Take away what is kept of a batch, durably: it is opened anew."""
        for folder in (self._opened, self._index):
            for path in folder.glob(f"{batch_id}*"):  # what a kill left unfinished too
                path.unlink(missing_ok=True)
        sync_folders([self._opened / batch_id, self._index / batch_id])

    def keep(self, name: str, value: Mapping[str, Any]) -> None:
        """Keep a small value of a command's own below `state/`."""
        salt = os.urandom(cobblestone.SALT_SIZE)
        text = json.dumps(value, separators=(",", ":")).encode()
        replace_cache(self._state / name, cobblestone.seal(self._key, salt, name.encode(), text))

    def kept(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Return what `keep` kept, None where that is lost."""
        try:
            data = read_limited(self._state / name, MAX_MARK)
            return json.loads(cobblestone.open_(self._key, name.encode(), data))
        except (OSError, LakzegelError, DoubtError, ValueError):
            return None

    def mark(self, batch_id: str, items: int, failures: Iterable[Failure]) -> None:
        """State that a batch was opened, how many items of it did, and what did not fit."""
        rows = [[f.index, f.code, f.what] for f in failures]
        text = json.dumps({"failures": rows, "format": _FORMAT, "items": items})
        salt = os.urandom(cobblestone.SALT_SIZE)
        sealed = cobblestone.seal(self._key, salt, _mark_context(batch_id), text.encode())
        replace_cache(self._opened / batch_id, sealed)

    def opened(self, batch_id: str) -> tuple[Failure, ...] | None:
        """Return what did not fit, or None where the batch has not been opened here."""
        try:
            data = read_limited(self._opened / batch_id, MAX_MARK)
            value = json.loads(cobblestone.open_(self._key, _mark_context(batch_id), data))
            if value["format"] != _FORMAT:
                return None
            return tuple(Failure(index, code, what) for index, code, what in value["failures"])
        except (OSError, LakzegelError, DoubtError, ValueError, KeyError, TypeError):
            return None


def _mark_context(batch_id: str) -> bytes:
    return f"opened {batch_id}".encode()


def replace_cache(path: Path, data: bytes) -> None:
    """Leave it whole or not at all for other processes; a power cut may tear it or take it.

    A torn index does not decrypt and a torn mark does not parse, so no fsync is spent on them.
    Two programs may do it at once, a pull and a search.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    temporary.write_bytes(data)
    temporary.replace(path)


def _line(item: IndexedItem) -> bytes:
    row = [item.index, item.commitment, item.core, item.context, item.payload]
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _item(line: bytes) -> IndexedItem:
    index, commitment, core, context, payload = json.loads(line)
    return IndexedItem(index, commitment, core, context, payload)
