# SPDX-License-Identifier: EUPL-1.2
"""Those who saw the log from outside: the office, which has all of it, and witnesses.

docs/spec/recovery.md §1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

from lakzegel_core.checkpoint import LogKeys, SignedCheckpoint, open_checkpoint
from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_CHECKPOINT, MAX_NOTE
from lakzegel_core.tiles import WIDTH
from lakzegel_server.recovery.asking import Asker, NoAnswerError
from lakzegel_server.settings import Office as OfficeSettings
from lakzegel_server.settings import read_secret
from lakzegel_server.witnessing.line import Line

OK: Final = 200
MISSING: Final = frozenset({404, 410})
CONFLICT: Final = 409
MAX_TILE: Final = WIDTH * (2 + MAX_NOTE)  # bytes of a full bundle; hash tiles are smaller


class NotThereError(NoAnswerError):
    """The office does not have it."""


class Office:
    """The office's own server."""

    def __init__(self, asker: Asker, keys: LogKeys) -> None:
        self._asker = asker
        self._keys = keys

    @classmethod
    @contextmanager
    def open(cls, settings: OfficeSettings, keys: LogKeys) -> Iterator[Self]:
        """A session with the office.

        Raises:
            ConfigError: the token's file cannot be used.
        """
        with Asker(settings.url, settings.ca_file, read_secret(settings.token_file)) as asker:
            yield cls(asker, keys)

    def newest(self) -> SignedCheckpoint | None:
        """The newest checkpoint that it mirrors; None when it mirrors nothing yet.

        Raises:
            NoAnswerError: it does not answer, or with what our log did not sign.
        """
        try:
            return open_checkpoint(self.get("/log/checkpoint", MAX_CHECKPOINT), self._keys)
        except NotThereError:
            return None
        except LakzegelError as error:
            raise NoAnswerError(f"{self._asker.url}/log/checkpoint: {error}") from None

    def tile(self, path: str) -> bytes:
        """A tile or a bundle of entries.

        Raises:
            NoAnswerError: it cannot be had.
        """
        return self.get(f"/log/{path}", MAX_TILE)

    def get(self, path: str, limit: int) -> bytes:
        """Anything of at most ``limit`` bytes.

        Raises:
            NotThereError: the office does not have it.
            NoAnswerError: it cannot be had now.
        """
        status, data = self._asker.ask("GET", path, limit)
        self._require(status, path)
        return data

    @contextmanager
    def blocks(self, path: str) -> Iterator[Iterator[bytes]]:
        """Anything, block by block.

        Raises:
            NotThereError: the office does not have it.
            NoAnswerError: it cannot be had now, or only in part.
        """
        with self._asker.open("GET", path) as (status, blocks):
            self._require(status, path)
            yield blocks

    def _require(self, status: int, path: str) -> None:
        if status in MISSING:
            raise NotThereError(f"{self._asker.url}{path}: is not there")
        if status != OK:
            raise NoAnswerError(f"{self._asker.url}{path}: answered {status}")


def ask_witness(line: Line, url: str, size: int, checkpoint: bytes) -> int:
    """The size that a witness knows; one more than ours when it has another tree of our size.

    Raises:
        NoAnswerError, UnreachableError: it does not say.
    """
    body = f"old {size}\n\n".encode() + checkpoint
    status, data = line.ask(body)
    if status == OK:
        return size
    if status != CONFLICT:
        raise NoAnswerError(f"{url}/add-checkpoint: answered {status}")
    try:
        known = parse_decimal(data.decode().removesuffix("\n"), what="size")
    except (UnicodeDecodeError, LakzegelError):
        raise NoAnswerError(f"{url}/add-checkpoint: no size in its answer") from None
    return size + 1 if known == size else known
