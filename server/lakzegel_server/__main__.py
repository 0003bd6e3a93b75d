# SPDX-License-Identifier: EUPL-1.2
"""`lakzegel-server`: arguments and exit codes, nothing else.

0 fine; 1 the check found something, or a note was refused; 2 usage or configuration; 4 internal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_server.commands import (
    account,
    backup,
    check,
    handover,
    init,
    link,
    migrate,
    publish,
    serve,
)
from lakzegel_server.errors import ConfigError, DamageError, ServerError
from lakzegel_server.index.engine import FAILURES, LOST, NOT_LET, IndexFault
from lakzegel_server.stores.failing import StoreError

FOUND: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
INTERNAL: Final = 4
INTERRUPTED: Final = 130
_CODES: Final = (
    (ConfigError, USAGE),
    (DamageError, FOUND),
    (ServerError, UNREACHABLE),
    (LakzegelError, USAGE),
)
COMMANDS: Final = (init, serve, publish, account, link, check, backup, migrate, handover)


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="lakzegel-server", description="The receiver of Lakzegel.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. A fault is one line on stderr."""
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        text, code = "interrupted; run the same command again", INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the composition root: no traceback at a person
        text, code = explain(error)
    else:
        return code
    line = "".join(c if c.isprintable() else "?" for c in text)
    print(f"lakzegel-server: {line}", file=sys.stderr)
    return code


def explain(error: Exception) -> tuple[str, int]:
    """The line and the exit code that an error ends a command with."""
    if isinstance(error, IndexFault):
        if error.state in NOT_LET:
            return f"{error}; let the role own the database, or the schema it names", USAGE
        return str(error), UNREACHABLE if error.state == LOST else INTERNAL
    if isinstance(error, FAILURES):
        return f"index.sqlite: {error}; run 'lakzegel-server check'", INTERNAL
    if isinstance(error, OSError):
        return _of_storage(error)
    for kind, code in _CODES:
        if isinstance(error, kind):
            return str(error), code
    return f"internal error: {type(error).__name__}: {error}", INTERNAL


def _of_storage(error: OSError) -> tuple[str, int]:
    if isinstance(error, StoreError):
        return f"store: {error.strerror}", UNREACHABLE
    if isinstance(error, PermissionError):
        return f"{error.filename}: {error.strerror}; run this as the user that owns it", USAGE
    return f"{error.filename or 'disk'}: {error.strerror or error}", INTERNAL


if __name__ == "__main__":
    sys.exit(main())
