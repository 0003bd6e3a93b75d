# SPDX-License-Identifier: EUPL-1.2
"""Machines for tests: a systemd of its own, in namespaces on this one, until it is closed."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

BOOT = Path(__file__).with_name("machine.sh")
GROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
SPACES = ("--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net", "--fork", "--kill-child")
SPOKEN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "LANGUAGE": "en"}
PATIENCE = 60  # seconds until it is up


def groups():
    """Where control groups of version 2 are, if they are."""
    return next((Path(place) for place in GROUPS if Path(place, "cgroup.procs").exists()), None)


class Machine:
    """One machine; what kinds of it have of their own says a class for each.

    ``lower`` is its system, read only; files are laid over it. ``outside`` is a folder there, which
    is ``scratch/outside`` here; ``unit`` what it is booted to.
    """

    lower, outside, unit = Path("/"), "/run/outside", "multi-user.target"
    devices = ""  # that stand for real ones
    masked = ()  # services that nobody needs in a namespace

    def __init__(self, scratch):
        self.scratch = scratch
        for name in ("files", "disk", "root", "outside"):
            (scratch / name).mkdir(mode=0o755)
        for name in self.masked:
            place = scratch / "files/etc/systemd/system" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to("/dev/null")
        self.pid, self.process = 0, None

    def file(self, path, text, mode=0o644):
        """Lay a file over the machine's root, before it is booted."""
        place = self.scratch / "files" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def bound(self):
        """Folders of this machine that are there too, and where."""
        return {}

    def boot(self):
        """Return once it is up."""
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(str(self.scratch / "outside/notify"))
        told.settimeout(PATIENCE)
        self.group = groups() / f"lakzegel-{os.getpid()}-{self.scratch.name}"
        self.group.mkdir(exist_ok=True)
        self.log = (self.scratch / "boot.log").open("wb")
        enter = f'echo $$ > {self.group}/cgroup.procs; exec "$@"'
        places = [f"{here}={there}" for here, there in self.bound().items()]
        self.process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "bash", "-c", enter, "enter"),
                *("unshare", *SPACES, "bash", BOOT),
                *(self.scratch, self.lower, self.outside, self.unit, *places),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env=os.environ | {"MACHINE_DEVICES": self.devices},
        )
        with told:
            try:
                while b"READY=1" not in told.recv(65_536).split(b"\n"):
                    pass
            except TimeoutError:
                raise AssertionError((self.scratch / "boot.log").read_text()) from None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.pid = int(children.read_text().split()[0])

    def inside(self, words, user):
        """The command line that runs words there, as their user."""
        enter = ["nsenter", f"--target={self.pid}", "--all", f"--root=/proc/{self.pid}/root"]
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return [
            *enter,
            f"--wd=/proc/{self.pid}/root",
            *(become if user != "root" else []),
            *map(str, words),
        ]

    def path(self, place):
        """Where a file of the machine is seen from outside."""
        return Path(f"/proc/{self.pid}/root{place}")

    def close(self):
        """End it, whatever runs in it; one that did not come up too."""
        if self.process is not None:
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)  # process 1: its namespace goes with it
            else:
                self.process.kill()
            self.process.wait(30)
            self.log.close()
            for group in sorted(self.group.rglob("*"), reverse=True):
                if group.is_dir():
                    group.rmdir()
            self.group.rmdir()
        shutil.rmtree(self.scratch, ignore_errors=True)
