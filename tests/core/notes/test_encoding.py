# SPDX-License-Identifier: EUPL-1.2
"""There is one encoding of everything, and any other is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_core import fields
from lakzegel_core.encoding import (
    b64,
    canonical_json,
    format_time,
    parse_canonical_json,
    parse_decimal,
    parse_time,
    unb64,
)
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.limits import MAX_INT

whole = st.integers(min_value=-MAX_INT, max_value=MAX_INT)
json_values = st.recursive(
    st.none() | st.booleans() | whole | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
    max_leaves=12,
)


@given(st.binary())
def test_base64_comes_back(data):
    assert unb64(b64(data), what="x", size=len(data)) == data


@pytest.mark.parametrize(
    "text",
    [
        "AA",
        "AA=",
        "AA===",
        "AB==",  # a spare bit
        "AAA",
        "AA==\n",
        " AA==",
        "A A==",
        "_-8=",  # the other alphabet
        "AA==AA==",
        "=",
        "ＡＡ==",  # noqa: RUF001 - full width
    ],
)
def test_no_other_base64_is_taken(text):
    with pytest.raises(FormatError):
        unb64(text, what="x")


def test_base64_of_another_size_is_refused():
    with pytest.raises(FormatError, match="1 bytes where 32 belong"):
        unb64("AA==", what="x", size=32)


@given(st.integers(min_value=0, max_value=MAX_INT))
def test_numbers_come_back(number):
    assert parse_decimal(str(number), what="x") == number


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "+1", "-1", "-0", "01", "00", "1_0", "0x1", "1.0", "1e3", "１", "²", "1\n"],  # noqa: RUF001
)
def test_no_other_number_is_taken(text):
    with pytest.raises(FormatError):
        parse_decimal(text, what="x")


@pytest.mark.parametrize("text", [str(MAX_INT + 1), "9" * 17, "9" * 100_000])
def test_too_large_a_number_is_refused_before_it_is_computed(text):
    with pytest.raises(LimitError):
        parse_decimal(text, what="x")


moments = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
def test_times_come_back_in_whole_seconds(moment):
    assert parse_time(format_time(moment), what="x") == moment.replace(microsecond=0)


def test_times_are_written_in_utc():
    zone = timezone(timedelta(hours=2))
    assert format_time(datetime(2026, 11, 24, 1, 0, tzinfo=zone)) == "2026-11-23T23:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-11-24T02:07:45",
        "2026-11-24T02:07:45z",
        "2026-11-24 02:07:45Z",
        "2026-11-24T02:07:45+00:00",
        "2026-11-24T02:07:45.5Z",
        "2026-11-24T02:07:60Z",
        "2026-11-24T24:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-W48-2T02:07:45Z",
        "20261124T020745.000Z",
        "0000-01-01T00:00:00Z",
        "２026-11-24T02:07:45Z",  # noqa: RUF001 - full width
    ],
)
def test_no_other_time_is_taken(text):
    with pytest.raises(FormatError):
        parse_time(text, what="x")


@given(json_values)
def test_json_comes_back(value):
    data = canonical_json(value)
    assert parse_canonical_json(data, what="x", max_size=len(data)) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1 ",
        b"1.0",
        b"1e0",
        b"-0",
        b"01",
        b"NaN",
        b"Infinity",
        b"[1, 2]",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'"\\u0061"',
        b'"\\/"',
        b'"\\u001F"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        '{"é":1}'.encode(),
        b"\xef\xbb\xbf1",
        b"9007199254740992",
        b"1" * 5000,
        b"[" * 10 + b"]" * 10,
        b"[" * 50_000 + b"]" * 50_000,
        b"[1,]",
        b"1\n",
    ],
)
def test_no_other_json_is_taken(data):
    with pytest.raises(FormatError):
        parse_canonical_json(data, what="x", max_size=200_000)


def test_json_beyond_its_limit_is_not_parsed():
    with pytest.raises(LimitError, match="5 bytes, at most 4"):
        parse_canonical_json(b"[1,2]", what="x", max_size=4)


@pytest.mark.parametrize("value", [1.5, {"é": 1}, b"bytes", {1, 2}, [float("nan")], "\ud800"])
def test_what_json_cannot_carry_exactly_is_refused(value):
    with pytest.raises(FormatError):
        canonical_json(value)


def test_a_value_with_a_newline_cannot_make_a_line():
    with pytest.raises(FormatError, match="holds a newline"):
        fields.encode("held", "log.example", [("a", "1\nb 2")])


@pytest.mark.parametrize("text", [b"", b"x\n", b"lakzegel.nl/held/v2\n", b"lakzegel.nl/v1\n"])
def test_a_first_line_that_is_no_kind_is_refused(text):
    with pytest.raises(FormatError):
        fields.kind_of_text(text)


def test_the_kind_is_what_stands_between_name_and_version():
    assert fields.kind_of_text(b"lakzegel.nl/keyring-change/v1\nlog x\n") == "keyring-change"


@pytest.mark.parametrize("name", ["a", "0", "laptop-7", "a" * 63, "a--b"])
def test_a_slug_is_lower_case_with_inner_hyphens(name):
    assert fields.slug(name, what="x") == name


@pytest.mark.parametrize(
    "name", ["", "-", "-a", "a-", "A", "a_b", "a.b", "a" * 64, "a\n", "é", "a/b"]
)
def test_nothing_else_is_a_slug(name):
    with pytest.raises(FormatError):
        fields.slug(name, what="x")
