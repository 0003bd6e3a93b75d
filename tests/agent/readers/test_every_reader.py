# SPDX-License-Identifier: EUPL-1.2
"""What holds for every reader, whatever the bytes: segments are the file, in order, and bounded."""

import os
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent import view as view_module
from lakzegel_agent.errors import ChangedError, UnknownReaderError, UsageError
from lakzegel_agent.readers import base, kinds, reader_of
from lakzegel_agent.readers.base import BLOCK, MAX_SEGMENT_CUT, SMALL, bounded, opaque
from lakzegel_agent.view import View

SAMPLES = Path(__file__).parent / "samples"
PATHS = (
    b"Inbox",
    b"cur/1:2,S",
    b"tmp/1",
    b"chat.txt",
    b"chat.zip",
    b"result.json",
    b"1.eml",
    b"1.emlx",
    b"nota.msg",
    b"archief.pst",
    b"signal-2024-03-12-08-01-00.backup",
    b"data/tweets.js",
    b"message_1.json",
    b"outbox.json",
    b"messages.csv",
    b"\xff",
)
FRAGMENTS = (
    b"From ", b"From - Fri Aug 24 11:55:47 2018\n", b"\n", b"\r\n", b"\n\nFrom \n", b"\r", b" ",
    b"12-03-2024 08:01 - Bas: x\n", b"13-03-2024 08:01 - Bas: x\n", "\u200e".encode(),
    b"[12-03-2024 08:01:00] A: b\n", b'{"name": "a", "type": "b", "id": 1, "messages": [',
    b'{"id": 1, "type": "message", "date": "2024-01-01T', b'{"id":1,"type":"a","date":"2024-01-02T',
    b"}", b"},", b"]", b'"', b"\\", b"{", b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04",
    b"PK\x06\x07", b"PK\x06\x06", b"\x00" * 18, b"\xff" * 8, b"\x00\x00\x16\x00",
    b"\x01\x00\x1c\x00",
    b"12 \n", b"</plist>\n", b"!BDN\x00\x00\x00\x00SM\x17\x00", b"!BDN\x00\x00\x00\x00SO\x0e\x00",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x00\x00\x00\x36\x0a\x34\x0a\x10", b"\x18\x01",
    b"\x00\x00\x00\x0c", b"window.YTD.tweets.part0 = [", b'{ "tweet" : {', b'{"tweet":{',
    b'window.YTD.direct_messages.part0 = [{"dmConversation":{"messages":[', b'{"dmConversation":{',
    b'{"messageCreate" : {', b'"createdAt" : "2024-03-12T', b'"createdAt" : "2024-03-13T', b",\n  ",
    b'{"participants": [', b'{"sender_name": "B", "timestamp_ms": 1710230460000',
    b'{"sender_name":"A","timestamp_ms":9', b'"OrderedCollection"',
    b'{"id":"a","type":"Create","actor":"b","published":"2024-03-12T',
    b'{"id":"a","type":"Announce","actor":"b","published":"2024-03-13T',
    b"CONVERSATION ID,DATE,CONTENT\n", b"2-a,2024-03-12 x,b\n", b'"2-b","2024-03-13 x","b\n', b'""',
)  # fmt: skip

hostile = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=40)), max_size=60).map(
    b"".join
)


def check_cuts(kind: str, path: bytes, view: View) -> list[int]:
    ends = list(reader_of(kind).cut(path, view))
    assert ends[-1:] == ([view.size] if view.size else [])
    assert all(0 < end - start <= MAX_SEGMENT_CUT for start, end in pairwise([0, *ends]))
    return ends


@settings(max_examples=150, deadline=None, database=None)
@given(data=hostile, path=st.sampled_from(PATHS))
def test_segments_are_the_file_in_order_whatever_its_bytes(data: bytes, path: bytes) -> None:
    for kind in kinds():
        check_cuts(kind, path, View.of_bytes(data))
        reader_of(kind).incomplete(path, View.of_bytes(data))


@settings(max_examples=60, deadline=None, database=None)
@given(data=hostile, path=st.sampled_from(PATHS), window=st.integers(1, 50))
def test_seams_do_not_depend_on_the_window_that_was_looked_through(
    data: bytes, path: bytes, window: int
) -> None:
    for kind in kinds():
        whole = check_cuts(kind, path, View.of_bytes(data))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(view_module, "WINDOW", window)
            assert check_cuts(kind, path, View.of_bytes(data)) == whole


@pytest.mark.parametrize("name", sorted(file.name for file in SAMPLES.iterdir()))
@pytest.mark.parametrize("kind", kinds())
def test_a_damaged_or_truncated_sample_is_still_covered(name: str, kind: str) -> None:
    data = (SAMPLES / name).read_bytes()
    path = os.fsencode(name)
    chance = random.Random(name)
    for _ in range(40):
        damaged = bytearray(data[: chance.randrange(len(data) + 1)])
        for _ in range(min(len(damaged), 3)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        check_cuts(kind, path, View.of_bytes(bytes(damaged)))


@pytest.mark.parametrize("name", sorted(file.name for file in SAMPLES.iterdir()))
@pytest.mark.parametrize("kind", kinds())
def test_a_sample_is_cut_the_same_through_small_windows(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, path = (SAMPLES / name).read_bytes(), os.fsencode(name)
    whole = check_cuts(kind, path, View.of_bytes(data))
    for window in (3, 61):
        monkeypatch.setattr(view_module, "WINDOW", window)
        assert check_cuts(kind, path, View.of_bytes(data)) == whole


@pytest.fixture
def large(tmp_path: Path) -> Iterator[View]:
    """A sparse file that is larger than two segments may be."""
    size = 2 * MAX_SEGMENT_CUT + 12_345
    descriptor = os.open(tmp_path / "large", os.O_RDWR | os.O_CREAT)
    os.truncate(descriptor, size)
    yield View(descriptor, size)
    os.close(descriptor)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", kinds())
def test_no_segment_is_longer_than_the_limit(kind: str, path: bytes, large: View) -> None:
    assert len(check_cuts(kind, path, large)) >= 3


@pytest.mark.parametrize("kind", kinds())
def test_a_file_that_became_shorter_is_a_changed_file(kind: str, tmp_path: Path) -> None:
    for name in ("mbox-thunderbird", "android-nl.txt", "alles.json"):
        file = tmp_path / name
        file.write_bytes((SAMPLES / name).read_bytes())
        with file.open("r+b") as opened:
            view = View(opened.fileno(), file.stat().st_size)
            opened.truncate(20)
            try:
                check_cuts(kind, os.fsencode(name), view)
            except ChangedError:
                continue


@pytest.mark.parametrize("kind", kinds())
def test_a_file_without_bytes_has_no_segments(kind: str) -> None:
    assert check_cuts(kind, b"x.txt", View.of_bytes(b"")) == []


def test_small_opaque_files_are_whole_and_large_ones_are_blocks() -> None:
    assert list(opaque(1)) == [1]
    assert list(opaque(SMALL)) == [SMALL]
    assert list(opaque(SMALL + 1)) == [BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK, SMALL + 1]


def test_appending_to_an_opaque_file_leaves_its_blocks_where_they_were() -> None:
    assert list(opaque(9 * BLOCK + 1))[:9] == list(opaque(20 * BLOCK))[:9]


def test_seams_that_lie_are_passed_over() -> None:
    assert list(bounded([0, 5, 5, 3, 7, 99, 8], 9)) == [5, 7, 9]


def test_a_flood_of_seams_ends_in_long_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_SEAMS", 3)
    assert list(bounded(range(1, 100), 100)) == [1, 2, 3, 100]


def test_every_reader_is_found_by_its_kind() -> None:
    expected = (
        "eml", "emlx", "folder", "maildir", "mbox", "msg", "pst", "signal-android-backup",
        "social-export", "telegram-export", "threema-backup", "whatsapp-export",
    )  # fmt: skip
    assert set(expected) <= set(kinds())
    assert all(reader_of(kind).kind == kind for kind in kinds())


def test_an_unknown_kind_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(UnknownReaderError, match=r"'fax'.*mbox") as caught:
        reader_of("fax")
    assert isinstance(caught.value, UsageError)
