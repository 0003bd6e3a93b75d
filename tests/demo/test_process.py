# SPDX-License-Identifier: EUPL-1.2
"""No process stays behind, however a demo ends."""

import os
import select
import signal
import subprocess
import sys
import threading

import pytest

from lakzegel_demo import process
from lakzegel_demo.errors import NotProvenError, PartyError, RefusedError, StoppedError
from lakzegel_demo.process import Children
from lakzegel_demo.stopping import Stopper

FOREVER = (
    "import os, pathlib, sys, signal\npathlib.Path(sys.argv[1]).write_text('up')\nsignal.pause()"
)
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_a_command_prints_and_says_is_kept_apart(children, parties):
    module = parties("says", "import sys; print('out'); print('busy', file=sys.stderr)")
    heard = []
    assert children.demand(module, ["x"], progress=heard.append) == "out\n"
    assert heard == ["busy"]


@pytest.mark.parametrize(
    ("code", "error"), [(1, NotProvenError), (2, PartyError), (3, RefusedError), (4, PartyError)]
)
def test_a_command_that_fails_is_named_with_its_last_line(children, parties, code, error):
    module = parties("fails", f"import sys; print('no room', file=sys.stderr); sys.exit({code})")
    with pytest.raises(error, match=rf"fails serve ended with {code}: no room"):
        children.demand(module, ["serve"])


def test_a_started_process_is_ended_on_leaving(parties, tmp_path):
    module = parties("forever", FOREVER)
    with Children(tmp_path / "logs") as children:
        pid = children.start("server", module, [str(tmp_path / "ready")])
        assert children.await_file("server", tmp_path / "ready", seconds=20) == "up"
        assert alive(pid)
    assert not alive(pid)


def test_a_process_that_does_not_listen_is_killed(parties, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "GRACE", 0.2)
    module = parties("deaf", DEAF)
    with Children(tmp_path / "logs") as children:
        pid = children.start("agent", module, [str(tmp_path / "ready")])
        children.await_file("agent", tmp_path / "ready", seconds=20)
    assert not alive(pid)


def test_the_workers_of_a_process_go_with_it(parties, tmp_path):
    worker = parties("worker", FOREVER)
    module = parties(
        "leader",
        "import subprocess, sys, pathlib\n"
        f"w = subprocess.Popen([sys.executable, '-m', '{worker}', sys.argv[1] + '.worker'])\n"
        "pathlib.Path(sys.argv[1]).write_text(str(w.pid))\nw.wait()",
    )
    with Children(tmp_path / "logs") as children:
        children.start("agent", module, [str(tmp_path / "ready")])
        pid = int(children.await_file("agent", tmp_path / "ready", seconds=20))
        children.await_file("agent", tmp_path / "ready.worker", seconds=20)
        worker_ends = os.pidfd_open(pid)
    try:
        assert select.select([worker_ends], [], [], 20)[0]
    finally:
        os.close(worker_ends)


def test_a_process_that_ends_before_it_is_ready_is_told_with_its_log(children, parties, tmp_path):
    module = parties("dies", "import sys; print('port taken', file=sys.stderr); sys.exit(4)")
    children.start("server", module, [])
    with pytest.raises(PartyError, match="server ended with 4: port taken"):
        children.await_file("server", tmp_path / "never", seconds=20)


def test_an_end_by_itself_is_told_once(children, parties):
    children.start("agent", parties("brief", "import sys; sys.exit(3)"), [])
    children.running["agent"].wait()
    assert children.ended() == {"agent": 3}
    assert children.ended() == {}


def test_ctrl_c_stops_once_and_a_second_does_not_interrupt_the_tidying():
    stopper, tidied = Stopper(), []
    with stopper.listening(), pytest.raises(StoppedError, match="SIGINT"):  # noqa: PT012 - both
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            tidied.append(True)
    assert tidied == [True]


def test_a_stop_while_a_process_is_being_started_waits_until_it_is_known():
    stopper, known = Stopper(), []
    with stopper.listening(), pytest.raises(StoppedError), stopper.hold():  # noqa: PT012 - both
        signal.raise_signal(signal.SIGTERM)
        known.append(True)
    assert known == [True]


def test_a_stop_while_a_command_runs_ends_the_command(parties, tmp_path):
    module = parties(
        "slow",
        "import os, signal, sys\nprint(os.getpid(), file=sys.stderr, flush=True)\nsignal.pause()",
    )
    stopper, pids = Stopper(), []

    def interrupt(line):
        pids.append(int(line))
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()

    with (
        stopper.listening(),
        pytest.raises(StoppedError),
        Children(tmp_path / "logs", stopper) as children,
    ):
        children.run(module, [], progress=interrupt)
    assert not alive(pids[0])


def test_the_tests_own_python_runs_modules():
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0
