# SPDX-License-Identifier: EUPL-1.2
"""Opening a sealed item: nothing of it is used before it is proven (docs/spec/item.md §6)."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lakzegel_core import cobblestone, coding
from lakzegel_core.encoding import parse_canonical_json, parse_time, unb64
from lakzegel_core.errors import (
    CommitmentMismatchError,
    DecryptError,
    DigestMismatchError,
    FormatError,
    LimitError,
    SizeMismatchError,
)
from lakzegel_core.itemparts import KINDS, commitment_of, split_plaintext
from lakzegel_core.limits import DIGEST, MAX_JSON, MAX_PATH, MAX_SEGMENT

if TYPE_CHECKING:
    from lakzegel_core.encoding import JsonValue
    from lakzegel_core.itemparts import Place
    from lakzegel_core.manifest import ManifestEntry

BLIND: Final = 16  # random bytes that keep a part from being guessed by its hash
MAX_SOURCE: Final = 255  # characters of a source's name
CORE_FIELDS: Final = frozenset(("blind", "kind", "sha256", "size", "source"))
_FIELD: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_FILE: Final = re.compile(r"[0-9a-f]{32}")
_MTIME: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Item:
    """An opened item: everything that it states was checked against its bytes and its place."""

    core: dict[str, JsonValue]
    context: dict[str, JsonValue]
    payload: bytes
    core_bytes: bytes
    context_bytes: bytes
    commitment: bytes

    @property
    def kind(self) -> str:
        """``segment``, ``capture`` or ``observation``."""
        return str(self.core["kind"])

    @property
    def source(self) -> str:
        """The name of the source it came from."""
        return str(self.core["source"])


def open_item(ciphertext: bytes, *, key: bytes, place: Place, entry: ManifestEntry) -> Item:
    """The item that was sealed for ``place`` and committed to by ``entry``.

    Raises:
        SizeMismatchError: the ciphertext or the raw payload has another size than stated.
        DigestMismatchError: the ciphertext or the raw payload has another SHA-256.
        DecryptError: another key or place, or changed chunks.
        FormatError: the plaintext is not the one canonical encoding.
        CommitmentMismatchError: what was sealed is not what was committed to.
    """
    what = f"item {place.index}"
    # 1. the ciphertext is the manifest's
    if len(ciphertext) != entry.length:
        raise SizeMismatchError(f"{what}: {len(ciphertext)} bytes, the manifest has {entry.length}")
    if not hmac.compare_digest(hashlib.sha256(ciphertext).digest(), entry.sha256):
        raise DigestMismatchError(f"{what}: the sealed bytes are not the manifest's")
    # 2. it was sealed under this key for this place
    try:
        plaintext = cobblestone.open_(key, place.context(), ciphertext)
    except DecryptError as error:
        raise DecryptError(f"{what}: {error}") from None
    # 3. its parts and its padding are where they must be
    parts = split_plaintext(plaintext, what=what)
    # 4. it is what the manifest commits to
    commitment = commitment_of(parts.core, parts.context)
    if not hmac.compare_digest(commitment, entry.commitment):
        raise CommitmentMismatchError(f"{what}: sealed under another item's commitment")
    # 5. core and context are canonical and complete
    core = parse_core(parts.core, what=what)
    context = parse_context(parts.context, kind=str(core["kind"]), what=what)
    # 6. the payload is what core states
    payload = coding.decode(str(context["coding"]), parts.coded, size=_size(core, what), what=what)
    stated = unb64(str(core["sha256"]), what=f"{what} sha256", size=DIGEST)
    if not hmac.compare_digest(hashlib.sha256(payload).digest(), stated):
        raise DigestMismatchError(f"{what}: the payload is not the one that core states")
    return Item(core, context, payload, parts.core, parts.context, commitment)


def parse_core(data: bytes, *, what: str) -> dict[str, JsonValue]:
    """The fields of a core: exactly the five, each of its type.

    Raises:
        FormatError: another encoding, a field too many, missing or of another type.
    """
    core = _parse_object(data, what=f"{what} core")
    if core.keys() != CORE_FIELDS:
        raise FormatError(f"{what} core", "not exactly blind, kind, sha256, size, source")
    _check_digest(core["blind"], BLIND, what=f"{what} core blind")
    _check_digest(core["sha256"], DIGEST, what=f"{what} core sha256")
    if core["kind"] not in KINDS:
        raise FormatError(f"{what} core", "unknown kind")
    _size(core, what)
    source = core["source"]
    if not isinstance(source, str) or not 0 < len(source) <= MAX_SOURCE:
        raise FormatError(f"{what} core", f"source is not a name of 1 to {MAX_SOURCE} characters")
    return core


def parse_context(data: bytes, *, kind: str, what: str) -> dict[str, JsonValue]:
    """The fields of a context: those that every item has, and what ``kind`` needs.

    Fields that this version does not know are kept: readers may state more of their source.

    Raises:
        FormatError: another encoding, a field missing or of another type.
    """
    context = _parse_object(data, what=f"{what} context")
    if not all(map(_FIELD.fullmatch, context)):
        raise FormatError(f"{what} context", "a field's name is not of a-z, 0-9, - and _")
    _check_digest(context.get("blind"), BLIND, what=f"{what} context blind")
    if context.get("coding") not in (coding.IDENTITY, coding.ZSTD):
        raise FormatError(f"{what} context", "unknown coding")
    _check_text(context, "file", _FILE, what)
    _check_text(context, "mtime", _MTIME, what)
    if "seen" in context:
        parse_time(_text(context, "seen", what), what=f"{what} context seen")
    _check_path(context, what)
    if kind != "observation" and ("file" not in context or _paths(context) == 0):
        raise FormatError(f"{what} context", f"a {kind} names its file and its path")
    return context


def _parse_object(data: bytes, *, what: str) -> dict[str, JsonValue]:
    value = parse_canonical_json(data, what=what, max_size=MAX_JSON)
    if not isinstance(value, dict):
        raise FormatError(what, "not an object")
    return value


def _size(core: dict[str, JsonValue], what: str) -> int:
    size = core["size"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise FormatError(f"{what} core", "size is not a number of bytes")
    if size > MAX_SEGMENT:
        raise LimitError(f"{what} core", f"{size} raw bytes, at most {MAX_SEGMENT}")
    return size


def _check_digest(value: JsonValue, size: int, *, what: str) -> None:
    if not isinstance(value, str):
        raise FormatError(what, "missing or not text")
    unb64(value, what=what, size=size)


def _text(context: dict[str, JsonValue], field: str, what: str) -> str:
    value = context[field]
    if not isinstance(value, str):
        raise FormatError(f"{what} context", f"{field} is not text")
    return value


def _check_text(
    context: dict[str, JsonValue], field: str, pattern: re.Pattern[str], what: str
) -> None:
    if field in context and not pattern.fullmatch(_text(context, field, what)):
        raise FormatError(f"{what} context", f"{field} is not of its form")


def _paths(context: dict[str, JsonValue]) -> int:
    return ("path" in context) + ("path64" in context)


def _check_path(context: dict[str, JsonValue], what: str) -> None:
    if _paths(context) > 1:
        raise FormatError(f"{what} context", "both path and path64")
    if "path" in context:
        path = _text(context, "path", what).encode()
    elif "path64" in context:
        path = unb64(_text(context, "path64", what), what=f"{what} context path64")
        if _is_utf8(path):
            raise FormatError(f"{what} context", "path64 where path can say it")
    else:
        return
    if not 0 < len(path) <= MAX_PATH:
        raise LimitError(f"{what} context", f"a path has 1 to {MAX_PATH} bytes")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
