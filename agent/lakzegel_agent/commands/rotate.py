# SPDX-License-Identifier: EUPL-1.2
"""`rotate`: new keys for this device, which the old ones vouch for."""

from __future__ import annotations

import argparse

from lakzegel_agent.commands.common import Commands, _, answer, command

_MORE = """\
Makes new keys for this device, has the old header key vouch for them, and sends that note to the
log. From then on the old keys sign nothing: receiver, records office and judge take what the new
keys sign because the log says so. No token is needed, nothing is captured anew, and no hour is left
uncovered. Do it when somebody may have seen the keys; a stolen device is revoked instead.

What waits in the spool is sent first: keys are replaced once every batch has its receipt. The new
keys and their note are kept before the note is sent: after a crash or a lost answer the next `run`,
`once` or `rotate` goes on with it.

Where an agent is at work here it is asked instead: it replaces the keys the next time that it looks
at everything and nothing waits; SIGHUP (`systemctl reload`) has it look now, and `status` shows the
epoch. A policy can have all this done by itself, each time that keys are so old (`limits.keys`).

exit: 0 the log holds the new keys, or the agent at work was asked
      1 the log went back or forked; the disk fails
      2 configuration; not enrolled
      3 the receiver could not be reached, or refused: the error says which keys are in force

example: lakzegel-agent rotate --config /etc/lakzegel/agent.toml --json
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "replace this device's keys by new ones that the old ones vouch for"
    parser = command(commands, "rotate", run, text=text, more=_MORE)
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Replace the keys, and say which epoch is in force."""
    from lakzegel_agent.rotating import rotate  # noqa: PLC0415 - status must start fast
    from lakzegel_agent.settings import load_config  # noqa: PLC0415 - see above

    found = rotate(load_config(arguments.config))
    if arguments.json:
        answer(found.to_json())
        return 0
    texts = {
        "replaced": _("device {device}: new keys are in force, epoch {epoch}"),
        "resumed": _("device {device}: keys that were made before are in force, epoch {epoch}"),
        "asked": _(
            "device {device}: the agent at work here was asked to replace the keys of epoch {epoch}"
        ),
    }
    print(texts[found.state].format(device=found.device, epoch=found.epoch))
    return 0
