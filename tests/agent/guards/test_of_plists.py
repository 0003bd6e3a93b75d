# SPDX-License-Identifier: EUPL-1.2
"""Property lists are untrusted bytes: a table of keys and values, or not understood."""

from __future__ import annotations

import plistlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.guards.base import PlaceError
from lakzegel_agent.guards.of_plists import macos_version, read_plist

FORMS = st.sampled_from([plistlib.FMT_XML, plistlib.FMT_BINARY])
PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), max_size=8)
LEAVES = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), PLAIN, st.binary(max_size=8))
TABLES = st.dictionaries(
    PLAIN, st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=6), max_size=4
)


@given(TABLES, FORMS)
def test_a_table_is_read_in_either_form(table, form):
    assert read_plist(plistlib.dumps(table, fmt=form)) == table


@given(TABLES, FORMS, st.data())
def test_what_was_changed_or_cut_is_a_table_or_not_understood(table, form, data):
    held = bytearray(plistlib.dumps(table, fmt=form))
    for _ in range(data.draw(st.integers(1, 4))):
        held[data.draw(st.integers(0, len(held) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_plist(bytes(held[: data.draw(st.integers(0, len(held)))]))
    except PlaceError:
        return
    assert isinstance(found, dict)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_not_understood(data):
    try:
        found = read_plist(b"bplist00" + data)
    except PlaceError:
        return
    assert isinstance(found, dict)


DEEP = b"<array>" * 100_000
HOSTILE = {
    "deep": b'<?xml version="1.0"?><plist><dict><key>a</key>' + DEEP,
    "entities": b"""<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>
        <plist><dict><key>a</key><string>&b;</string></dict></plist>""",
    "a date that is none": b"<plist><dict><key>a</key><date>2026-99-99T00:00:00Z</date></dict>",
    "a number that is none": b"<plist><dict><key>a</key><integer>0x</integer></dict></plist>",
    "no table": plistlib.dumps([1]),
    "no value": b"<plist><dict><key>a</key></dict></plist>",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_made_to_break_a_reader_is_not_understood(data):
    with pytest.raises(PlaceError, match="not-understood"):
        read_plist(data)


def test_a_list_within_itself_is_read_and_goes_no_deeper():
    head, refs = b"bplist00", [b"\xd1\x01\x02", b"\x51a", b"\xa1\x02"]
    offsets, body = [], head
    for one in refs:
        offsets.append(len(body))
        body += one
    table = bytes(offsets)
    trailer = bytes(6) + b"\1\1" + b"".join(n.to_bytes(8, "big") for n in (3, 0, len(body)))
    found = read_plist(body + table + trailer)
    assert found["a"][0] is found["a"]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"ProductVersion": "14.7"}, "14.7"),
        ({"ProductVersion": 14}, None),
        ({"ProductVersion": "1" * 99}, "1" * 32),
        ({}, None),
    ],
)
def test_the_version_of_macos_is_told_where_it_is_known(tmp_path, held, expected):
    path = tmp_path / "System/Library/CoreServices/SystemVersion.plist"
    path.parent.mkdir(parents=True)
    path.write_bytes(plistlib.dumps(held))
    assert macos_version(tmp_path) == expected
    path.write_bytes(b"broken")
    assert macos_version(tmp_path) is None
    path.unlink()
    assert macos_version(tmp_path) is None
