# SPDX-License-Identifier: EUPL-1.2
"""`decommission`: this device is taken out of use."""

from __future__ import annotations

import argparse
from typing import Any

from lakzegel_agent.commands.common import Commands, _, answer, command, said, say, stopping

_MORE = """\
Looks at everything once more, seals it, closes this device's last batch and ships it. Once the
records office states that it holds everything, this device destroys its keys, its ledger and its
spool, and keeps a tombstone: which batch was the last, its receipt, and the statement that covers
it. They are printed; the same command prints them again. The person's custody goes on, on his
other devices.

Nothing is removed as long as something is not sent or not held: the line says how much, and the
same command, or the service, goes on where it was, also after a crash. Where the receiver does not
answer nothing is changed at all. A device that its receiver will never hear of again gives up what
is left with --leave N, at most N batches: they stay in the home's folder given-up, as ciphertext
that the records office alone can open. Where an agent is at work here it is asked instead.

exit: 0 it is done; 1 something is not sent or not held, or the log went back or forked
      2 configuration; not enrolled; 3 the receiver cannot be reached, or refused

example: lakzegel-agent decommission --config /etc/lakzegel/agent.toml --wait 1h
"""
_UNITS = {"s": 1, "m": 60, "h": 3600}


def add(commands: Commands) -> None:
    """Add the command."""
    text = "ship the rest, prove it, and wipe this device's keys"
    parser = command(commands, "decommission", run, text=text, more=_MORE)
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=0.0,
        metavar="TIME",
        help="how long to wait for the records office, like 10m (default: not at all)",
    )
    parser.add_argument(
        "--leave", type=int, metavar="N", help="give up at most N batches that are not held"
    )
    parser.add_argument("--json", action="store_true", help="print what stays as JSON")


def _seconds(text: str) -> float:
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and unit in _UNITS):
        raise ValueError(text)
    return float(int(number) * _UNITS[unit])


def run(arguments: argparse.Namespace) -> int:
    """Take this device out of use, and say what stays."""
    from lakzegel_agent.decommissioning import Asked, decommission  # noqa: PLC0415 - starts fast
    from lakzegel_agent.settings import load_config  # noqa: PLC0415

    config = load_config(arguments.config)
    with stopping() as stop:
        asked = Asked(arguments.wait, arguments.leave, stop.wait)
        found = decommission(config, asked, say=_say, stop=stop)
    if arguments.json:
        answer(found)
    else:
        for line in lines(found):
            print(line)
    return 0


def lines(found: dict[str, Any]) -> list[str]:
    """What stays, for a person."""
    last = _("device {device} is out of use since {at}; its last batch is {epoch}/{batch}")
    none = _("device {device} is out of use since {at}; it sealed no last batch")
    rows = [(last if "batch" in found else none).format(**found)]
    if found.get("held"):
        text = _("the records office holds everything: its statement is of a log of {size} entries")
        rows.append(text.format(size=found["held"]["size"]))
    if found.get("left"):
        text = _("{left} batches were given up; they lie in given-up, for the records office")
        rows.append(text.format(left=found["left"]))
    for name, value in (("receipt", found.get("receipt")), ("held", found.get("held"))):
        if value is not None:
            rows.append(f"{name} {value['note'] if name == 'held' else value}")
    return rows


def _say(text: str) -> None:
    say(f"lakzegel-agent: {said(text)}")
