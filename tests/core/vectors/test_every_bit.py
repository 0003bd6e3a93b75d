# SPDX-License-Identifier: EUPL-1.2
"""A flipped bit never makes another valid object: it is refused, or written as it was read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from kit.case import OK, Case, load
from kit.openers import SIGNED, UNSIGNED

from lakzegel_core.errors import LakzegelError

# A line of a key that nobody asked for is passed over, so its bits are nobody's.
UNCOVERED = {"checkpoint/unknown-cosigner"}
FLIPS = 160  # a vector, spread evenly; every bit under `-m exhaustive`
DEAR = {"custody": 30, "item-proof": 60}  # each costs a dozen signatures
MANY = 4_000


def good(formats: dict) -> list:
    return [
        pytest.param(name, case, id=f"{name}/{case.name}")
        for name in sorted(formats)
        for case in load(name)
        if case.expect == OK and f"{name}/{case.name}" not in UNCOVERED
    ]


def flipped(case: Case, limit: int) -> Iterator[Case]:
    bits = 8 * len(case.body)
    step = max(1, bits // max(1, limit)) | 1  # odd, so that all eight bits of a byte are met
    for bit in range(0, bits, step):
        body = bytearray(case.body)
        body[bit // 8] ^= 1 << bit % 8
        yield replace(case, body=bytes(body))


def refuses_all(name: str, case: Case, limit: int) -> None:
    for changed in flipped(case, limit):
        with pytest.raises(LakzegelError):
            SIGNED[name](changed)


def rewrites_all(name: str, case: Case, limit: int) -> None:
    for changed in flipped(case, limit):
        try:
            again = UNSIGNED[name](changed)
        except LakzegelError:
            continue
        assert again == changed.body


@pytest.mark.parametrize(("name", "case"), good(SIGNED))
def test_a_flipped_bit_of_something_signed_is_refused(name, case):
    refuses_all(name, case, DEAR.get(name, FLIPS))


@pytest.mark.parametrize(("name", "case"), good(UNSIGNED))
def test_a_flipped_bit_of_an_encoding_is_refused_or_written_again(name, case):
    rewrites_all(name, case, FLIPS)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "case"), good(SIGNED))
def test_every_bit_of_something_signed_is_covered(name, case):
    refuses_all(name, case, MANY if name == "custody" else 8 * len(case.body))


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "case"), good(UNSIGNED))
def test_every_bit_of_an_encoding_is_covered(name, case):
    rewrites_all(name, case, 8 * len(case.body))


def test_there_are_good_vectors_to_flip():
    assert len(good(SIGNED)) > len(SIGNED)
    assert len(good(UNSIGNED)) > len(UNSIGNED)
