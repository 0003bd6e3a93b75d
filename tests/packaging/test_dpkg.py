# SPDX-License-Identifier: EUPL-1.2
"""dpkg itself installs, upgrades and removes the agent, in a root of the test's own."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.packaging.conftest import AGENT, needs
from tests.packaging.test_packages import one

HOME = "var/lib/lakzegel"


class Root:
    """A system of which only dpkg's own files are there; its scripts act on it from outside."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("updates", "info", "triggers"):
            (folder / "var/lib/dpkg" / name).mkdir(parents=True)
        (folder / "var/lib/dpkg/status").touch()
        (folder / "etc").mkdir()
        (folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (folder / "etc/group").write_text("root:x:0:\ntss:x:99:\n")

    def dpkg(self, *arguments, **told):
        """What dpkg and the scripts said; it is given nothing that could answer a question."""
        command = ["dpkg", f"--root={self.folder}", "--force-script-chrootless"]
        done = subprocess.run(
            [*command, "--force-depends", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "teletype", **told},
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def script(self, small, name, moment, **told):
        """What a script of the package says, where dpkg calls it without the rest."""
        script = small[0].work / f"{AGENT.name}-deb-1" / name
        done = subprocess.run(
            ["sh", script, moment],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "DPKG_ROOT": str(self.folder), **told},
        )
        return done.stderr

    def spool(self, count):
        spool = self.folder / HOME / "spool"
        spool.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            for kind in ("head", "body", "keyring"):
                (spool / f"0-{number}.{kind}").write_bytes(b"sealed")
        (self.folder / HOME / "keys").mkdir(exist_ok=True)
        return spool


@pytest.fixture
def root(tmp_path):
    needs("dpkg", "systemd-sysusers", "systemd-tmpfiles", "deb-systemd-helper")
    if os.geteuid():
        pytest.skip("dpkg installs as root alone")
    return Root(tmp_path)


def test_an_upgrade_keeps_state_and_asks_nothing(root, small, newer):
    root.dpkg("-i", one(small[0].out, ".deb"))
    root.spool(2)
    (root.folder / "etc/lakzegel/agent.toml").write_text('server = "https://receiver.example"\n')
    root.dpkg("-i", newer)
    assert len(list((root.folder / HOME / "spool").iterdir())) == 6
    assert (root.folder / "etc/lakzegel/agent.toml").exists()
    status = (root.folder / "var/lib/dpkg/status").read_text()
    assert "Version: 0.1.0-2\n" in status
    assert "Status: install ok installed\n" in status


def test_a_unit_is_enabled_once_and_what_an_administrator_disabled_stays_so(root, small, newer):
    enabled = root.folder / "etc/systemd/system/multi-user.target.wants/lakzegel-agent.service"
    root.dpkg("-i", one(small[0].out, ".deb"))
    assert enabled.is_symlink()
    enabled.unlink()  # systemctl disable
    root.dpkg("-i", newer)
    assert not enabled.is_symlink()
    enabled.symlink_to("/usr/lib/systemd/system/lakzegel-agent.service")
    root.dpkg("--remove", "lakzegel-agent")
    assert (root.folder / "etc/systemd/system/lakzegel-agent.service").readlink() == Path(
        "/dev/null"
    )
    root.dpkg("-i", newer)
    assert enabled.is_symlink()
    assert not (root.folder / "etc/systemd/system/lakzegel-agent.service").is_symlink()


def test_a_state_folder_on_another_disk_is_looked_into(root, small):
    disk = root.spool(1).parent.rename(root.folder / "disk")
    (root.folder / HOME).symlink_to(disk)
    assert "1 closed batches are kept" in root.script(small, "preremove", "remove")
    assert "1 closed batches" in root.script(small, "postremove", "purge")
    assert (disk / "spool/0-0.head").exists()


def test_removal_and_purge_keep_unsent_batches_and_say_how_many_and_where(root, small):
    root.dpkg("-i", one(small[0].out, ".deb"))
    spool = root.spool(3)
    (spool / "0-3.token.head.part").touch()  # being made: no batch
    said = root.dpkg("--remove", "lakzegel-agent")
    assert "lakzegel-agent: 3 closed batches are kept in /var/lib/lakzegel:" in said
    assert not (root.folder / "usr/bin/lakzegel-agent").exists()
    said = root.dpkg("--purge", "lakzegel-agent")
    assert "3 closed batches, the keys that send them" in said
    assert len(list(spool.glob("*.body"))) == 3
    assert (root.folder / HOME / "keys").is_dir()


def test_a_purge_removes_state_where_nothing_waits(root, small):
    root.dpkg("-i", one(small[0].out, ".deb"))
    root.spool(0)
    root.dpkg("--purge", "lakzegel-agent")
    assert not (root.folder / HOME).exists()
    assert not (root.folder / "etc/lakzegel").exists()


def test_a_purge_that_is_told_so_removes_unsent_batches(root, small):
    root.spool(1)
    root.script(small, "postremove", "purge", LAKZEGEL_PURGE_UNSENT="yes")
    assert not (root.folder / HOME).exists()


@pytest.mark.parametrize("place", ["evidence/12", "given-up/0-0-aa.head", "second/spool/0-0.head"])
def test_a_purge_keeps_what_nobody_else_has(root, small, place):
    kept = root.folder / HOME / place
    kept.parent.mkdir(parents=True)
    kept.touch()
    root.script(small, "postremove", "purge")
    assert kept.exists()


def test_a_home_elsewhere_is_told_of_and_never_touched(root, small):
    (root.folder / "etc/lakzegel").mkdir()
    (root.folder / "etc/lakzegel/agent.toml").write_text('x = 1\n home = "/srv/a home"  # ours\n')
    head = root.folder / "srv/a home/spool/0-0.head"
    head.parent.mkdir(parents=True)
    head.touch()
    said = root.script(small, "preremove", "remove")
    assert "1 closed batches are kept in /srv/a home:" in said
    root.script(small, "postremove", "purge", LAKZEGEL_PURGE_UNSENT="yes")
    assert head.exists()
    assert (root.folder / "etc/lakzegel/agent.toml").exists()


def test_an_upgrade_keeps_the_version_that_is_proven_as_the_road_back(root, small, newer):
    root.dpkg("-i", one(small[0].out, ".deb"))
    before = root.folder / f"usr/lib/{AGENT.name}"
    kept = before.with_name(f"{AGENT.name}.previous")
    proven = root.folder / HOME / "version/proven"
    proven.parent.mkdir(parents=True)
    proven.write_text("0.0.9-1\n")
    root.dpkg("-i", newer)
    assert not kept.exists()
    proven.write_text((before / "VERSION").read_text())
    inode = (before / "pyvenv.cfg").stat().st_ino
    root.dpkg("-i", newer)
    assert (kept / "VERSION").read_text() == "0.1.0-1\n"
    assert (kept / "pyvenv.cfg").stat().st_ino == inode
    assert (before / "pyvenv.cfg").stat().st_ino != inode
    root.dpkg("--remove", AGENT.name)
    assert not list((root.folder / "usr/lib").glob(f"{AGENT.name}*"))
