# SPDX-License-Identifier: EUPL-1.2
"""``[limits]``: how much one sender may ask for (docs/spec/receiver-settings.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lakzegel_server.settings_section import Section
from lakzegel_server.settings_types import Size

Count = Annotated[int, Field(ge=1, le=1_000_000)]


class LimitSettings(Section):
    """None of them is met by a device that does what an agent does, a first capture included."""

    device_uploads: Annotated[int, Field(ge=1, le=64)] = 4  # at a time; an agent has one
    device_requests: Count = 3_000  # a minute
    device_heartbeats: Count = 60  # a minute; an agent sends one or two
    device_bytes: Annotated[Size, Field(ge=2**20)] | None = None  # a day
    address_uploads: Annotated[int, Field(ge=1, le=64)] = 16  # large, before proven
    address_requests: Count = 30_000  # a minute, without login; many devices may share an address
    address_links: Count = 20  # personal links that open nothing, in a quarter of an hour
