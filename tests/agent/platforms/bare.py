# SPDX-License-Identifier: EUPL-1.2
"""Makes this interpreter as poor as one on Windows, then imports our rooms; a program of its own.

    bare.py FOLDER… < {"modules": [...], "names": {"os": [...], …}}

Borrowed libraries are imported before: they have their own ways, and are not what is looked at.
Prints how many of our modules were imported.
"""

import contextlib
import importlib
import io
import json
import ntpath
import os
import pathlib
import re
import sys
import types
from pathlib import Path

IMPORT = re.compile(r"^ *(?:from|import) ([a-z][\w.]*)", re.MULTILINE)


class Absent:
    """Finds that some modules are not there."""

    def __init__(self, modules):
        self._modules = frozenset(modules)

    def find_spec(self, name, path=None, target=None):
        if name in self._modules:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def modules_of(folder):
    """Name and file of each module of ours below a folder."""
    for path in sorted(Path(folder).rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def borrow(paths):
    """Import whatever else these files import, wherever in them they do."""
    wanted = set()
    for path in paths:
        wanted.update(IMPORT.findall(path.read_text()))
    for name in sorted(wanted):
        if not name.startswith("lakzegel_"):
            try:
                importlib.import_module(name)
            except ImportError:
                continue


def become_poor(modules, names):
    """Take away what Windows lacks, and answer as it does."""
    for name in modules:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Absent(modules))
    for module, missing in names.items():
        for name in missing:
            if hasattr(sys.modules[module], name):
                delattr(sys.modules[module], name)
    sys.modules["msvcrt"] = types.ModuleType("msvcrt")
    sys.platform, os.name, os.sep = "win32", "nt", "\\"
    os.path = sys.modules["os.path"] = ntpath
    pathlib._WindowsFlavour.is_supported = True


def main(folders):
    asked = json.load(sys.stdin)
    found = [one for folder in folders for one in modules_of(folder)]
    borrow(path for _, path in found)
    become_poor(asked["modules"], asked["names"])
    ours = [name for name, _ in found if not name.endswith("__main__") and "posix" not in name]
    for name in ours:
        importlib.import_module(name)
    answer_for_help()
    print(len(ours))


def answer_for_help():
    """Let the command line explain itself: whatever it needs for that is there."""
    for room in ("lakzegel_agent", "lakzegel_verify"):
        command_line = importlib.import_module(f"{room}.__main__").main
        with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
            command_line(["--help"])
        if room.replace("_", "-") not in said.getvalue():
            raise AssertionError(room)


if __name__ == "__main__":
    main(sys.argv[1:])
