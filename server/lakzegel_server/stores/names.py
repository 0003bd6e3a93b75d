# SPDX-License-Identifier: EUPL-1.2
"""The names of what is kept: those of the files below DATA (docs/spec/storage.md §1)."""

from __future__ import annotations

import re
from typing import Final

BATCHES: Final = "batches/"
KEYRINGS: Final = "keyrings/"
ANNEXES: Final = "annexes/"
TRAIL: Final = "trail/"
TIMESTAMPS: Final = "timestamps/"
TILES: Final = "log/"
EVIDENCE: Final = "evidence/"
NEXT: Final = ".next"  # a keyring that waits for its entry
WAITING: Final = "waiting/"  # where those lie

CHECKPOINT: Final = "log/checkpoint"
HELD: Final = "held"
AHEAD: Final = "ahead"
RESTORED: Final = "restored"

MAX_NAME: Final = 200  # characters
_NAME: Final = re.compile(r"[a-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*){0,8}\Z")
_NEXT: Final = re.compile(r"keyrings/[0-9a-z]+\.[0-9a-f]{64}\.next\Z")
_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9-]*/\Z")


def batch(name: str) -> str:
    """A batch, by the hex of its id."""
    return f"{BATCHES}{name}.batch"


def keyring(name: str) -> str:
    """A keyring, by the hex of its batch's id."""
    return f"{KEYRINGS}{name}.keyring"


def next_keyring(name: str, digest: str) -> str:
    """A keyring that waits for its entry, by its batch's id and the hex of its own digest."""
    return f"{KEYRINGS}{name}.{digest}{NEXT}"


def is_next(place: str) -> bool:
    """Whether it is the name of a keyring that waits, and not of a file that somebody left."""
    return _NEXT.match(place) is not None


def parts_of_next(waiting: str) -> tuple[str, str]:
    """What the name of a keyring that waits says: its batch's id and its own digest, in hex."""
    name, digest, _ = waiting.removeprefix(KEYRINGS).split(".")
    return name, digest


def annex(name: str) -> str:
    """An annex, by the hex of its digest."""
    return f"{ANNEXES}{name}"


def segment(number: int) -> str:
    """A segment of the audit trail."""
    return f"{TRAIL}{number}.jsonl"


def timestamp(place: str) -> str:
    """A token, what it is over, or a root."""
    return f"{TIMESTAMPS}{place}"


def evidence(digest: str) -> str:
    """A checkpoint that contradicts another, by the hex of its digest."""
    return f"{EVIDENCE}{digest}"


def checked(name: str) -> str:
    """The name, when it is one that leads nowhere else.

    Raises:
        ValueError: it is not.
    """
    if len(name) > MAX_NAME or not _NAME.match(name):
        raise ValueError("not a name of an object")
    return name


def checked_prefix(prefix: str) -> str:
    """A folder's name, with the slash.

    Raises:
        ValueError: it is none.
    """
    if not _PREFIX.match(prefix):
        raise ValueError("not a prefix of objects")
    return prefix
