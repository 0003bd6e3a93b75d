# SPDX-License-Identifier: EUPL-1.2
"""The longest tests go first, so that of several processes none works on alone at the end.

Text for people is matched in English, by the programs that a test starts too; what is said in
Dutch has tests of its own (docs/adr/0018).
"""

import os
import subprocess
import sys
import tempfile
from itertools import count, groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import starting

os.environ["LANGUAGE"] = "en"
os.environ["TPM2TOOLS_TCTI"] = "device:/nowhere"  # no test uses this machine's own TPM
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    # hundreds of processes are started: each compiles what it imports, unless one of them keeps it
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "pycache"))
    sys.dont_write_bytecode, sys.pycache_prefix = False, os.environ["PYTHONPYCACHEPREFIX"]

WHOLE_CUSTODIES = "tests/path/"
MEMORY = Path("/dev/shm")  # a file system that waits for no disk, on Linux
_schemas = count()
ENOUGH = 2**31  # bytes free in it; the suite leaves far less

# each run tries others; where a test names a number of its own, that one counts
settings.register_profile(
    "suite",
    max_examples=50,
    deadline=None,  # no test is timed
    suppress_health_check=[HealthCheck.too_slow],  # of a machine that has other work
)
settings.load_profile("suite")


def pytest_addoption(parser):
    parser.addoption("--index", choices=("sqlite", "postgresql"), help="of receivers in tests")
    parser.addoption("--screenshots", type=Path, help="leave pictures of the pages there")


def pytest_configure(config):
    if starting.possible(config.option.markexpr):
        subprocess.Popen = starting.Forked
    if config.option.markexpr != "soak" and "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    _begin_elsewhere(config)


def _has_room(folder):
    """Whether all that tests do can be done there: there is room, and programs may be run.

    Half of the suite's time was fsync. Whether it is called where it must be is seen by
    tests/soak/disk.c; whether a disk keeps its word no test can tell, wherever its files are.
    """
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ENOUGH and not found.f_flag & os.ST_NOEXEC


def _begin_elsewhere(config):
    """Each process begins to read in another folder, and finds compiled what another read there."""
    here, number = Path(__file__).parent, os.environ.get("PYTEST_XDIST_WORKER", "")
    if number and [Path(one).resolve() for one in config.args] == [here]:
        folders = sorted(str(one) for one in here.iterdir() if any(one.glob("**/test_*.py")))
        first = int(number[2:]) * len(folders) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        config.args[:] = folders[first:] + folders[:first]


def pytest_unconfigure():
    subprocess.Popen = starting.RealPopen
    starting.end()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    starting.real = item.get_closest_marker("real_start") is not None


def pytest_collection_modifyitems(items):
    """Longest first, and dealt out by file: pytest-xdist gives each process one part to begin."""

    def later(item):
        slow = item.get_closest_marker("slow") is not None
        return not slow, not item.nodeid.startswith(WHOLE_CUSTODIES), item.path

    items.sort(key=later)
    parts = [[] for _ in range(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))]
    for number, (_, group) in enumerate(groupby(items, key=lambda item: (later(item), item.path))):
        parts[number % len(parts)].extend(group)
    items[:] = [item for part in parts for item in part]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A real PostgreSQL, which all processes of this run share."""
    pytest.importorskip("psycopg", reason="the extra server-postgresql is not installed")
    from tests import postgres  # noqa: PLC0415 - an extra

    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with postgres.shared(base / "postgresql") as made:
        yield made


@pytest.fixture
def address(cluster):
    """An empty index in PostgreSQL; nobody is connected to it any more when the test is over."""
    schema = f"t{os.getpid()}_{next(_schemas)}"
    yield cluster.address(schema)
    cluster.drop(schema)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """An empty index, of each engine in turn."""
    if request.param == "sqlite":
        return tmp_path / "index.sqlite"
    return request.getfixturevalue("address")
