# SPDX-License-Identifier: EUPL-1.2
"""``[handover]``: where what was sealed is pushed to (docs/spec/handover.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lakzegel_server.settings_alerts import Webhooks
from lakzegel_server.settings_section import Section


class HandoverSettings(Section):
    """Everything that is pushed; nothing by default."""

    webhook: Annotated[Webhooks, Field(max_length=8)] = ()
