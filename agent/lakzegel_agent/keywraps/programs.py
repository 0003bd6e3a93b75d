# SPDX-License-Identifier: EUPL-1.2
"""Programs of the system that a place of keys is reached through: by fixed folders, in bounds."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_agent.keywraps import UnusableError

FOLDERS: Final = "/usr/bin:/usr/local/bin:/bin:/usr/sbin:/opt/homebrew/bin"
LIMIT: Final = 60.0  # seconds; a slow TPM makes a key in two


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended, and what it said; ``output`` may be secret."""

    status: int
    output: bytes
    errors: str


def run(arguments: list[str], *, given: bytes = b"", cwd: Path | None = None) -> Done:
    """What a program of the system's own folders says; a secret goes in by ``given`` alone.

    Raises:
        UnusableError: it is not there, or does not end.
    """
    name = arguments[0]
    program = shutil.which(name, path=FOLDERS)
    if program is None:
        raise UnusableError(f"{name}: is not installed")
    try:
        done = subprocess.run(
            [program, *arguments[1:]],
            input=given,
            capture_output=True,
            cwd=cwd,
            timeout=LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise UnusableError(f"{name}: does not run, or does not end") from None
    return Done(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))
