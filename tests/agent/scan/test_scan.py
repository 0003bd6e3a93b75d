# SPDX-License-Identifier: EUPL-1.2
"""What lies below a folder: a line for each thing, whatever it is called and whatever it is."""

import errno
import os
import shutil
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from lakzegel_agent.readers import reader_of
from lakzegel_agent.scan import EmptyFolder, FoundFile, FoundOther, look, scan

FOLDER = reader_of("folder")
needs_rights = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


def found(root, reader=FOLDER, only=None):
    return list(scan(os.fsencode(root), reader, only=only))


def files(root, **options):
    return sorted(one.path for one in found(root, **options) if isinstance(one, FoundFile))


def others(root, **options):
    rows = (one for one in found(root, **options) if isinstance(one, FoundOther))
    return {one.path: (one.outcome, one.reason) for one in rows}


def empty(root, **options):
    return sorted(one.path for one in found(root, **options) if isinstance(one, EmptyFolder))


def test_a_file_is_told_with_what_its_folder_says_of_it(tmp_path):
    (tmp_path / "map").mkdir()
    file = tmp_path / "map" / "brief.txt"
    file.write_bytes(b"inhoud")
    file.chmod(0o640)
    told = file.stat()
    assert found(tmp_path) == [
        FoundFile(
            path=b"map/brief.txt",
            size=6,
            mtime_ns=told.st_mtime_ns,
            ctime_ns=told.st_ctime_ns,
            inode=told.st_ino,
            device=told.st_dev,
            mode=0o640,
        )
    ]


def test_names_are_bytes(tmp_path):
    names = [
        b" ",
        b"met spatie ",
        b"regel\neinde",
        b"\xff\xfe geen UTF-8",
        "caf\u00e9 \u202e".encode(),
        b"-rf",
        b"*",
        b"~",
        b"\\",
        b"a" * 255,
    ]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"")
    assert files(tmp_path) == sorted(names)


def test_links_are_not_followed_wherever_they_lead(tmp_path):
    (tmp_path / "echt").write_bytes(b"")
    (tmp_path / "lus").symlink_to(tmp_path)
    (tmp_path / "naar-echt").symlink_to("echt")
    (tmp_path / "nergens").symlink_to("bestaat-niet")
    (tmp_path / "zelf").symlink_to("zelf")
    assert files(tmp_path) == [b"echt"]
    links = (b"lus", b"naar-echt", b"nergens", b"zelf")
    assert others(tmp_path) == dict.fromkeys(links, ("excluded", "symlink"))


def test_what_is_no_file_is_named_and_never_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pijp")
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("stopcontact")
    assert others(tmp_path) == {
        b"pijp": ("excluded", "fifo"),
        b"stopcontact": ("excluded", "socket"),
    }


def test_devices_are_named():
    if not Path("/dev/null").is_char_device():
        pytest.skip("no /dev/null")
    assert others("/dev", only=lambda path: path == b"null") == {b"null": ("excluded", "device")}


def test_what_the_reader_leaves_out_is_told_with_its_reason(tmp_path):
    for folder in ("cur", "new", "tmp"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1").write_bytes(b"")
    maildir = reader_of("maildir")
    assert files(tmp_path, reader=maildir) == [b"cur/1", b"new/1"]
    assert others(tmp_path, reader=maildir) == {b"tmp/1": ("excluded", "in-delivery")}
    assert empty(tmp_path, reader=maildir) == [b"tmp"]


def test_folders_that_hold_nothing_that_brings_them_back_are_told(tmp_path):
    (tmp_path / "leeg").mkdir()
    (tmp_path / "vol").mkdir()
    (tmp_path / "vol" / "a").write_bytes(b"")
    (tmp_path / "boven" / "onder").mkdir(parents=True)
    (tmp_path / "koppeling").mkdir()
    (tmp_path / "koppeling" / "x").symlink_to("y")
    assert empty(tmp_path) == [b"boven/onder", b"koppeling", b"leeg"]


def test_an_empty_root_has_nothing_to_tell(tmp_path):
    assert found(tmp_path) == []


@needs_rights
def test_a_folder_that_may_not_be_read_is_told_and_the_rest_goes_on(tmp_path):
    (tmp_path / "dicht").mkdir()
    (tmp_path / "dicht" / "a").write_bytes(b"")
    (tmp_path / "open").write_bytes(b"")
    (tmp_path / "dicht").chmod(0)
    try:
        assert files(tmp_path) == [b"open"]
        assert others(tmp_path) == {b"dicht": ("failed", "unreadable")}
    finally:
        (tmp_path / "dicht").chmod(0o700)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_folder_whose_listing_fails_is_told_and_the_rest_goes_on(tmp_path, monkeypatch, code):
    for name in ("stuk", "heel"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_bytes(b"")
    listing = os.scandir

    def scandir(path):
        if path.endswith(b"stuk"):
            raise OSError(code, os.strerror(code))
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert files(tmp_path) == [b"heel/a"]
    assert others(tmp_path) == {b"stuk": ("failed", "unreadable")}


@needs_rights
def test_names_that_may_not_be_looked_at_are_told(tmp_path):
    (tmp_path / "lijst").mkdir()
    (tmp_path / "lijst" / "a").write_bytes(b"")
    (tmp_path / "lijst").chmod(0o400)
    try:
        assert others(tmp_path) == {b"lijst/a": ("failed", "unreadable")}
    finally:
        (tmp_path / "lijst").chmod(0o700)


def test_a_file_that_vanishes_meanwhile_is_not_found(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_bytes(b"")
    rows = scan(os.fsencode(tmp_path), FOLDER)
    first = next(rows)
    for name in {"a", "b", "c"} - {first.path[:1].decode()}:
        shutil.rmtree(tmp_path / name)
    assert list(rows) == []


def test_a_folder_that_turned_into_a_file_meanwhile_is_not_found(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_bytes(b"")
    rows = scan(os.fsencode(tmp_path), FOLDER)
    (left,) = {"a", "b"} - {next(rows).path[:1].decode()}
    shutil.rmtree(tmp_path / left)
    (tmp_path / left).write_bytes(b"")
    assert list(rows) == []


def test_a_root_that_is_not_there_is_told_and_not_taken_for_empty(tmp_path):
    missing = FoundOther(b"", "failed", "missing")
    assert found(tmp_path / "weg") == [missing]
    (tmp_path / "bestand").write_bytes(b"")
    assert found(tmp_path / "bestand") == [missing]


@pytest.fixture
def make_deep(tmp_path):
    """Makes folders in each other, further down than one path can name."""

    def make(depth, name):
        here = os.open(tmp_path, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=here)
            deeper = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = deeper
        os.close(os.open("bodem", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.close(here)

    yield make
    subprocess.run(["/bin/rm", "-rf", tmp_path], check=True)  # shutil gives up at this depth


def test_a_tree_of_a_thousand_levels_is_walked(tmp_path, make_deep):
    make_deep(1_000, "d")
    assert files(tmp_path) == [b"d/" * 1_000 + b"bodem"]


def test_a_path_of_a_thousand_levels_is_looked_at(tmp_path, make_deep):
    make_deep(1_000, "d")
    path = b"d/" * 1_000 + b"bodem"
    [found] = look(os.fsencode(tmp_path), reader_of("folder"), [path])
    assert found.path == path


def test_what_lies_deeper_than_a_path_can_name_has_failed(tmp_path, make_deep):
    make_deep(60, "d" * 99)
    (tmp_path / "ondiep").write_bytes(b"")
    assert files(tmp_path) == [b"ondiep"]
    ((path, told),) = others(tmp_path).items()
    assert told == ("failed", "too-long")
    assert set(path.split(b"/")) == {b"d" * 99}


def test_a_name_that_makes_a_path_too_long_has_failed(tmp_path):
    folder = tmp_path
    while len(os.fsencode(folder)) < 3_800:
        folder = folder / ("d" * 99)
    folder.mkdir(parents=True)
    here = os.open(folder, os.O_RDONLY)
    for name in ("f" * 255, "kort"):
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=here))
    longest = "g" * (4_095 - len(os.fsencode(folder)) - 1)
    os.close(os.open(longest[:255], os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    kinds = Counter(type(one).__name__ for one in found(tmp_path))
    assert kinds["FoundFile"] + kinds["FoundOther"] == 3
    assert kinds["FoundFile"] >= 1
    assert all(told == ("failed", "too-long") for told in others(tmp_path).values())


def test_only_what_is_wanted_is_found(tmp_path):
    for path in ("in/a", "in/leeg", "uit/leeg"):
        (tmp_path / path).mkdir(parents=True)
    for path in ("in/a/1", "uit/2", "3"):
        (tmp_path / path).write_bytes(b"")
    (tmp_path / "uit" / "lus").symlink_to(".")
    assert found(tmp_path, only=lambda path: path.split(b"/")[0] == b"in") != []
    assert files(tmp_path, only=lambda path: path.split(b"/")[0] == b"in") == [b"in/a/1"]
    assert empty(tmp_path, only=lambda path: path.split(b"/")[0] == b"in") == [b"in/leeg"]
    assert others(tmp_path, only=lambda path: path.split(b"/")[0] == b"in") == {}
