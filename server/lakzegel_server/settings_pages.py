# SPDX-License-Identifier: EUPL-1.2
"""``[pages]``: how people are told times (docs/spec/receiver-settings.md)."""

from __future__ import annotations

from datetime import UTC, tzinfo
from functools import cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from lakzegel_server.settings_section import Section

HOME: Final = "Europe/Amsterdam"


def _known(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # of ZoneInfoNotFoundError the first
        raise ValueError("not a time zone that this machine knows") from None
    return name


class PagesSettings(Section):
    """What pages for people need to know."""

    time_zone: Annotated[str, AfterValidator(_known)] = HOME  # a default is not validated


@cache
def zone_of(name: str) -> tzinfo:
    """The zone; UTC where this machine has no zones at all."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # of ZoneInfoNotFoundError the first
        return UTC
