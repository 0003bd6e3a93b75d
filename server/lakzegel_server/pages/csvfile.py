# SPDX-License-Identifier: EUPL-1.2
"""The fleet as a table for programs (RFC 4180): codes, counts and times, in no language."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_server.fleet.absence import absent_until
from lakzegel_server.fleet.model import DeviceHealth
from lakzegel_server.pages.conditions import since

MAX_CELL: Final = 1024  # characters
_OBEYED: Final = tuple("=+-@\t\r\n")  # what a spreadsheet takes for the beginning of a formula
COLUMNS: Final = (
    *("device", "group", "custody", "epoch", "condition", "since", "problems"),
    *("sealed_at", "heard_at", "version", "policy", "clock_ahead_seconds"),
    *(
        "waiting_batches",
        "waiting_bytes",
        "waiting_limit_bytes",
        "certificate_ends",
        "absent_until",
    ),
)


def header() -> str:
    """The first row: the names of the columns."""
    return _text([list(COLUMNS)])


def rows(devices: Iterable[DeviceHealth], now: datetime) -> str:
    """A row a device."""
    return _text([[cell(value) for value in _row(device, now)] for device in devices])


def _text(lines: Iterable[list[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows(lines)
    return file.getvalue()


def cell(value: str | int | datetime | None) -> str:
    """A value that a spreadsheet shows and does not carry out."""
    if isinstance(value, datetime):
        return format_time(value.replace(microsecond=0))
    if isinstance(value, int):
        return str(value)
    shown = (value or "")[:MAX_CELL]
    return f"'{shown}" if shown.startswith(_OBEYED) else shown


def _row(device: DeviceHealth, now: datetime) -> tuple[str | int | datetime | None, ...]:
    return (
        device.device,
        device.group,
        device.custody,
        device.epoch,
        device.condition.value,
        since(device),
        " ".join(trouble.code for trouble in device.troubles),
        device.newest.at if device.newest else None,
        device.heard,
        device.version,
        device.policy,
        device.skew,
        device.spool_batches,
        device.spool_bytes,
        device.spool_limit,
        device.certificate,
        absent_until(device.away, now),
    )
