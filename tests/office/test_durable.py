# SPDX-License-Identifier: EUPL-1.2
"""What is said to be on disk is there with every folder that leads to it."""

import os

import pytest

from lakzegel_office import durable


@pytest.mark.parametrize("how", ["written", "settled"])
def test_each_new_folder_is_durable_in_the_one_above(tmp_path, monkeypatch, how):
    synced, real = set(), os.fsync

    def fsync(descriptor):
        real(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "mirror/log/tile/0/x001/234"
    if how == "written":
        durable.write_file(path, b"hashes")
    else:
        (tmp_path / "incoming").write_bytes(b"hashes")
        durable.settle(tmp_path / "incoming", path)
    above = [path, *list(path.parents)[: len(path.parts) - len(tmp_path.parts)]]
    assert above[-1] == tmp_path
    assert [one for one in above if one.stat().st_ino not in synced] == []
