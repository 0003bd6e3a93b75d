# SPDX-License-Identifier: EUPL-1.2
"""What the program `lakzegel-agent` of a package starts: the command line, and nothing else.

docs/spec/frozen.md §2
"""

from __future__ import annotations

import sys

from lakzegel_agent import ownprocess


def main() -> int:
    """Run the command line, which is told that it has a program of its own."""
    sys.frozen = ownprocess.FROZEN  # type: ignore[attr-defined]  # nothing declares it
    from lakzegel_agent.__main__ import main as command_line  # noqa: PLC0415 - once that is told

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
