# SPDX-License-Identifier: EUPL-1.2
"""The table of mounts."""

from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.watchmounts import (
    Mount,
    mount_of,
    mounts_below,
    parse_mounts,
    read_mounts,
)

TABLE = b"""\
28 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
52 28 0:47 /post /home/a/Mail\\040oud rw,relatime shared:9 master:2 - nfs4 nas:/post rw,hard
53 28 0:48 / /home/a/nas rw - cifs //nas/map\\134x rw
54 28 0:49 / /home/a/nas rw - tmpfs none rw
"""
ROOT, MAIL, _, OVER = parse_mounts(TABLE)


def test_a_table_is_read_with_its_escapes():
    assert Mount(b"/home/a/Mail oud", b"nfs4", b"nas:/post", b"/post") == MAIL
    assert parse_mounts(TABLE)[2].device == b"//nas/map\\x"


def test_a_path_lies_on_the_longest_mount_and_the_newest():
    mounts = parse_mounts(TABLE)
    assert mount_of(b"/home/a/Mail oud/cur", mounts) == MAIL
    assert mount_of(b"/home/a/Mail", mounts) == ROOT
    assert mount_of(b"/home/a/nas/x", mounts) == OVER
    assert mount_of(b"/", mounts) == ROOT
    assert mount_of(b"/x", ()) is None


def test_mounts_below_are_named_from_there():
    mounts = parse_mounts(TABLE)
    assert mounts_below(b"/home/a", mounts) == {b"Mail oud": MAIL, b"nas": OVER}
    assert mounts_below(b"/home/a/Mail oud", mounts) == {}
    assert set(mounts_below(b"/", mounts)) == {b"home/a/Mail oud", b"home/a/nas"}


def test_what_is_written_elsewhere_is_a_share():
    assert MAIL.is_share()
    assert not ROOT.is_share()
    assert Mount(b"/x", b"fuse.rclone", b"", b"/").is_share()
    assert not Mount(b"/x", b"fuseblk", b"/dev/sdb1", b"/").is_share()  # a disk, by a driver


def test_a_system_without_a_table_has_no_mounts(tmp_path):
    assert read_mounts(tmp_path / "none") == ()


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(data):
    parse_mounts(data)
    parse_mounts(TABLE.replace(b"shared:9", data))
