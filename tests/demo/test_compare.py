# SPDX-License-Identifier: EUPL-1.2
"""The comparison that decides whether the demo says VERIFIED."""

import os
import shutil

import pytest

from lakzegel_demo.compare import compare

ODD = [b"plain", b"with space", b"new\nline", b"caf\xe9", b"y" * 255]


@pytest.fixture
def pair(tmp_path):
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "empty").mkdir()
    for number, name in enumerate(ODD):
        (source / "deep" / os.fsdecode(name)).write_bytes(bytes([number]) * (number * 1000))
    shutil.copytree(source, tmp_path / "restored")
    return source, tmp_path / "restored"


def test_a_true_copy_is_the_same_and_counted(pair):
    found = compare(*pair)
    assert found.same
    assert not found.missing
    assert (found.files, found.size) == (len(ODD), sum(range(len(ODD))) * 1000)


@pytest.mark.parametrize("name", ODD[1:])
def test_one_different_byte_is_seen_under_any_name(pair, name):
    path = pair[1] / "deep" / os.fsdecode(name)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    found = compare(*pair)
    assert not found.same
    assert len(found.different) == 1


def test_a_longer_file_is_different(pair):
    with (pair[1] / "deep" / "plain").open("ab") as file:
        file.write(b"x")
    assert compare(*pair).different == ["deep/plain"]


def test_a_new_file_is_unexpected(pair):
    (pair[1] / "new").touch()
    assert compare(*pair).unexpected == ["new"]


def test_a_missing_file_is_missing_and_not_different(pair):
    (pair[1] / "deep" / "plain").unlink()
    found = compare(*pair)
    assert found.same
    assert found.missing == ["deep/plain"]


def test_a_lost_empty_folder_is_a_difference(pair):
    (pair[1] / "empty").rmdir()
    assert compare(*pair).different == ["empty"]


def test_a_folder_whose_files_were_all_excluded_may_be_absent(pair):
    (pair[0] / "tmp").mkdir()
    (pair[0] / "tmp" / "half").write_bytes(b"half")
    found = compare(*pair)
    assert found.same
    assert found.missing == ["tmp/half"]


def test_a_link_in_place_of_a_file_is_a_difference(pair):
    path = pair[1] / "deep" / "plain"
    path.unlink()
    path.symlink_to(pair[0] / "deep" / "plain")
    assert compare(*pair).different == ["deep/plain"]


def test_links_and_pipes_of_the_source_are_counted_and_not_followed(pair):
    (pair[0] / "loop").symlink_to(pair[0])
    os.mkfifo(pair[0] / "pipe")
    found = compare(*pair)
    assert found.same
    assert found.others == ["loop", "pipe"]


def test_nothing_restored_means_everything_is_missing(pair, tmp_path):
    found = compare(pair[0], tmp_path / "nowhere")
    assert len(found.missing) == len(ODD)
    assert found.different == ["empty", "deep/er"] or set(found.different) == {"empty", "deep/er"}
