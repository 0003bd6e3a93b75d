# SPDX-License-Identifier: EUPL-1.2
"""``[handover]``: where what was sealed is pushed to (docs/spec/handover.md)."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from lakzegel_server.settings_alerts import Webhooks
from lakzegel_server.settings_section import AbsolutePath, Section
from lakzegel_server.settings_types import Seconds, Size

MIB: Final = 2**20


class HandoverFolder(Section):
    """A folder that the office, or a carrier, empties."""

    path: AbsolutePath
    mounted: bool = False  # whether it must be a mount of its own
    every: Seconds = 60.0  # between two hand-overs at least
    limit: Annotated[Size, Field(ge=MIB)] = 50 * 2**30  # bytes that may lie there unfetched


class HandoverSettings(Section):
    """Everything that is pushed; nothing by default."""

    folder: HandoverFolder | None = None
    webhook: Annotated[Webhooks, Field(max_length=8)] = ()
