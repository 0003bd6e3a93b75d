# SPDX-License-Identifier: EUPL-1.2
"""A share that is away is not a folder whose files were deleted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.roots import DAYS, PASSES, Places, place_of, places_now
from lakzegel_agent.watchmounts import Mount

NOW = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
DISK = Mount(b"/", b"ext4", b"/dev/sda2", b"/")
SHARE = Mount(b"/mnt/post", b"nfs4", b"nas:/post", b"/")
OTHER = Mount(b"/mnt/post", b"nfs4", b"nas:/archief", b"/")
LATER = timedelta(days=1)


def places(*mounts, root=b"/mnt/post"):
    return places_now(root, tuple(mounts))


def test_an_unmounted_share_is_another_place_and_a_mounted_one_the_same_again():
    before = Places().after(places(DISK, SHARE), (), NOW)
    assert before.others(places(DISK, SHARE)) == ()
    assert before.others(places(DISK)) == (b"",)
    assert before.others(places(DISK, OTHER)) == (b"",)


def test_a_share_below_a_root_is_known_by_its_own_path():
    before = Places().after(places(DISK, SHARE, root=b"/mnt"), (), NOW)
    assert before.others(places(DISK, SHARE, root=b"/mnt")) == ()
    assert before.others(places(DISK, root=b"/mnt")) == (b"post",)


def test_nothing_is_another_place_to_who_remembers_nothing():
    assert Places().others(places(DISK)) == ()


def test_what_is_away_keeps_its_place_and_what_came_back_is_away_no_more():
    before = Places().after(places(DISK, SHARE), (), NOW)
    away = before.after(places(DISK), (b"",), NOW)
    assert away.places == before.places
    assert away.away == {b"": (NOW, 1)}
    assert away.others(places(DISK, SHARE)) == ()
    assert away.after(places(DISK, SHARE), (), NOW).away == {}


def test_another_place_in_which_known_files_were_met_is_the_new_place():
    before = Places().after(places(DISK, SHARE), (), NOW)
    moved = before.after(places(DISK, OTHER), (), NOW)
    assert moved.others(places(DISK, OTHER)) == ()


def away_for(days, passes):
    found = Places().after(places(DISK, SHARE), (), NOW)
    for number in range(passes):
        when = NOW + days * number / max(1, passes - 1)
        found = found.after(places(DISK), (b"",), when)
    return found


def test_it_takes_passes_and_days_until_everything_gone_is_believed():
    assert away_for(DAYS, PASSES).is_believed(b"", NOW + DAYS)
    assert not away_for(DAYS, PASSES - 1).is_believed(b"", NOW + DAYS)
    assert not away_for(DAYS, PASSES).is_believed(b"", NOW + DAYS - timedelta(seconds=1))
    assert not Places().is_believed(b"", NOW)


def test_a_clock_that_was_set_back_makes_it_take_longer_not_shorter():
    found = away_for(DAYS, PASSES).after(places(DISK), (b"",), NOW - LATER)
    assert found.away[b""][0] == NOW - LATER
    assert not found.is_believed(b"", NOW)


def test_it_is_kept_and_read_again():
    found = away_for(DAYS, 3)
    assert Places.unpack(found.pack()) == found
    assert Places.unpack(None) == Places()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"away":{},"places":{"x":"00"}}',
        b'{"away":{"":[1,2]},"places":{}}',
        b'{"away":{"":null},"places":{}}',
        b'{"away":{},"places":{"":7}}',
    ],
)
def test_what_is_not_ours_is_nothing(data):
    assert Places.unpack(data) == Places()


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(data):
    Places.unpack(data)


def test_without_a_table_of_mounts_a_folder_is_known_by_device_and_inode(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    assert place_of(bytes(one), ()) == place_of(bytes(one), ())
    assert place_of(bytes(one), ()) != place_of(bytes(two), ())
