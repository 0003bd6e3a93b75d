# SPDX-License-Identifier: EUPL-1.2
"""`config`: the effective settings, and where each came from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakzegel_agent.commands.common import Commands, _, answer, command

if TYPE_CHECKING:
    from lakzegel_agent.settingsshown import Shown

_MORE = """\
Sources, the first that says something wins: what MDM delivers (/etc/lakzegel/agent.toml, owned by
root; managed preferences on macOS; the registry's policies on Windows), the signed policy (cadence,
limits, shipping), the file, the environment (LAKZEGEL_AGENT_WORKERS, LAKZEGEL_AGENT_LIMITS__SPOOL
and so on). What MDM or the policy says is locked. Whom the device trusts never comes from the
environment. A login in a proxy's address is not shown. Of readout.toml, beside the file, the
program of each name is shown, and not its arguments.

exit: 0 the configuration can be used; 2 it cannot, and why, or readout.toml cannot

example: lakzegel-agent config --config /etc/lakzegel/agent.toml
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "show the effective settings and where each came from"
    parser = command(commands, "config", run, text=text, more=_MORE)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the settings."""
    from lakzegel_agent.readoutshown import programs_shown  # noqa: PLC0415 - starts fast
    from lakzegel_agent.settings import load_config  # noqa: PLC0415
    from lakzegel_agent.settingspolicy import recalled  # noqa: PLC0415
    from lakzegel_agent.settingsshown import shown  # noqa: PLC0415

    config = load_config(arguments.config)
    in_force = recalled(config)
    programs, fault = programs_shown(config)
    rows = [*shown(config, None if in_force is None else in_force.policy.text), *programs]
    if arguments.json:
        answer({row.name: row.to_json() for row in rows})
    else:
        _print(rows)
    if fault is not None:
        raise fault
    return 0


def _print(rows: Sequence[Shown]) -> None:
    for row in rows:
        for one in row.value if isinstance(row.value, list) else [row.value]:
            print(f"{row.name:21} {_short(one):60} {_origin(row)}")


def _origin(row: Shown) -> str:
    """Where it comes from, and what came to nothing."""
    found = row.provenance
    text = _(found.origin) + (_(", locked") if found.locked else "")
    if found.overridden:
        others = ", ".join(_(one) for one in found.overridden)
        text += _(" (overrides {others})").format(others=others)
    return f"{text} {found.place}" if row.name.startswith("readout") else text


def _short(value: object) -> str:
    """Enough of a long key to compare with another list: its name and id."""
    text = "-" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004 - a column's width
