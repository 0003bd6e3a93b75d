# SPDX-License-Identifier: EUPL-1.2
"""Files come back byte for byte, and nothing a device says writes elsewhere."""

import os
import subprocess

import pytest

from lakzegel_core.encoding import b64

ODD = {
    b"cur/a b\nc": b"newline",
    b"cur/\xff\xfe": b"not UTF-8",
    b"x" * 255: b"long",
    "map/é".encode(): b"two parts",
    b"leeg": b"",
    b"-rf": b"dash",
}


def text(path):
    """A path as the item format wants it: text where it can be."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return path


def restored(folder):
    """Every file below a folder, by the bytes of its path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {os.fsencode(path.relative_to(folder)): path.read_bytes() for path in files}


def restore(world, out, *more):
    return world.run("restore", "--device", "minister", "--out", str(out), *more)


def test_odd_names_come_back_byte_for_byte(world, device, tmp_path):
    device.send_files({text(path): data for path, data in ODD.items()})
    world.pull()
    assert restore(world, tmp_path / "out") == 0
    assert restored(tmp_path / "out/mail") == ODD


def test_mode_and_time_come_back_without_dangerous_bits(world, device, tmp_path):
    device.send_files({"a": b"1"}, mode=0o106755)
    device.send(device.file_items("b", [b"1", b"2"], mode=0o640))
    world.pull()
    assert restore(world, tmp_path / "out") == 0
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700  # not everybody's to read
    for name, mode in (("a", 0o755), ("b", 0o640)):
        found = (tmp_path / "out/mail" / name).stat()
        assert found.st_mode & 0o7777 == mode
        assert found.st_mtime_ns == 1700000000000000001


def test_a_file_grows_over_batches_and_each_version_comes_back(world, device, tmp_path):
    file = "ab" * 16
    first = device.file_items("box", [b"one ", b"two "], file=file)
    rows = [[0, 0, i, 4, b64(first[i].entry.commitment)] for i in range(2)]
    device.send(first)
    more = device.seal(payload=b"three", context=device.context("box", file), index=0)
    rows.append([0, 1, 0, 5, b64(more.entry.commitment)])
    device.send([more, device.capture("box", rows, file, version=1, index=1)])
    world.pull()
    assert restore(world, tmp_path / "out") == 0
    assert restored(tmp_path / "out") == {
        b"mail/box": b"one two three",
        b".versions/mail/box/0": b"one two ",
    }
    assert restore(world, tmp_path / "new", "--latest") == 0
    assert restored(tmp_path / "new") == {b"mail/box": b"one two three"}


def test_many_files_are_written_by_two_processes(world, device, tmp_path, monkeypatch):
    monkeypatch.setattr("lakzegel_office.restore.SPREAD_FROM", 30)  # what is many
    files = {f"cur/{i}": b"%d" % i * 50 for i in range(40)}
    names = list(files)
    for start in range(0, len(names), 8):
        device.send_files({name: files[name] for name in names[start : start + 8]})
    world.pull()
    assert restore(world, tmp_path / "out") == 0
    assert restored(tmp_path / "out/mail") == {k.encode(): v for k, v in files.items()}


def test_empty_folders_come_back(world, device, tmp_path):
    listing = {"type": "folders", "folders": ["new", "tmp/deep", {"path64": b64(b"\xff")}]}
    items = device.file_items("cur/1", [b"1"])
    device.send([*items, device.observation(listing, index=len(items))])
    world.pull()
    assert restore(world, tmp_path / "out") == 0
    expected = tmp_path / "expected/mail"
    for folder in (b"new", b"tmp/deep", b"\xff", b"cur"):
        (expected / os.fsdecode(folder)).mkdir(parents=True)
    (expected / "cur/1").write_bytes(b"1")
    subprocess.run(["diff", "-r", expected, tmp_path / "out/mail"], check=True)


@pytest.mark.parametrize(
    "path",
    ["../evil", "/etc/evil", "a/../../evil", "a//b", ".", "a/.", "x" * 256, "a\0b"],
)
def test_a_hostile_path_is_refused_by_the_items_name(world, device, tmp_path, capsys, path):
    device.send_files({path: b"bad"})
    device.send_files({"good": b"good"})
    world.pull()
    before = restored(tmp_path / "office/mirror")
    assert restore(world, tmp_path / "deep/out") == 1
    assert "minister/0/0/1: not restored: path: " in capsys.readouterr().err
    assert restored(tmp_path / "deep") == {b"out/mail/good": b"good"}
    assert restored(tmp_path / "office/mirror") == before


@pytest.mark.parametrize("source", ["..", "a/b", ".versions", "."])
def test_a_hostile_source_is_refused(world, device, tmp_path, source):
    device.send_files({"a": b"bad"}, source=source)
    world.pull()
    assert restore(world, tmp_path / "deep/out") == 1
    assert restored(tmp_path / "deep") == {}


def test_a_folder_observation_cannot_leave_either(world, device, tmp_path):
    device.send([device.observation({"type": "folders", "folders": ["../../evil", 7]})])
    world.pull()
    assert restore(world, tmp_path / "deep/out") == 1
    assert not (tmp_path / "evil").exists()


def test_a_file_where_a_later_file_needs_a_folder_goes_below_versions(world, device, tmp_path):
    device.send_files({"a": b"was a file"})
    device.send_files({"a/b": b"now a folder"})
    world.pull()
    assert restore(world, tmp_path / "out") == 0
    found = restored(tmp_path / "out")
    assert found.pop(b"mail/a/b") == b"now a folder"
    assert list(found.values()) == [b"was a file"]
    assert all(path.startswith(b".versions/") for path in found)


def test_two_files_of_one_path_leave_the_newer_in_place(world, device, tmp_path):
    device.send(device.file_items("a", [b"old"], file="ab" * 16))
    device.send(device.file_items("a", [b"new"], file="cd" * 16))
    device.send(device.file_items("a", [b"newest"], file="ef" * 16))
    world.pull()
    assert restore(world, tmp_path / "out") == 0
    found = restored(tmp_path / "out")
    assert found.pop(b"mail/a") == b"newest"
    assert set(found) == {b".versions/mail/a/0", b".versions/mail/a/0." + b"ab" * 16}
    assert sorted(found.values()) == [b"new", b"old"]


def test_a_version_name_that_is_also_a_path_does_not_clash(world, device, tmp_path):
    for data in (b"1", b"2"):
        version = int(data) - 1
        device.send(device.file_items("a/0", [data], version=version))
    device.send(device.file_items("a", [b"x"], file="ab" * 16))
    world.pull()
    assert restore(world, tmp_path / "out") == 0
    assert sorted(restored(tmp_path / "out").values()) == [b"1", b"2", b"x"]


def test_a_folder_that_holds_something_is_left_alone(world, device, tmp_path, capsys):
    device.send_files({"a": b"1"})
    world.pull()
    (tmp_path / "out/mail").mkdir(parents=True)
    (tmp_path / "out/mail/mine").write_bytes(b"mine")
    assert restore(world, tmp_path / "out") == 2
    assert "not empty" in capsys.readouterr().err
    assert restored(tmp_path / "out") == {b"mail/mine": b"mine"}


def test_a_link_in_the_way_is_not_followed(world, device, tmp_path):
    device.send_files({"a": b"1"})
    world.pull()
    (tmp_path / "out").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "out/mail").symlink_to(tmp_path / "target")
    assert restore(world, tmp_path / "out") == 2
    assert not list((tmp_path / "target").iterdir())


def test_a_file_with_a_broken_piece_is_not_left_half(world, device, tmp_path, capsys):
    items = device.file_items("whole", [b"w"])
    items += device.file_items("half", [b"one", b"two"], first=len(items))
    keys = [item.key for item in items]
    keys[3] = bytes(range(32))  # the second piece of `half` does not open
    device.send(items, keys=keys)
    world.pull()
    capsys.readouterr()
    assert restore(world, tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert "minister/0/0/4: not restored: segment minister/0/0/3" in captured.err
    assert captured.out.splitlines()[-1] == "INCOMPLETE: 1 could not be restored"
    assert restored(tmp_path / "out") == {b"mail/whole": b"w"}


def test_a_capture_that_points_at_another_batch_never_restores(world, device, tmp_path):
    rows = [[0, 5, 0, 3, b64(bytes(32))]]
    device.send([device.capture("a", rows, "ab" * 16)])
    world.pull()
    assert restore(world, tmp_path / "out") == 1
    assert restored(tmp_path / "out") == {}


def test_what_does_not_open_is_not_called_complete(world, device, tmp_path, capsys):
    device.send_files({"whole": b"w"})
    device.send(device.file_items("capture gone", [b"x"]), keys=[bytes(range(32))] * 2)
    device.send(device.file_items("keyring gone", [b"y"]), ring={"batch": 77})
    world.pull()
    capsys.readouterr()
    assert restore(world, tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert "batch minister/0/1: 2 items do not open" in captured.err
    assert "batch minister/0/2: 2 items do not open" in captured.err
    assert captured.out.splitlines()[-1] == "INCOMPLETE: 2 could not be restored"
    assert restored(tmp_path / "out") == {b"mail/whole": b"w"}


def test_all_devices_have_a_folder_each(world, device, tmp_path):
    device.send_files({"a": b"1"})
    world.enrol("secretaris").send_files({"a": b"2"})
    world.pull()
    assert world.run("restore", "--all", "--out", str(tmp_path / "out")) == 0
    assert restored(tmp_path / "out") == {b"minister/mail/a": b"1", b"secretaris/mail/a": b"2"}


def test_an_unknown_device_is_a_usage_error(world, device, tmp_path):
    world.pull()
    assert restore(world, tmp_path / "out") == 2
