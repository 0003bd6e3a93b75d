# SPDX-License-Identifier: EUPL-1.2
"""What commands cost as the log grows: counted, never timed."""

import os

import pytest

from lakzegel_core.merkle import leaf_hash, root_of
from lakzegel_core.tiles import new_tiles
from lakzegel_office import headers, logentries, memory, roots
from lakzegel_office.errors import DoubtError
from lakzegel_office.mirror import Mirror
from lakzegel_office.places import HEADER, Places
from lakzegel_office.roots import Roots
from tests.office.conftest import make_world
from tests.office.counting import opened_below

SIZES = (1, 2, 255, 256, 257, 300, 511, 512, 700)


def mirrored(folder, entries):
    """Write the tiles of a log, and return its mirror."""
    mirror = Mirror(folder)
    update = new_tiles(0, entries, mirror.read_log)
    for path, data in update.files.items():
        mirror.tile(path).parent.mkdir(parents=True, exist_ok=True)
        mirror.tile(path).write_bytes(data)
    return mirror, update.root


@pytest.fixture
def entries():
    return [b"entry %d" % number for number in range(700)]


@pytest.fixture
def few_roots(monkeypatch):
    monkeypatch.setattr(roots, "RECENT", 4)
    monkeypatch.setattr(roots, "QUESTIONS", 3)


@pytest.mark.usefixtures("few_roots")
def test_every_root_that_a_log_had_is_found_with_few_in_memory(tmp_path, entries):
    mirror, root = mirrored(tmp_path, entries)
    found = Roots(mirror)
    found.anchor(700, root)
    for entry in entries:
        found.append(entry)
    leaves = [leaf_hash(entry) for entry in entries]
    for size in (0, *SIZES, *reversed(SIZES)):
        assert found.at(size) == root_of(leaves[:size])
        found.require_proven(size)
    assert len(found._recent) <= 4


@pytest.mark.usefixtures("few_roots")
def test_a_log_goes_on_from_the_tiles_of_a_smaller_one(tmp_path, entries):
    mirror, root = mirrored(tmp_path, entries)
    leaves = [leaf_hash(entry) for entry in entries]
    for size in SIZES:
        found = Roots(mirror)
        found.begin_at(size, root_of(leaves[:size]))
        found.anchor(700, root)
        for entry in entries[size:]:
            found.append(entry)
        assert found.at(700) == root
        assert found.at(1) == root_of(leaves[:1])
        with pytest.raises(DoubtError):
            found.begin_at(size, bytes(32))


@pytest.mark.usefixtures("few_roots")
def test_a_damaged_tile_blames_nobody(tmp_path, entries):
    mirror, root = mirrored(tmp_path, entries)
    path = mirror.tile("tile/0/001")
    path.write_bytes(os.urandom(len(path.read_bytes())))
    found = Roots(mirror)
    found.anchor(700, root)
    for entry in entries:
        found.append(entry)
    found.require_proven(256)
    with pytest.raises(DoubtError, match="a hash tile below 300 was damaged"):
        found.require_proven(300)
    found.require_entry(0, entries[0])
    with pytest.raises(DoubtError):
        found.require_entry(300, entries[300])


@pytest.mark.usefixtures("few_roots")
def test_an_entry_that_was_changed_is_not_the_logs(tmp_path, entries):
    mirror, root = mirrored(tmp_path, entries)
    found = Roots(mirror)
    found.anchor(700, root)
    for index in (0, 255, 256, 699, 3):
        found.require_entry(index, entries[index])
        with pytest.raises(DoubtError, match=f"entry {index}"):
            found.require_entry(index, entries[index] + b".")


def test_places_are_found_before_and_after_they_are_written(tmp_path):
    path = tmp_path / "places.db"
    kept = Places.kept(path)
    kept.add(("minister", 0, 7), HEADER, 70)
    kept.add(("minister", 0, 7), 1, 90)
    assert kept.of(("minister", 0, 7)) == {HEADER: 70, 1: 90}
    kept.add(("minister", 0, 6), HEADER, 60)
    kept.close()
    reading = Places.reading(path)
    reading.add(("minister", 1, 0), HEADER, 99)
    assert reading.of(("minister", 0, 7)) == {HEADER: 70, 1: 90}
    assert list(reading.of_device("minister")) == [60, 70, 99]
    assert reading.of(("secretaris", 0, 7)) == {}
    reading.close()


@pytest.mark.parametrize("damage", ["not a database", "another version"])
def test_places_that_cannot_be_used_begin_anew(tmp_path, damage):
    path = tmp_path / "places.db"
    if damage == "not a database":
        path.write_bytes(b"\xff" * 8192)
    else:
        kept = Places.kept(path)
        kept._db.execute("PRAGMA user_version=99")
        kept.close()
    assert Places.reading(path) is None
    kept = Places.kept(path)
    assert kept.of(("minister", 0, 7)) == {}
    kept.close()


def test_a_batch_is_found_though_the_index_lost_it(world, device):
    names = [device.send_files({f"cur/{n}": b"x"}) for n in range(3)]
    world.pull()
    puller = world.puller()
    assert puller.run().clean
    replay = puller.replay
    replay.places._db.execute("DELETE FROM places")
    replay.places._waiting.clear()
    replay.accepted._parsed.clear()
    found = replay.accepted.find((device.name, 0, 1))
    assert found.batch_id == names[1]
    assert replay.accepted.find((device.name, 0, 3)) is None
    assert [r.batch_id for r in replay.accepted.of_device(device.name)] == names


def test_what_is_in_memory_of_a_log_is_bounded(world, device, monkeypatch):
    monkeypatch.setattr(headers, "PARSED", 2)
    monkeypatch.setattr(logentries, "BUNDLES", 1)
    for number in range(5):
        device.send_files({f"cur/{number}": b"x"})
    puller = world.puller()
    assert puller.run().clean
    replay = puller.replay
    assert len(replay.accepted._parsed) == 2
    assert [record.header.batch for record in replay.accepted] == list(range(5))
    assert len(replay.accepted._parsed) == 2


SMALL, LARGE = 10, 100  # batches


@pytest.fixture(scope="module", params=[SMALL, LARGE], ids=["small", "tenfold"])
def sized(request, tmp_path_factory):
    """An office that holds so many batches of one device, and what a run of each command costs.

    Another device is enrolled and sealed once. Of each work: the files and folders it opened.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "EVERY", 1)
        patch.setattr(memory, "SHARE", 1 << 30)
        world = make_world(tmp_path_factory.mktemp("growth"))
        device, silent = world.enrol(), world.enrol("secretaris")
        for number in range(request.param):
            device.send_files({f"cur/{number}": b"x"})
        silent.send_files({"cur/1": b"x"})
        assert world.pull().clean
        assert world.run("verify", "--quiet") == 0
        puller, cost = world.puller(), {}
        works = {"beginning": puller.run, "turn": puller.run}
        for name, work in works.items():
            for number in range(3):
                device.send_files({f"{name}/{number}": b"y"})
            with opened_below(world.home.root) as found:
                report = work()
            assert (report.clean, report.fetched) == (True, 3)
            assert report.held == len(world.receiver.log)
            cost[name] = found["files"], found["folders"]
        with opened_below(world.home.root) as found:
            assert world.run("verify", "--since", "last", "--quiet") == 0
        cost["verify"] = found["files"], found["folders"]
        with opened_below(world.home.root) as found:
            assert world.run("prove", f"{device.name}/0/3/0", str(world.home.root / "out")) == 0
        cost["prove"] = found["files"], found["folders"]
    return request.param, cost


costs = {}


def test_a_pull_its_turns_verify_since_last_and_a_proof_cost_what_is_new_whatever_the_log(sized):
    size, costs[size] = sized
    if len(costs) == 2:
        for name, (files, folders) in costs[SMALL].items():
            more, others = costs[LARGE][name]
            assert abs(more - files) <= 8, (name, costs)  # a tile here and there
            assert abs(others - folders) <= 2, (name, costs)
            assert files < 200, costs


def test_what_a_killed_pull_left_beyond_the_edge_goes_and_nothing_else(world, device):
    for number in range(3):
        device.send_files({f"cur/{number}": b"x"})
    world.pull()
    log = world.home.mirror / "log"
    before = sorted(path for path in log.rglob("*") if path.is_file())
    size = len(world.receiver.log)
    for name in ("tile/0/000", f"tile/0/000.p/{size + 1}", "tile/0/001", "tile/0/002.p/7"):
        (log / name).parent.mkdir(parents=True, exist_ok=True)
        (log / name).write_bytes(b"half a pull")
    for name in ("tile/1/000.p/3", "tile/entries/000", f"tile/0/000.p/{size - 1}"):
        (log / name).parent.mkdir(parents=True, exist_ok=True)
        (log / name).write_bytes(b"half a pull")
    assert world.pull().clean
    assert sorted(path for path in log.rglob("*") if path.is_file()) == before
    assert world.run("verify", "--quiet") == 0


def test_tidying_looks_at_everything_where_nobody_knows_how_far_it_was(world, device):
    for number in range(300):
        world.receiver.append(b"noise %d" % number)
    device.send_files({"cur/1": b"x"})
    world.pull()
    log = world.home.mirror / "log"
    old = log / "tile/0/000.p/9"
    old.parent.mkdir()
    old.write_bytes(b"of long ago")
    (world.home.state / "tidied").write_text("1")  # torn: without its line's end
    world.pull()
    assert not old.parent.exists()
