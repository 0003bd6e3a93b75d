# SPDX-License-Identifier: EUPL-1.2
"""An office's command that is killed at its n-th step: on the disk, or towards the receiver.

The kill is SIGKILL, sent by the process to itself just before the step: nothing is flushed, no
handler runs, no lock is let go but by the system.
"""

import os
import signal
import subprocess
import sys

CODE = """# fork of lakzegel_office
import http.client, os, signal, sys

left = int(sys.argv[1])
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}


def step():
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)


def hook(event, arguments):
    if event in CHANGES or (event == "open" and (arguments[2] or 0) & WRITES):
        step()


def counted(works, behind=False):
    def call(*arguments, **more):
        step()
        done = works(*arguments, **more)
        if behind:
            step()
        return done

    return call


from lakzegel_office.__main__ import main

sys.addaudithook(hook)
os.fsync = counted(os.fsync)
os.write = counted(os.write)
os.ftruncate = counted(os.ftruncate)
http.client.HTTPConnection.getresponse = counted(http.client.HTTPConnection.getresponse, True)
code = main(sys.argv[2:])
print("steps", int(sys.argv[1]) - left, file=sys.stderr)
sys.exit(code)
"""
FOR_EVER = 10**9


def killed_at(step, *arguments):
    """Run a command that is killed before that step; return whether it was."""
    return _run(step, arguments).returncode == -signal.SIGKILL


def steps_of(*arguments):
    """Run a command to its end; return how many steps it took."""
    done = _run(FOR_EVER, arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    return int(done.stderr.split()[-1])


def killed_after(seconds, *arguments):
    """Run a command that is killed after so long; return whether it was."""
    with _started(FOR_EVER, arguments) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait() == -signal.SIGKILL


def _run(step, arguments):
    with _started(step, arguments) as process:
        _, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, "", err)


def _started(step, arguments):
    return subprocess.Popen(
        [sys.executable, "-c", CODE, str(step), *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
