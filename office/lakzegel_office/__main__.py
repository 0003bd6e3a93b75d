# SPDX-License-Identifier: EUPL-1.2
"""`lakzegel-office`: arguments and exit codes, nothing else.

0 fine; 1 the check found something; 2 usage, configuration, bad input; 3 cannot reach or was
refused; 4 internal error.
"""

import argparse
import errno
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from lakzegel_core.errors import LakzegelError
from lakzegel_office.commands import (
    admit,
    alarms,
    browse,
    destroy,
    export,
    hold,
    init,
    keys,
    policy,
    prove,
    pull,
    receiver,
    report,
    restore,
    review,
    revoke,
    roster,
    search,
    staff,
    succession,
    term,
    trail,
    verify,
    witness,
)
from lakzegel_office.errors import OfficeError
from lakzegel_office.interrupt import interruptible
from lakzegel_office.regular import NO_FILE

INTERNAL: Final = 4
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
COMMANDS: Final = (
    init,
    keys,
    staff,
    receiver,
    policy,
    admit,
    roster,
    revoke,
    term,
    pull,
    verify,
    alarms,
    search,
    browse,
    restore,
    review,
    hold,
    destroy,
    prove,
    export,
    report,
    trail,
    succession,
    witness,
)


class _Parser(argparse.ArgumentParser):
    """A grammar that shows what it was given, and lets none of it steer the terminal."""

    def error(self, message: str) -> NoReturn:
        """End the program with what is wrong and exit code 2."""
        super().error(_printable(message))


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = _Parser(prog="lakzegel-office", description="The records office of Lakzegel.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a fault is one line on stderr."""
    try:
        arguments = parser().parse_args(argv)
        with interruptible():
            code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        text, code = "interrupted; run the same command again", INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the composition root: no traceback at a person
        text, code = explain(error)
    else:
        return code
    print(f"lakzegel-office: {_printable(text)}", file=sys.stderr)
    return code


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def explain(error: Exception) -> tuple[str, int]:
    """Return the line and the exit code that an error ends a command with."""
    if isinstance(error, OfficeError):
        return str(error), error.exit_code
    if isinstance(error, LakzegelError):
        return str(error), BAD_INPUT
    if isinstance(error, BrokenPipeError):
        return "the reader of the output went away", BAD_INPUT
    if isinstance(error, OSError):
        return _explain_system(error)
    return f"internal error: {type(error).__name__}: {error}", INTERNAL


def _explain_system(error: OSError) -> tuple[str, int]:
    """Return what the system said: what a person can mend by himself is no internal error."""
    named = error.filename or "disk"
    if isinstance(error, PermissionError):
        return f"{named}: {error.strerror}; run this as the user that owns it", BAD_INPUT
    if error.errno == errno.EROFS:
        return f"{named}: {error.strerror}; it must be writable", BAD_INPUT
    if error.errno in NO_FILE:
        return f"{named}: not what has to lie there: {error.strerror}", BAD_INPUT
    if error.errno in _NO_ROOM:
        return f"{named}: {error.strerror}; make room, then run the command again", INTERNAL
    return f"{named}: {error.strerror or error}", INTERNAL


if __name__ == "__main__":
    sys.exit(main())
