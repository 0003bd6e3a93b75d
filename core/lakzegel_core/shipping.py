# SPDX-License-Identifier: EUPL-1.2
"""When and how fast batches leave a device: the ``[shipping]`` table of a policy.

    [shipping]
    hours = "Mon-Fri 19:00-07:00, Sat-Sun 00:00-24:00"
    bandwidth = "512 KiB"
    on_battery = "wait"
    metered = "wait"
    longest_wait = "24h"

docs/spec/policy.md §7. Nothing here delays capture.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lakzegel_core.errors import PolicyError
from lakzegel_core.tables import Table
from lakzegel_core.units import parse_duration, parse_size
from lakzegel_core.windows import Hours, parse_hours

CHOICES: Final = ("ship", "wait")
LEAST_BANDWIDTH: Final = 4096  # bytes a second
LONGEST_WAIT: Final = 7 * 86_400.0  # seconds; a policy may name less


@dataclass(frozen=True, slots=True)
class Shipping:
    """How batches leave; without ``hours`` always, ``bandwidth`` is bytes a second or no limit."""

    hours: tuple[Hours, ...] = ()
    bandwidth: int | None = None
    on_battery: str = "ship"
    metered: str = "ship"
    longest_wait: float = 86_400.0  # seconds

    def is_open(self, now: datetime) -> bool:
        """Whether batches may leave at ``now``, what the clock on the wall shows, without zone."""
        days = (now.date(), now.date() - timedelta(days=1))
        spans = [span for hours in self.hours for day in days if (span := hours.on(day))]
        return not self.hours or any(begin <= now < end for begin, end in spans)


def parse_shipping(table: Table) -> Shipping:
    """The shipping of a table, every key known and of its type.

    Raises:
        PolicyError: names the key and what is wrong with it.
    """
    none = Shipping()
    found = Shipping(
        hours=table.parsed("hours", parse_hours) if table.has("hours") else (),
        bandwidth=table.parsed("bandwidth", parse_bandwidth) if table.has("bandwidth") else None,
        on_battery=table.parsed("on_battery", parse_choice, none.on_battery),
        metered=table.parsed("metered", parse_choice, none.metered),
        longest_wait=table.parsed("longest_wait", parse_longest_wait, "24h"),
    )
    table.done()
    return found


def parse_bandwidth(text: str, *, what: str) -> int:
    """Bytes a second of ``512 KiB``.

    Raises:
        PolicyError: any other spelling, or less than 4 KiB.
    """
    found = parse_size(text, what=what)
    if found < LEAST_BANDWIDTH:
        raise PolicyError(f"{what}: less than {LEAST_BANDWIDTH // 1024} KiB a second")
    return found


def parse_choice(text: str, *, what: str) -> str:
    """``ship`` or ``wait``.

    Raises:
        PolicyError: anything else.
    """
    if text not in CHOICES:
        raise PolicyError(f"{what}: not one of {', '.join(CHOICES)}")
    return text


def parse_longest_wait(text: str, *, what: str) -> float:
    """Seconds of ``24h``, at most a week.

    Raises:
        PolicyError: any other spelling, or more.
    """
    found = parse_duration(text, what=what)
    if found > LONGEST_WAIT:
        raise PolicyError(f"{what}: more than 7d; nothing waits for ever")
    return found
