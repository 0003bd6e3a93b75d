# SPDX-License-Identifier: EUPL-1.2
"""``[watch]``: when what the receiver depends on itself is called wrong (receiver-settings.md)."""

from __future__ import annotations

from datetime import timedelta

from lakzegel_server.settings_fleet import Duration
from lakzegel_server.settings_section import Section


class WatchSettings(Section):
    """What is expected of the receiver's own certificate, and of the records office."""

    certificate: Duration = timedelta(days=30)  # before its end
    office: Duration = timedelta(hours=26)  # since it last fetched; a device seals once a day
