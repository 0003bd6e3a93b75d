# SPDX-License-Identifier: EUPL-1.2
"""The builders of stores and backups that the tests of stores and read-outs have, for guards'."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

from .conftest import NOW

_TESTS = Path(__file__).parents[1]


def built_by(name: str) -> ModuleType:
    """A module of tests of another folder, by its path below ``tests/agent``."""
    spec = importlib.util.spec_from_file_location(
        f"for_guards_{name.replace('/', '_')}", _TESTS / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settle(folder: Path, ago: float = 60) -> None:
    """Let everything there have changed last some seconds ago."""
    for path in folder.rglob("*"):
        os.utime(path, (NOW.timestamp() - ago,) * 2)
