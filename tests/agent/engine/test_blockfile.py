# SPDX-License-Identifier: EUPL-1.2
"""A file of the spool has the same bytes, whatever its disk can do."""

import errno
import fcntl
import os

import pytest

from lakzegel_agent.blockfile import BLOCK, PIECE, BlockWriter, block, read_pieces
from lakzegel_agent.platforms import posix, system

SIZES = (0, 1, 4095, PIECE, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 4097)


def write(path, data, piece):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        file = BlockWriter(descriptor, block())
        for start in range(0, len(data), piece):
            file.write(data[start : start + piece])
        file.finish()
    finally:
        os.close(descriptor)


def no_direct(monkeypatch):
    def refuse(_file, _command, flags):
        if flags:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(fcntl, "fcntl", refuse)


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_what_was_written_is_read_again(tmp_path, monkeypatch, size, able):
    if not able:
        no_direct(monkeypatch)
    data = os.urandom(size)
    write(tmp_path / "f", data, 300_001)
    assert (tmp_path / "f").read_bytes() == data
    pieces = [bytes(piece) for piece in read_pieces([tmp_path / "f"])]
    assert b"".join(pieces) == data
    assert all(pieces)
    assert max(map(len, pieces), default=0) <= PIECE


def test_files_are_read_one_after_the_other(tmp_path):
    paths = [tmp_path / str(size) for size in SIZES]
    for path in paths:
        path.write_bytes(os.urandom(int(path.name)))
    whole = b"".join(map(bytes, read_pieces(paths)))
    assert whole == b"".join(path.read_bytes() for path in paths)


@pytest.mark.parametrize("answer", [errno.EINVAL, 4096, 1])
def test_what_a_direct_write_did_not_take_is_written_after_it(tmp_path, monkeypatch, answer):
    real, asked = os.write, []

    def once(descriptor, data):
        asked.append(len(data))
        if len(asked) > 1:
            return real(descriptor, data)
        if answer == errno.EINVAL:
            raise OSError(errno.EINVAL, "")
        system.past_the_cache(descriptor, on=False)  # so that the odd sizes of this test are taken
        return real(descriptor, bytes(data)[:answer])

    monkeypatch.setattr(os, "write", once)
    data = os.urandom(3 * BLOCK + 5)
    write(tmp_path / "f", data, PIECE)
    assert asked[0] == BLOCK
    assert (tmp_path / "f").read_bytes() == data


def test_a_direct_read_that_is_refused_is_done_through_the_cache(tmp_path, monkeypatch):
    if not posix._DIRECT:
        pytest.skip("the system has no direct reads")
    real = os.readv

    def refuse_direct(descriptor, buffers):
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & posix._DIRECT:
            raise OSError(errno.EINVAL, "")
        return real(descriptor, buffers)

    (tmp_path / "f").write_bytes(data := os.urandom(PIECE + 17))
    monkeypatch.setattr(os, "readv", refuse_direct)
    assert b"".join(map(bytes, read_pieces([tmp_path / "f"]))) == data


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_takes_no_more_is_said_at_once(tmp_path, monkeypatch, number):
    def broken(_descriptor, _data):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(OSError, match=str(number)):
        write(tmp_path / "f", bytes(BLOCK), BLOCK)


def test_a_read_that_fails_is_no_end(tmp_path, monkeypatch):
    def broken(_descriptor, _buffers):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "f").write_bytes(b"1")
    monkeypatch.setattr(os, "readv", broken)
    with pytest.raises(OSError, match=str(errno.EIO)):
        list(read_pieces([tmp_path / "f"]))
