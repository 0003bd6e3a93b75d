# SPDX-License-Identifier: EUPL-1.2
"""Every root that a log had can be had again, from few hashes and the tile that it ends in."""

import random

import pytest

from lakzegel_core.merkle import EMPTY_ROOT, Frontier, leaf_hash
from lakzegel_server.fsck.pastroots import PastRoots

SIZE = 256 * 5 + 77
LEAVES = [leaf_hash(b"%d" % n) for n in range(SIZE)]


def tile(index):
    return LEAVES[index * 256 : index * 256 + 256]


@pytest.fixture(scope="module")
def roots():
    frontier, found = Frontier(), [EMPTY_ROOT]
    for leaf in LEAVES:
        frontier.append(leaf)
        found.append(frontier.root())
    return found


def grown(leaves_of):
    past = PastRoots(leaves_of)
    for leaf in LEAVES:
        past.append(leaf)
    return past


def test_every_earlier_root_is_found(roots):
    past = grown(lambda index: [tile(index)])
    sizes = [0, 1, 255, 256, 257, 511, 512, 1024, 1280, 1281, SIZE]

    for size in sizes + random.Random(3).sample(range(SIZE), 60):
        assert past.get(size) == roots[size], size
    assert past.size == SIZE
    assert past.get(SIZE + 1) is None


def test_a_root_is_found_while_the_log_grows(roots):
    past = PastRoots(lambda index: [tile(index)])
    for size, leaf in enumerate(LEAVES, 1):
        past.append(leaf)
        if size % 97 == 0:
            assert past.get(size) == roots[size]
            assert past.get(size // 2) == roots[size // 2]


def test_a_tile_that_is_damaged_is_not_believed_and_the_next_source_is_asked(roots):
    damaged = [bytes(32)] * 256

    assert grown(lambda _: [damaged]).get(300) is None
    assert grown(lambda _: []).get(300) is None
    assert grown(lambda index: [damaged, tile(index)]).get(300) == roots[300]
    assert grown(lambda _: [damaged]).get(512) == roots[512]


def test_what_it_holds_is_a_hash_or_two_for_each_tile():
    past = grown(lambda index: [tile(index)])
    for size in range(SIZE):
        past.get(size)

    assert sum(map(len, past._levels)) <= 2 * 32 * (SIZE // 256)
    assert len(past._tile) < 256
    assert len(past._held) <= 1024
