# SPDX-License-Identifier: EUPL-1.2
"""A batch's keyring: one key an item, wrapped for the records office alone.

    lakzegel.nl/keyring/v1
    log.example/lakzegel
    minister-1
    0
    17
    3
    NXmZfRbbYJ0Ttq2vnh1JzCRrvWmeaQIyHkcMPRPQCWo=
    (blank line)
    3 slots of 32 bytes; 32 zero bytes where a key was destroyed

as the plaintext of an age v1 file that has ``mlkem768x25519`` stanzas only. docs/spec/keyring.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lakzegel_core import age, age_header, age_stream
from lakzegel_core.encoding import b64, parse_decimal, unb64
from lakzegel_core.errors import FormatError, LimitError, SizeMismatchError
from lakzegel_core.fields import slug
from lakzegel_core.keys import check_name
from lakzegel_core.limits import DIGEST, MAX_ITEMS, MAX_KEYRING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakzegel_core.age import Identity, Recipient

KIND: Final = "lakzegel.nl/keyring/v1"
SLOT: Final = 32  # bytes of one item's key
DESTROYED: Final = bytes(SLOT)
_LINES: Final = 7
_WHAT: Final = "keyring"


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of one batch's items, and which batch that is; ``repr`` shows no key."""

    origin: str
    device: str
    epoch: int
    batch: int
    items: int
    contents: bytes
    slots: tuple[bytes, ...] = field(repr=False)

    def head(self) -> bytes:
        """The lines before the slots."""
        return (
            f"{KIND}\n{self.origin}\n{self.device}\n{self.epoch}\n{self.batch}\n"
            f"{self.items}\n{b64(self.contents)}\n\n"
        ).encode()


def encode_keyring(keyring: Keyring) -> bytes:
    """The plaintext of a keyring.

    Raises:
        FormatError: not one slot of 32 bytes an item.
    """
    if len(keyring.slots) != keyring.items or any(len(slot) != SLOT for slot in keyring.slots):
        raise FormatError(_WHAT, f"not {keyring.items} slots of {SLOT} bytes")
    return keyring.head() + b"".join(keyring.slots)


def decode_keyring(data: bytes) -> Keyring:
    """The keyring of a plaintext.

    Raises:
        LimitError: more items than a batch may have.
        SizeMismatchError: not one slot an item.
        FormatError: anything else that is not the one encoding.
    """
    head, blank, slots = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise FormatError(_WHAT, "not ASCII") from None
    if not blank or len(lines) != _LINES or lines[0] != KIND:
        raise FormatError(_WHAT, f"not the lines of {KIND}")
    items = parse_decimal(lines[5], what="keyring items")
    if not 0 < items <= MAX_ITEMS:
        raise LimitError(_WHAT, f"{items} items, 1 to {MAX_ITEMS} allowed")
    if len(slots) != items * SLOT:
        raise SizeMismatchError(f"keyring: {len(slots)} bytes of slots for {items} items")
    return Keyring(
        check_name(lines[1]),
        slug(lines[2], what="keyring device"),
        parse_decimal(lines[3], what="keyring epoch"),
        parse_decimal(lines[4], what="keyring batch"),
        items,
        unb64(lines[6], what="keyring contents", size=DIGEST),
        tuple(slots[start : start + SLOT] for start in range(0, len(slots), SLOT)),
    )


def seal_keyring(
    keyring: Keyring, recipients: Sequence[Recipient], *, random: Callable[[int], bytes]
) -> bytes:
    """The keyring file: an age file for ``recipients``."""
    return age.encrypt(encode_keyring(keyring), recipients, random=random)


def open_keyring(data: bytes, identities: Sequence[Identity]) -> Keyring:
    """The keyring of an age file that one of ``identities`` opens.

    Raises:
        FormatError: not an age v1 file, another kind of recipient, not the one encoding.
        DecryptError: no identity opens it, or it was changed.
    """
    check_recipients(data)
    return decode_keyring(age.decrypt(data, identities, max_size=MAX_KEYRING))


def check_recipients(data: bytes) -> int:
    """How many recipients a keyring file has, all of them hybrid post-quantum; needs no key.

    Raises:
        LimitError: larger than a keyring may be.
        FormatError: not an age v1 file, or another kind of recipient.
        DecryptError: a payload of a length that no age file has.
    """
    if len(data) > MAX_KEYRING:
        raise LimitError(_WHAT, f"{len(data)} bytes, at most {MAX_KEYRING}")
    header = age_header.parse(data)
    if any(stanza.type != age.HYBRID for stanza in header.stanzas):
        raise FormatError(_WHAT, f"a recipient that is not {age.HYBRID}")
    age_stream.opened_length(len(data) - header.size)
    return len(header.stanzas)
