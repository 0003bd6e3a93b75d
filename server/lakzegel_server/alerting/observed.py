# SPDX-License-Identifier: EUPL-1.2
"""Which causes hold at this moment, and how often: of devices, and of this receiver itself."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_server.desk import Desk
from lakzegel_server.fleet.causes import is_trouble
from lakzegel_server.fleet.reading import read_fleet
from lakzegel_server.standing import Phase

SURGE: Final = timedelta(minutes=10)
AWAY_SECONDS: Final = 600  # that a witness, an authority or a place of hand-over may be away
_PHASES: Final = {
    Phase.ASKING: "catching-up",
    Phase.CATCHING_UP: "catching-up",
    Phase.SHORT: "short",
    Phase.FORKED: "forked",
}


def observe(desk: Desk, now: int) -> dict[str, int]:
    """Every cause that holds, with how many devices or parts it is of."""
    moment = datetime.fromtimestamp(now, UTC)
    found: Counter[str] = Counter()
    for device in read_fleet(desk, moment).devices:
        found.update({trouble.code for trouble in device.troubles if is_trouble(trouble.code)})
    phase = _PHASES.get(desk.log.standing.phase)
    if phase is not None:
        found[phase] = 1
    found["disk"] = int(shutil.disk_usage(desk.layout.data).free < desk.settings.healthz.free)
    since = [one.failing_since for one in desk.witnesses.states() if one.failing_since is not None]
    found["witness-missing"] = sum(now - began > AWAY_SECONDS for began in since)
    found["tsa-failing"] = sum(
        one.failing is not None and now - one.failing > max(AWAY_SECONDS, one.every)
        for one in desk.timestamps.states()
    )
    failing = [one.failing_since for one in desk.handover.states() if one.failing_since is not None]
    found["handover-failing"] = sum(now - began > AWAY_SECONDS for began in failing)
    found["chore-failing"] = sum(chore.failed is not None for chore in desk.chores)
    if desk.alerts.store.refusals(format_time(moment - SURGE)) >= desk.settings.alerts.refusals:
        found["refusals"] = 1
    quiet = desk.settings.alerts.quiet
    return {code: count for code, count in found.items() if count and code not in quiet}
