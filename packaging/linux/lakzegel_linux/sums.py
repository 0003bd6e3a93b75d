# SPDX-License-Identifier: EUPL-1.2
"""SHA256SUMS over everything that was made, as sha256sum reads it."""

import hashlib
from pathlib import Path
from typing import Final

NAME: Final = "SHA256SUMS"


def write(out: Path) -> Path:
    """The list, written in ``out``; of each file there but itself and its signature."""
    files = sorted(path for path in out.iterdir() if not path.name.startswith(NAME))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    target = out / NAME
    target.write_text("".join(lines))
    return target
