# SPDX-License-Identifier: EUPL-1.2
"""Which devices and sources a report is about: a custody's, wherever they were read, or all.

A phone is its person's, whatever host reads it (docs/spec/policy.md §5): of such a host a report
tells the chain and the times that it was covered, and of its sources that one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lakzegel_office.collection.opening import custody_of
from lakzegel_office.errors import UsageError
from lakzegel_office.replay import Replay
from lakzegel_office.terms.whose import known_custodies


@dataclass(frozen=True, slots=True)
class Own:
    """What a report is about."""

    devices: tuple[str, ...]  # those that may have something of it
    whole: Callable[[str], bool]  # whether a device is, with what it says of itself
    source: Callable[[str, str], bool]  # whether a device's source is, by its label
    custodies: tuple[str, ...] = ()  # of all where there is none


def own_of_custody(replay: Replay, custody: str) -> Own:
    """Return what is of a custody, nothing where the log has none called so."""
    states, whose = replay.custody.devices, custody_of(replay)
    return Own(
        tuple(sorted(states)),
        lambda device: states[device].custody == custody,
        lambda device, label: whose(device, label) == custody,
        (custody,),
    )


def own_of(replay: Replay, wanted: Sequence[str]) -> Own:
    """Return what is of custodies, or of devices where no custody is called so; none: all.

    Raises:
        UsageError: there is neither.
    """
    if not wanted:
        return Own(tuple(sorted(replay.custody.devices)), lambda _: True, lambda *_: True)
    each = [_one(replay, name) for name in wanted]
    return Own(
        tuple(sorted({device for one in each for device in one.devices})),
        lambda device: any(one.whole(device) for one in each),
        lambda device, label: any(one.source(device, label) for one in each),
        tuple(sorted({custody for one in each for custody in one.custodies})),
    )


def _one(replay: Replay, wanted: str) -> Own:
    states = replay.custody.devices
    if wanted in known_custodies(replay):
        return own_of_custody(replay, wanted)
    if wanted not in states:
        raise UsageError(f"{wanted}: no custody and no device of this name in the log")
    return Own(
        (wanted,),
        lambda device: device == wanted,
        lambda device, _: device == wanted,
        (states[wanted].custody,),
    )
