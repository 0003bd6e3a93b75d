# SPDX-License-Identifier: EUPL-1.2
"""A new version that does not work on a device: the one before it captures on, and it is told.

Two environments as packages have them, the launcher that they install, and a small service manager
that starts it anew as systemd would.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.path.waiting import await_that

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "packaging" / "launcher" / "lakzegel-agent"
PYTHON = Path(sys.executable).resolve()
OLD, NEW = "0.1.0", "0.2.0"


class Device:
    """A device on which packages put environments."""

    def __init__(self, world):
        self.world = world
        self.lib = world.root / "lib" / "lakzegel-agent"
        self.state = world.agent_home
        self.launcher = world.root / "lakzegel-agent"
        text = LAUNCHER.read_text().replace("lib=/usr/lib/lakzegel-agent\n", f"lib={self.lib}\n")
        self.launcher.write_text(text)
        self.launcher.chmod(0o755)

    def install(self, version, folder=None):
        """An environment of its own, as a package makes it."""
        folder = folder or self.lib
        site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
        site.mkdir(parents=True)
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(PYTHON)
        (folder / "pyvenv.cfg").write_text(
            f"home = {PYTHON.parent}\ninclude-system-site-packages = false\n"
        )
        for room in ("agent", "core"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(
                ROOT / room / f"lakzegel_{room}", site / f"lakzegel_{room}", ignore=ignored
            )
        info = site / f"lakzegel-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: lakzegel\nVersion: {version}\n"
        )
        (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
        (folder / "VERSION").write_text(version + "\n")
        return site / "lakzegel_agent"

    def update(self, version):
        """What a package does before it brings another version, and after."""
        shutil.rmtree(f"{self.lib}.previous", ignore_errors=True)
        self.lib.rename(f"{self.lib}.previous")
        return self.install(version)

    def environment(self):
        return {**os.environ, "STATE_DIRECTORY": str(self.state), "PYTHONDONTWRITEBYTECODE": "1"}

    def start(self):
        log = (self.world.root / "agent.log").open("ab")
        started = subprocess.Popen(
            [self.launcher, "run", "--config", self.world.config],
            stdout=log, stderr=log, env=self.environment(),
        )  # fmt: skip
        log.close()
        return started

    def fails(self, times, seconds=60):
        """As a service manager has it: it is started anew so often, and ends each time."""
        for _ in range(times):
            started = self.start()
            try:
                assert started.wait(seconds) != 0
            finally:
                started.kill()
                started.wait()

    @contextmanager
    def at_work(self):
        started = self.start()
        try:
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                assert started.wait(30) == 0, (self.world.root / "agent.log").read_text()
            finally:
                started.kill()
                started.wait()

    def version(self, name):
        path = self.state / "version" / name
        return path.read_text().strip() if path.exists() else None

    def is_proven(self, version):
        await_that(lambda: self.version("proven") == version, f"{version} is not proven")

    def said(self):
        """What the agent at work says of itself, as `status` shows it."""
        try:
            return json.loads((self.world.agent_home / "status.json").read_bytes())
        except (OSError, ValueError):
            return {"ledger": {"sealed": None}, "problems": [], "version": None}

    def status(self):
        done = subprocess.run(
            [self.launcher, "status", "--json", "--config", self.world.config],
            capture_output=True, env=self.environment(), check=False,
        )  # fmt: skip
        return json.loads(done.stdout)


def put(world, name):
    folder = world.root / "device" / "map"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"wat in {name} staat\n")


def sealed(device, count):
    await_that(lambda: device.said()["ledger"]["sealed"] == count, f"not {count} sealed")


@pytest.fixture
def device(ready):
    """A device on which the old version is proven, with a file captured by it."""
    made = Device(ready)
    made.install(OLD)
    put(ready, "een")
    with made.at_work():
        made.is_proven(OLD)
        sealed(made, 1)
    return made


def import_error(package):
    (package / "daemon.py").write_text("import lakzegel_agent.nothing\n")


def crash(package):
    path = package / "vitals.py"
    path.write_text(path.read_text().replace("def ready(self", "def ready_(self"))


def migration(package):
    path = package / "ledgerschema.py"
    path.write_text(path.read_text().replace("FORMAT: Final = 1\n", "FORMAT: Final = 2\n"))
    path = package / "ledgerupgrade.py"
    step = "{1: lambda db: db.execute('ALTER TABLE nothing ADD COLUMN x')}"
    path.write_text(path.read_text().replace("= {}  # by", f"= {step}  # by"))


def hang(package):
    (package / "daemon.py").write_text("import threading\nthreading.Event().wait()\n")


def broken_seal(package):
    path = package / "sealing" / "body.py"
    path.write_text(path.read_text() + "\nraise SystemExit(1)\n")


BROKEN = {
    import_error: "crashed",
    crash: "crashed",
    hang: "crashed",
    migration: "ledger",
    broken_seal: "crashed",
}


def short_or_soak(broken):
    return pytest.param(broken, marks=() if broken is import_error else pytest.mark.soak)


@pytest.mark.parametrize("broken", [short_or_soak(one) for one in BROKEN])
def test_a_version_that_does_not_work_is_left_and_the_one_before_captures_on(device, broken):
    world = device.world
    before = (world.agent_home / "ledger.sqlite").read_bytes()
    broken(device.update(NEW))
    put(world, "twee")
    if broken is hang:
        text = device.launcher.read_text()
        device.launcher.write_text(text.replace("patience=150", "patience=5"))
    device.fails(3)
    if broken is not crash:  # it arrives before it does
        assert (world.agent_home / "ledger.sqlite").read_bytes() == before
    with device.at_work():
        sealed(device, 2)
        status = device.status()
    assert device.version("bad") == f"{NEW} {BROKEN[broken]}"
    assert device.version("proven") == OLD
    assert status["version"] == OLD
    assert [p["code"] for p in status["problems"]] == ["update-rolled-back"]
    assert status["update"]["bad"] == {"version": NEW, "why": BROKEN[broken]}
    world.pull()
    (told,) = [
        row["payload"]
        for row in world.items("observation")
        if row["payload"]["type"] == "update-rolled-back"
    ]
    assert (told["version"], told["runs"], told["why"]) == (NEW, OLD, BROKEN[broken])
    assert {p.name for p in (world.restore() / "map").iterdir()} == {"een", "twee"}
    world.verify()


@pytest.mark.soak
def test_a_version_that_works_is_proven_and_ends_what_was_said_of_the_one_before(device):
    import_error(device.update(NEW))
    device.fails(3)
    with device.at_work():
        await_that(lambda: device.version("bad"), "not rolled back")
        await_that(lambda: device.said()["problems"], "not told")
    shutil.rmtree(device.lib)
    device.install("0.3.0")
    with device.at_work():
        device.is_proven("0.3.0")
        await_that(lambda: device.said()["version"] == "0.3.0", "not told")
        assert device.said()["problems"] == []
        put(device.world, "drie")
        sealed(device, 2)
    assert device.version("bad") is None
    assert device.version("checked") == "self-check ok 0.3.0"
    device.world.pull()
    told = [row["payload"] for row in device.world.items("observation")]
    assert {"type": "updated", "from": OLD, "to": "0.3.0"} in told


@pytest.mark.soak
def test_a_wrong_setting_makes_no_version_bad(device):
    device.update(NEW)
    text = device.world.config.read_text()
    device.world.config.write_text(text + "unknown = 1\n")
    device.fails(5)
    assert device.version("bad") is None
    device.world.config.write_text(text)
    with device.at_work():
        device.is_proven(NEW)
