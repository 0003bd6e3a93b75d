# SPDX-License-Identifier: EUPL-1.2
"""`lakzegel-agent`: arguments and exit codes, nothing else.

0 fine; 1 the check found something; 2 usage, configuration; 3 cannot reach or was refused; 4
internal error; 5 this version of the agent does not work here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from lakzegel_agent.commands import (
    config,
    decommission,
    diagnostics,
    doctor,
    enrol,
    explain,
    guards,
    helper,
    once,
    rotate,
    run,
    status,
)
from lakzegel_agent.commands.common import Grammar, InLanguage, said

FOUND: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
INTERNAL: Final = 4
UNFIT: Final = 5
INTERRUPTED: Final = 130
COMMANDS: Final = (
    *(enrol, once, run, rotate, status, guards, explain, config, doctor),
    *(diagnostics, helper, decommission),
)


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = Grammar(
        prog="lakzegel-agent",
        description="Lakzegel on a device: captures, seals and ships; cannot read what it sealed.",
        formatter_class=InLanguage,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a fault is one line on stderr."""
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        text, code = said("interrupted; run the same command again"), INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the composition root: no traceback at a person
        text, code = in_a_line(error)
    else:
        return code
    line = "".join(c if c.isprintable() else "?" for c in text)
    print(f"lakzegel-agent: {line}", file=sys.stderr)
    return code


def in_a_line(error: Exception) -> tuple[str, int]:
    """The line and the exit code that an error ends a command with."""
    from lakzegel_agent.errors import (  # noqa: PLC0415
        AgentError,
        RefusedError,
        UnfitError,
        UnreachableError,
        UsageError,
    )
    from lakzegel_agent.words import of_error  # noqa: PLC0415
    from lakzegel_core.errors import LakzegelError  # noqa: PLC0415 - status must start fast

    for kinds, code in (
        (UsageError, USAGE),
        ((UnreachableError, RefusedError), REFUSED),
        (UnfitError, UNFIT),
        ((AgentError, LakzegelError), FOUND),
    ):
        if isinstance(error, kinds):
            return of_error(error), code
    if isinstance(error, BrokenPipeError):
        return said("the reader of the output went away"), USAGE
    if isinstance(error, OSError):
        return _of_the_system(error)
    return said(f"internal error: {type(error).__name__}: {error}"), INTERNAL


def _of_the_system(error: OSError) -> tuple[str, int]:
    if isinstance(error, PermissionError):
        text = f"{error.filename}: {error.strerror}; run this as the user that owns it"
        return said(text), USAGE
    return said(f"{error.filename or 'disk'}: {error.strerror or error}"), INTERNAL


if __name__ == "__main__":
    sys.exit(main())
