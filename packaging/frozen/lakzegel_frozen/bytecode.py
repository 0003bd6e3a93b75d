# SPDX-License-Identifier: EUPL-1.2
"""Compiles the modules of a tree and leaves their sources out.

    python bytecode.py FOLDER

A package carries what runs. A ``.pyc`` beside no source is taken as it is, is never written anew,
and holds no time (PEP 3147, PEP 552); the names in it are those within the tree. A process of its
own, for what an interpreter did before has traces in what it writes.
"""

from __future__ import annotations

import py_compile
import sys
from pathlib import Path


def compile_all(folder: Path) -> int:
    """How many modules were compiled; what is no module of this Python stays as it is."""
    made = 0
    for source in sorted(folder.rglob("*.py")):
        try:
            py_compile.compile(
                str(source),
                cfile=str(source.with_suffix(".pyc")),
                dfile=source.relative_to(folder).as_posix(),
                doraise=True,
                optimize=0,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except py_compile.PyCompileError:
            continue  # a template, or a sample for another version
        source.with_suffix(".pyc").chmod(0o644)
        source.unlink()
        made += 1
    return made


if __name__ == "__main__":
    compile_all(Path(sys.argv[1]))
