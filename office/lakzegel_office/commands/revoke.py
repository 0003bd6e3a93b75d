# SPDX-License-Identifier: EUPL-1.2
"""`revoke`: a device is trusted no more beyond a batch (docs/spec/admission.md §4)."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_core.custody_state import DeviceState
from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.revocation import Revocation, sign_revocation
from lakzegel_office import durable
from lakzegel_office.commands.common import Commands, command, unlock
from lakzegel_office.errors import UsageError
from lakzegel_office.mirror import Mirror
from lakzegel_office.replaying import replay_home

NONE: Final = "none"


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "revoke", run, "sign that a device is trusted no more")
    parser.epilog = (
        "It is for ever: a device that comes back is enrolled under another name. What was sealed"
        " after the last trusted batch stays in the log, and is not trusted."
    )
    parser.add_argument(
        "--device", required=True, metavar="NAME", help="whose keys are not trusted"
    )
    parser.add_argument(
        "--after",
        metavar="EPOCH/BATCH",
        help=f"the last batch that is trusted, or EPOCH/{NONE} (default: the newest in the mirror)",
    )
    parser.add_argument(
        "--reason", required=True, metavar="WORD", help="like stolen or lost: a-z, 0-9, hyphens"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="the note, for the receiver")


def run(arguments: argparse.Namespace) -> int:
    """Write the note, over what the mirror holds of the device."""
    office = unlock(arguments)
    mirror = Mirror(office.home.mirror)
    if arguments.out.exists():
        raise UsageError(f"{arguments.out}: exists; choose another name")
    if not mirror.checkpoint.exists():
        raise UsageError(f"{office.home.root}: no mirror yet; run: lakzegel-office pull")
    device = replay_home(office).custody.devices.get(arguments.device)
    if device is None:
        raise UsageError(f"--device {arguments.device}: not enrolled in the mirrored log")
    epoch, batch = _last(device) if arguments.after is None else _parse(arguments.after)
    now = datetime.now(UTC).replace(microsecond=0)
    found = Revocation(office.config.origin, device.name, epoch, batch, arguments.reason, now)
    key = office.vault.signer("enrolment", office.config.keys["enrolment"])
    durable.write_new(arguments.out, sign_revocation(found, key))
    last = NONE if batch is None else batch
    print(f"{arguments.out}: {device.name} is trusted up to {epoch}/{last}; for ever")
    print("have the receiver publish it now: until then it takes what the device sends")
    return 0


def _last(device: DeviceState) -> tuple[int, int | None]:
    return device.epoch, None if device.head is None else device.head.batch


def _parse(text: str) -> tuple[int, int | None]:
    epoch, slash, batch = text.partition("/")
    try:
        number = parse_decimal(epoch, what="--after")
        if slash:
            return number, None if batch == NONE else parse_decimal(batch, what="--after")
    except (FormatError, LimitError):
        pass
    raise UsageError(f"--after {text}: not EPOCH/BATCH or EPOCH/{NONE}")
