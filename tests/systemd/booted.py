# SPDX-License-Identifier: EUPL-1.2
"""A machine with a systemd of its own, of namespaces on this one; the units run in it for real.

What runs there is this checkout, under /usr/lib/lakzegel, with the packages that the tests have and
the system's Python, as packages have it; its commands are in /usr/bin, and units, users and folders
where packages put them.
"""

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
from pathlib import Path

from tests.systemd.units import FOLDER, ROOT

PYTHON = f"python{sysconfig.get_python_version()}"
HERE = Path(__file__).resolve().parent
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
UNIFIED = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")


def missing():
    """Why there can be no such machine here; nothing where there can."""
    if os.geteuid() != 0 or not Path("/lib/systemd/systemd").exists():
        return "no root, or no systemd to boot"
    if not Path("/usr/bin", PYTHON).exists():
        return f"the system has no {PYTHON}"
    if not any(Path(place, "cgroup.procs").exists() for place in UNIFIED):
        return "no control groups of version 2"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True,
        check=False,
    )
    return "no namespaces" if tried.returncode else ""


class Machine:
    """A machine that was booted, until ``close``."""

    def __init__(self, scratch):
        self.scratch = scratch
        for name in ("files", "disk", "root", "outside"):
            (scratch / name).mkdir(mode=0o755)
        self.pid, self.process = 0, None

    def file(self, path, text, mode=0o644):
        """Lay a file over the machine's root, before it is booted."""
        place = self.scratch / "files" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

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
        for name in OTHERS:
            place = self.scratch / "files/etc/systemd/system" / f"{name}.service"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to("/dev/null")

    def boot(self):
        """Return once it is up."""
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(str(self.scratch / "outside/notify"))
        told.settimeout(25)
        self.group = next(Path(p) for p in UNIFIED if Path(p, "cgroup.procs").exists())
        self.group /= f"lakzegel-{os.getpid()}-{self.scratch.name}"
        self.group.mkdir(exist_ok=True)
        space = ["unshare", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net"]
        site = sysconfig.get_path("purelib")
        self.log = (self.scratch / "boot.log").open("wb")
        enter = f'echo $$ > {self.group}/cgroup.procs; exec "$@"'
        self.process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "bash", "-c", enter, "enter"),
                *(*space, "--fork", "--kill-child", "bash", HERE / "boot.sh"),
                *(self.scratch, ROOT, site),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        with told:
            try:
                while b"READY=1" not in told.recv(65_536).split(b"\n"):
                    pass
            except TimeoutError:
                raise AssertionError((self.scratch / "boot.log").read_text()) from None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.pid = int(children.read_text().split()[0])

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
        enter = ["nsenter", f"--target={self.pid}", "--all", f"--root=/proc/{self.pid}/root"]
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return subprocess.Popen(
            [*enter, "--wd=/", *(become if user != "root" else []), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "LANGUAGE": "en"},
        )

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
