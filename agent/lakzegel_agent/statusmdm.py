# SPDX-License-Identifier: EUPL-1.2
"""What an MDM reads of the status: few fields that stay as they are (docs/spec/health.md §7).

"mdm": {"days_since_receipt": 0, "enrolled": true, "problems": "", "running": true,
"state": "healthy", "version": "0.1.0"}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from lakzegel_core.encoding import parse_time

NEVER: Final = 99_999  # days, where there was no receipt yet: a number, for rules that compare
_DAY: Final = 86_400


def summary(status: Mapping[str, Any], *, now: datetime) -> dict[str, str | int | bool]:
    """The fields of a status; its ``at_work`` is among what it needs."""
    codes = sorted({problem["code"] for problem in status["problems"]})
    return {
        "days_since_receipt": _days(status.get("last_receipt"), now),
        "enrolled": status.get("device") is not None,
        "problems": ",".join(codes),
        "running": bool(status["at_work"]),
        "state": _state(status, codes),
        "version": str(status["version"]),
    }


def _state(status: Mapping[str, Any], codes: list[str]) -> str:
    """The first of these that is so."""
    if status.get("ended"):
        return "ended"
    if status.get("device") is None:
        return "not-enrolled"
    if not status["at_work"]:
        return "stopped"
    return "problems" if codes else "healthy"


def _days(receipt: Mapping[str, Any] | None, now: datetime) -> int:
    """Whole days since the last receipt that was verified."""
    if receipt is None:
        return NEVER
    passed = now - parse_time(receipt["at"], what="receipt")
    return max(0, int(passed.total_seconds()) // _DAY)
