# SPDX-License-Identifier: EUPL-1.2
"""What a guard is tried with: a home, a system below a folder, and a memory of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakzegel_agent.guards.base import ANY_GUARDS, Guard, Reading, Surroundings, Watched
from lakzegel_agent.guards.places import Files
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_core.age import Identity
from lakzegel_core.policy import Policy, parse_policy_toml

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
RECIPIENT = Identity(bytes(32)).recipient.to_text()


class Kept:
    """A ledger's named values, in memory."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def remember(self, name: str, value: bytes) -> None:
        self.values[name] = value

    def recall(self, name: str) -> bytes | None:
        return self.values.get(name)


def policy(more: str = "") -> Policy:
    """A policy of two recipients' worth of nothing, and what is added to it."""
    return parse_policy_toml(
        f'serial = 1\naudience = ["group:g"]\nexpires = 2027-06-30\nrecipients = ["{RECIPIENT}"]\n'
        + more
    )


Make = Callable[..., Surroundings]


@pytest.fixture
def memory() -> Kept:
    """A memory of its own for each test."""
    return Kept()


@pytest.fixture
def around(tmp_path: Path, memory: Kept) -> Make:
    """Makes surroundings: `home` and `system` are folders of the test, sources by (kind, root)."""

    def make(*sources: tuple[str, Path], **changed: Any) -> Surroundings:
        home, system = tmp_path / "home", tmp_path / "system"
        home.mkdir(exist_ok=True)
        system.mkdir(exist_ok=True)
        watched = tuple(
            Watched(f"s{n}", f"Bron {n}", kind, root) for n, (kind, root) in enumerate(sources)
        )
        found = Surroundings(
            home=home,
            system=system,
            platform="linux",
            now=NOW,
            sources=watched,
            domains=frozenset({"minxyz.example"}),
            places={"file": Files()},
            notes=GuardNotes(memory, "test"),
            policy=policy(),
        )
        return replace(found, **changed)

    return make


def readings(guard: Guard, surroundings: Surroundings) -> list[Reading]:
    """What a guard reads; every reason is of a list of its, or of any guard's."""
    found = list(guard.look(surroundings))
    allowed = guard.declaration.reasons | ANY_GUARDS | {""}
    assert {one.reason for one in found} <= allowed
    assert len({one.subject for one in found}) == len(found)
    return found


def states(found: Sequence[Reading]) -> dict[str, tuple[str, str]]:
    """State and reason by subject."""
    return {one.subject: (str(one.state), one.reason) for one in found}
