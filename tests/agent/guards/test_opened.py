# SPDX-License-Identifier: EUPL-1.2
"""How a file that is looked through piece by piece is opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lakzegel_agent.guards.base import NOT_OURS, UNREADABLE, PlaceError
from lakzegel_agent.guards.places import opened, read_settings


def test_a_link_is_not_opened_and_what_is_not_there_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with opened(tmp_path / "real") as (descriptor, told):
        assert os.read(descriptor, 9) == b"x"
        assert told.st_size == 1
    with pytest.raises(PlaceError) as error, opened(tmp_path / "link"):
        pass
    assert error.value.reason == NOT_OURS
    with pytest.raises(FileNotFoundError), opened(tmp_path / "none"):
        pass
    assert read_settings(tmp_path / "none") is None


def test_a_fault_while_it_is_read_is_told_as_unreadable(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    with pytest.raises(PlaceError) as error, opened(tmp_path / "real"):
        raise OSError
    assert error.value.reason == UNREADABLE
