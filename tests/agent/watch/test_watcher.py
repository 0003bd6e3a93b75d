# SPDX-License-Identifier: EUPL-1.2
"""Hints from folders: what gives one, and where they are missing."""

import os
import subprocess
import sys
import time

import pytest

from lakzegel_agent.watch import ABSENT, NO_WATCH, SHARE, reasons
from lakzegel_agent.watchmounts import Mount


def test_a_new_file_is_a_hint(start, tmp_path, hints):
    watcher = start(tmp_path)
    (tmp_path / "new").write_bytes(b"x")
    assert hints.came(bytes(tmp_path))
    assert set(hints.roots) == {bytes(tmp_path)}
    assert watcher.is_well()
    assert not watcher.unsure


def test_a_hint_names_what_was_made_changed_moved_or_removed(start, tmp_path, hints):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "old").write_bytes(b"x")
    start(tmp_path)
    (tmp_path / "in" / "old").write_bytes(b"y")
    assert hints.wait(lambda: b"in/old" in hints.paths)
    hints.forget()
    (tmp_path / "in" / "old").rename(tmp_path / "moved \n")
    assert hints.wait(lambda: {b"in/old", b"moved \n"} <= set(hints.paths))
    hints.forget()
    (tmp_path / "moved \n").unlink()
    assert hints.wait(lambda: b"moved \n" in hints.paths)
    hints.forget()
    (tmp_path / "new").mkdir()
    assert hints.wait(lambda: b"new" in hints.paths)
    assert None not in hints.paths


def test_a_folder_that_is_moved_or_removed_names_nothing(start, tmp_path, hints):
    (tmp_path / "a" / "b").mkdir(parents=True)
    start(tmp_path)
    (tmp_path / "a").rename(tmp_path / "c")
    assert hints.wait(lambda: None in hints.paths)
    hints.forget()
    (tmp_path / "c" / "b").rmdir()
    assert hints.wait(lambda: None in hints.paths)


def test_each_root_has_its_own_hints_over_one_queue(start, tmp_path, hints):
    roots = [tmp_path / str(number) for number in range(200)]  # instances: 128 a user
    for root in roots:
        root.mkdir()
    watcher = start(*roots)
    assert not watcher.unsure
    (roots[150] / "new").write_bytes(b"x")
    assert hints.came(bytes(roots[150]))
    assert set(hints.roots) == {bytes(roots[150])}


def test_a_file_in_a_new_folder_is_a_hint(start, tmp_path, hints):
    start(tmp_path)
    (tmp_path / "folder").mkdir()
    assert hints.came(bytes(tmp_path))
    hints.forget()
    end = time.monotonic() + 10
    number = 0
    while not hints.came(bytes(tmp_path), 0.1):  # the folder's own watch comes a moment later
        assert time.monotonic() < end
        number += 1
        (tmp_path / "folder" / str(number)).write_bytes(b"x")


def test_reading_a_file_is_no_hint(start, tmp_path, hints):
    path = tmp_path / "old"
    path.write_bytes(b"x")
    start(tmp_path)
    path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]
    assert not hints.came(bytes(tmp_path), 0.5)  # nothing can be awaited that must not come
    path.write_bytes(b"y")
    assert hints.came(bytes(tmp_path))


def test_a_root_that_is_a_link_gives_hints_of_the_folder_behind_it(start, tmp_path, hints):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    start(link)
    (real / "new").write_bytes(b"x")
    assert hints.came(bytes(link))


def test_a_root_that_became_another_folder_is_not_well_watched(start, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    watcher = start(root)
    assert watcher.is_well()
    root.rename(tmp_path / "old")
    root.mkdir()
    assert not watcher.is_well()


def test_a_folder_that_is_not_there_is_absent_until_it_comes(start, tmp_path):
    root = tmp_path / "none"
    watcher = start(root)
    assert watcher.unsure == {bytes(root): ABSENT}
    assert watcher.is_well()
    root.mkdir()
    assert not watcher.is_well()


def test_one_root_without_watches_leaves_the_others_theirs(start, tmp_path, hints, monkeypatch):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    refuse(monkeypatch, lambda path: path == bytes(one))
    watcher = start(one, two)
    assert watcher.unsure == {bytes(one): NO_WATCH}
    assert watcher.is_well()
    (two / "new").write_bytes(b"x")
    assert hints.came(bytes(two))


def test_a_folder_below_without_a_watch_is_known_and_the_others_keep_theirs(
    start, tmp_path, hints, monkeypatch
):
    (tmp_path / "deep").mkdir()
    refuse(monkeypatch, lambda path: path == bytes(tmp_path / "deep"))
    watcher = start(tmp_path)
    assert watcher.unsure == {bytes(tmp_path): NO_WATCH}
    (tmp_path / "new").write_bytes(b"x")
    assert hints.came(bytes(tmp_path))


def test_a_new_folder_for_which_no_watch_is_left_is_known(start, tmp_path, hints, monkeypatch):
    watcher = start(tmp_path)
    assert not watcher.unsure
    refuse(monkeypatch, lambda _: True)
    (tmp_path / "late").mkdir()
    assert hints.came(bytes(tmp_path))
    hints.wait(lambda: watcher.unsure, 5)
    assert watcher.unsure == {bytes(tmp_path): NO_WATCH}


def test_without_an_instance_no_root_has_hints(start, tmp_path, monkeypatch):
    def none(**_):
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr("lakzegel_agent.watchqueue.QueueObserver", none)
    watcher = start(tmp_path)
    assert watcher.unsure == {bytes(tmp_path): NO_WATCH}
    assert watcher.is_well()


@pytest.mark.parametrize("kind", [b"nfs4", b"cifs", b"9p", b"fuse.sshfs", b"fuse"])
def test_a_network_share_is_not_watched(start, tmp_path, kind):
    local = Mount(b"/", b"ext4", b"/dev/sda1", b"/")
    share = Mount(bytes(tmp_path), kind, b"nas:/post", b"/")
    watcher = start(tmp_path, mounts=[local, share])
    assert watcher.unsure == {bytes(tmp_path): SHARE}


def test_a_folder_that_holds_a_share_is_watched_and_looked_at_often(start, tmp_path, hints):
    (tmp_path / "nas").mkdir()
    share = Mount(bytes(tmp_path / "nas"), b"nfs4", b"nas:/post", b"/")
    watcher = start(tmp_path, mounts=[Mount(b"/", b"ext4", b"/dev/sda1", b"/"), share])
    assert watcher.unsure == {bytes(tmp_path): SHARE}
    (tmp_path / "new").write_bytes(b"x")
    assert hints.came(bytes(tmp_path))


def test_reasons_are_counted():
    assert reasons({b"/a": SHARE, b"/b": NO_WATCH, b"/c": SHARE}) == {"no-watch": 1, "share": 2}


def test_the_kernels_own_limit_is_noticed(tmp_path):
    """In a user namespace of its own, so that nobody else runs short of watches."""
    for number in range(40):
        (tmp_path / "tree" / str(number)).mkdir(parents=True)
    program = (
        "import sys; from lakzegel_agent.watch import Watcher\n"
        "w = Watcher.start([sys.argv[1].encode()], hint=lambda r, p: None, lost=lambda: None)\n"
        "print(list(w.unsure.values())); w.stop()"
    )
    limit = "/proc/sys/user/max_inotify_watches"
    script = f'echo 20 > {limit} || exit 77; exec "$0" -c "$1" "$2"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", script, sys.executable, program, str(tmp_path / "tree")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no limit of our own can be set here: {done.stderr.strip()}")
    assert done.stdout.strip() == "['no-watch']", done.stderr
    assert not done.stderr


def test_an_unreadable_folder_is_no_reason_to_stop(start, tmp_path, hints):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "closed too").mkdir(mode=0)
    watcher = start(tmp_path)
    (tmp_path / "new").write_bytes(b"x")
    assert hints.came(bytes(tmp_path))
    assert watcher.is_well()


def refuse(monkeypatch, which):
    """No watch for these folders, as the kernel says it."""
    from watchdog.observers import inotify_c  # noqa: PLC0415

    true = inotify_c.inotify_add_watch

    def add(descriptor, path, mask):
        if which(path):
            inotify_c.ctypes.set_errno(28)
            return -1
        return true(descriptor, path, mask)

    monkeypatch.setattr(inotify_c, "inotify_add_watch", add)
