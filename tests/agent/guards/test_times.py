# SPDX-License-Identifier: EUPL-1.2
"""When guards look (docs/spec/guards.md §3)."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from lakzegel_agent.guardtimes import LEAST, MOST, PAUSE, WHEN, is_time, pause_after

from .conftest import NOW, Kept

ONE, OTHER = SimpleNamespace(id=b"\1" * 32), SimpleNamespace(id=b"\2" * 32)


def looked(memory: Kept, pause: int | None) -> None:
    memory.remember(WHEN, f"{NOW:%Y-%m-%dT%H:%M:%SZ} {ONE.id.hex()}".encode())
    if pause is not None:
        memory.remember(PAUSE, str(pause).encode())


@pytest.mark.parametrize(
    ("pause", "later", "due"),
    [
        (None, LEAST - timedelta(seconds=1), False),
        (None, LEAST, True),
        (3600, timedelta(minutes=59), False),
        (3600, timedelta(minutes=60), True),
        (3600, timedelta(days=-1), True),  # the clock was set back
    ],
)
def test_looks_are_as_rare_as_they_are_dear(
    memory: Kept, pause: int | None, later: timedelta, *, due: bool
) -> None:
    looked(memory, pause)
    assert is_time(memory, ONE, NOW + later) is due


def test_another_policy_is_looked_at_at_once(memory: Kept) -> None:
    assert is_time(memory, ONE, NOW)
    looked(memory, 3600)
    assert not is_time(memory, ONE, NOW)
    assert is_time(memory, OTHER, NOW)


def test_what_looks_cost_is_kept_low_and_never_for_longer_than_the_most() -> None:
    assert pause_after(0.01) == LEAST
    assert pause_after(0.9) == timedelta(seconds=3000)
    assert pause_after(1000) == MOST
