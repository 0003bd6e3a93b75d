# SPDX-License-Identifier: EUPL-1.2
"""When batches leave a device, as a policy says it."""

from datetime import datetime

import pytest

from lakzegel_core.errors import PolicyError
from lakzegel_core.shipping import Shipping, parse_bandwidth, parse_longest_wait, parse_shipping
from lakzegel_core.tables import load_toml

MONDAY = datetime(2026, 11, 23)  # noqa: DTZ001 - what the clock on the wall shows


def shipping(text):
    return parse_shipping(load_toml(text, what="shipping", max_size=1000))


def test_without_a_word_everything_leaves_at_once():
    assert shipping("") == Shipping()
    assert shipping("").is_open(MONDAY)


@pytest.mark.parametrize(
    ("day", "hour", "open_"),
    [(0, 18, False), (0, 19, True), (0, 23, True), (1, 6, True), (1, 7, False), (5, 6, True),
     (5, 7, False), (5, 12, False), (6, 6, False), (0, 6, False)],
)  # fmt: skip
def test_a_night_belongs_to_the_day_on_which_it_begins(day, hour, open_):
    found = shipping('hours = "Mon-Fri 19:00-07:00"')
    assert found.is_open(MONDAY.replace(day=23 + day, hour=hour)) is open_


def test_several_spans_add_up():
    found = shipping('hours = "Mon 10:00-11:00, Mon 13:00-14:00"')
    hours = [hour for hour in range(24) if found.is_open(MONDAY.replace(hour=hour))]
    assert hours == [10, 13]


@pytest.mark.parametrize(
    "text",
    ['hours = ""', "hours = 7", 'bandwidth = "4095 B"', 'on_battery = "yes"', "metered = true",
     'longest_wait = "8d"', 'weekend = "wait"'],
)  # fmt: skip
def test_what_cannot_be_kept_to_is_refused(text):
    with pytest.raises(PolicyError, match="shipping"):
        shipping(text)


def test_the_least_bandwidth_and_the_longest_wait():
    assert parse_bandwidth("4 KiB", what="x") == 4096
    assert parse_longest_wait("7d", what="x") == 604_800
