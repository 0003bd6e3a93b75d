# SPDX-License-Identifier: EUPL-1.2
"""A leaf hash is believed only when the tiles above it lead to the tree's root."""

import pytest

from lakzegel_core import tiles
from lakzegel_core.errors import FormatError, InclusionError, RootMismatchError
from lakzegel_core.merkle import leaf_hash, root_of
from lakzegel_core.proventiles import ProvenTiles

SIZES = (1, 256, 257, 65_536, 65_793)


@pytest.fixture(scope="module")
def leaves():
    return [leaf_hash(b"%d" % n) for n in range(max(SIZES))]


def hash_tiles(leaves):
    """Every hash tile of a log with these leaves, without its entries."""
    files, level, hashes = {}, 0, leaves
    while hashes:
        full = []
        for start in range(0, len(hashes), 256):
            chunk = hashes[start : start + 256]
            files[tiles.tile_path(level, start // 256, len(chunk))] = b"".join(chunk)
            full += [root_of(chunk)] if len(chunk) == 256 else []
        level, hashes = level + 1, full
    return files


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_of_a_sound_tree_is_proven(leaves, size):
    some = leaves[:size]
    files = hash_tiles(some)
    proven = ProvenTiles(size, root_of(some), files.__getitem__)

    for index in {0, 1, 254, 255, 256, 65_535, size // 2, size - 2, size - 1}:
        if 0 <= index < size:
            assert proven.leaf(index) == some[index]
        else:
            with pytest.raises(InclusionError):
                proven.leaf(index)


@pytest.mark.parametrize("size", [257, 65_793])
def test_a_tile_that_was_changed_is_not_believed_whichever_it_is(leaves, size):
    files = hash_tiles(leaves[:size])
    root = root_of(leaves[:size])
    for path in [*files][:2] + [*files][-4:]:
        tile = tiles.parse_tile_path(path)
        changed = {**files, path: bytes(32) + files[path][32:]}
        with pytest.raises(RootMismatchError):
            ProvenTiles(size, root, changed.__getitem__).tile(tile.level, tile.index)
        with pytest.raises(FormatError):
            ProvenTiles(size, root, {**files, path: b"short"}.__getitem__).tile(
                tile.level, tile.index
            )


def test_a_tile_that_changes_after_the_tree_was_opened_is_not_believed(leaves):
    files = hash_tiles(leaves[:300])
    proven = ProvenTiles(300, root_of(leaves[:300]), files.__getitem__)
    files["tile/0/001.p/44"] = bytes(44 * 32)

    with pytest.raises(RootMismatchError):
        proven.leaf(299)


def test_a_leaf_costs_a_tile_on_each_level_and_its_neighbours_nothing(leaves):
    files = hash_tiles(leaves)
    asked = []
    proven = ProvenTiles(65_793, root_of(leaves), lambda p: asked.append(p) or files[p])
    asked.clear()

    proven.leaf(1000)
    assert len(asked) < 8
    asked.clear()
    proven.leaf(1001)
    assert not asked


def test_a_reader_of_proofs_holds_few_tiles_whatever_it_is_asked(leaves):
    files = hash_tiles(leaves)
    reader = tiles.HashReader(65_793, files.__getitem__, root=root_of(leaves))
    for index in range(0, 65_793, 256):
        assert reader.leaf(index) == leaves[index]
        assert len(reader._tiles) <= 256
    assert reader.root() == root_of(leaves)
