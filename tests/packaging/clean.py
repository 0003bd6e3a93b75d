# SPDX-License-Identifier: EUPL-1.2
"""A clean Debian, made by debootstrap and booted in namespaces of its own, without a network.

It has what a package depends on (an interpreter, systemd, kill), rpm beside dpkg, and nothing of
Lakzegel.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.packaging.conftest import ROOT

SUITE = "bookworm"
PYTHON = "python3.11"
INCLUDED = (PYTHON, "procps", "systemd", "tzdata", "rpm")
KEPT = ROOT / f".venv/clean-{SUITE}"  # a minute and a half of downloading and unpacking
BOOT = Path(__file__).with_name("boot.sh")
GROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
# of a machine, which nobody needs in a namespace
OTHERS = (
    *("systemd-udevd", "systemd-udev-trigger", "systemd-timesyncd", "apt-daily", "e2scrub_all"),
    *("systemd-sysctl", "systemd-modules-load"),  # the kernel is everybody's
)


def missing():
    """Why there can be no such machine here; nothing where there can."""
    if os.geteuid():
        return "only root makes one"
    if f"python{sys.version_info.major}.{sys.version_info.minor}" != PYTHON:
        return f"{SUITE} has {PYTHON}"
    absent = [name for name in ("debootstrap", "unshare", "nsenter") if not shutil.which(name)]
    if absent:
        return f"not here: {', '.join(absent)}"
    if not any(Path(place, "cgroup.procs").exists() for place in GROUPS):
        return "no control groups of version 2"
    return ""


def base():
    """The clean system's folder, made when it is not there."""
    if not (KEPT / "made").exists():
        shutil.rmtree(KEPT, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(INCLUDED)}", SUITE]
        subprocess.run([*command, KEPT], check=True, capture_output=True)
        (KEPT / "made").touch()
    return KEPT


class Clean:
    """A machine that is up, until ``close``."""

    def __init__(self, scratch):
        self.scratch, self.pid = scratch, 0
        for name in ("files", "disk", "root", "shared"):
            (scratch / name).mkdir(mode=0o755)
        for name in OTHERS:
            for ending in ("service", "timer"):
                place = scratch / f"files/etc/systemd/system/{name}.{ending}"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to("/dev/null")

    @property
    def shared(self):
        """A folder that is ``/srv/shared`` there."""
        return self.scratch / "shared"

    def boot(self):
        """Return once it is up."""
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(str(self.shared / "notify"))
        told.settimeout(60)
        self.group = next(Path(place) for place in GROUPS if Path(place, "cgroup.procs").exists())
        self.group /= f"lakzegel-{os.getpid()}"
        self.group.mkdir()
        self.log = (self.scratch / "boot.log").open("wb")
        enter = ["bash", "-c", f'echo $$ > {self.group}/cgroup.procs; exec "$@"', "enter"]
        spaces = ["--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork"]
        self.process = subprocess.Popen(
            [*enter, "unshare", *spaces, "--kill-child", "bash", BOOT, self.scratch, base()],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        with told:
            while b"READY=1" not in told.recv(65_536).split(b"\n"):
                pass
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.pid = int(children.read_text().split()[0])

    def run(self, *words, user="root", expect=0, **told):
        """What a command printed there, run by its user, with nobody to answer a question."""
        enter = ["nsenter", f"--target={self.pid}", "--all", f"--root=/proc/{self.pid}/root"]
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        done = subprocess.run(
            [
                *enter,
                f"--wd=/proc/{self.pid}/root",
                *(become if user != "root" else []),
                *map(str, words),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "LANGUAGE": "en"}
            | told,
        )
        assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def path(self, place):
        """Where a file there is seen from outside."""
        return Path(f"/proc/{self.pid}/root{place}")

    def await_that(self, what, condition, seconds=60):
        """Return what ``condition`` returns, once it is something."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.2)  # nothing outside is told of what happens there
        raise AssertionError(f"{what}: not within {seconds} s\n{self.journal()}")

    def journal(self):
        """The end of what its services said."""
        return self.run("journalctl", "--no-pager", "-n", "60", "-o", "short")

    def close(self):
        """End it, whatever runs in it."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)  # process 1: all of its namespace goes with it
        else:
            self.process.kill()
        self.process.wait(30)
        self.log.close()
        for group in sorted(self.group.rglob("*"), reverse=True):
            if group.is_dir():
                group.rmdir()
        self.group.rmdir()
