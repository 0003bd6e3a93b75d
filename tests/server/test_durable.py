# SPDX-License-Identifier: EUPL-1.2
"""What has to survive a power cut is synced, and what failed to be is not believed later."""

import os
from pathlib import Path

import pytest

from lakzegel_server import durable
from lakzegel_server.errors import ConfigError
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import FOLDERS, Layout, make_folders
from lakzegel_server.logsigner import create
from lakzegel_server.logstate import LogState


@pytest.fixture
def synced(monkeypatch):
    """The paths that were synced, in order."""
    found, fsync = [], os.fsync

    def note(descriptor):
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return found


def test_a_folder_that_a_file_needed_is_as_durable_as_the_file(tmp_path, synced):
    path = tmp_path / "evidence" / "deep" / "file"
    durable.replace_file(path, b"x", work=tmp_path)
    assert {tmp_path, tmp_path / "evidence", tmp_path / "evidence" / "deep"} <= set(synced)
    synced.clear()
    durable.replace_file(path, b"y", work=tmp_path)
    assert synced[1:] == [path.parent]  # after the file itself


def test_folders_that_a_newer_version_adds_are_durable_before_anything_is_in_them(tmp_path, synced):
    data = tmp_path / "data"
    make_folders(Layout(data))
    needed = {tmp_path, data} | {(data / name).parent for name in FOLDERS}
    assert needed <= set(synced)
    synced.clear()
    make_folders(Layout(data))
    assert synced == []


def test_tiles_that_could_not_be_synced_are_written_again_and_not_believed(
    tmp_path, kit, monkeypatch
):
    """After a failed fsync the system takes the lost pages for clean, and the next one succeeds."""
    office, fsync = kit.Office(), os.fsync
    layout, signer, _ = kit.make_receiver(tmp_path / "data", office)
    log = LogState.open(layout, signer, clock=lambda: kit.NOW)
    log.append([office.admission(kit.new_key("token"), device="d")])
    tile = layout.log / "tile/entries/000.p/2"
    whole, failures = tile.read_bytes(), [5]

    def fail_once(descriptor):
        if failures:
            tile.write_bytes(bytes(len(whole)))
            raise OSError(failures.pop(), "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    with pytest.raises(OSError, match="Input/output error"):
        log.settle()
    log.settle()
    assert tile.read_bytes() == whole
    log.close()
    assert check(layout).doubts == ()


@pytest.mark.parametrize("lost", [["server.toml"], ["server.toml", "keys/log.ed25519"]])
def test_init_makes_no_keys_where_a_log_may_have_some(tmp_path, kit, lost):
    layout, _, _ = kit.make_receiver(tmp_path / "data", kit.Office())
    for name in lost:
        layout.data.joinpath(name).unlink()
    before = {path: path.read_bytes() for path in layout.data.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="keys"):
        create(layout.data, kit.ORIGIN, os.urandom(64))
    assert {path: path.read_bytes() for path in layout.data.rglob("*") if path.is_file()} == before
