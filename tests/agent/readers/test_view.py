# SPDX-License-Identifier: EUPL-1.2
"""Looking into a file: what was there at opening, or an error that says that it changed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent import view as view_module
from lakzegel_agent.errors import ChangedError
from lakzegel_agent.view import View


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(b"0123456789")
    descriptor = os.open(tmp_path / "file", os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def test_reads_are_held_within_the_view(opened: int) -> None:
    view = View(opened, 8)
    assert view.read(2, 5) == b"234"
    assert view.read(-3, 99) == b"01234567"
    assert view.read(6, 6) == view.read(9, 12) == b""


def test_what_was_appended_since_is_not_seen(opened: int) -> None:
    view = View(opened, 10)
    os.pwrite(opened, b"more", 10)
    assert view.read(0, 99) == b"0123456789"


def test_a_file_that_shrank_is_told(opened: int) -> None:
    view = View(opened, 10)
    os.truncate(opened, 4)
    assert view.read(0, 4) == b"0123"
    with pytest.raises(ChangedError):
        view.read(0, 10)
    with pytest.raises(ChangedError):
        view.find(b"9", 0)


def test_a_file_that_cannot_be_read_any_more_is_told(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(ChangedError):
        View(folder, 10).read(0, 1)
    os.close(folder)


@settings(max_examples=200, deadline=None, database=None)
@given(
    data=st.text("ab", max_size=60).map(str.encode),
    needle=st.text("ab", min_size=1, max_size=5).map(str.encode),
    start=st.integers(-2, 62),
    end=st.none() | st.integers(0, 62),
    window=st.integers(5, 20),
)
def test_finding_is_what_bytes_find(
    data: bytes, needle: bytes, start: int, end: int | None, window: int
) -> None:
    expected = data.find(needle, max(start, 0), len(data) if end is None else end)
    assert View.of_bytes(data).find(needle, start, end) == expected
    descriptor = os.memfd_create("view")
    os.write(descriptor, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_module, "WINDOW", window)
        assert View(descriptor, len(data)).find(needle, start, end) == expected
    os.close(descriptor)


def test_windows_follow_each_other_and_show_their_neighbours(
    opened: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_module, "WINDOW", 4)
    found = list(View(opened, 10).windows(before=1, after=2))
    assert [(w.start, w.end, w.first, w.data) for w in found] == [
        (0, 4, 0, b"012345"),
        (4, 8, 3, b"3456789"),
        (8, 10, 7, b"789"),
    ]
