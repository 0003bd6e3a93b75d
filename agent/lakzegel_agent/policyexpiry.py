# SPDX-License-Identifier: EUPL-1.2
"""What is said as a policy nears its end: three warnings, then a finding; capture goes on.

    60 days before   notice
    30 days before   warning
     7 days before   urgent
    from the end on  policy-expired, and an observation for the office, once a policy

docs/spec/policy.md §4
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.policies import InForce, is_expired
from lakzegel_agent.problems import Found, Problems
from lakzegel_core.encoding import format_time

LEVELS: Final = ((7, "urgent"), (30, "warning"), (60, "notice"))  # days before, nearest first
SOON: Final = "policy-expires"
PAST: Final = "policy-expired"


def level_of(expires: datetime, now: datetime) -> str | None:
    """How urgent it is that the office signs another; None when it is not, or when it is past."""
    if now >= expires:
        return None
    return next((word for days, word in LEVELS if now >= expires - timedelta(days=days)), None)


def state_expiry(problems: Problems, ledger: Ledger, in_force: InForce, now: datetime) -> None:
    """State how near the end of the policy in force is; each level anew, and past it once.

    Raises:
        UnwritableError: it cannot be kept now.
    """
    policy = in_force.policy
    name, date = f"policy {policy.serial}", format_time(policy.expires)
    level = level_of(policy.expires, now)
    soon = {} if level is None else {f"{name} {level}": Found(f"{level}: {name} expires {date}")}
    problems.state(ledger, SOON, soon)
    past = {name: Found(f"{name} expired {date}")} if is_expired(in_force, now) else {}
    for expired in problems.state(ledger, PAST, past):
        ledger.observe(DEVICE, {"type": PAST, "sources": [expired]})
