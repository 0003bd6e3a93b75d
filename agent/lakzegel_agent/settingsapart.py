# SPDX-License-Identifier: EUPL-1.2
"""Reads the configuration in a process of its own: ``python -m lakzegel_agent.settingsapart FILE``.

On standard output one pickle: the `Config`, or the text of the UsageError that says what is wrong.
Both sides are this program.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

from lakzegel_agent import ownprocess
from lakzegel_agent.errors import UsageError
from lakzegel_agent.settingsconfig import Config


def load_config_apart(path: Path) -> Config:
    """The configuration, as `settings.load_config` returns it.

    Raises:
        UsageError: as there.
    """
    done = subprocess.run(
        [*ownprocess.worker("settings"), os.fspath(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise UsageError(f"{path}: the process that reads it ended with {done.returncode}: {last}")
    found: Config | str = pickle.loads(done.stdout)  # noqa: S301  # our own child's
    if isinstance(found, str):
        raise UsageError(found)
    return found


def main() -> None:
    """Read it, and hand it over."""
    from lakzegel_agent.settings import load_config  # noqa: PLC0415 - not in the asking process

    try:
        found: Config | str = load_config(Path(sys.argv[1]))
    except UsageError as error:
        found = str(error)
    pickle.dump(found, sys.stdout.buffer)


if __name__ == "__main__":
    main()
