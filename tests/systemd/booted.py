# SPDX-License-Identifier: EUPL-1.2
"""A machine with a systemd of its own, of namespaces on this one; the units run in it for real.

What runs there is this checkout, under /usr/lib/lakzegel, with the packages that the tests have and
the system's Python, as packages have it; its commands are in /usr/bin, and units, users and folders
where packages put them.
"""

import os
import subprocess
import sysconfig
from pathlib import Path

from tests.machine import SPOKEN, groups
from tests.machine import Machine as Booted
from tests.systemd.units import FOLDER, ROOT

PYTHON = f"python{sysconfig.get_python_version()}"
ROOMS = ("core", "agent", "server", "office", "web", "verify", "demo")
PLACES = {
    "*.*": "usr/lib/systemd/system",
    "user/*.*": "usr/lib/systemd/user",
    "sysusers.d/*": "usr/lib/sysusers.d",
    "tmpfiles.d/*": "usr/lib/tmpfiles.d",
}
OTHERS = (  # of this machine, which nobody needs there
    *("systemd-udevd", "systemd-udev-trigger", "systemd-hwdb-update", "systemd-sysctl"),
    *("systemd-random-seed", "systemd-timesyncd", "systemd-networkd", "systemd-resolved"),
)
LOGIN = {  # what logind does when somebody logs in, where there is none
    "user-runtime-dir@.service": "[Service]\nExecStart=\nExecStart=/usr/bin/install "
    "--directory --mode=0700 --owner=%i --group=%i /run/user/%i\n",
    "user@.service": "[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%i\n",
}
COMMAND = """\
#!/usr/lib/lakzegel/bin/python -P
import sys
from lakzegel_{0}.__main__ import main
sys.exit(main())
"""
TARGET = "[Unit]\nDescription=A machine for tests\nRequires=sysinit.target\nAfter=sysinit.target\n"


def missing():
    """Why there can be no such machine here; nothing where there can."""
    if os.geteuid() != 0 or not Path("/lib/systemd/systemd").exists():
        return "no root, or no systemd to boot"
    if not Path("/usr/bin", PYTHON).exists():
        return f"the system has no {PYTHON}"
    if groups() is None:
        return "no control groups of version 2"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True,
        check=False,
    )
    return "no namespaces" if tried.returncode else ""


class Machine(Booted):
    """A machine that has this checkout installed."""

    unit = "lakzegel-test.target"
    devices = "tpmrm0"  # stands for a TPM
    masked = tuple(f"{name}.service" for name in OTHERS)

    def bound(self):
        """The rooms, and the packages that they need."""
        own = "/usr/lib/lakzegel"
        return {ROOT: f"{own}/rooms", sysconfig.get_path("purelib"): f"{own}/site"}

    def install(self):
        """Put programs, units, users and folders where packages put them."""
        for pattern, where in PLACES.items():
            for path in filter(Path.is_file, FOLDER.glob(pattern)):
                self.file(f"{where}/{path.name}", path.read_text())
        for room in ("agent", "server", "office"):
            self.file(f"usr/bin/lakzegel-{room}", COMMAND.format(room), 0o755)
        own = "usr/lib/lakzegel"
        self.file(f"{own}/pyvenv.cfg", "home = /usr/bin\n")
        paths = [f"/{own}/site", *(f"/{own}/rooms/{room}" for room in ROOMS)]
        self.file(f"{own}/lib/{PYTHON}/site-packages/all.pth", "\n".join(paths))
        (self.scratch / "files" / own / "bin").mkdir()
        (self.scratch / "files" / own / "bin/python").symlink_to(f"/usr/bin/{PYTHON}")
        self.file("usr/lib/systemd/system/lakzegel-test.target", TARGET)
        self.file("etc/machine-id", "6c616b7a6567656c2d74657374313233\n")
        for name, text in LOGIN.items():
            self.file(f"etc/systemd/system/{name}.d/alone.conf", text)

    def run(self, *words, user="root", check=True):
        """Run a command there, as its user; what it printed."""
        process = self.start(*words, user=user)
        out, err = process.communicate()
        done = subprocess.CompletedProcess(words, process.returncode, out, err)
        if check and done.returncode:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout if check else done

    def start(self, *words, user="root"):
        """Start a command there, as its user; its input and output are pipes."""
        return subprocess.Popen(
            self.inside(words, user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=SPOKEN,
        )
