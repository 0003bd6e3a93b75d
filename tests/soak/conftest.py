# SPDX-License-Identifier: EUPL-1.2
"""The custody of tests/path, on a disk that fails and beside a receiver that lies."""

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # what the tests here share: disk, hostile

_spec = importlib.util.spec_from_file_location("lakzegel_path", HERE.parent / "path/conftest.py")
_path = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _path
_spec.loader.exec_module(_path)
enrolled, world, template, ready = _path.enrolled, _path.world, _path.template, _path.ready
same_tree, lakzegel = _path.same_tree, _path.lakzegel


@pytest.fixture(scope="session")
def failing_disk(tmp_path_factory):
    """The library that makes a disk fail."""
    from disk import build  # noqa: PLC0415 - on the path since a line above

    return build(tmp_path_factory.mktemp("disk"))


@pytest.fixture
def disk(failing_disk, tmp_path):
    """A disk below the agent's home that fails when it is told to."""
    from disk import Disk  # noqa: PLC0415

    with Disk(failing_disk, tmp_path / "disk", tmp_path / "agent") as made:
        yield made
