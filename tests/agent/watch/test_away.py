# SPDX-License-Identifier: EUPL-1.2
"""Real mounts that come and go below a watched folder, and what a pass makes of them."""

import importlib.util
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakzegel_agent.roots import DAYS, PASSES, Places, places_now
from lakzegel_agent.rootsaway import Standing
from lakzegel_agent.rootstold import ABSENT, AWAY, UNREAD, tell
from lakzegel_agent.watch import SHARE, Watcher
from lakzegel_agent.watchmounts import Mount, read_mounts

NOW = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
DISK = Mount(b"/", b"ext4", b"/dev/sda2", b"/")
SHARE_AT = Mount(b"/mnt/post", b"nfs4", b"nas:/post", b"/")


class Mounted:
    """A table of mounts that a test may change."""

    def __init__(self, *mounts):
        self.mounts = mounts

    def __call__(self):
        return self.mounts


def standing(before, mounts, when=NOW):
    found = Standing(before, mounts, lambda: when)
    found.look(b"/mnt")
    return found


@pytest.fixture
def captured():
    """What is remembered of `/mnt` after a pass that met a file on the share in it."""
    return Places().after(places_now(b"/mnt", (DISK, SHARE_AT)), (), NOW)


def test_a_share_below_a_root_that_is_away_hides_what_lay_there_and_nothing_else(captured):
    found = standing(captured, Mounted(DISK))
    assert found.judge([b"post/a", b"post/b", b"here"], [b"there"]) == (b"post",)
    assert found.is_away()
    assert Places.unpack(found.after()).places == captured.places


def test_where_a_known_file_is_met_nothing_is_away(captured):
    found = standing(captured, Mounted(DISK))
    assert found.judge([b"post/a"], [b"post/b"]) == ()
    assert Places.unpack(found.after()).places == places_now(b"/mnt", (DISK,))


def test_where_nothing_was_captured_nothing_is_away(captured):
    assert standing(captured, Mounted(DISK)).judge([b"here"], []) == ()


def test_what_is_deleted_in_the_same_place_is_deleted(captured):
    found = standing(captured, Mounted(DISK, SHARE_AT))
    assert found.judge([b"post/a", b"here"], []) == ()
    assert not found.is_away()


def test_after_days_and_passes_everything_gone_is_believed(captured):
    places = captured
    for number in range(PASSES):
        found = standing(places, Mounted(DISK), NOW + DAYS * number / (PASSES - 1))
        assert found.judge([b"post/a"], []) == (b"post",)
        places = Places.unpack(found.after())
    found = standing(places, Mounted(DISK), NOW + DAYS + timedelta(seconds=1))
    assert found.judge([b"post/a"], []) == ()
    assert Places.unpack(found.after()).places == places_now(b"/mnt", (DISK,))


def test_a_mount_that_changes_during_the_scan_is_noticed(captured):
    mounted = Mounted(DISK, SHARE_AT)
    found = Standing(captured, mounted, lambda: NOW)
    found.look(b"/mnt")
    assert found.look(b"/mnt")
    mounted.mounts = (DISK,)
    assert not found.look(b"/mnt")


# what is told


class Memory:
    def __init__(self):
        self.values, self.observed = {}, []

    def remember(self, name, value):
        self.values[name] = value

    def recall(self, name):
        return self.values.get(name)

    def observe(self, _, value):
        self.observed.append((value["type"], value["sources"]))


def test_the_office_hears_once_that_a_source_is_missing_and_once_that_it_is_back():
    memory, names = Memory(), {"Postvak": "s0", "Chats": "s1"}
    assert tell(memory, {"Postvak": ABSENT, "Chats": None}, names) == ["s0 (absent)"]
    assert tell(memory, {"Postvak": AWAY}, names) == ["s0 (away)"]
    assert tell(memory, {"Chats": UNREAD}, names) == ["s0 (away)", "s1 (unread)"]
    assert tell(memory, {"Postvak": None}, names) == ["s1 (unread)"]
    assert memory.observed == [
        ("missing-root", ["Postvak"]),
        ("unread", ["Chats"]),
        ("root-back", ["Postvak"]),
    ]


def test_of_a_source_that_the_policy_dropped_nothing_more_is_told():
    memory = Memory()
    tell(memory, {"Postvak": ABSENT}, {"Postvak": "s0"})
    assert tell(memory, {}, {"Chats": "s1"}) == []
    assert [kind for kind, _ in memory.observed] == ["missing-root"]


# real mounts


def change(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


class Disk:
    """A file system in memory that is mounted and taken away again."""

    def __init__(self, folder):
        self.point = folder / "device" / "docs"
        self.aside = folder / "aside"
        for place in (self.point, self.aside):
            place.mkdir(parents=True)

    def mount(self):
        change("mount", "-t", "tmpfs", "-o", "size=1m", "lakzegel-test", str(self.point))

    def umount(self):
        change("umount", str(self.point))


@pytest.fixture
def tmpfs(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    yield Disk(tmp_path)
    for mount in reversed(read_mounts()):
        if mount.point.startswith(bytes(tmp_path)):
            change("umount", os.fsdecode(mount.point))


def test_a_real_mount_is_in_the_table_and_ends_the_watch_below_it(tmpfs, start, hints):
    watcher = start(tmpfs.point)
    before = places_now(bytes(tmpfs.point), read_mounts())
    tmpfs.mount()
    assert not watcher.is_well()
    again = start(tmpfs.point)
    (Path(tmpfs.point) / "new").write_bytes(b"x")
    assert hints.came(bytes(tmpfs.point))
    assert places_now(bytes(tmpfs.point), read_mounts()) != before
    tmpfs.umount()
    assert not again.is_well()
    assert places_now(bytes(tmpfs.point), read_mounts()) == before


def test_watchers_know_a_share_by_the_table(tmp_path, hints):
    mounts = (DISK, Mount(bytes(tmp_path), b"nfs", b"nas:/x", b"/"))
    watcher = Watcher.start([bytes(tmp_path)], hint=hints.hint, lost=hints.drop, mounts=mounts)
    assert watcher.unsure == {bytes(tmp_path): SHARE}
    watcher.stop()


# a whole engine over a real mount


@pytest.fixture
def engine(tmp_path):
    path = Path(__file__).parents[1] / "engine" / "conftest.py"
    spec = importlib.util.spec_from_file_location("engine_of_the_other_tests", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    made = module.Engine(tmp_path / "device")
    yield made
    made.close()


def test_an_unmounted_share_is_away_and_nothing_in_it_has_vanished(tmpfs, engine):
    assert engine.root == tmpfs.point
    tmpfs.mount()
    engine.write("a", b"1")
    engine.write("b", b"2")
    assert engine.capture().away == ()
    subprocess.run(["mount", "--move", tmpfs.point, tmpfs.aside], check=True)
    report = engine.capture()
    assert (report.away, report.missing, report.vanished) == (("docs",), (), 0)
    engine.write("stray", b"3")  # into the mount point's own folder
    assert engine.capture().away == ("docs",)
    subprocess.run(["mount", "--move", tmpfs.aside, tmpfs.point], check=True)
    (tmpfs.point / "b").unlink()
    report = engine.capture()
    assert (report.away, report.vanished) == ((), 2)  # b, and what was only under the mount
    archive = engine.archive()
    gone = {row["path"] for said in archive.observations("vanished") for row in said["files"]}
    assert gone == {"b", "stray"}


def test_a_mount_below_a_root_that_is_away_hides_its_files_alone(tmpfs, engine):
    engine.watch(root=bytes(tmpfs.point.parent / "whole"))
    whole = tmpfs.point.parent / "whole"
    whole.mkdir()
    (whole / "here").write_bytes(b"1")
    (whole / "nas").mkdir()
    tmpfs.mount()
    subprocess.run(["mount", "--move", tmpfs.point, whole / "nas"], check=True)
    (whole / "nas" / "there").write_bytes(b"2")
    assert engine.capture().sealed == 2
    subprocess.run(["mount", "--move", whole / "nas", tmpfs.point], check=True)
    (whole / "here").unlink()
    report = engine.capture()
    assert (report.away, report.vanished) == (("docs",), 1)
    [said] = engine.archive().observations("vanished")
    assert [row["path"] for row in said["files"]] == ["here"]
