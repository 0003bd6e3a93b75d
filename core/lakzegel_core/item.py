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

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakzegel_core.itemopen import Item, open_item
from lakzegel_core.itemparts import KINDS, Place, commitment_of
from lakzegel_core.itemseal import ItemSealer, Members
from lakzegel_core.manifest import ManifestEntry, parse_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lakzegel_core.coding import Compress
    from lakzegel_core.encoding import JsonValue

__all__ = [
    "KINDS",
    "Item",
    "ItemSealer",
    "Members",
    "Place",
    "SealedItem",
    "commitment_of",
    "open_item",
    "seal_item",
]


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
    """Seal one payload for its place, under a key of its own; for many, see `ItemSealer`.

    ``context`` holds everything but ``blind`` and ``coding``.

    Raises:
        LimitError: a payload or a context beyond its limit.
        FormatError: an unknown kind, or a context that JSON cannot carry exactly.
    """
    sealer = ItemSealer(
        place.origin, place.device, place.epoch, place.batch, random=random, compress=compress
    )
    ciphertext, entry, key, digest = sealer.seal(place.index, kind, source, payload, context)
    (parsed,) = parse_manifest(entry, 1)
    return SealedItem(ciphertext, parsed, key, digest)
