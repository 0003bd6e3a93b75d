# SPDX-License-Identifier: EUPL-1.2
"""What has to survive a power cut is synced, and what failed to be is not believed later."""

import os
from pathlib import Path

import pytest

from lakzegel_server import durable
from lakzegel_server.layout import FOLDERS, Layout, make_folders


@pytest.fixture
def synced(monkeypatch):
    """The paths that were synced, in order."""
    found, fsync = [], os.fsync

    def note(descriptor):
        found.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
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
