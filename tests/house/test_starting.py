# SPDX-License-Identifier: EUPL-1.2
"""What the tests start as forks behaves as the program does that it stands for."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import starting

AGENT = [sys.executable, "-m", "lakzegel_agent"]
VERIFY = [sys.executable, "-m", "lakzegel_verify"]
WORKER = [sys.executable, "-P", "-m", "lakzegel_agent.sealing.worker"]

pytestmark = pytest.mark.skipif(
    subprocess.Popen is starting.RealPopen, reason="every start is real here"
)


def is_fork(process):
    """Whether its command line is that of the process it is a fork of."""
    return str(starting.FORKS).encode() in Path(f"/proc/{process.pid}/cmdline").read_bytes()


@pytest.fixture
def started():
    """Start a program that waits for its input, and end it."""
    running = []

    def start(**more):
        process = subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)
        running.append(process)
        return process

    yield start
    for process in running:
        with process:
            process.kill()


@pytest.mark.parametrize(
    "command", [VERIFY, [*VERIFY, "--help"], [*AGENT, "once"], [*AGENT, "no-such-thing"]]
)
def test_a_fork_says_and_answers_what_the_program_does(command, monkeypatch):
    def run():
        done = subprocess.run(command, capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr

    forked = run()
    monkeypatch.setattr(starting, "real", True)
    assert run() == forked


def test_a_fork_is_killed_and_ended_as_any_process(started):
    process = started()
    assert is_fork(process)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    process = started()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM
    process = started()
    process.stdin.close()
    assert process.wait(10) == 0


def test_a_fork_has_the_session_the_folder_and_the_environment_that_were_asked(started, tmp_path):
    process = started(start_new_session=True, cwd=tmp_path, env={**os.environ, "TZ": "UTC+3"})
    assert is_fork(process)
    assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid
    assert Path(f"/proc/{process.pid}/cwd").readlink() == tmp_path
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    assert os.getsid(started().pid) == os.getsid(0)


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONWARNINGS", "LC_ALL", "LANG", "OPENSSL_CONF"])
def test_what_only_a_beginning_reads_makes_a_start_real(started, name):
    assert not is_fork(started(env={**os.environ, name: ""}))


def test_a_start_with_more_than_is_known_here_is_real(started):
    assert not is_fork(started(umask=0o77))
    assert not is_fork(started(preexec_fn=os.getpid))


@pytest.mark.real_start
def test_a_start_is_real_where_a_test_says_so(started):
    assert not is_fork(started())


def test_a_fork_holds_no_file_of_another(started):
    first, second = started(), started()
    links = [str(link.readlink()) for link in Path(f"/proc/{second.pid}/fd").iterdir()]
    assert len([link for link in links if link.startswith("pipe:")]) == 2
    ends = [link for link in links if link.startswith("socket:")]
    assert len(ends) <= 2  # to have others forked, and to say that it has begun
    first.stdin.close()
    assert first.wait(10) == 0
