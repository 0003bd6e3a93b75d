# SPDX-License-Identifier: EUPL-1.2
"""Tiles in every store: what was ever shown can be read for ever, whatever dies when."""

import pytest

from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_core.tiles import HashReader, paths_for
from lakzegel_server.committed import Committed
from lakzegel_server.database import Database
from lakzegel_server.layout import Layout, make_folders
from lakzegel_server.logstore import LogStore
from lakzegel_server.stores import objecttiles
from lakzegel_server.stores.edgerows import EdgeRows
from lakzegel_server.stores.files import FileDocuments, FileStore
from lakzegel_server.stores.filetiles import TileFiles
from lakzegel_server.stores.objecttiles import TileObjects

ENTRIES = [f"entry {number}".encode() for number in range(1500)]
LOCKED = ["locked", "s3"]
SIZES = [1, 3, 255, 256, 257, 300, 511, 512, 800, 1290, 1291]


class Log:
    """A log whose tiles are in one kind of store, as a process sees it that just started."""

    def __init__(self, kind, layout, request):
        self.kind, self.layout, self.request = kind, layout, request
        make_folders(layout)
        self.objects = request.getfixturevalue("s3_objects") if kind == "s3" else None
        if kind == "locked":  # as in S3, with no S3: what it does is the same, and faster
            self.objects = FileStore(layout.data, layout.incoming)
        self.start()

    def start(self):
        self.database = Database.open(self.layout.database)
        documents = FileDocuments(self.layout.data, self.layout.incoming)
        if self.objects is None:
            tiles = TileFiles(self.layout.log, self.layout.incoming)
        else:
            self.rows = EdgeRows(lambda: Database.open(self.layout.database))
            tiles = TileObjects(self.objects, self.rows)
        self.store = LogStore(
            self.layout.log, self.layout.incoming, tiles=tiles, documents=documents
        )
        self.committed = Committed(self.store, self.database)
        self.size = self.database.size()
        self.committed.repair(self.size)

    def close(self):
        self.database.close()
        if self.objects is not None:
            self.rows.close()

    def restart(self):
        self.close()
        self.start()

    def grow(self, size):
        """Commit up to ``size``, and show that."""
        if size > self.size:
            assert self.database.commit(self.database.tree(), ENTRIES[self.size : size])
        tree = self.database.tree()
        self.committed.write_tiles(tree, self.size)
        self.size = size
        self.store.write_checkpoint(f"log.example/test\n{size}\n".encode())

    def settle(self):
        self.committed.make_durable(self.size)

    def require_whole(self):
        frontier = Frontier()
        for size in SIZES:
            if size > self.size:
                break
            while frontier.size < size:
                frontier.append(leaf_hash(ENTRIES[frontier.size]))
            assert self.store.root(size) == frontier.root()
            reader = HashReader(size, self.store.read)
            assert reader.root() == frontier.root()
        assert list(self.committed.entries(0, self.size)) == ENTRIES[: self.size]
        assert list(self.store.entries(0, self.size)) == ENTRIES[: self.size]


@pytest.fixture(params=["files", "locked", "s3"])
def log(request, tmp_path):
    made = Log(request.param, Layout(tmp_path / "data"), request)
    yield made
    made.close()


def test_a_log_of_any_size_is_whole(log):
    for size in SIZES:
        log.grow(size)
        if size % 2:
            log.committed.make_durable(size)
    log.require_whole()
    log.restart()
    log.require_whole()


def test_every_tile_of_every_size_that_was_shown_can_be_read(log):
    for size in SIZES:
        log.grow(size)
        log.committed.make_durable(size)
        for path in paths_for(size):
            assert log.store.read(path)
    log.restart()
    for size in SIZES:
        assert all(log.store.read(path) for path in paths_for(size))


def test_what_was_never_there_is_not_read(log):
    log.grow(300)
    for path in ("tile/0/001", "tile/0/001.p/45", "tile/entries/001.p/45", "tile/1/000.p/2"):
        with pytest.raises(FileNotFoundError):
            log.store.read(path)


@pytest.mark.parametrize("log", LOCKED, indirect=True)
def test_only_full_tiles_are_put_where_they_are_locked(log):
    for size in SIZES:
        log.grow(size)
        log.committed.make_durable(size)
    wanted = {f"log/{path}" for path in paths_for(1291) if ".p/" not in path}
    assert set(log.objects.names("log/")) - {"log/checkpoint"} == wanted
    assert log.database.pending_start() == 1280


def test_a_full_tile_is_handed_out_before_it_is_durable(log):
    log.grow(300)
    with log.store.open("tile/entries/000") as reading:
        assert reading.size == log.store.size("tile/entries/000") == len(reading.read(2**20))
    assert log.store.size("tile/entries/001") is None


@pytest.mark.parametrize("log", ["locked"], indirect=True)  # as in S3, and faster
@pytest.mark.parametrize("step", range(1, 8))
def test_a_crash_at_any_step_is_made_up_for_by_the_next_start(log, monkeypatch, step):
    log.grow(250)
    left = [step]

    def dying(real):
        def call(*arguments):
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
            return real(*arguments)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(log.objects, "put", dying(log.objects.put))
        patch.setattr(EdgeRows, "keep", dying(EdgeRows.keep))
        patch.setattr(log.database, "forget_pending", dying(log.database.forget_pending))
        with pytest.raises(KeyboardInterrupt):
            go_on(log, (260, 520, 800))
    log.restart()
    log.require_whole()
    log.grow(1291)
    log.committed.make_durable(1291)
    log.restart()
    log.require_whole()


def test_another_receiver_reads_what_this_one_wrote_and_goes_on(log):
    log.grow(700)
    log.committed.make_durable(700)
    other = Log.__new__(Log)
    other.__dict__.update(log.__dict__)
    other.start()
    other.require_whole()
    other.grow(1290)
    other.committed.make_durable(1290)
    log.size = 1290
    log.require_whole()
    log.grow(1291)  # from what the other one made durable
    log.require_whole()
    other.close()


@pytest.mark.parametrize("log", ["locked"], indirect=True)
def test_what_another_receiver_made_durable_is_not_held_for_ever(log, monkeypatch):
    monkeypatch.setattr(objecttiles, "HELD", 6)
    other = Log.__new__(Log)
    other.__dict__.update(log.__dict__)
    other.start()
    for size in range(100, 1500, 100):
        log.grow(size)
        other.size = log.size
        other.committed.make_durable(size)
    assert len(log.store._tiles._held) <= 6
    log.require_whole()
    other.close()


def test_what_another_receiver_filled_up_is_handed_out_full_by_whoever_makes_it_durable(log):
    log.grow(700)
    other = Log.__new__(Log)
    other.__dict__.update(log.__dict__)
    other.start()
    other.grow(1290)
    log.size = 1290
    log.committed.make_durable(1290)
    log.require_whole()
    other.close()


@pytest.mark.parametrize("log", LOCKED, indirect=True)
def test_tiles_above_that_the_index_lost_are_made_of_those_below(log):
    log.grow(1291)
    log.committed.make_durable(1291)
    log.database.connection.execute("DELETE FROM edge_tiles")
    log.restart()
    log.require_whole()


@pytest.mark.parametrize("log", LOCKED, indirect=True)
def test_a_store_that_fails_is_asked_again_and_nothing_is_forgotten(log, monkeypatch):
    log.grow(600)

    def fail(*_):
        raise OSError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(log.objects, "put", fail)
        with pytest.raises(OSError, match="not now"):
            log.committed.make_durable(600)
    assert log.database.pending_start() == 0
    log.require_whole()
    log.committed.make_durable(600)
    assert log.database.pending_start() == 512
    log.require_whole()


def go_on(log, sizes):
    for size in sizes:
        log.grow(size)
        log.settle()
