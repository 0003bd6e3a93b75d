# SPDX-License-Identifier: EUPL-1.2
"""The passphrase, the bearer token and who runs a command; the environment's only reader."""

import getpass
import os
import sys
from pathlib import Path
from typing import Final

from lakzegel_core.words import language_of
from lakzegel_office.errors import UsageError

PASSPHRASE_VARIABLE: Final = "LAKZEGEL_PASSPHRASE_FILE"  # noqa: S105 - names a file
STAFF: Final = "LAKZEGEL_STAFF"
SHORTEST: Final = 12  # characters of a person's passphrase
MAX_SECRET: Final = 4096  # bytes; a passphrase or a token is one line


def passphrase(given: Path | None) -> str:
    """Return the passphrase from `--passphrase-file`, the environment's file, or the terminal.

    Raises:
        UsageError: there is none, or the file cannot be read.
    """
    path = given or _environment_path()
    if path is not None:
        return secret_line(path, what="passphrase file")
    if not sys.stdin.isatty():
        raise UsageError(f"no passphrase: give --passphrase-file F or set {PASSPHRASE_VARIABLE}")
    return getpass.getpass("Passphrase: ")


def new_passphrase(given: Path | None) -> str:
    """Return a passphrase that is to open something new, typed twice where no file has it.

    Raises:
        UsageError: there is none, it is too short, or the two differ.
    """
    if given is not None:
        text = secret_line(given, what="new passphrase file")
    elif not sys.stdin.isatty():
        raise UsageError("no new passphrase: give --new-passphrase-file F")
    else:
        text = getpass.getpass("New passphrase, of that person alone: ")
        if getpass.getpass("The same again: ") != text:
            raise UsageError("the two differ; nothing was changed")
    if len(text) < SHORTEST:
        raise UsageError(f"the new passphrase has {len(text)} characters; at least {SHORTEST}")
    return text


def staff() -> str | None:
    """Return who runs this command, as the environment says."""
    return os.environ.get(STAFF) or None


def has_passphrase(given: Path | None) -> bool:
    """Tell whether a passphrase can be had without asking a person."""
    return given is not None or _environment_path() is not None


def language() -> str:
    """Return the language that this user reads, Dutch or English."""
    return language_of(os.environ)


def secret_line(path: Path, *, what: str) -> str:
    """Return the first line of a small file, without its end of line.

    Raises:
        UsageError: it cannot be read, is too long or empty.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SECRET + 1)
        line = data.decode("utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the {what}: {error}") from error
    if not line or len(data) > MAX_SECRET:
        raise UsageError(f"{path}: the {what} must hold one line of at most {MAX_SECRET} bytes")
    return line


def _environment_path() -> Path | None:
    value = os.environ.get(PASSPHRASE_VARIABLE)
    return Path(value) if value else None
