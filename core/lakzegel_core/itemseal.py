# SPDX-License-Identifier: EUPL-1.2
"""Sealing the items of one batch: what they have in common is made once (docs/spec/item.md §1).

Called twice for every mail of a first capture, so that what counts here is the interpreter's own
work between the calls that hash, compress and encrypt: JSON of a fixed shape is filled in as bytes,
and nothing is made that only carries other things.
"""

from __future__ import annotations

import hashlib
import struct
from binascii import b2a_base64
from json.encoder import JSONEncoder, encode_basestring
from typing import TYPE_CHECKING, Final, NewType

from lakzegel_core import cobblestone, coding
from lakzegel_core.encoding import b64, canonical_json
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.itemopen import BLIND
from lakzegel_core.itemparts import KINDS, before_index, commitment_of, head_of
from lakzegel_core.limits import DIGEST, MAX_ITEM, MAX_SEGMENT
from lakzegel_core.padding import padded_length

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lakzegel_core.coding import Compress
    from lakzegel_core.encoding import JsonValue

Members = NewType("Members", bytes)
"""A context that its maker encoded: canonical JSON of its members, without brackets.

Every name in it comes after ``coding``. For a caller with thousands of items of one shape.
"""

Sealed = tuple[bytes, bytes, bytes, bytes]
"""Ciphertext, its entry of the manifest, the item's key, the SHA-256 of the raw payload."""

# key, salt, and the blinds of core and context: one call for all that is random in an item
_FRESH: Final = struct.Struct(f"{cobblestone.KEY_SIZE}s{cobblestone.SALT_SIZE}s{BLIND}s{BLIND}s")
_FRESH_SIZE: Final = _FRESH.size
_ENTRY: Final = struct.Struct(f">Q{DIGEST}s{DIGEST}s")
_encode_json: Final = JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode
_sha256: Final = hashlib.sha256


class ItemSealer:
    """Seals items for their places in one batch, each under a key of its own."""

    def __init__(
        self,
        origin: str,
        device: str,
        epoch: int,
        batch: int,
        *,
        random: Callable[[int], bytes],
        compress: Compress,
    ) -> None:
        self._before = before_index(origin, device, epoch, batch)
        self._random = random
        self._compress = compress
        self._cores: dict[tuple[str, str], bytes] = {}

    def seal(
        self,
        index: int,
        kind: str,
        source: str,
        payload: bytes,
        context: Mapping[str, JsonValue] | Members,
    ) -> Sealed:
        """Seal one payload; ``context`` holds everything but ``blind`` and ``coding``.

        Raises:
            LimitError: a payload or a context beyond its limit.
            FormatError: an unknown kind, or a context that JSON cannot carry exactly.
        """
        if len(payload) > MAX_SEGMENT:
            raise LimitError("item", f"{len(payload)} raw bytes, at most {MAX_SEGMENT}")
        shape = self._cores.get((kind, source)) or self._shape(kind, source)
        key, salt, core_blind, context_blind = _FRESH.unpack(self._random(_FRESH_SIZE))
        name, coded = coding.encode(payload, self._compress)
        digest = _sha256(payload).digest()
        core = shape % (
            b2a_base64(core_blind, newline=False),
            b2a_base64(digest, newline=False),
            len(payload),
        )
        about = _context(context, context_blind, name)
        head = head_of(core, about, len(coded))
        used = len(head) + len(coded)
        ciphertext = cobblestone.seal_parts(
            key,
            salt,
            self._before + b"%d\n" % index,
            (head, coded, bytes(padded_length(used) - used)),
        )
        size = len(ciphertext)
        if size > MAX_ITEM:
            raise LimitError("item", f"{size} sealed bytes, at most {MAX_ITEM}")
        entry = _ENTRY.pack(size, _sha256(ciphertext).digest(), commitment_of(core, about))
        return ciphertext, entry, key, digest

    def _shape(self, kind: str, source: str) -> bytes:
        """Return the core of such items, with room for blind, digest and size."""
        if kind not in KINDS:
            raise FormatError("item", "unknown kind")
        try:
            name = encode_basestring(source).encode().replace(b"%", b"%%")
        except UnicodeEncodeError:
            raise FormatError("item core", "a source's name is not Unicode") from None
        shape = b'{"blind":"%%b","kind":"%b","sha256":"%%b","size":%%d,"source":%b}' % (
            kind.encode(),
            name,
        )
        self._cores[kind, source] = shape
        return shape


def _context(context: Mapping[str, JsonValue] | Members, blind: bytes, name: str) -> bytes:
    if isinstance(context, bytes):
        return b'{"blind":"%b","coding":"%b",%b}' % (
            b2a_base64(blind, newline=False),
            name.encode(),
            context,
        )
    whole = {**context, "blind": b64(blind), "coding": name}
    if set(map(type, whole.values())) != {str} or not all(map(str.isascii, whole)):
        return canonical_json(whole)
    # texts only, as every reader writes them: the same bytes, a third of the time
    try:
        return _encode_json(whole).encode()
    except UnicodeEncodeError:
        raise FormatError("item context", "a string is not Unicode") from None
