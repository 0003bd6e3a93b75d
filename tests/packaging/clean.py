# SPDX-License-Identifier: EUPL-1.2
"""A clean Debian, made by debootstrap and booted in namespaces of its own, without a network.

It has what a package depends on (an interpreter, systemd, kill), rpm beside dpkg, and nothing of
Lakzegel.
"""

import os
import shutil
import subprocess
import sys
import time

from tests.machine import SPOKEN, Machine, groups
from tests.packaging.conftest import ROOT

SUITE = "bookworm"
PYTHON = "python3.11"
INCLUDED = (PYTHON, "procps", "systemd", "tzdata", "rpm")
KEPT = ROOT / f".venv/clean-{SUITE}"  # a minute and a half of downloading and unpacking
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
    if groups() is None:
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


class Clean(Machine):
    """A machine that is up, until ``close``."""

    outside = "/srv/shared"
    masked = tuple(f"{name}.{kind}" for name in OTHERS for kind in ("service", "timer"))

    @property
    def lower(self):
        """The clean system."""
        return base()

    @property
    def shared(self):
        """A folder that is ``/srv/shared`` there."""
        return self.scratch / "outside"

    def run(self, *words, user="root", expect=0, **told):
        """What a command printed there, run by its user, with nobody to answer a question."""
        done = subprocess.run(
            self.inside(words, user),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=SPOKEN | told,
        )
        assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}"
        return done.stdout

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
