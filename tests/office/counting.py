# SPDX-License-Identifier: EUPL-1.2
"""Counts which files and folders a piece of work opens, by what the interpreter tells of it."""

import os
import sys
from collections import Counter
from contextlib import contextmanager

_watching = []


def _hear(event, arguments):
    if not _watching or event not in {"open", "os.listdir", "os.scandir"}:
        return
    path = arguments[0]
    if isinstance(path, (str, bytes, os.PathLike)):
        for root, found in _watching:
            name = os.fsdecode(path)
            if name.startswith(root):
                found["folders" if event != "open" else "files"] += 1
                found[name.removeprefix(root)] += 1


sys.addaudithook(_hear)


@contextmanager
def opened_below(root):
    """Count what is opened below a folder: `files`, `folders`, and each by its name."""
    found = Counter()
    _watching.append((f"{root}/", found))
    try:
        yield found
    finally:
        _watching.remove((f"{root}/", found))
