# SPDX-License-Identifier: EUPL-1.2
"""A tiled log that another implementation wrote."""

import pytest

from lakzegel_core import note
from lakzegel_core.checkpoint import Checkpoint, peek_checkpoint
from lakzegel_core.errors import FormatError, LakzegelError, SignatureError
from lakzegel_core.keys import VerifierKey
from lakzegel_core.merkle import EMPTY_ROOT, leaf_hash, verify_consistency, verify_inclusion
from lakzegel_core.tiles import HashReader, decode_entries, entries_path

KEY = VerifierKey.from_text(
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
)


@pytest.fixture(scope="module")
def log(shared_vectors):
    return shared_vectors / "tessera-log"


@pytest.fixture(scope="module")
def checkpoints(log):
    paths = [log / f"checkpoint.{size}" for size in range(16)]
    return [Checkpoint.from_text(note.open_exact(p.read_bytes(), [KEY]).text) for p in paths]


def reader(log, checkpoint):
    return HashReader(checkpoint.size, lambda path: (log / path).read_bytes(), root=checkpoint.root)


def test_all_checkpoints_are_signed_and_one_encoding(log, checkpoints):
    assert [c.size for c in checkpoints] == list(range(16))
    assert {c.origin for c in checkpoints} == {KEY.name}
    newest = (log / "checkpoint").read_bytes()
    assert peek_checkpoint(newest) == checkpoints[15]
    for checkpoint in checkpoints:
        assert Checkpoint.from_text(checkpoint.to_text()) == checkpoint


def test_the_roots_come_out_of_the_tiles(log, checkpoints):
    assert checkpoints[0].root == EMPTY_ROOT
    for checkpoint in checkpoints:
        assert reader(log, checkpoint).root() == checkpoint.root


def test_every_entry_is_included_in_every_later_tree(log, checkpoints):
    for checkpoint in checkpoints[1:]:
        tree = reader(log, checkpoint)
        data = (log / entries_path(0, checkpoint.size)).read_bytes()
        for index, entry in enumerate(decode_entries(data, width=checkpoint.size)):
            verify_inclusion(
                index=index,
                size=checkpoint.size,
                leaf=leaf_hash(entry),
                proof=tree.inclusion(index),
                root=checkpoint.root,
            )


def test_every_tree_extends_every_earlier_one(log, checkpoints):
    for new in checkpoints:
        tree = reader(log, new)
        for old in checkpoints[: new.size + 1]:
            verify_consistency(
                old_size=old.size,
                new_size=new.size,
                old_root=old.root,
                new_root=new.root,
                proof=tree.consistency(old.size),
            )


def test_no_flipped_bit_in_a_checkpoint_is_overlooked(log):
    data = (log / "checkpoint.15").read_bytes()
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((FormatError, SignatureError)):
            note.open_exact(bytes(changed), [KEY])


def test_no_flipped_byte_in_a_tile_is_overlooked(log, checkpoints):
    path = "tile/0/000.p/15"
    data = (log / path).read_bytes()
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        with pytest.raises(LakzegelError):
            HashReader(15, {path: changed}.__getitem__, root=checkpoints[15].root)
