# SPDX-License-Identifier: EUPL-1.2
"""The shape of the receiver's answer to a device; nothing in it is proven yet.

    {"checkpoint": b64, "consistency": [b64…], "entries": [{"role", "index", "note", "path"}…],
     "annex": b64 | null, "held": {"note": b64, "consistency": [b64…]} | null}

docs/spec/http.md §4. Members and roles that this version does not know are passed over.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from lakzegel_core.encoding import unb64
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.limits import DIGEST, MAX_ANNEX, MAX_CHECKPOINT, MAX_INT, MAX_NOTE

MAX_ANSWER: Final = 4 * 2**20  # bytes: an annex of 1 MiB and six entries, in base64
MAX_HASHES: Final = 64  # of a proof in a tree of 2^40 leaves
ROLES: Final = ("delegation", "admission", "enrolment", "header", "policy", "revocation")
_WHAT: Final = "receiver's answer"
_AGE_SLACK: Final = 65_536  # an age header for the most recipients that a policy can name


@dataclass(frozen=True, slots=True)
class Served:
    """An entry as it was served: its place, its exact note, its inclusion path."""

    index: int
    note: bytes
    path: tuple[bytes, ...]

    @property
    def id(self) -> bytes:
        """The entry's id in the log."""
        return hashlib.sha256(self.note).digest()


@dataclass(frozen=True, slots=True)
class ServedHeld:
    """A held note as it was served, with a consistency proof from its size."""

    note: bytes
    consistency: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer of the right shape."""

    checkpoint: bytes
    consistency: tuple[bytes, ...]
    entries: dict[str, Served]
    annex: bytes | None
    held: ServedHeld | None


def parse_answer(data: bytes) -> RawAnswer:
    """The parts of an answer, unverified.

    Raises:
        LimitError: larger than any honest answer.
        FormatError: names the member that is not what it should be.
    """
    if len(data) > MAX_ANSWER:
        raise LimitError(_WHAT, f"{len(data)} bytes, at most {MAX_ANSWER}")
    try:
        top = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise FormatError(_WHAT, "not JSON") from None
    annex, held = _member(top, "annex"), _member(top, "held")
    return RawAnswer(
        checkpoint=_binary(_member(top, "checkpoint"), "checkpoint", MAX_CHECKPOINT),
        consistency=_hashes(_member(top, "consistency"), "consistency"),
        entries=_entries(_member(top, "entries")),
        annex=None if annex is None else _binary(annex, "annex", MAX_ANNEX + _AGE_SLACK),
        held=None if held is None else _held(held),
    )


def _entries(value: object) -> dict[str, Served]:
    if not isinstance(value, list):
        raise FormatError(f"{_WHAT}: entries", "not a list")
    found: dict[str, Served] = {}
    for item in value:
        role = _member(item, "role")
        if not isinstance(role, str):
            raise FormatError(f"{_WHAT}: entries", "a role is not a string")
        if role in found:
            raise FormatError(f"{_WHAT}: entries", f"two of role {role}")
        if role in ROLES:
            found[role] = _served(item, role)
    return found


def _served(item: object, role: str) -> Served:
    index = _member(item, "index")
    if type(index) is not int or not 0 <= index <= MAX_INT:
        raise FormatError(f"{_WHAT}: {role}", "its index is not a number")
    note = _binary(_member(item, "note"), role, MAX_NOTE)
    return Served(index, note, _hashes(_member(item, "path"), role))


def _held(value: object) -> ServedHeld:
    note = _binary(_member(value, "note"), "held", MAX_NOTE)
    return ServedHeld(note, _hashes(_member(value, "consistency"), "held"))


def _member(value: object, name: str) -> Any:  # noqa: ANN401 - every caller checks the type
    if not isinstance(value, dict) or name not in value:
        raise FormatError(_WHAT, f"has no member '{name}' where it belongs")
    return value[name]


def _binary(value: object, name: str, limit: int) -> bytes:
    if not isinstance(value, str):
        raise FormatError(f"{_WHAT}: {name}", "not base64")
    if len(value) > 4 * (limit // 3 + 1):
        raise LimitError(f"{_WHAT}: {name}", f"more than {limit} bytes")
    return unb64(value, what=f"{_WHAT}: {name}")


def _hashes(value: object, name: str) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise FormatError(f"{_WHAT}: {name}", "its proof is not a list of base64")
    if len(value) > MAX_HASHES:
        raise LimitError(f"{_WHAT}: {name}", f"{len(value)} hashes, at most {MAX_HASHES}")
    return tuple(unb64(item, what=f"{_WHAT}: {name}", size=DIGEST) for item in value)
