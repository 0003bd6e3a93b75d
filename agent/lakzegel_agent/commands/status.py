# SPDX-License-Identifier: EUPL-1.2
"""`status`: how this agent fares, at work or at rest."""

from __future__ import annotations

import argparse
from typing import Any

from lakzegel_agent.commands.common import Commands, answer, command

_MORE = """\
Shows the device, its epoch, the ledger's counts (found = sealed + excluded + failed, over all
runs), the spool, the sources by the policy's names, the last verified receipt, and each problem:
its id and code, since when, and what to do. What an id is about, only `explain`
tells, and only the user of the device. It names no file and no contact. It asks nobody: for whether
the receiver can be reached, run doctor.

exit: 0 no problem; 1 at least one problem; 2 configuration

example: lakzegel-agent status --config /etc/lakzegel/agent.toml --json
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "show how this agent fares"
    parser = command(commands, "status", run, text=text, more=_MORE)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the status."""
    from lakzegel_agent.settings import load_config  # noqa: PLC0415 - starts fast
    from lakzegel_agent.status import current_status  # noqa: PLC0415

    found = current_status(load_config(arguments.config))
    if arguments.json:
        answer(found)
    else:
        for line in lines(found):
            print(line)
    return 1 if found["problems"] else 0


def lines(found: dict[str, Any]) -> list[str]:
    """The status for a person."""
    ledger, spool = found["ledger"], found["spool"]
    policy, receipt = found["policy"], found["last_receipt"]
    rows = [
        f"device    {found['device'] or '-'}, epoch {found['epoch']}, log {found['origin']}",
        f"agent     {'at work' if found['at_work'] else 'at rest'}",
        f"ledger    {_figures(ledger)}",
        *(f"          {count} {reason}" for reason, count in sorted(found["reasons"].items())),
        (
            f"spool     {spool['batches']} batches, {spool['bytes']} bytes,"
            f" {spool['waiting']} not sent yet"
        ),
    ]
    shipping = found.get("shipping") or {}
    if shipping.get("waits"):
        rows.append(
            f"shipping  {'against' if shipping['anyway'] else 'waits:'} {shipping['waits']}"
            f" since {shipping['since']}{_because(shipping['anyway'])}"
        )
    rows += [
        f"source    {source['name'] or '(of former policies)'}: {_figures(source)}"
        for source in found["sources"]
    ]
    rows += _readiness(found.get("readiness"))
    watch = found["watch"]
    if watch is not None:  # only of one at work
        polled = ", ".join(f"{many} {why}" for why, many in watch["polled"].items()) or "none"
        rows.append(
            f"watch     {watch['folders']} folders, polled: {polled};"
            f" events dropped {watch['overflows']} times, slept {watch['sleeps']} times"
        )
    if policy is not None:
        rows.append(f"policy    {policy['serial']}, expires {policy['expires']}")
    process = found["process"]
    if process is not None:
        rows.append(
            f"weight    {process['processes']} processes, {process['rss'] // 2**20} MiB,"
            f" {process['cpu_seconds']} s of processor time"
        )
    if receipt is not None:
        rows.append(f"receipt   {receipt['at']}, entry {receipt['index']} of {receipt['size']}")
    rows += [
        f"problem   {p['id'] or '-'} {p['code']} since {p['since']}: {p['detail']}; {p['next']}"
        for p in found["problems"]
    ]
    return rows


def _readiness(found: dict[str, Any] | None) -> list[str]:
    """What is covered and what is not; nothing before the first pass over everything."""
    if found is None:
        return []
    sources = found["sources"]
    ready = [one["name"] for one in sources if one["covered"]]
    return [
        f"ready     {len(ready)} of {len(sources)} sources",
        *(
            f"not ready source {one['name']}: {one['why']} since {one['since']}"
            for one in sources
            if not one["covered"]
        ),
        *(f"not ready app {app['name']}: no source, since {app['since']}" for app in found["apps"]),
    ]


def _because(anyway: str | None) -> str:
    return f", because of {anyway}" if anyway else ""


def _figures(counts: dict[str, Any]) -> str:
    return (
        f"{counts['found']} found = {counts['sealed']} sealed + {counts['excluded']} excluded"
        f" + {counts['failed']} failed"
    )
