# SPDX-License-Identifier: EUPL-1.2
"""``[fleet]``: from when on a device is late, silent, off or old (receiver-settings.md)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

from lakzegel_core.errors import PolicyError
from lakzegel_core.units import parse_duration
from lakzegel_server.settings_section import Section

_VERSION: Final = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){0,3}\Z")


def _duration(value: object) -> object:
    """The span of ``"26h"``; what is a span already stays one."""
    if isinstance(value, timedelta):
        return value
    try:
        return timedelta(seconds=parse_duration(str(value), what="duration"))
    except PolicyError:
        raise ValueError("not a duration like 15m, 26h or 30d") from None


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("not longer than nothing")
    return value


def _version(value: str) -> str:
    if not _VERSION.match(value):
        raise ValueError("not a version like 0.5 or 1.2.0")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration, str), AfterValidator(_positive)]


class FleetSettings(Section):
    """What the receiver expects of devices."""

    late: Duration = timedelta(hours=26)  # since a sealed batch: one a day is promised
    silent: Duration = timedelta(hours=26)  # since a batch or a heartbeat
    skew: Duration = timedelta(minutes=5)
    certificate: Duration = timedelta(days=30)  # before its end
    oldest_version: Annotated[str, AfterValidator(_version)] | None = None
