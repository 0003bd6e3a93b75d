# SPDX-License-Identifier: EUPL-1.2
"""When a phone is read out, as was agreed (docs/spec/policy.md §6).

[[readout]]
source = "phone"
every = "7d"
window = "Fri 17:00-20:00"
not_during = ["2026-12-24..2027-01-02"]
command = "idevicebackup2"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lakzegel_core import fields
from lakzegel_core.errors import PolicyError
from lakzegel_core.tables import Table
from lakzegel_core.units import parse_duration
from lakzegel_core.windows import Dates, Hours, parse_hours, parse_times

_MAX_TIMES: Final = 100
_LEAST: Final = 3_600.0  # seconds between two read-outs


@dataclass(frozen=True, slots=True)
class Readout:
    """When a phone is read out: how often, in which window, and what is started for it."""

    source: str
    every: float  # seconds
    window: str | None
    hours: tuple[Hours, ...] = ()  # what ``window`` says; none: at any time
    not_during: tuple[Hours | Dates, ...] = ()
    command: str | None = None  # a name that the device's own settings know
    spared: tuple[str, ...] = ()  # what ``not_during`` says, as it was written


def parse_readout(table: Table) -> Readout:
    """The read-out of one table.

    Raises:
        PolicyError: names the key and what is wrong with it.
    """
    window = table.take("window", str) if table.has("window") else None
    spared, what = table.strings("not_during"), table.name("not_during")
    if len(spared) > _MAX_TIMES:
        raise PolicyError(f"{what} has more than {_MAX_TIMES}")
    readout = Readout(
        table.take("source", str),
        table.parsed("every", parse_duration),
        window,
        () if window is None else parse_hours(window, what=table.name("window")),
        tuple(one for text in spared for one in parse_times(text, what=what)),
        table.parsed("command", fields.slug) if table.has("command") else None,
        spared,
    )
    table.done()
    if readout.every < _LEAST:
        raise PolicyError(f"{table.name('every')} is below an hour")
    return readout
