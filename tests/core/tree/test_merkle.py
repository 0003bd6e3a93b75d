# SPDX-License-Identifier: EUPL-1.2
"""RFC 6962 trees: known roots, and proofs that hold for one tree and no other."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import ConsistencyError, InclusionError
from lakzegel_core.limits import MAX_TREE
from lakzegel_core.merkle import (
    EMPTY_ROOT,
    Frontier,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from lakzegel_core.tiles import HashReader, new_tiles

# the leaves and roots that every Certificate Transparency implementation is tested with
LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(size):
    return [leaf_hash(b"%d" % n) for n in range(size)]


def reader(size):
    """A log of this many entries, in tiles in memory."""
    update = new_tiles(0, [b"%d" % n for n in range(size)], pytest.fail)
    return HashReader(size, update.files.__getitem__, root=update.root)


def test_the_known_roots():
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]
    assert root_of([]).hex() == ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    for size in range(1, 9):
        assert root_of(hashes[:size]).hex() == ROOTS[size - 1]


@given(st.integers(0, 600))
@settings(max_examples=30)
def test_a_frontier_and_tiles_give_the_same_root_as_memory(size):
    frontier = Frontier()
    for leaf in leaves(size):
        frontier.append(leaf)
    root = root_of(leaves(size))
    assert frontier.root() == frontier.copy().root() == root
    assert Frontier.from_hashes(size, frontier.to_hashes()).root() == root
    tree = reader(size)
    assert tree.root() == root
    assert tree.frontier().to_hashes() == frontier.to_hashes()


def test_a_copy_of_a_frontier_grows_alone():
    frontier = Frontier()
    frontier.append(leaf_hash(b"0"))
    copy = frontier.copy()
    copy.append(leaf_hash(b"1"))
    assert (frontier.size, frontier.root()) == (1, leaf_hash(b"0"))
    assert copy.root() == root_of(leaves(2))


@pytest.mark.parametrize(("size", "count"), [(-1, 0), (0, 1), (1, 0), (3, 1), (4, 2)])
def test_a_frontier_of_another_number_of_hashes_is_refused(size, count):
    with pytest.raises(ConsistencyError):
        Frontier.from_hashes(size, [bytes(32)] * count)


@given(st.data())
@settings(max_examples=60)
def test_every_inclusion_proof_holds_and_no_changed_one_does(data):
    size = data.draw(st.integers(1, 600))
    index = data.draw(st.integers(0, size - 1))
    tree = reader(size)
    true = {
        "index": index,
        "size": size,
        "leaf": tree.leaf(index),
        "proof": tree.inclusion(index),
        "root": tree.root(),
    }
    assert true["proof"] == inclusion_path(index, leaves(size))
    verify_inclusion(**true)
    for change in changed(true, data):
        with pytest.raises(InclusionError):
            verify_inclusion(**(true | change))


@given(st.data())
@settings(max_examples=60)
def test_every_consistency_proof_holds_and_no_changed_one_does(data):
    size = data.draw(st.integers(2, 600))
    old = data.draw(st.integers(1, size - 1))
    tree = reader(size)
    true = {
        "old_size": old,
        "new_size": size,
        "old_root": tree.root(old),
        "new_root": tree.root(),
        "proof": tree.consistency(old),
    }
    assert true["old_root"] == root_of(leaves(old))
    verify_consistency(**true)
    for change in changed(true, data):
        with pytest.raises(ConsistencyError):
            verify_consistency(**(true | change))


def changed(true, data):
    """One bit of every hash; a hash more, less or elsewhere; an impossible size."""
    for name in {"leaf", "root", "old_root", "new_root"} & set(true):
        yield {name: flipped(true[name], data)}
        yield {name: true[name][:-1]}
    for name in {"size", "new_size"} & set(true):
        yield from ({name: MAX_TREE + 1}, {name: 0})
    for name in {"index", "old_size"} & set(true):
        yield from ({name: -1}, {name: true.get("size", true.get("new_size")) + 1})
    yield from changed_proof(true["proof"], data)


def changed_proof(proof, data):
    for at in range(len(proof)):
        yield {"proof": [*proof[:at], flipped(proof[at], data), *proof[at + 1 :]]}
        yield {"proof": proof[:at] + proof[at + 1 :]}
        yield {"proof": [*proof[:at], proof[at] + b"\0", *proof[at + 1 :]]}
    yield {"proof": [*proof, bytes(32)]}
    yield {"proof": [bytes(32), *proof]}
    yield {"proof": [*proof] * 2 + [bytes(32)] * 100}
    if len(proof) > 1:
        yield {"proof": proof[::-1]}


def flipped(value, data):
    bit = data.draw(st.integers(0, 255))
    return bytes(b ^ (1 << bit % 8 if n == bit // 8 else 0) for n, b in enumerate(value))


def test_every_pair_of_small_sizes_is_consistent():
    for size in range(34):
        tree = reader(size)
        for old in range(size + 1):
            verify_consistency(
                old_size=old,
                new_size=size,
                old_root=root_of(leaves(old)),
                new_root=root_of(leaves(size)),
                proof=tree.consistency(old),
            )


def test_nothing_is_proven_of_the_empty_tree_but_that_it_is_empty():
    root = root_of(leaves(5))
    verify_consistency(old_size=0, new_size=5, old_root=EMPTY_ROOT, new_root=root, proof=[])
    for old_root, proof in ((bytes(32), []), (EMPTY_ROOT, [bytes(32)])):
        with pytest.raises(ConsistencyError):
            verify_consistency(
                old_size=0, new_size=5, old_root=old_root, new_root=root, proof=proof
            )
    with pytest.raises(InclusionError):
        verify_inclusion(index=0, size=0, leaf=leaf_hash(b""), proof=[], root=EMPTY_ROOT)


def test_a_node_is_not_a_leaf():
    left, right = leaves(2)
    root = node_hash(left, right)
    assert leaf_hash(left + right) != root
    with pytest.raises(InclusionError):
        verify_inclusion(index=0, size=1, leaf=leaf_hash(left + right), proof=[], root=root)


# vectors that others made


def load(folder):
    found = sorted(folder.rglob("*.json"))
    assert found
    return [(str(path.relative_to(folder)), json.loads(path.read_text())) for path in found]


def digest(text):
    return unb64(text or "", what="vector")


def verdict(check, **stated):
    try:
        check(**stated)
    except (InclusionError, ConsistencyError):
        return True
    return False


def test_the_inclusion_vectors_agree(shared_vectors):
    vectors = load(shared_vectors / "merkle" / "inclusion")
    assert len(vectors) == 98
    wrong = [
        name
        for name, v in vectors
        if v["wantErr"]
        != verdict(
            verify_inclusion,
            index=v["leafIdx"],
            size=v["treeSize"],
            leaf=digest(v["leafHash"]),
            proof=[digest(h) for h in v["proof"] or []],
            root=digest(v["root"]),
        )
    ]
    assert wrong == []


def test_the_consistency_vectors_agree(shared_vectors):
    vectors = load(shared_vectors / "merkle" / "consistency")
    assert len(vectors) == 98
    wrong = [
        name
        for name, v in vectors
        if v["wantErr"]
        != verdict(
            verify_consistency,
            old_size=v["size1"],
            new_size=v["size2"],
            old_root=digest(v["root1"]),
            new_root=digest(v["root2"]),
            proof=[digest(h) for h in v["proof"] or []],
        )
    ]
    # its "roots" are not 32 bytes, as no SHA-256 is: refused, with or without a proof
    assert wrong == ["additional/sizes-are-equal-one-and-proof-is-empty.json"]


def test_what_does_not_apply_is_known(shared_vectors):
    # subtrees that do not begin at the first leaf: neither made nor verified here
    folders = {path.name for path in (shared_vectors / "merkle").iterdir()}
    assert folders == {"inclusion", "consistency", "subtreeinclusion", "subtreeconsistency"}
    assert b64(b"") == ""
