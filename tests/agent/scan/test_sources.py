# SPDX-License-Identifier: EUPL-1.2
"""A policy's path, with `~` and wildcards, as a folder and a selection of what lies below it."""

import os
import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent.errors import UsageError
from lakzegel_agent.readers import reader_of
from lakzegel_agent.scan import FoundFile, FoundOther, scan
from lakzegel_agent.sources import locate

HOME = b"/home/nobody-here"


@pytest.fixture
def home(tmp_path):
    for path in (
        "Mail/cur/1",
        ".thunderbird/a.default/Mail/Inbox",
        ".thunderbird/a.default/Mail/Local/Sent",
        ".thunderbird/a.default/prefs.js",
        ".thunderbird/b.work/Mail/Inbox",
        ".thunderbird/profiles.ini",
        "Downloads/Chat/result.json",
        "Downloads/oud/2023/Chat/result.json",
        "Downloads/Chat/photos/1.jpg",
        "result.json",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    return os.fsencode(tmp_path)


def taken(path, home):
    root = locate(path, home=home)
    rows = scan(root.root, reader_of("folder"), only=root.only)
    found = [root.root + b"/" + row.path for row in rows if isinstance(row, FoundFile)]
    return sorted(one.removeprefix(home + b"/").decode() for one in found)


@pytest.mark.parametrize("path", ["~/Mail", "~/Mail/", "~//./Mail"])
def test_a_path_without_wildcards_is_that_folder(home, path):
    root = locate(path, home=home)
    assert (root.root, root.only, root.missing) == (home + b"/Mail", None, False)


def test_an_absolute_path_needs_no_home(home):
    assert locate(os.fsdecode(home) + "/Mail", home=HOME).root == home + b"/Mail"
    assert locate("~", home=home).root == home
    assert locate("/", home=HOME).root == b"/"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "~/.thunderbird/*/Mail",
            [
                ".thunderbird/a.default/Mail/Inbox",
                ".thunderbird/a.default/Mail/Local/Sent",
                ".thunderbird/b.work/Mail/Inbox",
            ],
        ),
        ("~/.thunderbird/?.work/Mail", [".thunderbird/b.work/Mail/Inbox"]),
        ("~/.thunderbird/[!a]*/Mail", [".thunderbird/b.work/Mail/Inbox"]),
        ("~/.thunderbird/*.ini", [".thunderbird/profiles.ini"]),
        ("~/Downloads/*/result.json", ["Downloads/Chat/result.json"]),
        (
            "~/**/result.json",
            ["Downloads/Chat/result.json", "Downloads/oud/2023/Chat/result.json", "result.json"],
        ),
        ("~/Downloads/**/photos", ["Downloads/Chat/photos/1.jpg"]),
        ("~/Mail/**", ["Mail/cur/1"]),
        ("~/M*", ["Mail/cur/1"]),
        ("~/*/*/*/Local", [".thunderbird/a.default/Mail/Local/Sent"]),
        ("~/nergens*", []),
    ],
)
def test_a_wildcard_takes_what_it_matches_and_what_lies_below(home, path, expected):
    assert taken(path, home) == expected


def test_the_root_is_the_part_before_the_first_wildcard(home):
    assert locate("~/.thunderbird/*/Mail", home=home).root == home + b"/.thunderbird"
    assert locate("~/Mail/c?r", home=home).root == home + b"/Mail"


def test_a_path_to_one_file_takes_that_file_alone(home):
    root = locate("~/Downloads/Chat/result.json", home=home)
    assert root.root == home + b"/Downloads/Chat"
    assert taken("~/Downloads/Chat/result.json", home) == ["Downloads/Chat/result.json"]


def test_a_file_whose_name_has_odd_characters_is_taken_as_it_is_called(tmp_path):
    (tmp_path / "a+b(1).txt").write_bytes(b"")
    (tmp_path / "aab1.txt").write_bytes(b"")
    assert taken("~/a+b(1).txt", os.fsencode(tmp_path)) == ["a+b(1).txt"]


def test_a_missing_root_is_missing_and_not_empty(home):
    for path in ("~/weg", "~/weg/*.txt", "~/result.json/x"):
        assert locate(path, home=home).missing
    rows = list(scan(locate("~/weg", home=home).root, reader_of("folder")))
    assert rows == [FoundOther(b"", "failed", "missing")]


def test_wildcards_in_the_name_of_a_home_are_just_characters(tmp_path):
    (tmp_path / "[jan]*" / "Mail").mkdir(parents=True)
    (tmp_path / "[jan]*" / "Mail" / "1").write_bytes(b"")
    home = os.fsencode(tmp_path / "[jan]*")
    assert locate("~/Mail", home=home).root == home + b"/Mail"
    assert taken("~/M*", home) == ["Mail/1"]


def test_folders_that_cannot_hold_a_match_are_not_entered(home):
    only = locate("~/.thunderbird/*/Mail", home=home).only
    assert only.may_hold(b"")
    assert only.may_hold(b"a.default")
    assert only.may_hold(b"a.default/Mail/Local")
    assert not only.may_hold(b"a.default/Cache")
    assert locate("~/**/x", home=home).only.may_hold(b"a/b/c")


def test_a_character_is_a_character_and_not_a_byte(tmp_path):
    for name in (b"caf\xc3\xa9.txt", b"caf\xff.txt"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"")
    root = locate("~/caf?.txt", home=os.fsencode(tmp_path))
    assert sum(isinstance(row, FoundFile) for row in _rows(root)) == 2


def _rows(root):
    return list(scan(root.root, reader_of("folder"), only=root.only))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "Mail",
        "./Mail",
        "~jan/Mail",
        "~/../jan/Mail",
        "/home/../root",
        "~/a\0b",
        "~/\ud800",
        "~/" + "a" * 4_096,
        "/" + "/".join("*" * 65),
        "~/" + "*a" * 17,
    ],
)
def test_a_path_that_is_unclear_or_beyond_a_limit_is_a_mistake_in_the_policy(path):
    with pytest.raises(UsageError, match="source path") as caught:
        locate(path, home=HOME)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_hostile_patterns_cost_little():
    only = locate("~/" + "**/a*a*a*a*a*a*a*b/" * 30 + "x", home=HOME).only
    start = time.process_time()
    assert not only(b"/".join([b"a" * 200] * 20))
    assert time.process_time() - start < 2


@settings(max_examples=200, deadline=None, database=None)
@given(
    pattern=st.lists(st.sampled_from(["*", "**", "a", "b*", "[ab]", "?", "[", "[]"]), min_size=1),
    path=st.lists(st.sampled_from(["a", "b", "ab", "c", "["]), min_size=1, max_size=5),
)
def test_a_selection_is_what_matching_every_prefix_says(pattern, path):
    def matches(parts, names):
        if not parts:
            return True
        if parts[0] == "**":
            return any(matches(parts[1:], names[at:]) for at in range(len(names) + 1))
        return bool(names) and fnmatchcase(names[0], parts[0]) and matches(parts[1:], names[1:])

    pattern = pattern[:6]
    wild = next((at for at, part in enumerate(pattern) if set(part) & set("*?[")), None)
    if wild is None:
        return
    only = locate("~/" + "/".join(pattern), home=HOME).only
    joined = "/".join(path).encode()
    assert only(joined) == matches(pattern[wild:], path)
    for end in range(1, len(path)):
        folder = "/".join(path[:end]).encode()
        assert not only(joined) or only.may_hold(folder)
