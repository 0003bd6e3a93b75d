# SPDX-License-Identifier: EUPL-1.2
"""Which devices and sources a report is about: a custody's, wherever they were read, or all.

A phone is its person's, whatever host reads it (docs/spec/policy.md §5): of such a host a report
tells the chain and the times that it was covered, and of its sources that one alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lakzegel_office.collection.opening import custody_of
from lakzegel_office.errors import UsageError
from lakzegel_office.replay import Replay


@dataclass(frozen=True, slots=True)
class Own:
    """What a report is about."""

    devices: tuple[str, ...]  # those that may have something of it
    whole: Callable[[str], bool]  # whether a device is, with what it says of itself
    source: Callable[[str, str], bool]  # whether a device's source is, by its label


def own_of_custody(replay: Replay, custody: str) -> Own:
    """Return what is of a custody, nothing where the log has none called so."""
    states, whose = replay.custody.devices, custody_of(replay)
    return Own(
        tuple(sorted(states)),
        lambda device: states[device].custody == custody,
        lambda device, label: whose(device, label) == custody,
    )


def own_of(replay: Replay, wanted: str | None) -> Own:
    """Return what is of a custody, or of a device where no custody is called so; None: all.

    Raises:
        UsageError: there is neither.
    """
    states = replay.custody.devices
    if wanted is None:
        return Own(tuple(sorted(states)), lambda _: True, lambda *_: True)
    phones = {source.custody for policy in replay.policies() for source in policy.sources}
    if wanted in phones or any(one.custody == wanted for one in states.values()):
        return own_of_custody(replay, wanted)
    if wanted not in states:
        raise UsageError(f"{wanted}: no custody and no device of this name in the log")
    return Own((wanted,), lambda _: True, lambda *_: True)
