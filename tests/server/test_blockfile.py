# SPDX-License-Identifier: EUPL-1.2
"""A file written in blocks has the same bytes on every file system."""

import errno
import os

import pytest

from lakzegel_server import blockfile
from lakzegel_server.blockfile import BLOCK, BlockFile

SIZES = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5)
pytestmark = pytest.mark.skipif(not blockfile.DIRECT, reason="the system has no direct writes")


class Disk:
    """A file whose direct writes go as one is told: a number is how many bytes are taken."""

    def __init__(self, file, *answers):
        self._file, self._answers = file, list(answers)
        self.fileno, self.close = file.fileno, file.close

    def write(self, data):
        answer = self._answers.pop(0) if self._answers else len(data)
        if isinstance(answer, OSError):
            raise answer
        return os.pwrite(self.fileno(), data[:answer], self._at(answer))

    def _at(self, taken):
        at = os.lseek(self.fileno(), 0, os.SEEK_CUR)
        os.lseek(self.fileno(), taken, os.SEEK_CUR)
        return at


def write(file, data, *, piece=300_000):
    for start in range(0, len(data), piece):
        file.write(memoryview(data)[start : start + piece])
    file.finish()


@pytest.mark.parametrize("size", SIZES)
def test_every_byte_arrives_whatever_the_size(tmp_path, size):
    data = os.urandom(size)
    write(BlockFile.create(tmp_path / "f"), data)
    assert (tmp_path / "f").read_bytes() == data


def test_files_that_are_written_at_once_and_after_each_other_stay_apart(tmp_path):
    for turn in range(3):
        names = [f"{turn}-{number}" for number in range(6)]
        files = [BlockFile.create(tmp_path / name) for name in names]
        for name, file in zip(names, files, strict=True):
            file.write(memoryview(name.encode() * 1_000))
        for file in files:
            file.finish()
            file.close()  # once more, as an upload that is given up does
        for name in names:
            assert (tmp_path / name).read_text() == name * 1_000


def test_a_file_system_that_knows_no_direct_writes_gets_the_same_bytes(tmp_path, monkeypatch):
    def refuse(_file, _command, flags):
        if flags:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(blockfile.fcntl, "fcntl", refuse)
    data = os.urandom(SIZES[-1])
    write(BlockFile.create(tmp_path / "f"), data)
    assert (tmp_path / "f").read_bytes() == data


@pytest.mark.parametrize("answer", [OSError(errno.EINVAL, ""), 4096, 1])
def test_what_a_direct_write_did_not_take_is_written_after_it(tmp_path, monkeypatch, answer):
    monkeypatch.setattr(blockfile, "DIRECT", 0)  # the odd offsets below are of this test alone
    data = os.urandom(SIZES[-1])
    with (tmp_path / "f").open("wb", buffering=0) as raw:
        file = BlockFile(Disk(raw, answer))
        file._direct = True
        write(file, data)
    assert (tmp_path / "f").read_bytes() == data


def test_a_full_disk_is_said_at_once(tmp_path):
    with (tmp_path / "f").open("wb", buffering=0) as raw:
        file = BlockFile(Disk(raw, OSError(errno.ENOSPC, "")))
        with pytest.raises(OSError, match=str(errno.ENOSPC)):
            write(file, bytes(BLOCK))
        file.close()
