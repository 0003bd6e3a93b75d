# SPDX-License-Identifier: EUPL-1.2
"""Compiles an environment: the same sources give the same bytes, and none is looked at to start.

    python bytecode.py FOLDER PLACE      FOLDER is what will be PLACE

A ``.pyc`` commonly holds its source's time, which is another at each installation; these hold its
hash, unchecked (PEP 552), so a start reads no source at all. Run as a process of its own, for what
an interpreter did before has traces in what it writes.
"""

import py_compile
import sys
from pathlib import Path


def compile_all(folder: Path, place: str) -> int:
    """How many modules below ``folder`` were compiled, as if they lay at ``place``."""
    sources = sorted(folder.rglob("*.py"))
    for source in sources:
        name = f"{place}/{source.relative_to(folder)}"
        try:
            py_compile.compile(
                str(source),
                dfile=name,
                doraise=True,
                optimize=0,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except py_compile.PyCompileError as error:
            sys.exit(f"{name}: {error.exc_type_name}")  # which one, as its last line
    return len(sources)


if __name__ == "__main__":
    compile_all(Path(sys.argv[1]), sys.argv[2])
