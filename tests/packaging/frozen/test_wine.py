# SPDX-License-Identifier: EUPL-1.2
"""The package for Windows under Wine, with a service in the agent's place.

Wine is not Windows: it sets no rights and has no event log to look at.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakzegel_frozen import msi, stage

MINGW = shutil.which("x86_64-w64-mingw32-gcc")
ZIG = importlib.util.find_spec("ziglang")
SOURCE = Path(__file__).with_name("service.c")

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(
        not (shutil.which("wine") and shutil.which("wixl") and (MINGW or ZIG)),
        reason="no wine, no wixl, or no compiler for Windows (mingw, or ziglang)",
    ),
]


@pytest.fixture
def machine(tmp_path):
    """A Windows of Wine's; run a command there, and what it answers."""
    environment = {**os.environ, "WINEPREFIX": str(tmp_path / "wine"), "WINEDEBUG": "-all"}

    def run(*command):
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    assert run("wineboot", "-i").returncode == 0
    assert run("wineserver", "-w").returncode == 0  # all that the first start began has ended
    yield run
    run("wineserver", "-k")


@pytest.fixture
def packages(tmp_path):
    """A version, and a later one."""
    program = tmp_path / "service.exe"
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-windows-gnu"]
    compiler = [MINGW] if MINGW else zig
    flags = ["-std=gnu11", "-Os", "-Wall", "-Wextra", "-municode", "-s", "-ladvapi32"]
    command = [*compiler, *flags, "-o", program, SOURCE]
    subprocess.run(command, check=True, capture_output=True)
    tree = tmp_path / "tree"
    (tree / "runtime/Lib").mkdir(parents=True)
    for name in ("lakzegel-agent.exe", "lakzegel-worker.exe"):
        shutil.copyfile(program, tree / name)
    (tree / "runtime/Lib/old.pyc").write_bytes(b"1")
    stage.settle(tree)
    first = msi.pack(tree, "1.0.0", tmp_path / "first.msi")
    (tree / "runtime/Lib/old.pyc").rename(tree / "runtime/Lib/new.pyc")
    return first, msi.pack(tree, "1.1.0", tmp_path / "second.msi")


def test_it_is_installed_upgraded_not_set_back_and_removed_and_state_stays(
    machine, packages, tmp_path
):
    first, second = packages
    drive = tmp_path / "wine/drive_c"
    modules = drive / "Program Files/Lakzegel/Agent/runtime/Lib"
    state = drive / "ProgramData/Lakzegel"

    def service():
        return machine("wine", "sc", "query", "LakzegelAgent").stdout

    assert machine("wine", "msiexec", "/i", first, "/qn").returncode == 0
    assert "RUNNING" in service()
    assert [path.name for path in modules.iterdir()] == ["old.pyc"]
    assert (state / "agent.toml").read_bytes().startswith(b"# MDM says all")
    (state / "agent.toml").write_text('server = "https://x"\n')
    (state / "home/spool").mkdir(parents=True)
    (state / "home/spool/1.head").write_text("not sent")

    assert machine("wine", "msiexec", "/i", second, "/qn").returncode == 0
    assert "RUNNING" in service()
    assert [path.name for path in modules.iterdir()] == ["new.pyc"]
    assert machine("wine", "msiexec", "/i", first, "/qn").returncode != 0
    assert [path.name for path in modules.iterdir()] == ["new.pyc"]

    assert machine("wine", "msiexec", "/x", second, "/qn").returncode == 0
    assert "SERVICE_NAME" not in service()
    assert not modules.exists()
    assert (state / "agent.toml").read_text() == 'server = "https://x"\n'
    assert (state / "home/spool/1.head").read_text() == "not sent"
