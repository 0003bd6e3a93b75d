# SPDX-License-Identifier: EUPL-1.2
"""A log as static files: names, entry bundles, growth over every edge, proofs from the files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_core.errors import FormatError, InclusionError, LimitError, RootMismatchError
from lakzegel_core.limits import MAX_NOTE, MAX_TREE
from lakzegel_core.merkle import leaf_hash, root_of, verify_consistency, verify_inclusion
from lakzegel_core.tiles import (
    ENTRIES,
    MAX_LEVEL,
    WIDTH,
    HashReader,
    TileId,
    decode_entries,
    encode_entries,
    entries_path,
    new_tiles,
    parse_tile_path,
    paths_for,
    split_tile,
    tile_path,
    tiles_for,
)

EDGES = (0, 1, 2, 255, 256, 257, 511, 512, 513)
LARGE = (65_535, 65_536, 65_537)


class Files:
    """Tiles in memory; says what was read."""

    def __init__(self):
        self.files = {}
        self.read_paths = []

    def read(self, path):
        self.read_paths.append(path)
        return self.files[path]

    def grow(self, size, entries):
        update = new_tiles(size, entries, self.read)
        self.files |= update.files
        return update


def entry(n):
    return b"entry %d" % n


def grown(*sizes):
    files = Files()
    update = files.grow(0, [])
    for size in sizes:
        update = files.grow(update.size, [entry(n) for n in range(update.size, size)])
    return files, update


@pytest.fixture(scope="module")
def large():
    """One log that grew over the edges of its second level."""
    return {size: grown(255, 40_000, *LARGE[: n + 1]) for n, size in enumerate(LARGE)}


# names


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((0, 999, 1), "tile/0/999.p/1"),
        ((1, 1000, 255), "tile/1/x001/000.p/255"),
        ((2, 1_234_067, 256), "tile/2/x001/x234/067"),
        ((ENTRIES, 1_234_067, 8), "tile/entries/x001/x234/067.p/8"),
        ((5, 0, 1), "tile/5/000.p/1"),
    ],
)
def test_a_tile_has_one_path(tile, path):
    assert TileId(*tile).path == path
    assert parse_tile_path(path) == TileId(*tile)


@given(st.integers(ENTRIES, MAX_LEVEL), st.integers(0, 2**32), st.integers(1, WIDTH))
def test_paths_come_back(level, index, width):
    tile = TileId(level, index, width)
    assert parse_tile_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/tile/0/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/00/000",
        "tile/01/000",
        "tile/6/000",
        "tile/63/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/999",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/0/x001",
        "tile/0/x001/x002",
        "tile/0/001/002",
        "tile/entries/../000",
        "tile/0/../../etc/passwd",
        "tile/8/0/000",
        "tile/0/\u0660\u0660\u0660",
        "checkpoint",
    ],
)
def test_what_names_no_tile_is_refused(path):
    with pytest.raises(FormatError):
        parse_tile_path(path)


# entry bundles


@given(st.lists(st.binary(max_size=300), max_size=WIDTH))
def test_bundles_come_back(entries):
    assert decode_entries(encode_entries(entries), width=len(entries)) == entries


def test_an_entry_has_65535_bytes_at_most():
    largest = bytes(MAX_NOTE)
    assert decode_entries(encode_entries([largest]), width=1) == [largest]
    with pytest.raises(LimitError):
        encode_entries([largest + b"\0"])


@pytest.mark.parametrize(
    ("data", "width"),
    [
        (b"\0", 1),
        (b"\0\1", 1),
        (b"\xff\xff" + bytes(65_534), 1),
        (b"\0\0", 2),
        (b"\0\0", 0),
        (b"", 1),
        (bytes(600), 256),
        (b"\0\1a\0", 2),
    ],
)
def test_a_hostile_bundle_is_refused(data, width):
    with pytest.raises(FormatError):
        decode_entries(data, width=width)


@given(st.binary(max_size=200), st.integers(0, 5))
def test_any_bundle_is_refused_or_comes_back_the_same(data, width):
    try:
        entries = decode_entries(data, width=width)
    except FormatError:
        return
    assert encode_entries(entries) == data


@pytest.mark.parametrize("size", [0, 31, 33, 63, 65, 8192])
def test_a_tile_of_another_length_is_refused(size):
    with pytest.raises(FormatError):
        split_tile(bytes(size), width=2)


# growth


@given(st.lists(st.integers(0, 300), max_size=6))
@settings(max_examples=40)
def test_growing_in_steps_leaves_what_growing_at_once_does(steps):
    sizes = [sum(steps[: n + 1]) for n in range(len(steps))]
    files, update = grown(*sizes)
    once, whole = grown(update.size)
    assert update.root == whole.root == root_of([leaf_hash(entry(n)) for n in range(update.size)])
    wanted = list(paths_for(update.size))
    assert {path: files.files[path] for path in wanted} == once.files
    assert sorted(wanted) == sorted(once.files)


@pytest.mark.parametrize("size", EDGES)
def test_growing_reads_partial_tiles_of_the_old_size_and_the_edge_only(size):
    files, update = grown(size)
    files.read_paths.clear()
    files.grow(update.size, [b"one more"])
    partial = {tile.path for tile in tiles_for(size) if tile.width < WIDTH}
    read = set(files.read_paths)
    assert partial <= read | {tile_path(1, 0, n) for n in (1, 2)}
    assert len(read) <= len(partial) + size // WIDTH


def test_no_full_tile_is_written_again():
    files, update = grown(300)
    again = files.grow(update.size, [b"one more"])
    assert set(again.files) == {"tile/entries/001.p/45", "tile/0/001.p/45"}


@pytest.mark.parametrize("size", LARGE)
def test_the_second_level_begins_where_it_must(large, size):
    files, update = large[size]
    assert update.size == size
    assert set(paths_for(size)) <= set(files.files)
    assert ("tile/1/000" in set(paths_for(size))) == (size >= 65_536)
    assert ("tile/2/000.p/1" in set(paths_for(size))) == (size >= 65_536)
    assert update.root == root_of([leaf_hash(entry(n)) for n in range(size)])


@pytest.mark.parametrize("size", LARGE)
def test_proofs_from_large_logs_hold(large, size):
    files, update = large[size]
    tree = HashReader(size, files.files.__getitem__, root=update.root)
    for index in (0, 1, 254, 255, 256, 32_767, 32_768, 65_279, 65_280, size - 1):
        verify_inclusion(
            index=index,
            size=size,
            leaf=leaf_hash(entry(index)),
            proof=tree.inclusion(index),
            root=update.root,
        )
    for old in (1, 255, 256, 257, 40_000, 65_280, size - 1, size):
        verify_consistency(
            old_size=old,
            new_size=size,
            old_root=tree.root(old),
            new_root=update.root,
            proof=tree.consistency(old),
        )


def test_paths_for_names_every_file_once():
    assert list(paths_for(0)) == []
    assert list(paths_for(1)) == ["tile/entries/000.p/1", "tile/0/000.p/1"]
    assert list(paths_for(257)) == [
        "tile/entries/000",
        "tile/entries/001.p/1",
        "tile/0/000",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
    ]
    assert entries_path(0) == "tile/entries/000"


# reading


def test_a_flipped_bit_at_the_edge_does_not_give_the_root():
    files, update = grown(300)
    for path in ("tile/0/001.p/44", "tile/1/000.p/1"):
        changed = dict(files.files)
        changed[path] = bytes([changed[path][0] ^ 1]) + changed[path][1:]
        with pytest.raises(RootMismatchError):
            HashReader(300, changed.__getitem__, root=update.root)


def test_a_flipped_bit_inside_gives_a_proof_that_fails():
    files, update = grown(600)
    changed = dict(files.files)
    changed["tile/0/000"] = bytes([changed["tile/0/000"][0] ^ 1]) + changed["tile/0/000"][1:]
    tree = HashReader(600, changed.__getitem__, root=update.root)
    with pytest.raises(InclusionError):
        verify_inclusion(
            index=1, size=600, leaf=tree.leaf(1), proof=tree.inclusion(1), root=update.root
        )


def test_what_a_tree_does_not_hold_is_refused():
    files, update = grown(300)
    tree = HashReader(300, files.files.__getitem__)
    for ask in (
        lambda: tree.leaf(300),
        lambda: tree.leaf(-1),
        lambda: tree.inclusion(300),
        lambda: tree.inclusion(-1),
        lambda: tree.consistency(301),
        lambda: tree.consistency(-1),
        lambda: tree.root(301),
        lambda: tree.root(512),
        lambda: tree.root(-1),
    ):
        with pytest.raises(InclusionError):
            ask()
    assert tree.root(0) == HashReader(0, files.read).root()
    assert update.size == 300


@pytest.mark.parametrize("size", [-1, MAX_TREE + 1])
def test_a_size_beyond_every_log_is_refused(size):
    with pytest.raises(LimitError):
        HashReader(size, pytest.fail)


def test_a_short_tile_is_named():
    files, _ = grown(300)
    changed = files.files | {"tile/0/001.p/44": bytes(32)}
    with pytest.raises(FormatError, match=r"tile/0/001\.p/44: 32 bytes where 1408 belong"):
        HashReader(300, changed.__getitem__).root()
