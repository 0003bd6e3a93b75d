# SPDX-License-Identifier: EUPL-1.2
"""Bech32 without its length limit, as age writes its keys (BIP 173; C2SP age).

    age1pq1x34nzsvr0rx…       human-readable part, "1", data in groups of 5 bits, 6 of checksum

Only the original checksum constant; Bech32m is another encoding and is refused.
"""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Final

from lakzegel_core.errors import FormatError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterable

ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
MAX_LENGTH: Final = 4_096  # characters; a hybrid recipient has 1,959
_VALUES: Final = {letter: value for value, letter in enumerate(ALPHABET)}
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
# what the five bits that leave the checksum bring into it, for each of their values: a hybrid
# recipient has 1,959 letters, and a policy and an annex name several
_STEPS: Final = tuple(
    reduce(xor, (constant for bit, constant in enumerate(_GENERATOR) if top >> bit & 1), 0)
    for top in range(32)
)
_CHECKSUM: Final = 6  # groups of 5 bits


def encode(prefix: str, data: bytes) -> str:
    """The lower-case Bech32 of ``data`` under the human-readable part ``prefix``."""
    groups = _regroup(data, 8, 5, pad=True)
    check = _polymod([*_expand(prefix), *groups, *([0] * _CHECKSUM)]) ^ 1
    tail = [(check >> 5 * (5 - i)) & 31 for i in range(_CHECKSUM)]
    return prefix + "1" + "".join(ALPHABET[group] for group in (*groups, *tail))


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
    try:
        groups = [_VALUES[letter] for letter in letters]
    except KeyError:
        raise FormatError(what, "a letter that is not of Bech32") from None
    if len(groups) < _CHECKSUM or _polymod([*_expand(prefix), *groups]) != 1:
        raise FormatError(what, "wrong checksum")
    data = _regroup(groups[:-_CHECKSUM], 5, 8, pad=False)
    if encode(prefix, bytes(data)) != text:
        raise FormatError(what, "not the canonical Bech32")
    return bytes(data)


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _polymod(groups: Iterable[int]) -> int:
    check = 1
    for group in groups:
        check = (check & 0x1FFFFFF) << 5 ^ group ^ _STEPS[check >> 25]
    return check


def _regroup(groups: Iterable[int], size: int, new_size: int, *, pad: bool) -> list[int]:
    """Bits of ``size`` a number as numbers of ``new_size``; leftover bits only where ``pad``."""
    held, bits, result = 0, 0, []
    for group in groups:
        held = (held << size | group) & 0xFFF
        bits += size
        while bits >= new_size:
            bits -= new_size
            result.append(held >> bits & ((1 << new_size) - 1))
    if pad and bits:
        result.append(held << (new_size - bits) & ((1 << new_size) - 1))
    return result
