# SPDX-License-Identifier: EUPL-1.2
"""`lakzegel`: arguments and exit codes, nothing else.

0 everything was verified and restored identical; 1 something was not; 2 usage; 3 a party could not
be reached or refused; 4 a party failed; 130 stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lakzegel_demo.errors import DemoError
from lakzegel_demo.show import Order, show

INTERNAL = 4
DESCRIPTION = (
    "Show the whole path on this machine: a receiver, a records office and a device, each in a "
    "process of its own; capture, seal, pull, verify, restore, and catch a flipped bit."
)


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(
        prog="lakzegel", description="Lakzegel: mail and chats, sealed unread, proven later."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo", help="the whole path on this machine", description=DESCRIPTION
    )
    demo.add_argument(
        "--watch",
        action="append",
        default=[],
        metavar="KIND:DIR",
        help="a folder and its reader (folder, maildir, mbox, eml, whatsapp-export, "
        "telegram-export); may be repeated; without it a minister's device is made up",
    )
    demo.add_argument(
        "--out", type=Path, metavar="OUT", help="where to; without it a folder that is removed"
    )
    demo.add_argument(
        "--keep", action="store_true", help="leave OUT, and all parties running until Ctrl-C"
    )
    demo.add_argument("--json", action="store_true", help="print the figures as JSON")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code; a fault is one line on stderr."""
    arguments = parser().parse_args(argv)
    order = Order(
        watch=tuple(arguments.watch), out=arguments.out, keep=arguments.keep, json=arguments.json
    )
    try:
        show(order)
    except DemoError as error:
        text, code = str(error), error.exit_code
    except OSError as error:
        text, code = f"{error.filename or 'disk'}: {error.strerror or error}", INTERNAL
    else:
        return 0
    line = "".join(c if c.isprintable() else "?" for c in text)
    print(f"lakzegel: {line}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
