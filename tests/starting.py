# SPDX-License-Identifier: EUPL-1.2
"""Starts our own programs without importing them anew, which is most of what a start costs.

The first `python -m lakzegel_ROOM …` of a run starts a process that imports that room and waits; it
and each later one is a fork of that. A fork is a process like any other, with its own memory, files
and signals, killed by kill -9 at any instant. What it does not show is its beginning: imports, the
interpreter's settings and memory at rest. So a start is real, as it is in production, where

- a test is marked ``real_start``, or `-m soak` or REAL_STARTS=1 was asked;
- the environment says what an interpreter or a library reads only when it begins;
- anything is asked of `Popen` that is not known here, or Python is one whose `Popen` is not known.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

KNOWN = (3, 11)  # the Python whose Popen is overridden below
FIXED = ("PYTHON", "LD_", "LC_", "MALLOC_", "GLIBC_", "OPENSSL", "SSL_")  # read at the beginning
FORKS = Path(__file__).with_name("forks.py")
FORK = "# fork of "  # begins code for `python -c` that may run in a fork of that room

RealPopen = subprocess.Popen
real = True  # whether every start is real now
_rooms = {}  # name, what its environment has of FIXED -> the socket to ask at, the process
_closed = False  # whether no other room can be begun here
_starting = threading.Lock()


def possible(markers):
    """Whether anything may be a fork in a run of the tests with these markers."""
    asked = "REAL_STARTS" in os.environ or markers == "soak"
    return not asked and sys.platform == "linux" and sys.version_info[:2] == KNOWN


def _fixed(environment):
    """What an interpreter reads of its environment when it begins."""
    has = ((name, value) for name, value in environment.items() if value or name != "LD_PRELOAD")
    return frozenset(one for one in has if one[0].startswith(FIXED) or one[0] == "LANG")


def _known(args):
    """The room that a command line is of, and what it runs there; or None."""
    if isinstance(args, str | bytes | os.PathLike) or not all(isinstance(a, str) for a in args):
        return None
    command = [a for number, a in enumerate(args) if (number, a) != (1, "-P")]
    if command[:1] != [sys.executable] or len(command) < 3:
        return None
    how, what, arguments = command[1], command[2], command[3:]
    if how == "-m" and what.startswith("lakzegel_"):
        return what.partition(".")[0], {"module": what, "arguments": arguments}
    if how == "-c" and what.startswith(FORK):
        return what.split()[len(FORK.split())], {"code": what, "arguments": arguments}
    return None


class Forked(RealPopen):
    """A `Popen` whose process may be a fork of one that has imported what it needs."""

    _told = None  # says when it has begun, and how it ended

    def _execute_child(  # noqa: PLR0917 - as it is called
        self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo,
        creationflags, shell, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite,
        restore_signals, gid, gids, uid, umask, start_new_session, process_group,
    ):  # fmt: skip
        known = None if real or shell or executable or preexec_fn or pass_fds else _known(args)
        plain = (gid, gids, uid, umask, process_group) == (None, None, None, -1, -1)
        environment = dict(os.environ if env is None else env)
        control = None
        if known is not None and plain and all(isinstance(v, str) for v in environment.values()):
            control = _room(known[0], environment)
        if control is None:
            super()._execute_child(
                args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo,
                creationflags, shell, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite,
                restore_signals, gid, gids, uid, umask, start_new_session, process_group,
            )  # fmt: skip
            return
        ends = (p2cread, c2pwrite, errwrite)
        streams = [own if end == -1 else end for own, end in enumerate(ends)]
        request = {
            **known[1],
            "environment": environment,
            "folder": os.fspath(cwd) if cwd is not None else str(Path.cwd()),
            "session": bool(start_new_session),
        }
        self._told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            message = json.dumps(request).encode()
            socket.send_fds(control, [message], [theirs.fileno(), *streams])
        self.pid = int(self._told.recv(64) or b"0")
        if not self.pid:
            self._told.close()
            raise RuntimeError(f"no fork for {args}")
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)

    def _try_wait(self, wait_flags):
        if self._told is None:
            return super()._try_wait(wait_flags)
        how = socket.MSG_DONTWAIT if wait_flags & os.WNOHANG else 0
        try:
            status = self._told.recv(64, how)
        except BlockingIOError:
            return 0, 0
        self._told.close()
        return self.pid, int(status or b"9")  # nothing said: killed with the process it is of

    def _internal_poll(self, _deadstate=None, *args, **more):
        if self._told is None:
            return super()._internal_poll(_deadstate, *args, **more)
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid == self.pid:
                    self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode


def _room(name, environment):
    """Where to ask for forks of a room, begun when it is not there; None for a real start."""
    fixed, preloaded = _fixed(environment), environment.get("LD_PRELOAD", "")
    if fixed != _fixed({**os.environ, "LD_PRELOAD": preloaded}):
        return None
    with _starting:
        if (name, fixed) not in _rooms and not _closed:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                process = RealPopen(
                    [sys.executable, "-P", str(FORKS), name, str(theirs.fileno())],
                    env={**os.environ, "LD_PRELOAD": preloaded}, cwd="/",
                    pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
            _rooms[name, fixed] = ours, process
        return _rooms.get((name, fixed), (None,))[0]


def end():
    """Return once the processes that fork have ended; their own forks may go on."""
    for control, process in _rooms.values():
        control.close()
        process.wait()
    _rooms.clear()


def only(name, control):
    """Have what this process starts of one room be forks that are asked for there."""
    global real, _closed
    _rooms[name, _fixed(os.environ)] = control, None
    real, _closed = False, True
    subprocess.Popen = Forked
