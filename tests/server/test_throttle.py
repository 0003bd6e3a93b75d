# SPDX-License-Identifier: EUPL-1.2
"""What keeps guessing slow, and passes by itself."""

import pytest

from lakzegel_server.errors import TooManyError
from lakzegel_server.people.throttle import ADDRESS, NAME, PAIR, REMEMBERED, WINDOW, Throttle


@pytest.fixture
def throttle():
    return Throttle()


def fail(throttle, times, name="a", address="192.0.2.1", now=0.0):
    return [throttle.attempt(name, address, now) for _ in range(times)]


def test_the_last_failure_that_is_allowed_shuts_the_door_for_a_quarter_of_an_hour(throttle):
    assert fail(throttle, PAIR) == [False] * (PAIR - 1) + [True]
    with pytest.raises(TooManyError) as error:
        fail(throttle, 1, now=1.0)
    assert error.value.seconds == WINDOW - 1
    fail(throttle, 1, now=float(WINDOW))


def test_another_address_is_not_shut_out_by_it_and_neither_is_another_name(throttle):
    fail(throttle, PAIR)
    fail(throttle, 1, address="192.0.2.2")
    fail(throttle, 1, name="b")


def test_an_address_that_tries_many_names_is_shut_out(throttle):
    for index in range(ADDRESS):
        fail(throttle, 1, name=str(index))
    with pytest.raises(TooManyError):
        fail(throttle, 1, name="another")


def test_a_name_that_is_tried_from_everywhere_is_shut(throttle):
    for index in range(NAME):
        fail(throttle, 1, address=f"192.0.2.{index}")
    with pytest.raises(TooManyError):
        fail(throttle, 1, address="198.51.100.1")


def test_failures_of_long_ago_do_not_count(throttle):
    fail(throttle, PAIR - 1)
    fail(throttle, PAIR - 1, now=float(WINDOW))


def test_a_clock_that_was_ahead_keeps_nobody_out_for_longer(throttle):
    fail(throttle, PAIR, now=1_000_000.0)
    fail(throttle, PAIR - 1, now=1.0)
    fail(throttle, 1, now=0.9)  # attempts side by side are not in order
    with pytest.raises(TooManyError):
        fail(throttle, 1, now=1.0)


def test_who_succeeds_has_not_failed(throttle):
    for _ in range(3 * NAME):
        fail(throttle, PAIR - 1)
        throttle.attempt("a", "192.0.2.1", 0.0)
        throttle.success("a", "192.0.2.1")
        for _ in range(PAIR - 1):
            throttle.success("a", "192.0.2.1")


def test_a_success_does_not_open_the_door_for_another_name_from_there(throttle):
    for index in range(ADDRESS - 1):
        fail(throttle, 1, name=str(index))
    throttle.attempt("own", "192.0.2.1", 0.0)
    throttle.success("own", "192.0.2.1")
    fail(throttle, 1, name="last")
    with pytest.raises(TooManyError):
        fail(throttle, 1, name="more")


def test_the_addresses_of_one_subscriber_are_one(throttle):
    for index in range(PAIR):
        fail(throttle, 1, address=f"2001:db8::{index}")
    with pytest.raises(TooManyError):
        fail(throttle, 1, address="2001:db8::ffff:1")
    fail(throttle, 1, address="2001:db8:0:1::1")


def test_it_remembers_no_more_than_it_should(throttle):
    for index in range(REMEMBERED):
        throttle.attempt(str(index), str(index), 0.0)
    assert len(throttle._counts) == REMEMBERED
