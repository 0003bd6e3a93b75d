# SPDX-License-Identifier: EUPL-1.2
"""Bech32 without its length limit, as age writes its keys (BIP 173; C2SP age).

    age1pq1x34nzsvr0rx…       human-readable part, "1", data in groups of 5 bits, 6 of checksum

Only the original checksum constant; Bech32m is another encoding and is refused.
"""

from __future__ import annotations

from base64 import b32encode
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Final

from lakzegel_core.errors import FormatError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterable

ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
MAX_LENGTH: Final = 4_096  # characters; a hybrid recipient has 1,959
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
# what the five bits that leave the checksum bring into it, for each of their values: a hybrid
# recipient has 1,959 letters, and a policy and an annex name several
_STEPS: Final = tuple(
    reduce(xor, (constant for bit, constant in enumerate(_GENERATOR) if top >> bit & 1), 0)
    for top in range(32)
)
_CHECKSUM: Final = 6  # groups of 5 bits
_BITS: Final = 5  # of a letter
_NONE: Final = 0xFF  # what no letter stands for
# the same 5 bits in alphabets that the interpreter turns by itself, in a tenth of the time
_VALUES: Final = bytes(range(32))
_FROM_BASE32: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _VALUES)  # RFC 4648
_TO_DIGITS: Final = bytes.maketrans(_VALUES, b"0123456789abcdefghijklmnopqrstuv")
_TO_LETTERS: Final = bytes.maketrans(_VALUES, ALPHABET.encode("ascii"))
_FROM_LETTERS: Final = bytes(
    ALPHABET.find(chr(code)) if chr(code) in ALPHABET else _NONE for code in range(256)
)


def encode(prefix: str, data: bytes) -> str:
    """The lower-case Bech32 of ``data`` under the human-readable part ``prefix``."""
    groups = b32encode(data).rstrip(b"=").translate(_FROM_BASE32)
    check = _polymod([*_expand(prefix), *groups, *([0] * _CHECKSUM)]) ^ 1
    tail = bytes((check >> 5 * (5 - i)) & 31 for i in range(_CHECKSUM))
    return f"{prefix}1{(groups + tail).translate(_TO_LETTERS).decode('ascii')}"


def decode(text: str, *, prefix: str, what: str) -> bytes:
    """The data of the lower-case Bech32 ``text``, whose human-readable part is ``prefix``.

    Raises:
        LimitError: longer than any key of ours.
        FormatError: another part or letter, a wrong checksum, spare bits that are not zero.
    """
    if len(text) > MAX_LENGTH:
        raise LimitError(what, f"{len(text)} characters, at most {MAX_LENGTH}")
    found, separator, letters = text.rpartition("1")
    if not separator or found != prefix:
        raise FormatError(what, f"does not start with {prefix}1")
    groups = letters.encode("utf-8", "surrogatepass").translate(_FROM_LETTERS)
    if groups and max(groups) == _NONE:
        raise FormatError(what, "a letter that is not of Bech32")
    if len(groups) < _CHECKSUM or _polymod([*_expand(prefix), *groups]) != 1:
        raise FormatError(what, "wrong checksum")
    return _bytes_of(groups[:-_CHECKSUM], what)


def _bytes_of(groups: bytes, what: str) -> bytes:
    """The whole bytes of these groups of 5 bits.

    Raises:
        FormatError: spare bits that are not zero, or a letter too many: not the canonical text.
    """
    spare = len(groups) * _BITS % 8
    value = int(groups.translate(_TO_DIGITS), 32) if groups else 0
    if spare >= _BITS or value & ((1 << spare) - 1):
        raise FormatError(what, "not the canonical Bech32")
    return (value >> spare).to_bytes(len(groups) * _BITS // 8, "big")


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _polymod(groups: Iterable[int]) -> int:
    check = 1
    for group in groups:
        check = (check & 0x1FFFFFF) << 5 ^ group ^ _STEPS[check >> 25]
    return check
