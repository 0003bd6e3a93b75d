# SPDX-License-Identifier: EUPL-1.2
"""One sealed item: what it says, where it belongs, and the bytes that carry it.

    plaintext = u32be len(core) || core || u32be len(context) || context
                || u64be len(coded) || coded || zeros up to max(512, Padmé)

    core     {"blind":"…","kind":"segment","sha256":"…","size":4096,"source":"mail"}
    context  {"blind":"…","coding":"zstd","file":"…","path":"cur/1.eml",…}

    commitment = RFC 6962 root over [core, context]
    ciphertext = Cobblestone-256 under a key of its own, in the context of its place

docs/spec/item.md.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from json.encoder import JSONEncoder, encode_basestring
from typing import TYPE_CHECKING, Final, NamedTuple

from lakzegel_core import cobblestone, coding
from lakzegel_core.encoding import b64, canonical_json
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.itemopen import BLIND, Item, open_item
from lakzegel_core.itemparts import KINDS, Place, commitment_of, head_of
from lakzegel_core.limits import MAX_ITEM, MAX_SEGMENT
from lakzegel_core.manifest import ManifestEntry
from lakzegel_core.padding import padded_length

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lakzegel_core.coding import Compress
    from lakzegel_core.encoding import JsonValue

__all__ = [
    "KINDS",
    "Item",
    "Members",
    "Place",
    "SealedItem",
    "commitment_of",
    "open_item",
    "seal_item",
]

# key, salt, and the blinds of core and context: one call for all that is random in an item
_FRESH: Final = struct.Struct(f"{cobblestone.KEY_SIZE}s{cobblestone.SALT_SIZE}s{BLIND}s{BLIND}s")
_encode_json: Final = JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode


class Members(NamedTuple):
    """A context that its maker encoded: canonical JSON of its members, without brackets.

    Every name in it comes after ``coding``. For a caller with thousands of items of one shape.
    """

    text: str


@dataclass(frozen=True, slots=True)
class SealedItem:
    """Sealed bytes, their manifest entry, the key that goes into the keyring only, and a digest.

    ``digest`` is the SHA-256 of the raw payload, so that a caller need not hash it again.
    """

    ciphertext: bytes
    entry: ManifestEntry
    key: bytes
    digest: bytes


def seal_item(
    *,
    kind: str,
    source: str,
    payload: bytes,
    context: Mapping[str, JsonValue] | Members,
    place: Place,
    random: Callable[[int], bytes],
    compress: Compress,
) -> SealedItem:
    """Seal one payload for its place, under a key of its own.

    ``context`` holds everything but ``blind`` and ``coding``. Called for every item of a capture:
    a mail of 4 KB costs about as much as its compression.

    Raises:
        LimitError: a payload or a context beyond its limit.
        FormatError: an unknown kind, or a context that JSON cannot carry exactly.
    """
    if kind not in KINDS:
        raise FormatError("item", "unknown kind")
    if len(payload) > MAX_SEGMENT:
        raise LimitError("item", f"{len(payload)} raw bytes, at most {MAX_SEGMENT}")
    key, salt, core_blind, context_blind = _FRESH.unpack(random(_FRESH.size))
    name, coded = coding.encode(payload, compress)
    digest = hashlib.sha256(payload).digest()
    core_bytes = _core(kind, source, len(payload), digest, core_blind)
    context_bytes = _context(context, context_blind, name)
    head = head_of(core_bytes, context_bytes, len(coded))
    used = len(head) + len(coded)
    padding = bytes(padded_length(used) - used)
    ciphertext = cobblestone.seal_parts(key, salt, place.context(), (head, coded, padding))
    if len(ciphertext) > MAX_ITEM:
        raise LimitError("item", f"{len(ciphertext)} sealed bytes, at most {MAX_ITEM}")
    entry = ManifestEntry(
        len(ciphertext),
        hashlib.sha256(ciphertext).digest(),
        commitment_of(core_bytes, context_bytes),
    )
    return SealedItem(ciphertext, entry, key, digest)


def _core(kind: str, source: str, size: int, digest: bytes, blind: bytes) -> bytes:
    text = (
        f'{{"blind":"{b64(blind)}","kind":"{kind}","sha256":"{b64(digest)}",'
        f'"size":{size},"source":{encode_basestring(source)}}}'
    )
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise FormatError("item core", "a source's name is not Unicode") from None


def _context(context: Mapping[str, JsonValue] | Members, blind: bytes, name: str) -> bytes:
    if isinstance(context, Members):
        return f'{{"blind":"{b64(blind)}","coding":"{name}",{context.text}}}'.encode()
    whole = {**context, "blind": b64(blind), "coding": name}
    if set(map(type, whole.values())) != {str} or not all(map(str.isascii, whole)):
        return canonical_json(whole)
    # texts only, as every reader writes them: the same bytes, a third of the time
    try:
        return _encode_json(whole).encode()
    except UnicodeEncodeError:
        raise FormatError("item context", "a string is not Unicode") from None
