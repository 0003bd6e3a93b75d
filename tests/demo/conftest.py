# SPDX-License-Identifier: EUPL-1.2
"""What the demo's tests share: small programs that behave like a party's command."""

import sys
from pathlib import Path

import pytest

from lakzegel_demo.process import Children


@pytest.fixture
def parties(tmp_path, monkeypatch):
    """A folder in which a test writes modules that `python -m` finds."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))

    def write(name: str, text: str) -> str:
        (folder / f"{name}.py").write_text(text)
        return name

    return write


@pytest.fixture
def children(tmp_path):
    with Children(tmp_path / "logs") as children:
        yield children


@pytest.fixture
def python():
    return Path(sys.executable)
