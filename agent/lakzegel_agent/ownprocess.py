# SPDX-License-Identifier: EUPL-1.2
"""How the agent starts its workers, in a checkout and in a package with a program of its own.

Such a package has no interpreter that runs a module by name, and its agent runs no worker: a worker
does what it reads on standard input, and what a privacy permission was given to must not do that
for whoever starts it. So workers have another program, which no permission names
(docs/spec/frozen.md §2).
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import MappingProxyType
from typing import Final

FROZEN: Final = "lakzegel"  # what `sys.frozen` says, as other frozen programs say something
PROGRAM: Final = "lakzegel-worker"
WORKERS: Final = MappingProxyType(
    {
        "guards": "lakzegel_agent.guardapart",
        "pac": "lakzegel_agent.pacworker",
        "sealing": "lakzegel_agent.sealing.worker",
        "selfcheck": "lakzegel_agent.selfcheck",
        "settings": "lakzegel_agent.settingsapart",
    }
)


def is_frozen() -> bool:
    """Whether this runs under the agent's own program, not under an interpreter."""
    return getattr(sys, "frozen", None) == FROZEN


def worker(name: str, isolation: str = "-P") -> tuple[str, ...]:
    """The command of a worker; ``isolation`` is the interpreter's, where there is one."""
    if is_frozen():
        own = Path(sys.executable)
        return (str(own.with_name(PROGRAM + own.suffix)), name)
    return (sys.executable, isolation, "-m", WORKERS[name])
