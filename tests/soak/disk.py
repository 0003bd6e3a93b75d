# SPDX-License-Identifier: EUPL-1.2
"""A disk that fails at a chosen call, and loses what was not synced when the power goes.

`disk.c` does it, inside the program under test; this starts the program with it, says what is to
fail, and afterwards leaves the folder as a disk would that lost its power: in each file the writes
since its last sync are undone, in each folder the names since its last sync. How many of them is
chance: all, none, or the last so many, since a disk keeps no promise about what was not synced.
"""

import contextlib
import mmap
import os
import shutil
import signal
import struct
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import pytest

CONTROL = struct.Struct("=14q")  # as struct control in disk.c
RECORD = struct.Struct("=7q")  # as struct record in disk.c
SOURCE = Path(__file__).with_name("disk.c")


class Fault(IntEnum):
    """What becomes of the call; as the enum in disk.c."""

    NOTHING = 0
    EIO = 1
    ENOSPC = 2
    KILL = 3  # before the call
    TORN = 4  # after half of what it writes
    POWER = 5  # before the call, and what was not synced may be lost
    SHORT = 6  # half of what it writes is written, then there is no room; nothing ends


ENDS = (Fault.KILL, Fault.TORN, Fault.POWER)  # what no process outlives
EVER = 2**62  # calls


@dataclass
class Control:
    """What the mapped file holds; as struct control in disk.c."""

    count: int = 0
    syncs: int = 0
    at: int = 0
    span: int = 0
    how: int = Fault.NOTHING
    only_syncs: int = 0
    odds: int = 1
    end: int = 0
    last: int = Fault.NOTHING
    then: int = 0
    met: int = 0
    wall: int = 0
    boot: int = 0
    kept: int = 0


def build(folder):
    """The library, or a skip that says why there is none."""
    compiler = shutil.which("cc")
    if compiler is None or os.uname().sysname != "Linux":
        pytest.skip("no C compiler here, or no Linux: nothing can fail below SQLite")
    library = folder / "disk.so"
    done = subprocess.run(
        [compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
         "-o", library, SOURCE, "-ldl"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return library


class Clock:
    """The time that programs are told which look at the control file in ``folder``."""

    def __init__(self, folder):
        with (folder / "control").open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), CONTROL.size)

    def set_clock(self, wall, boot=0):
        """Let the wall clock, and the one that goes on during sleep, be so many seconds ahead."""
        self._set(wall=int(wall * 1e9), boot=int(boot * 1e9))

    def _get(self):
        return Control(*CONTROL.unpack(self._map[:]))

    def _set(self, **fields):
        """Each field by itself, for the program may be at work: what it counts stays its own."""
        for number, name in enumerate(Control.__dataclass_fields__):
            if name in fields:
                self._map[number * 8 : number * 8 + 8] = struct.pack("=q", fields[name])


class Disk(Clock):
    """What programs started with ``environment`` find below ``home``."""

    def __init__(self, library, folder, home):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "control").write_bytes(bytes(CONTROL.size))
        super().__init__(folder)
        self._folder, self._home = folder, home.resolve()
        self.environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "LAKZEGEL_DISK": str(folder),
            "LAKZEGEL_DISK_HOME": str(self._home),
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._map.close()

    def fail(self, how, at, span=1, *, odds=1, syncs=False, then=0):
        """From call ``at`` on, counted from now, ``span`` calls fail so, or one in ``odds``.

        With ``syncs`` only those count that sync; ``then`` calls after the first that failed
        everything is killed.
        """
        self._set(how=Fault.NOTHING, end=0, last=Fault.NOTHING, then=0)
        self.forget()
        self._set(count=0, syncs=0, met=0, at=at, span=span, odds=odds, only_syncs=int(syncs))
        if how in ENDS:
            self.end(how, at)
        else:
            self._set(then=then, how=how)

    def end(self, how, at):
        """At call ``at``, counted since ``fail``, everything ends so."""
        self._set(last=how)
        self._set(end=at)

    def heal(self):
        """Nothing fails any more, whatever was told; what a power cut may undo stays known."""
        self._set(how=Fault.NOTHING, end=0, then=0)

    def calls(self):
        """How many calls there were since ``fail``."""
        return self._get().count

    def met(self):
        """How many of them failed."""
        return self._get().met

    def forget(self):
        """Everything is on the disk now."""
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self._folder / "journal", 0)
        for path in self._folder.glob("kept-*"):
            path.unlink()

    def lose(self, chance):
        """Leave the folder as the power's going may; how much was undone."""
        records = _read(self._folder / "journal")
        undone = _suffixes(_unsynced(records), chance)
        self._undo_writes([r for r in undone if r.type == "W"])
        for record in reversed(undone):
            self._undo_name(record)
        self.forget()
        return len(undone)

    def _undo_writes(self, records):
        by_inode = {path.stat().st_ino: path for path in self._files()}
        for record in reversed(records):
            if record.inode in by_inode:
                with by_inode[record.inode].open("r+b") as file:
                    file.seek(record.offset)
                    file.write(record.data)
                    file.truncate(record.size)

    def _files(self):
        found = [*self._folder.glob("kept-*"), *self._home.rglob("*")]
        return [path for path in found if path.is_file() and not path.is_symlink()]

    def _undo_name(self, record):
        kept = self._folder / f"kept-{record.offset}"
        if record.type == "C":
            record.path.unlink(missing_ok=True)
        elif record.type == "U" and kept.exists() and not record.path.exists():
            os.link(kept, record.path)
        elif record.type == "R" and record.path2.exists():
            record.path2.rename(record.path)
            if record.offset and kept.exists():
                os.link(kept, record.path2)


@dataclass(frozen=True)
class Record:
    """One change that was made, with what it replaced."""

    type: str  # C a new name, R a rename, U an unlink, W bytes, S a file synced, D a folder synced
    inode: int
    offset: int  # or the number that a name's file was kept under
    size: int
    path: Path
    path2: Path
    data: bytes

    def things(self):
        """The files or folders that must be synced for this to last."""
        if self.type == "W":
            return (self.inode,)
        return tuple(dict.fromkeys(p.parent for p in (self.path, self.path2) if p.name))


def _read(journal):
    data, at, found = journal.read_bytes(), 0, []
    while at + RECORD.size <= len(data):
        kind, inode, offset, size, *lengths = RECORD.unpack_from(data, at)
        at += RECORD.size
        fields = []
        for length in lengths:
            fields.append(data[at : at + length])
            at += length
        path, path2 = (Path(os.fsdecode(field)) for field in fields[:2])
        found.append(Record(chr(kind), inode, offset, size, path, path2, fields[2]))
    return found


def _unsynced(records):
    """The changes that nothing made durable, in order."""
    left = []
    for record in records:
        if record.type in "SD":
            synced = record.inode if record.type == "S" else record.path
            left = [r for r in left if r.things() != (synced,)]
        else:
            left.append(record)
    return left


def _suffixes(records, chance):
    """Of each file's and each folder's changes the last so many, in the order of all."""
    by_thing = defaultdict(list)
    for number, record in enumerate(records):
        by_thing[record.things()].append(number)
    lost = set()
    for numbers in by_thing.values():
        keep = chance.choice((0, len(numbers), chance.randint(0, len(numbers))))
        lost.update(numbers[keep:])
    return [records[number] for number in sorted(lost)]


def run(disk, arguments, seconds=120):
    """A program on that disk, to its end or until it is killed; what it said."""
    process = subprocess.Popen(
        arguments,
        env=disk.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)
