# SPDX-License-Identifier: EUPL-1.2
"""A pull goes on from where the one before came; what it remembers may be lost or lie."""

import shutil

import pytest

from lakzegel_office import durable, memory
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.errors import DoubtError
from lakzegel_office.mirror import Mirror
from lakzegel_office.replay import Replay
from tests.office.conftest import make_world
from tests.office.killing import Killed, killed_before


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Remember after every pull."""
    monkeypatch.setattr(memory, "EVERY", 1)
    monkeypatch.setattr(memory, "SHARE", 1 << 30)


@pytest.fixture
def fed(monkeypatch):
    """Tell how many entries were replayed."""
    told, feed = [], Replay.feed

    def heard(replay, entry):
        told.append(entry)
        feed(replay, entry)

    monkeypatch.setattr(Replay, "feed", heard)
    return told


def known_of(replay):
    """Everything that a replay knows, in a form that two can be compared in."""
    return {
        "accepted": list(replay.accepted),
        "changes": list(replay.changes),
        "clock": replay.clock_back,
        "custody": vars(replay.custody) | {"_checkers": None, "register": None, "kept": None},
        "destroyed": dict(replay.destroyed.items()),
        "findings": replay.findings,
        "items": replay.items,
        "marks": replay.marks,
        "problems": replay.problems,
        "root": replay.root(replay.size),
        "size": replay.size,
    }


@pytest.fixture
def lived_in(world, device):
    """An office whose log has what a replay has to know: a change, findings, two devices."""
    other = world.enrol("secretaris")
    name = device.send_files({"a": b"1", "b": b"2"})
    other.send_files({"a": b"1"})
    world.pull()
    device.send(device.file_items("bad", [b"x"]), keys=[bytes(range(32))] * 2)
    world.pull()
    world.destroy(device, name, 0, 1)
    world.pull()
    return world


def saved(world):
    return sorted((world.home.state / "savepoints").iterdir())


def test_a_pull_replays_what_is_new_and_knows_as_much_as_if_it_had_replayed_all(lived_in, fed):
    lived_in.enrol("derde").send_files({"c": b"3"})
    puller = lived_in.puller()
    assert puller.run().clean
    assert len(fed) == 3  # admission, enrolment, batch
    config = lived_in.config
    whole = replay_mirror(Mirror(lived_in.home.mirror), config)
    one, other = known_of(puller.replay), known_of(whole)
    one["custody"].pop("_chains"), other["custody"].pop("_chains")
    one["custody"].pop("admissions"), other["custody"].pop("admissions")
    assert one == other
    assert lived_in.run("verify", "--open", "--except-findings", "--quiet") == 0


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def of_another_log(world, tmp_path):
    (tmp_path / "other").mkdir()
    other = make_world(tmp_path / "other")
    other.enrol().send_files({"a": b"1"})
    other.pull()
    for name in ("pulled", "savepoints"):
        source, place = other.home.state / name, world.home.state / name
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        shutil.copytree(source, place) if source.is_dir() else shutil.copy(source, place)


DAMAGES = {
    "a savepoint with a flipped bit": lambda world, _: flip(saved(world)[0]),
    "no savepoint": lambda world, _: saved(world)[0].unlink(),
    "a memory with a flipped bit": lambda world, _: flip(world.home.state / "pulled"),
    "no memory": lambda world, _: (world.home.state / "pulled").unlink(),
    "a memory that has no key": lambda world, _: (world.home.state / "pulled").write_bytes(
        memory.Summed().close(b'{"format":1}')
    ),
    "that of another log": of_another_log,
    "no index of places": lambda world, _: (world.home.state / "places.db").unlink(),
    "a damaged index of places": lambda world, _: (world.home.state / "places.db").write_bytes(
        b"SQLite format 3\0" + bytes(9000)
    ),
}


def test_what_is_remembered_may_be_damaged(lived_in, tmp_path, fed):
    another = lived_in.enrol("derde")
    lived_in.pull()
    for damage, harm in DAMAGES.items():
        harm(lived_in, tmp_path)
        fed.clear()
        another.send_files({damage: b"3"})
        assert lived_in.pull().clean, damage
        assert len(fed) == (1 if "places" in damage else len(lived_in.receiver.log)), damage
    assert lived_in.run("verify", "--open", "--except-findings", "--quiet") == 0


def test_what_is_remembered_of_a_larger_log_is_of_no_use_to_an_older_mirror(
    lived_in, tmp_path, fed
):
    shutil.copytree(lived_in.home.mirror, tmp_path / "older")
    lived_in.enrol("derde").send_files({"c": b"3"})
    assert lived_in.pull().clean
    shutil.rmtree(lived_in.home.mirror)
    shutil.copytree(tmp_path / "older", lived_in.home.mirror)
    fed.clear()
    assert lived_in.pull().clean
    assert len(fed) == len(lived_in.receiver.log)
    assert lived_in.run("verify", "--open", "--except-findings", "--quiet") == 0


def test_a_fork_is_seen_from_what_is_remembered_too(lived_in):
    last = lived_in.receiver.log[-1]
    lived_in.receiver.log[-1] = last + b"."
    lived_in.receiver.append(last)
    with pytest.raises(DoubtError, match="fork"):
        lived_in.pull()


def test_after_an_entry_that_is_refused_nothing_more_is_remembered(lived_in, device, fed):
    lived_in.receiver.append(b"noise")
    for number in range(2):
        device.send_files({f"c{number}": b"3"})
        fed.clear()
        assert not lived_in.pull().clean
        assert len(fed) == number + 2  # the noise, and all that came since


def test_a_whole_pull_looks_for_what_was_lost(lived_in, device):
    name = device.previous.hex()
    (lived_in.home.mirror / f"batches/{name}.batch").unlink()
    assert lived_in.pull().fetched == 0
    assert lived_in.pull(whole=True).fetched == 1


def test_the_index_of_an_older_batch_may_be_lost(world, device):
    """A capture that builds on it is only checked once that batch was opened anew."""
    device.send_files({"a": b"1" * 600})
    world.pull()
    for folder in ("opened", "index"):
        for path in (world.home.state / folder).iterdir():
            path.unlink()
    device.send_files({"a": b"1" * 600 + b"2"})
    report = world.pull()
    assert report.clean
    assert report.held == len(world.receiver.log)


WRITES = tuple((durable, name) for name in ("settle", "write_file", "write_files", "sync_disk"))


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_before_any_write_the_next_pull_goes_on(world, device, step):
    device.send_files({"a": b"1"})
    world.pull()
    number, killed = 0, True
    while killed:
        device.send_files({f"b{number}": b"2"})
        killed = False
        try:
            with killed_before(number, WRITES):
                world.pull()
        except Killed:
            killed = True
        number += step
    assert number > 10
    assert world.pull().held == len(world.receiver.log)
    assert len(saved(world)) == 1
    assert world.run("verify", "--open", "--quiet") == 0


def test_after_a_verify_that_found_something_a_pull_looks_for_everything(lived_in, device):
    name = device.previous.hex()
    (lived_in.home.mirror / f"batches/{name}.batch").unlink()
    assert lived_in.run("verify", "--except-findings", "--quiet") == 1
    assert lived_in.pull().fetched == 1
    assert lived_in.run("verify", "--except-findings", "--quiet") == 0


def test_a_command_that_reads_goes_on_from_the_last_pull(lived_in, device, fed, tmp_path, capsys):
    device.send_files({"c": b"3"})
    lived_in.pull()
    fed.clear()
    capsys.readouterr()
    for command in (
        ["list"],
        ["hold", "list"],
        ["restore", "--all", "--out", str(tmp_path / "out")],
    ):
        assert lived_in.run(*command) in {0, 1}, command
    out = capsys.readouterr().out
    item = next(line.split("\t")[0] for line in out.splitlines() if line.endswith("\tc"))
    assert lived_in.run("prove", item, str(tmp_path / "proof")) == 0
    assert fed == []


def test_an_old_entry_that_rotted_is_not_believed(lived_in, capsys):
    path = next(iter((lived_in.home.mirror / "log/tile/entries").rglob("*.p/*")))
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    assert lived_in.run("list") == 1
    assert "run: lakzegel-office verify" in capsys.readouterr().err
