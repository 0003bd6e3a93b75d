# SPDX-License-Identifier: EUPL-1.2
"""`guards`: what each guard finds now, and what setting it right would do."""

from __future__ import annotations

import argparse
from typing import Any

from lakzegel_agent.commands.common import Commands, _, answer, command, said

_MORE = """\
Every guard of the policy in force looks once, and changes nothing: the agent at work sets right
what the policy lets it. Of each it shows the mode, the state (compliant, drifted, repaired,
unknown, not-applicable), since when, how many subjects are in which state, and the reasons. Which
chat, account or rule it is about is told to the records office, and to the user of this device by
`explain` of the problem's id.

--dry-run shows besides what enforcing would do, also for guards whose mode is `report`.

exit: 0 nothing drifted and all could be read; 1 something did, or could not; 2 configuration

example: lakzegel-agent guards --config /etc/lakzegel/agent.toml --dry-run
"""
BAD = ("drifted", "unknown")


def add(commands: Commands) -> None:
    """Add the command."""
    text = "show what the guards find"
    parser = command(commands, "guards", run, text=text, more=_MORE)
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what enforcing would do, and do nothing"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print a row for each guard."""
    from lakzegel_agent.guardsnow import look_now  # noqa: PLC0415 - status must start fast
    from lakzegel_agent.settings import load_config  # noqa: PLC0415

    found = look_now(load_config(arguments.config), dry_run=arguments.dry_run)
    if arguments.json:
        answer(found)
    else:
        for row in found:
            for line in lines(row):
                print(line)
    return 1 if any(row["state"] in BAD for row in found) else 0


def lines(row: dict[str, Any]) -> list[str]:
    """One guard for a person."""
    numbers = ", ".join(f"{many} {_(state)}" for state, many in row["subjects"].items())
    reasons = ", ".join(f"{why} {many}" for why, many in row["reasons"].items())
    state = _(row["state"] or "off")
    head = f"{row['id']:28} {_(row['mode']):8} {state:16}"
    told = "; ".join(text for text in (numbers, reasons) if text)
    more = [f"{'':4}{_('would')} {said(text)}" for text in row.get("would", ())]
    if row.get("cannot"):
        more.append(f"{'':4}{_('would not:')} {row['cannot']}")
    return [f"{head} {told}".rstrip(), *more]
