# SPDX-License-Identifier: EUPL-1.2
"""Commands in /usr/bin: each starts in its own environment, whatever its caller's looks like.

The agent's is a launcher that has a road back (packaging/launcher, docs/spec/updates.md §4).
"""

import shutil
from pathlib import Path
from typing import Final

# -I: no PYTHONPATH, no packages of the user's, not the folder that one stands in. What the command
# starts itself is kept from them by the loop: it has no such variable to inherit.
TEXT: Final = """\
#!{home}/bin/python -I
# SPDX-License-Identifier: EUPL-1.2
import os
import sys

for name in [one for one in os.environ if one.startswith("PYTHON")]:
    del os.environ[name]

from {module}.__main__ import main

sys.exit(main())
"""


LAUNCHERS: Final = Path(__file__).parents[2] / "launcher"


def write(root: Path, home: str, command: str, module: str) -> Path:
    """The command, written."""
    path = root / "usr" / "bin" / command
    path.parent.mkdir(parents=True, exist_ok=True)
    own = LAUNCHERS / command
    if own.exists():
        shutil.copyfile(own, path)
    else:
        path.write_text(TEXT.format(home=home, module=module))
    path.chmod(0o755)
    return path
