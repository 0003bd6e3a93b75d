# SPDX-License-Identifier: EUPL-1.2
"""How a folder is looked through for stores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lakzegel_agent.guards.of_walks import walk
from lakzegel_agent.sources import locate


def made(root: Path, *names: str) -> bytes:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return os.fsencode(root)


def test_what_is_nearest_comes_first_and_media_last(tmp_path: Path) -> None:
    root = made(tmp_path, "Media/a.jpg", "z/deep/er", "b", "z/c", "Media/x/y.jpg")
    assert list(walk(root)) == [b"b", b"z/c", b"z/deep/er", b"Media/a.jpg", b"Media/x/y.jpg"]


def test_beyond_the_limit_it_says_so_but_not_for_media(tmp_path: Path) -> None:
    root = made(tmp_path, *(f"Media/{n}.jpg" for n in range(20)), "a/b", "c")
    found = list(walk(root, most=10))
    assert found[:2] == [b"c", b"a/b"]
    assert all(isinstance(path, bytes) for path in found)
    assert list(walk(made(tmp_path / "a", *map(str, range(20))), most=10))[-1] == "too-many"


def test_no_link_is_followed(tmp_path: Path) -> None:
    root = made(tmp_path / "in", "a")
    made(tmp_path / "out", "b")
    (tmp_path / "in/link").symlink_to(tmp_path / "out")
    (tmp_path / "in/file").symlink_to(tmp_path / "out/b")
    os.mkfifo(tmp_path / "in/pipe")
    assert list(walk(root)) == [b"a"]


def test_a_selection_keeps_it_out_of_other_folders(tmp_path: Path) -> None:
    made(tmp_path, "one/x/a", "two/x/b", "three")
    found = locate(f"{tmp_path}/one/*", home=b"/")
    assert found.root == os.fsencode(tmp_path / "one")
    several = locate(f"{tmp_path}/t*", home=b"/")
    assert set(walk(several.root, only=several.only)) == {b"three", b"two/x/b"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_may_not_be_looked_into_is_told(tmp_path: Path) -> None:
    root = made(tmp_path, "a/b", "c")
    (tmp_path / "a").chmod(0)
    assert list(walk(root)) == [b"c", "unreadable"]
    (tmp_path / "a").chmod(0o700)


def test_a_folder_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = made(tmp_path, "a/b", "c")
    scan = os.scandir

    def refused(path: bytes) -> object:
        if path.endswith(b"/a"):
            raise PermissionError
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert list(walk(root)) == [b"c", "unreadable"]


def test_a_root_that_is_gone_has_nothing_in_it(tmp_path: Path) -> None:
    assert list(walk(os.fsencode(tmp_path / "gone"))) == []
