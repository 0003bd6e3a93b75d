# SPDX-License-Identifier: EUPL-1.2
"""`status`: how this agent fares, at work or at rest."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from lakzegel_agent.commands.common import Commands, _, answer, command, said

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
    from lakzegel_agent.statusmdm import summary  # noqa: PLC0415

    found = current_status(load_config(arguments.config))
    if arguments.json:
        answer({**found, "mdm": summary(found, now=datetime.now(UTC))})
    else:
        for line in lines(found):
            print(line)
    return 1 if found["problems"] else 0


def lines(found: dict[str, Any]) -> list[str]:
    """The status for a person."""
    return [
        *_state(found),
        *_shipping(found.get("shipping") or {}),
        *(
            _row(_("source"), f"{one['name'] or _('(of former policies)')}: {_figures(one)}")
            for one in found["sources"]
        ),
        *_readiness(found.get("readiness")),
        *_work(found),
        *(_problem(one) for one in found["problems"]),
    ]


def _row(head: str, text: str) -> str:
    return f"{head:9} {text}"


def _state(found: dict[str, Any]) -> list[str]:
    """Which device, and what became of what it found."""
    who = _("{device}, epoch {epoch}, log {log}").format(
        device=found["device"] or "-", epoch=_or_none(found["epoch"]), log=found["origin"]
    )
    held = _("{batches} batches, {bytes} bytes, {waiting} not sent yet").format(**found["spool"])
    return [
        _row(_("device"), who),
        _row(_("agent"), _("at work") if found["at_work"] else _("at rest")),
        *([_row(_("term"), _("ended: nothing is captured any more"))] if found["ended"] else []),
        _row(_("keys"), found.get("keystore") or "-"),
        _row(_("ledger"), _figures(found["ledger"])),
        *(_row("", f"{count} {reason}") for reason, count in sorted(found["reasons"].items())),
        _row(_("spool"), held),
    ]


def _shipping(found: dict[str, Any]) -> list[str]:
    """Why batches wait, where they do."""
    if not found.get("waits"):
        return []
    if not found["anyway"]:
        return [_row(_("shipping"), _("waits: {waits} since {since}").format(**found))]
    text = _("against {waits} since {since}, because of {anyway}").format(**found)
    return [_row(_("shipping"), text)]


def _work(found: dict[str, Any]) -> list[str]:
    """What one at work does and weighs, the policy, and the last receipt."""
    rows = []
    watch, policy = found["watch"], found["policy"]
    process, receipt = found["process"], found["last_receipt"]
    if watch is not None:  # only of one at work
        polled = ", ".join(f"{many} {why}" for why, many in watch["polled"].items()) or _("none")
        text = _(
            "{folders} folders, polled: {polled}; events dropped {overflows} times,"
            " slept {sleeps} times"
        )
        rows.append(_row(_("watch"), text.format(**{**watch, "polled": polled})))
    if policy is not None:
        rows.append(_row(_("policy"), _("{serial}, expires {expires}").format(**policy)))
    if process is not None:
        text = _("{processes} processes, {size} MiB, {cpu_seconds} s of processor time")
        rows.append(_row(_("weight"), text.format(size=process["rss"] // 2**20, **process)))
    if receipt is not None:
        rows.append(_row(_("receipt"), _("{at}, entry {index} of {size}").format(**receipt)))
    return rows


def _problem(found: dict[str, Any]) -> str:
    since = _("since {since}").format(since=found["since"])
    told = f"{found['id'] or '-'} {found['code']} {since}"
    return _row(_("problem"), f"{told}: {said(found['detail'])}; {said(found['next'])}")


def _readiness(found: dict[str, Any] | None) -> list[str]:
    """What is covered and what is not; nothing before the first pass over everything."""
    if found is None:
        return []
    sources = found["sources"]
    ready = sum(one["covered"] for one in sources)
    not_ready = _("not ready")
    return [
        _row(_("ready"), _("{ready} of {all} sources").format(ready=ready, all=len(sources))),
        *(
            f"{not_ready} " + _("source {name}: {why} since {since}").format(**one)
            for one in sources
            if not one["covered"]
        ),
        *(
            f"{not_ready} " + _("app {name}: no source, since {since}").format(**app)
            for app in found["apps"]
        ),
        *(
            _row(
                _("elsewhere"),
                _("app {name}: covered by other means, by the policy").format(name=app),
            )
            for app in found.get("elsewhere", ())
        ),
    ]


def _or_none(value: int | None) -> str:
    return "-" if value is None else str(value)


def _figures(counts: dict[str, Any]) -> str:
    return _("{found} found = {sealed} sealed + {excluded} excluded + {failed} failed").format(
        **counts
    )
