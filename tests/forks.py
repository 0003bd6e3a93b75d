# SPDX-License-Identifier: EUPL-1.2
"""The process of which others are forks: `forks.py ROOM SOCKET`, begun by `starting.py`.

It imports the room and waits at the socket; each message is a program to be, with the files that
are its standard streams and a socket at which to say that it has begun and how it ended.

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
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import starting

del sys.path[0]

LARGEST = 2**17  # bytes of a request: arguments and environment
SET_CHILD_SUBREAPER = 36  # prctl(2)
STARTS_OTHERS = "lakzegel_agent"


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
        _set_up(request, streams)
        if room == STARTS_OTHERS:
            _beside(room)
        with asker:
            asker.send(str(os.getpid()).encode())
        _run(request)
        status = 0
    except SystemExit as error:
        status = _code(error)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        sys.excepthook(*sys.exc_info())
    _end(status)


def _set_up(request, streams):
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
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).disk_begins()  # tests/soak/disk.c, where that is loaded


def _run(request):
    sys.argv = ["-c", *request["arguments"]]
    if "code" in request:
        exec(compile(request["code"], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.modules.pop(request["module"], None)
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


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
    starting.only(room, ours)


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
    """Be the process of a room."""
    room, control = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    control.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1)
    _prepare(room)
    _serve(control, room)


if __name__ == "__main__":
    main()
