# SPDX-License-Identifier: EUPL-1.2
"""Which numbers pass and count, and what the guard makes of what sealing found."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.content.numbers import BESIDE, numbers, passes
from lakzegel_agent.guards.citizen_numbers import GUARD
from lakzegel_agent.guards.of_content import noted
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.sealing.jobs import Labelled

from .conftest import Kept, Make, readings, states

WORDS = (
    "BSN", "bsn", "Bsn:", "BSN-nummer", "bsnr", "burgerservicenummer", "Burgerservicenummer",
    "burger service nummer", "burger-service-nr.", "BURGERSERVICENR", "sofinummer", "sofi-nummer",
    "SoFi nr", "sociaal-fiscaal nummer", "citizen service number", "Citizen Service Number",
)  # fmt: skip
GROUPED = ("{}{}{}{}{}{}{}{}{}", "{}{}{} {}{}{} {}{}{}", "{}{}{}-{}{}{}-{}{}{}",
           "{}{}{}.{}{}{}.{}{}{}", "{}{}{}{}.{}{}.{}{}{}", "{}{} {}{} {}{} {}{}{}",
           "{}{}{}\u00a0{}{}{}\u00a0{}{}{}")  # fmt: skip


def check_digit(first: str) -> str | None:
    """Complete eight digits, where a ninth makes them pass."""
    rest = sum(w * int(d) for w, d in zip(range(9, 1, -1), first, strict=True)) % 11
    return None if rest == 10 or not first.strip("0") else first + str(rest)


passing = st.text("0123456789", min_size=8, max_size=8).map(check_digit).filter(bool)
between = st.text(st.sampled_from("abc ,;:()\n"), max_size=BESIDE - 2)


@pytest.mark.parametrize(
    ("digits", "is_one"),
    [
        ("111222333", True),
        ("123456782", True),
        ("249566758", True),
        ("000000012", True),
        ("10000008", True),  # 010000008
        ("010000008", True),
        ("111222334", False),
        ("123456789", False),
        ("000000000", False),
        ("00000000", False),
        ("999999999", False),
    ],
)
def test_known_answers_of_the_eleven_test(digits: str, is_one: bool) -> None:  # noqa: FBT001
    assert passes(digits) is is_one


def test_one_in_eleven_passes_by_chance() -> None:
    found = sum(passes(f"{n:09}") for n in range(100_000_000, 100_110_000))
    assert found == 10_000


@given(passing, st.sampled_from(WORDS), st.sampled_from(GROUPED), between, st.booleans())
def test_a_number_that_passes_is_found_beside_a_word_and_only_counted_without(
    digits: str,
    word: str,
    form: str,
    space: str,
    before: bool,  # noqa: FBT001
) -> None:
    shown = form.format(*digits)
    text = f"{word} {space} {shown}" if before else f"{shown} {space} {word}"
    assert numbers(text).named, text
    assert numbers(shown) == (False, True)


@given(st.text("0123456789", min_size=9, max_size=9), st.sampled_from(WORDS))
def test_a_number_that_does_not_pass_is_none(digits: str, word: str) -> None:
    assert numbers(f"{word} {digits}").named is passes(digits)


@pytest.mark.parametrize(
    "text",
    [
        "BSN: 111222333",
        "BSN111222333",
        "bsn=111222333&x=1",
        '"bsn":"111222333"',
        "burgerservicenummer\r\n111222333",
        "BSN 111222333.",
        "(BSN 111222333)",
        "BSN 111222333, geboren 10-05-1970",
        "BSN 111222333 10-05-1970",
        "111 222 333 is zijn sofinummer",
        "Naam | BSN\nJansen | 111222333",
        "BSN 10000008",
        "BSN van Jansen en van De Vries zijn 111222334 en 111222333",
    ],
)
def test_these_are_found(text: str) -> None:
    assert numbers(text).named


@pytest.mark.parametrize(
    "text",
    [
        "BSN",
        "BSN onbekend, zaak 111222334",
        "BSN 1112223330",
        "BSN 0111222333",
        "BSN 111222333-1",
        "BSN 111222333,50",
        "BSN 1.111222333",
        "BSN A111222333",
        "BSN 111222333B",
        "BSN? bel +31 111222333",
        "BSN? bel +31111222333",
        "BSN? bel 06 10000008",
        "BSN? bel (06) 10000008",
        "BSN? bel 0031 111222333",
        "BSN? IBAN NL02ABNA0111222333",
        "BSN? IBAN NL02 ABNA 0111 2223 33",
        "BSN? 111 222-333",
        "BSN? 11 12 22 33 3",
        "BSN? 111222 333",
        "bsnl 111222333",
        "fabsn 111222333",
        "nummer 111222333",
        "BSN" + " " * (BESIDE + 1) + "111222333",
        "111222333" + "." * 1 + " " * BESIDE + "BSN",
    ],
)
def test_these_are_not(text: str) -> None:
    assert not numbers(text).named


@pytest.mark.parametrize(("space", "is_near"), [(64, True), (65, False)])
def test_the_word_stands_within_64_characters_before_or_behind(space: int, is_near: bool) -> None:  # noqa: FBT001
    between = " " + "x" * (space - 2) + " "
    assert numbers(f"BSN{between}111222333").named is is_near
    assert numbers(f"111222333{between}BSN").named is is_near
    far = " " * 200
    assert numbers(f"BSN{far}111222333{far}BSN 111222334").named is False
    assert numbers(f"BSN 111222334{far}sofinr{between}111222333").named is is_near


HOSTILE = ("1", "1 ", "1.", "111222333 ", "bsn ", "bsn 111222334 ", "111 222 ", "+31 ", "citizen ")


@pytest.mark.parametrize("piece", HOSTILE)
def test_the_look_takes_time_that_is_linear_in_the_text(piece: str) -> None:
    text = piece * (2**20 // len(piece))
    began = time.process_time()
    numbers(text)
    assert time.process_time() - began < 20  # quadratic would be hours


def test_the_value_counts_both(around: Make, memory: Kept) -> None:
    labelled = (
        Labelled(0, 1, ("citizen-number",), False),
        Labelled(0, 2, (), True),
        Labelled(0, 3, (), True),
    )
    for name, value in noted(memory, ("citizen-number",), 1, ("Chats",), 4, labelled):
        memory.remember(name, value)
    (one,) = readings(GUARD, around(notes=GuardNotes(memory, GUARD.declaration.id)))
    assert states([one]) == {"found": ("drifted", "found")}
    assert isinstance(one.value, dict)
    assert (one.count, one.value["without_word"], one.value["items"]) == (1, 2, [[1, 4, 1]])


def test_numbers_without_a_word_are_told_once_a_day(around: Make, memory: Kept) -> None:
    values = []
    for batch in range(3):
        for name, value in noted(
            memory, ("citizen-number",), 0, ("Mail",), batch, (Labelled(0, 0, (), True),)
        ):
            memory.remember(name, value)
        notes = GuardNotes(memory, GUARD.declaration.id)
        (one,) = readings(GUARD, around(notes=notes))
        assert (str(one.state), one.reason) == ("compliant", "")
        values.append(one.value)
        memory.values.update(notes.named())
    assert values[0] == values[1] == values[2]
    assert isinstance(values[0], dict)
    assert values[0]["without_word"] == 1
