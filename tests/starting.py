# SPDX-License-Identifier: EUPL-1.2
"""Starts our own programs without importing them anew, which is most of what a start costs.

The first `python -m lakzegel_ROOM …` of a run starts a process that imports that room and waits; it
and each later one is a fork of that. A fork is a process like any other, with its own memory, files
and signals, killed by kill -9 at any instant. What it does not show is its beginning: imports, the
interpreter's settings and memory at rest. So a start is real, as it is in production, where

- a test is marked ``real_start``, or `-m soak` or REAL_STARTS=1 was asked;
- the environment says what an interpreter or a library reads only when it begins;
- anything is asked of `Popen` that is not known here, or Python is one whose `Popen` is not known.

An agent starts programs of its own, in its own session. It has a process beside it, forked before
it begins, that forks these.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

KNOWN = (3, 11)  # the Python whose Popen is overridden below
FIXED = ("PYTHON", "LD_", "LC_", "MALLOC_", "GLIBC_", "OPENSSL", "SSL_")  # read at the beginning
LARGEST = 2**17  # bytes of a request: arguments and environment
SET_CHILD_SUBREAPER = 36  # prctl(2)
STARTS_OTHERS = "lakzegel_agent"

RealPopen = subprocess.Popen
real = True  # whether every start is real now
_rooms = {}  # name -> the socket to ask at, what its environment has of FIXED, the process
_closed = False  # whether no other room can be begun here
_starting = threading.Lock()


def possible(markers):
    """Whether anything may be a fork in a run of the tests with these markers."""
    asked = "REAL_STARTS" in os.environ or markers == "soak"
    return not asked and sys.platform == "linux" and sys.version_info[:2] == KNOWN


def _fixed(environment):
    named = {key: value for key, value in environment.items() if key.startswith(FIXED)}
    return named, environment.get("LANG")


def _module(args):
    """The module of ours that a command line runs, and its arguments; or None."""
    if isinstance(args, str | bytes | os.PathLike) or not all(isinstance(a, str) for a in args):
        return None
    command = list(args)
    if command[:1] != [sys.executable]:
        return None
    rest = command[2:] if command[1:2] == ["-P"] else command[1:]
    if len(rest) < 2 or rest[0] != "-m" or not rest[1].startswith("lakzegel_"):
        return None
    return rest[1], rest[2:]


class Forked(RealPopen):
    """A `Popen` whose process may be a fork of one that has imported what it needs."""

    _told = None  # says when it has begun, and how it ended

    def _execute_child(  # noqa: PLR0917 - as it is called
        self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo,
        creationflags, shell, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite,
        restore_signals, gid, gids, uid, umask, start_new_session, process_group,
    ):  # fmt: skip
        known = None if real or shell or executable or preexec_fn or pass_fds else _module(args)
        plain = (gid, gids, uid, umask, process_group) == (None, None, None, -1, -1)
        environment = dict(os.environ if env is None else env)
        control = None
        if known is not None and plain and all(isinstance(v, str) for v in environment.values()):
            control = _room(known[0].partition(".")[0], environment)
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
            "module": known[0],
            "arguments": known[1],
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
    with _starting:
        if name not in _rooms and not _closed:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                process = RealPopen(
                    [sys.executable, "-P", __file__, name, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                )  # fmt: skip
            _rooms[name] = ours, _fixed(os.environ), process
    control, fixed, _ = _rooms.get(name, (None, None, None))
    return control if fixed == _fixed(environment) else None


def end():
    """Return once the processes that fork have ended; their own forks may go on."""
    for control, _, process in _rooms.values():
        control.close()
        process.wait()
    _rooms.clear()


def _serve(control, room):
    """Fork as asked until nobody can ask any more, and say how each fork ended."""
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    told = {}
    while True:
        ready, _, _ = select.select([control, read], [], [])
        if read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(read, 4096)
            _reap(told)
        if control not in ready:
            continue
        message, files, _, _ = socket.recv_fds(control, LARGEST, 4)
        if not message:
            return
        with socket.socket(fileno=files[0]) as asker:
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for file in (control.detach(), read, write, *(t.detach() for t in told.values())):
                    os.close(file)
                _become(json.loads(message), asker, files[1:], room)
            told[pid] = asker.dup()
        for file in files[1:]:
            os.close(file)


def _reap(told):
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid in told:
                with told.pop(pid) as asker, contextlib.suppress(OSError):
                    asker.send(str(status).encode())


def _become(request, asker, streams, room):
    """Be the program that was asked for, from its beginning to its end."""
    status = 1
    try:
        if request["session"]:
            os.setsid()
        for own, stream in enumerate(streams):
            os.dup2(stream, own)
        for stream in streams:
            os.close(stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        time.tzset()
        if room == STARTS_OTHERS:
            _beside(room)
        with asker:
            asker.send(str(os.getpid()).encode())
        sys.argv = ["-m", *request["arguments"]]
        sys.modules.pop(request["module"], None)
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as error:
        status = _code(error)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        sys.excepthook(*sys.exc_info())
    _end(status)


def _code(error):
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _end(status):
    """End as the interpreter does, without taking down the modules."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    finally:
        os._exit(status)


def _beside(room):
    """Have a process that forks what this one starts, in its session, and ends with it."""
    global real, _closed
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for own in range(3):
            os.dup2(nowhere, own)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            _serve(theirs, None)
        finally:
            os._exit(0)
    theirs.close()
    _rooms[room] = ours, _fixed(os.environ), None
    real, _closed = False, True
    subprocess.Popen = Forked


def _prepare(room):
    """Import everything of a room."""
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, room + "."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # of another system, or of an extra
                importlib.import_module(module.name)
    assert threading.active_count() == 1, "a fork has one thread only"
    gc.collect()
    gc.freeze()


def main():
    """Be the process of a room: `starting.py ROOM SOCKET`."""
    room, control = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    control.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1)
    _prepare(room)
    _serve(control, room)


if __name__ == "__main__":
    main()
