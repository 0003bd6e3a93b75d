# SPDX-License-Identifier: EUPL-1.2
"""Padmé: lengths that tell little, at 12 % more bytes at most (docs/spec/item.md §4).

A length keeps only about log2(log2(n)) of its leading bits, so that n bytes look like any other
length in the same small range. Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
Communication with PURBs", PETS 2019, algorithm 1.
"""

from __future__ import annotations

from typing import Final

MIN_PLAINTEXT: Final = 512  # bytes: a two-word message looks like a paragraph


def padme(n: int) -> int:
    """The smallest Padmé length that is at least ``n``."""
    if n <= 1:
        return n
    exponent = n.bit_length() - 1
    free = (1 << (exponent - exponent.bit_length())) - 1
    return (n + free) & ~free


def padded_length(n: int) -> int:
    """The length of an item's plaintext whose parts measure ``n`` bytes."""
    return padme(n) if n > MIN_PLAINTEXT else MIN_PLAINTEXT
