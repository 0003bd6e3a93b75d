# SPDX-License-Identifier: EUPL-1.2
"""Encrypted backups of Signal and Threema: raw, and complete as far as that can be seen."""

import io
import os
import zipfile

import pytest

from lakzegel_agent.readers import reader_of
from lakzegel_agent.readers.base import MAX_SEGMENT_CUT
from lakzegel_agent.view import View

SIGNAL = "signal-android-backup"
OLD = "signal-2024-03-12-08-01-00.backup"  # lengths in the clear
NEW = "signal-2024-03-13-08-01-00.backup"  # lengths encrypted
THREEMA = "threema-backup"


def incomplete(kind, path, data):
    return reader_of(kind).incomplete(path, View.of_bytes(data))


def test_a_backup_of_signal_is_one_stretch(pieces, sample):
    data = sample(NEW) + os.urandom(2 * 2**20)
    assert pieces(SIGNAL, NEW.encode(), data) == [data]
    assert len(pieces(SIGNAL, b"iets-anders.bin", data)) > 1
    long = data + bytes(MAX_SEGMENT_CUT)
    assert [len(piece) for piece in pieces(SIGNAL, NEW.encode(), long)] == [
        MAX_SEGMENT_CUT,
        len(long) - MAX_SEGMENT_CUT,
    ]


def test_a_backup_whose_lengths_show_is_complete_with_its_last_frame(sample):
    data = sample(OLD)
    path = b"Signal/Backups/" + OLD.encode()
    assert incomplete(SIGNAL, path, data) is None
    for size in range(58, len(data)):
        assert incomplete(SIGNAL, path, data[:size]) == "backup-open"


def test_a_backup_whose_lengths_are_encrypted_shows_no_end(sample):
    data = sample(NEW)
    for size in range(62, len(data)):
        assert incomplete(SIGNAL, NEW.encode(), data[:size]) is None


@pytest.mark.parametrize(
    "path",
    [
        b"signal-2024-03-12-08-01-00 (1).backup",
        b"SIGNAL-2024-03-12-08-01-00.BACKUP",
        b"a/b/signal-2024-03-12-08-01-00.backup",
    ],
)
def test_a_backup_is_known_by_its_name(sample, path):
    assert incomplete(SIGNAL, path, sample(OLD)[:99]) == "backup-open"


@pytest.mark.parametrize(
    "path",
    [b"signal.backup", b"signal-2024-03-12.backup", b"signal-2024-03-12-08-01-00.backup.tmp"],
)
def test_another_name_is_no_backup(sample, path):
    assert incomplete(SIGNAL, path, sample(OLD)[:99]) is None


def test_a_header_of_another_shape_is_no_backup(sample):
    data = bytearray(sample(OLD)[:99])
    data[4] = 0x12
    assert incomplete(SIGNAL, OLD.encode(), bytes(data)) is None


def backup(tables):
    """A zip with encrypted members; the encryption itself is not looked at, so noise stands in."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, size in tables.items():
            archive.writestr(zipfile.ZipInfo(name), os.urandom(size))
    return out.getvalue()


def test_each_conversation_of_a_threema_backup_is_a_segment(pieces):
    data = backup({"contacts.csv": 300, "message_ABCD1234.csv": 900, "group_message_1.csv": 80})
    found = pieces(THREEMA, b"threema-backup_ABCD1234_1710230460000_1.zip", data)
    assert [piece[:4] for piece in found] == [b"PK\3\4"] * 3 + [b"PK\1\2"]
    assert b"message_ABCD1234.csv" in found[1]


def test_a_threema_backup_without_its_directory_is_not_complete(pieces):
    data = backup({"contacts.csv": 30})
    assert incomplete(THREEMA, b"a.ZIP", data) is None
    for size in range(1, len(data)):
        assert incomplete(THREEMA, b"a.zip", data[:size]) == "zip-open"
        assert pieces(THREEMA, b"a.zip", data[:size]) == [data[:size]]
    assert incomplete(THREEMA, b"sleutel.txt", data[:9]) is None
    assert pieces(THREEMA, b"sleutel.txt", data) == [data]
