# SPDX-License-Identifier: EUPL-1.2
"""More files at once than the system tells of, and more folders than it watches: none is missed."""

import json
import signal
import time
from pathlib import Path

import pytest

LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")
OWN_WATCHES = "/proc/sys/user/max_inotify_watches"


def state(world):
    """What the daemon wrote last, or nothing."""
    path = world.agent_home / "status.json"
    return json.loads(path.read_text()) if path.exists() else {}


def until(true, seconds):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.1)  # another process's file: nothing to await


def sealed(world, count):
    return lambda: state(world).get("ledger", {}).get("sealed") == count


def is_watching(world):
    return lambda: state(world).get("watch", {}).get("folders") == 1


def write(folder, count):
    for number in range(count):
        (folder / str(number % 50) / f"{number}.txt").write_bytes(b"%d" % number)


def make_folders(folder):
    """Before they are watched: a folder that is not, gives no events."""
    for number in range(50):
        (folder / str(number)).mkdir()


def has(world, code):
    return code in {problem["code"] for problem in state(world)["problems"]}


def check_nothing_was_missed(world, count):
    until(lambda: not has(world, "events-dropped"), 60)  # a look at everything made it good
    assert state(world)["ledger"] == {
        "found": count,
        "sealed": count,
        "excluded": 0,
        "failed": 0,
    }


@pytest.mark.slow
def test_a_burst_while_nobody_reads_the_queue_is_found_whole_and_counted(ready, run_agent):
    limit = int(LIMIT.read_text())
    if limit > 100_000:
        pytest.skip(f"{LIMIT}: {limit}, too many files to fill it")
    make_folders(ready.sources["map"][1])
    agent = run_agent()
    until(is_watching(ready), 60)
    agent.send_signal(signal.SIGSTOP)
    count = limit // 3 + 1_000  # created, written, closed: three events each
    write(ready.sources["map"][1], count)
    agent.send_signal(signal.SIGCONT)
    until(sealed(ready, count), 180)
    until(lambda: state(ready)["watch"]["overflows"] >= 1, 60)
    check_nothing_was_missed(ready, count)
    agent.terminate()
    assert agent.wait(30) == 0
    ready.once()  # what was observed last goes with the next batch
    ready.pull()
    assert '"events-dropped"' in ready.office("list", "--kind", "observation", "--json").stdout


@pytest.mark.soak
def test_sixty_thousand_files_at_full_speed_are_found_whole(ready, run_agent):
    make_folders(ready.sources["map"][1])
    run_agent()
    until(is_watching(ready), 60)
    write(ready.sources["map"][1], 60_000)
    until(sealed(ready, 60_000), 900)
    check_nothing_was_missed(ready, 60_000)
    print("overflows:", state(ready)["watch"]["overflows"])


@pytest.mark.soak
def test_a_tree_with_more_folders_than_watches_is_polled_and_found_whole(ready, run_agent):
    """In a user namespace of its own, so that nobody else runs short of watches."""
    folder = ready.sources["map"][1]
    for number in range(30_000):
        (folder / str(number // 200) / str(number)).mkdir(parents=True)
    script = f'echo 16384 > {OWN_WATCHES} || exit 77; exec "$@"'
    agent = run_agent("unshare", "-Ur", "sh", "-c", script, "sh")
    until(lambda: agent.poll() == 77 or is_watching(ready)(), 120)
    if agent.poll() == 77:
        pytest.skip("no limit of our own can be set here")
    assert state(ready)["watch"]["polled"] == {"no-watch": 1}
    assert "polling" in {problem["code"] for problem in state(ready)["problems"]}
    for number in range(30_000):
        (folder / str(number // 200) / str(number) / "a").write_bytes(b"x")
    until(sealed(ready, 30_000), 900)
    check_nothing_was_missed(ready, 30_000)
