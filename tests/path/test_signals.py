# SPDX-License-Identifier: EUPL-1.2
"""Ctrl-C and SIGTERM, at every party, at work or in vain: a clean end, in seconds."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def heard():
    """Children hear SIGINT, even where these tests are a shell's background job, which does not."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def started(world, room, *arguments):
    """A command at work; what it says on stderr can be awaited."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"lakzegel_{room}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=world.root,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def pulling(ready, *more):
    """An office that pulls, and more where that is said."""
    phrase = ("--passphrase-file", ready.root / "passphrase")
    return started(ready, "office", "pull", "--home", ready.office_home, *phrase, *more)


def ended(process, seconds=12):
    """Exit code and what was said, of a process that was told to end."""
    out, err = process.communicate(timeout=seconds)
    assert "Traceback" not in err, err
    assert "Traceback" not in out
    return process.returncode, out, err


@contextmanager
def mute(world):
    """A receiver in the real one's place that takes connections and never says a word."""
    world.server.stop()
    host, _, port = world.server.listen.partition(":")
    asked = threading.Event()
    taken = []

    def work():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            taken.append(connection)
            asked.set()

    with socket.create_server((host, int(port))) as listening:
        thread = threading.Thread(target=work)
        thread.start()
        yield asked
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in taken:
        connection.close()


@pytest.mark.parametrize("how", BOTH)
def test_once_ends_in_the_middle_of_its_work_and_the_next_one_completes_it(ready, how, same_tree):
    folder = ready.sources["map"][1]
    for number in range(9000):
        (folder / f"{number}.txt").write_text(f"bericht {number}\n" * 50)
    with started(ready, "agent", "once", "--config", ready.config) as process:
        until(lambda: list((ready.agent_home / "spool").iterdir()))
        process.send_signal(how)
        code, _, err = ended(process)
    assert code in {1, 3}, err  # not everything was looked at, and that is said
    report = ready.once()
    assert (report["found"], report["sealed"], report["failed"]) == (9000, 9000, 0)
    ready.pull()
    ready.verify("--quiet")
    assert same_tree(folder, ready.restore() / "map") == []


def test_a_second_signal_ends_once_though_the_receiver_says_nothing(ready):
    ready.once()
    with mute(ready) as asked, started(ready, "agent", "once", "--config", ready.config) as agent:
        assert asked.wait(20)
        agent.send_signal(signal.SIGINT)
        agent.send_signal(signal.SIGTERM)
        code, _, _ = ended(agent)
    assert code in {128 + signal.SIGINT, 128 + signal.SIGTERM}


@pytest.mark.parametrize("how", BOTH)
def test_an_office_that_pulls_ends_though_the_receiver_says_nothing(ready, how):
    with mute(ready) as asked, pulling(ready) as office:
        assert asked.wait(20)
        office.send_signal(how)
        code, _, err = ended(office)
    assert code == 130
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("how", BOTH)
def test_an_office_that_follows_ends_with_zero_when_told(ready, how):
    with pulling(ready, "--follow", "--every", "30") as office:
        assert "entries" in office.stdout.readline()
        office.send_signal(how)
        code, _, err = ended(office)
    assert (code, err) == (0, "")


def test_a_second_signal_ends_a_following_office_in_the_middle_of_a_pull(ready):
    with mute(ready) as asked, pulling(ready, "--follow") as office:
        assert asked.wait(20)
        office.send_signal(signal.SIGTERM)
        office.send_signal(signal.SIGINT)
        code, _, err = ended(office)
    assert code == 130
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("how", BOTH)
def test_a_receiver_ends_with_zero_when_told(ready, how):
    process = ready.server.process
    process.send_signal(how)
    assert process.wait(12) == 0
    ready.server.process = None
    ready.check()


def test_the_daemon_captures_ships_releases_survives_a_restart_and_ends(ready, same_tree):
    ready.once()
    folder, before = ready.sources["map"][1], batches(ready)
    status = ready.agent_home / "status.json"
    with started(ready, "agent", "run", "--config", ready.config) as agent:
        await_that(agent, status, lambda s: s.get("process"))
        (folder / "een.txt").write_text("een")
        await_that(agent, status, lambda s: s["ledger"]["sealed"] == 1)
        until(lambda: batches(ready) > before)
        until(lambda: is_released(ready))
        before = batches(ready)
        ready.server.stop()
        (folder / "twee.txt").write_text("twee")
        await_that(agent, status, lambda s: s["ledger"]["sealed"] == 2)
        ready.server.start()
        until(lambda: batches(ready) > before)
        agent.send_signal(signal.SIGTERM)
        code, _, _ = ended(agent, seconds=8)
    assert code == 0
    ready.pull()
    ready.verify("--quiet")
    assert same_tree(folder, ready.restore() / "map") == []


def is_released(world):
    """Whether the device has released everything, once the office holds what there is by now."""
    world.pull()
    return not list((world.agent_home / "spool").glob("*.head"))


def batches(world):
    return len(list((world.server.data / "batches").rglob("*.batch")))


def until(true, seconds=40):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)  # another process's files: nothing to await


def await_that(process, status, true):
    def looks():
        assert process.poll() is None, process.stderr.read()
        return status.exists() and true(json.loads(status.read_text()))

    until(looks)


def test_an_office_that_follows_has_a_batch_within_a_second_and_lets_others_work(ready):
    with pulling(ready, "--follow", "--every", "600") as office:
        assert "entries" in office.stdout.readline()
        (ready.sources["map"][1] / "een.txt").write_text("een")
        ready.once()
        began = time.monotonic()
        assert "1 new" in office.stdout.readline()
        took = time.monotonic() - began
        assert took < 5.0  # a second, and what a laden machine adds
        ready.pull()  # other commands work beside it
        ready.office("hold", "set", "woo-1", "--reason", "x", "--source", "map")
        office.send_signal(signal.SIGTERM)
        code, _, _ = ended(office)
    assert code == 0
