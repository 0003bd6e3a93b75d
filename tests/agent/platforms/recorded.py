# SPDX-License-Identifier: EUPL-1.2
r"""The calls of Windows over the files of this system, as its documentation says that they answer.

``\\?\C:\a`` and ``\\?\\a`` are both ``/a``. A symbolic link is a reparse point that stands for
another name; ``clouded`` names files that are another kind of reparse point, ``held`` files that
somebody else has open without sharing them, and for how many more tries.
"""

import errno
import fcntl
import os
import re
import stat
import time
from pathlib import Path

from lakzegel_agent.platforms import posix, windows
from lakzegel_agent.platforms.kernel import DISK, REPARSE, About

SYMLINK = 0xA000000C  # IO_REPARSE_TAG_SYMLINK
CLOUD = 0x9000001A  # IO_REPARSE_TAG_CLOUD
PIPE = 3  # FILE_TYPE_PIPE
SHARED = 32
ME = "S-1-5-21-1-2-3-1001"
OPEN = "O:BAD:AI(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)"
NUMBERS = {2: errno.ENOENT, 3: errno.ENOENT, 5: errno.EACCES, 32: errno.EACCES, 33: errno.EACCES}
PREFIX = re.compile(r"\\\\\?\\(?:C:)?")


def windows_error(number, path):
    """An error as Python has it there."""
    made = OSError(NUMBERS[number], os.strerror(NUMBERS[number]), path)
    made.winerror = number
    return made


def here(path):
    """Where a path of Windows lies on this system."""
    found = PREFIX.match(path)
    assert found, f"{path}: not whole"
    rest = path[found.end() :]
    assert "/" not in rest, f"{path}: a slash is part of a name in such a path"
    assert ".." not in rest.split("\\"), f"{path}: nobody resolves .. in such a path"
    return rest.replace("\\", "/")


class Told:
    """A stat_result of Windows."""

    def __init__(self, told, *, attributes=0, tag=0):
        self._told = told
        self.st_file_attributes = attributes
        self.st_reparse_tag = tag

    def __getattr__(self, name):
        return getattr(self._told, name)


class RecordedKernel:
    """A kernel; whatever it is asked is in ``asked``."""

    def __init__(self):
        self.asked = []
        self.held = {}
        self.clouded = set()
        self.sddl = {}
        self.exchange = None  # called between the first and the second opening of a file
        self._opened = {}

    def open(self, path, *, follow):
        place = self._try("open", path)
        if follow and self.exchange is not None:
            self.exchange()
        try:
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
            point = Path(place).is_symlink() and not follow
            handle = os.open(place, flags | (os.O_PATH | os.O_NOFOLLOW if point else 0))
        except FileNotFoundError:
            raise windows_error(2, path) from None
        except PermissionError:
            raise windows_error(5, path) from None
        if stat.S_ISDIR(os.fstat(handle).st_mode):  # without FILE_FLAG_BACKUP_SEMANTICS
            os.close(handle)
            raise windows_error(5, path)
        self._opened[handle] = (place, follow)
        return handle

    def about(self, handle):
        told = os.fstat(handle)
        place, follow = self._opened[handle]
        attributes = tag = 0
        if stat.S_ISLNK(told.st_mode):
            attributes, tag = REPARSE, SYMLINK
        elif place in self.clouded and not follow:
            attributes, tag = REPARSE, CLOUD
        kind = DISK if stat.S_ISREG(told.st_mode) or stat.S_ISLNK(told.st_mode) else PIPE
        return About(kind, attributes, tag, (told.st_dev, told.st_ino))

    def close(self, handle):
        del self._opened[handle]
        os.close(handle)

    def adopt(self, handle):
        del self._opened[handle]
        return handle

    @property
    def is_open(self):
        """Handles that nobody closed."""
        return list(self._opened)

    def lstat(self, path):
        place = here(path)
        try:
            told = os.lstat(place)
        except FileNotFoundError:
            raise windows_error(2, path) from None
        link = stat.S_ISLNK(told.st_mode)
        return Told(told, attributes=REPARSE if link else 0, tag=SYMLINK if link else 0)

    def listing(self, path):
        return os.scandir(os.fsencode(here(path)))

    def create(self, path, flags, mode):
        return os.open(self._try("create", path), flags, mode)

    def move(self, source, target):
        self._try("move", source)
        Path(here(source)).replace(self._try("move to", target))

    def remove(self, path):
        place = self._try("remove", path)
        try:
            Path(place).unlink()
        except FileNotFoundError:
            raise windows_error(2, path) from None

    def read_at(self, descriptor, count, at):
        return os.pread(descriptor, count, at)

    def lock(self, descriptor):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise windows_error(33, None) from None

    def unlock(self, descriptor):
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def security(self, path):
        place = Path(here(path))
        above = next((p for p in (place, *place.parents) if str(p) in self.sddl), None)
        return OPEN if above is None else self.sddl[str(above)]  # what is below takes it over

    def owner(self, descriptor):
        assert os.fstat(descriptor)
        return f"O:{ME}"

    def user(self):
        return ME

    def secure(self, path, sddl):
        self.asked.append(("secure", here(path)))
        self.sddl[here(path)] = f"O:{ME}{sddl}"

    def ticks(self):
        return time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic()

    def background(self):
        self.asked.append(("background", ""))

    def _try(self, call, path):
        place = here(path)
        self.asked.append((call, place))
        if self.held.get(place, 0) > 0:
            self.held[place] -= 1
            raise windows_error(SHARED, path)
        return place


class NoShadows:
    """A system that makes no copies of volumes."""

    def find(self, path):
        return None


def become_windows(monkeypatch, shadows=None):
    """Have the agent in this process work by the module for Windows; return its kernel."""
    kernel = RecordedKernel()
    monkeypatch.setattr(windows, "kernel", lambda: kernel)
    monkeypatch.setattr(windows, "shadows", lambda: shadows or NoShadows())
    monkeypatch.setattr(windows, "_FIRST", 0.001)
    monkeypatch.setattr(windows, "_LONGEST", 0.002)
    for name, value in vars(windows).items():
        if callable(value) and hasattr(posix, name) and name[0] != "_" and name.islower():
            monkeypatch.setattr(posix, name, value)
    return kernel
