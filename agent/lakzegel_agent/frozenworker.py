# SPDX-License-Identifier: EUPL-1.2
"""What the program `lakzegel-worker` of a package starts: one of the agent's workers, by its name.

docs/spec/frozen.md §2
"""

from __future__ import annotations

import runpy
import sys
from typing import Final

from lakzegel_agent import ownprocess

USAGE: Final = 2


def main() -> int:
    """Run the worker that the first argument names; the others are its own."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in ownprocess.WORKERS:
        print("lakzegel-worker: is started by lakzegel-agent alone", file=sys.stderr)  # noqa: T201
        return USAGE
    sys.frozen = ownprocess.FROZEN  # type: ignore[attr-defined]  # nothing declares it
    del sys.argv[1]
    runpy.run_module(ownprocess.WORKERS[name], run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
