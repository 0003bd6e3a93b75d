# SPDX-License-Identifier: EUPL-1.2
"""What describes the agent to launchd: property lists (docs/spec/services.md §4).

python -m lakzegel_agent.services.launchd FOLDER       leaves both there
"""

from __future__ import annotations

import plistlib
import sys
from pathlib import Path
from typing import Any, Final

from lakzegel_agent.services.base import RESTART_AFTER, STOP_WITHIN, Definition

PLACE: Final = "/Library/Application Support/Lakzegel"
PROGRAM: Final = f"{PLACE}/Lakzegel Agent.app/Contents/MacOS/lakzegel-agent"
BUNDLE: Final = "nl.lakzegel.agent"
DAEMON: Final = Definition(
    name=BUNDLE,
    title="Lakzegel Agent",
    about="Captures, seals and ships what is to be kept; cannot read what it sealed.",
    arguments=(PROGRAM, "run", "--config", f"{PLACE}/agent.toml"),
)
HELPER: Final = Definition(
    name=f"{BUNDLE}.user",
    title="Lakzegel Agent, for one user",
    about="Tells the agent what this user's session alone can open.",
    arguments=(PROGRAM, "helper", "--config", f"{PLACE}/agent.toml"),
    in_session=True,
)


def plist(of: Definition) -> bytes:
    """The property list of a service; an exit with 0 is one that was meant."""
    found: dict[str, Any] = {
        "AssociatedBundleIdentifiers": [BUNDLE],
        "ExitTimeOut": STOP_WITHIN,
        "HardResourceLimits": {"Core": 0},
        "KeepAlive": {"SuccessfulExit": False},
        "Label": of.name,
        "LowPriorityBackgroundIO": True,
        "LowPriorityIO": True,
        "Nice": 10,
        "ProcessType": "Background",
        "ProgramArguments": list(of.arguments),
        "RunAtLoad": True,
        "SoftResourceLimits": {"Core": 0, "NumberOfFiles": 4096},
        "ThrottleInterval": RESTART_AFTER,
        "Umask": 0o077,
        "WorkingDirectory": "/",
    }
    if of.in_session:
        found["LimitLoadToSessionType"] = ["Aqua"]
    return plistlib.dumps(found, sort_keys=True)


def main(folder: Path) -> None:
    """Leave both in a folder."""
    for one in (DAEMON, HELPER):
        (folder / f"{one.name}.plist").write_bytes(plist(one))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
