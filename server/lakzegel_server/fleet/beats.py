# SPDX-License-Identifier: EUPL-1.2
"""The table ``heartbeats``: each device's newest, as it came, read and written many at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lakzegel_core import note
from lakzegel_core.encoding import format_time, parse_time
from lakzegel_core.errors import LakzegelError
from lakzegel_core.heartbeat import Heartbeat
from lakzegel_core.limits import MAX_HEARTBEAT
from lakzegel_server.fleet.beat import Beat
from lakzegel_server.fleet.states import marks
from lakzegel_server.index.engine import Connection
from lakzegel_server.schema import put, row_digest

_EPOCH, _COUNTER = 3, 5  # lines of a heartbeat (docs/spec/heartbeat.md §1)
_HEAD: Final = 6
_HOUR: Final = len("2026-11-24T02")
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the next heartbeat of a device is held against."""

    at: str
    place: tuple[int, int]  # epoch and counter

    def is_of_hour(self, at: datetime) -> bool:
        """Whether it came within the same hour."""
        return self.at[:_HOUR] == format_time(at)[:_HOUR]


def read_beats(connection: Connection, devices: Sequence[str]) -> dict[str, Beat]:
    """The newest heartbeat of each of these devices that sent one."""
    found = {}
    for device, at, data in _rows(connection, devices):
        try:
            text = note.parse(data, max_size=MAX_HEARTBEAT).text
            found[device] = Beat.of(Heartbeat.from_text(text), parse_time(at, what="at"))
        except LakzegelError:
            _log.warning("a heartbeat that was kept cannot be read; run 'check'")
    return found


def read_kept(connection: Connection, devices: Sequence[str]) -> dict[str, Kept]:
    """Of the newest heartbeat of each of these devices what the next one is held against.

    Only its first lines are read: each was verified and whole when it was kept.
    """
    found = {}
    for device, at, data in _rows(connection, devices):
        lines = data.split(b"\n", _HEAD)
        try:
            epoch, counter = (int(lines[row].partition(b" ")[2]) for row in (_EPOCH, _COUNTER))
            found[device] = Kept(at, (epoch, counter))
        except (IndexError, ValueError):
            _log.warning("a heartbeat that was kept cannot be read; run 'check'")
    return found


def write_beats(change: Connection, news: Mapping[str, tuple[datetime, bytes]]) -> None:
    """Keep these in the place of those that were there."""
    rows = [(device, format_time(at), data) for device, (at, data) in news.items()]
    change.executemany(put("heartbeats"), [(*row, row_digest(*row)) for row in rows])


def _rows(connection: Connection, devices: Sequence[str]) -> Iterable[tuple[str, str, bytes]]:
    if not devices:
        return ()
    return connection.execute(
        f"SELECT device, at, note FROM heartbeats WHERE device IN ({marks(devices)})",  # noqa: S608
        tuple(devices),
    )
