# SPDX-License-Identifier: EUPL-1.2
"""A receipt proves inclusion and growth offline; forks and rollbacks are told apart by name."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_core.checkpoint import Checkpoint, LogKeys, sign_checkpoint
from lakzegel_core.encoding import b64
from lakzegel_core.errors import (
    ConsistencyError,
    FormatError,
    InclusionError,
    LakzegelError,
    LimitError,
    MissingSignatureError,
)
from lakzegel_core.keys import Algorithm
from lakzegel_core.limits import MAX_PROOF
from lakzegel_core.merkle import EMPTY_ROOT
from lakzegel_core.note import Note, parse
from lakzegel_core.receipt import make_receipt, verify_extends, verify_receipt
from lakzegel_core.tiles import HashReader, new_tiles
from lakzegel_core.tlogproof import TlogProof

ORIGIN = "log.example/test"


@dataclass
class Log:
    """A log in memory that answers like the receiver."""

    signers: tuple
    fork: bytes = b""

    @property
    def keys(self):
        return LogKeys(*(key.verifier for key in self.signers))

    def entry(self, number):
        return b"entry %d" % number + (self.fork if number >= 5 else b"")

    def tree(self, size):
        update = new_tiles(0, [self.entry(n) for n in range(size)], {}.__getitem__)
        return HashReader(size, update.files.__getitem__)

    def checkpoint(self, size):
        return Checkpoint(ORIGIN, size, self.tree(size).root())

    def signed(self, size):
        return sign_checkpoint(self.checkpoint(size), *self.signers, now=1)

    def receipt(self, index, size, old=None):
        tree = self.tree(size)
        return make_receipt(
            index,
            tree.inclusion(index),
            self.signed(size),
            old_size=old,
            consistency=() if old is None else tree.consistency(old),
        )


@pytest.fixture(scope="module")
def log(parts):
    return Log((parts.make_key(ORIGIN), parts.make_key(ORIGIN, Algorithm.MLDSA44_COSIGNATURE)))


def verify(log, data, index, seen, **more):
    more = {"entry": log.entry(index), "log": log.keys, "seen": seen} | more
    return verify_receipt(data, **more)


@pytest.mark.parametrize(("index", "old", "size"), [(0, 0, 1), (9, 4, 12), (9, 8, 10), (3, 12, 12)])
def test_a_receipt_proves_its_entry_and_that_the_log_only_grew(log, index, old, size):
    found = verify(log, log.receipt(index, size, old), index, log.checkpoint(old))
    assert found.index == index
    assert found.signed.checkpoint == log.checkpoint(size)


def test_without_a_tree_seen_only_inclusion_is_proven(log):
    assert verify(log, log.receipt(9, 12), 9, None).index == 9
    assert verify(log, log.receipt(9, 12, 4), 9, None).index == 9


def test_the_tree_that_was_seen_needs_a_proof(log):
    with pytest.raises(ConsistencyError):
        verify(log, log.receipt(9, 12), 9, log.checkpoint(4))
    assert verify(log, log.receipt(9, 12), 9, log.checkpoint(12))


def test_a_fork_is_refused(log):
    fork = Log(log.signers, b" of another history")
    receipt = fork.receipt(4, 12, 10)
    with pytest.raises(ConsistencyError, match="not proven to extend"):
        verify(log, receipt, 4, log.checkpoint(10))
    assert verify(log, receipt, 4, fork.checkpoint(10))
    same_size = fork.receipt(4, 12, 12)
    with pytest.raises(ConsistencyError):
        verify(log, same_size, 4, log.checkpoint(12))


def test_a_rollback_is_refused_and_named(log):
    with pytest.raises(ConsistencyError, match="the log shrank: 12 entries were seen, now 10"):
        verify(log, log.receipt(4, 10, 10), 4, log.checkpoint(12))


def test_a_proof_from_another_size_is_refused(log):
    with pytest.raises(ConsistencyError, match="does not start from the 5 entries seen"):
        verify(log, log.receipt(9, 12, 4), 9, log.checkpoint(5))


def test_another_log_is_refused(log):
    seen = Checkpoint("log.example/other", 4, log.checkpoint(4).root)
    with pytest.raises(ConsistencyError, match="is not"):
        verify(log, log.receipt(9, 12, 4), 9, seen)


def test_another_entry_or_index_is_refused(log):
    with pytest.raises(InclusionError):
        verify(log, log.receipt(9, 12), 9, None, entry=b"another")
    tree = log.tree(12)
    for index in (8, 11, 12):
        data = make_receipt(index, tree.inclusion(9), log.signed(12))
        with pytest.raises(InclusionError):
            verify(log, data, 9, None)


def test_a_stripped_signature_is_missed(log):
    whole = parse(log.signed(12))
    data = make_receipt(
        9, log.tree(12).inclusion(9), Note(whole.text, whole.signatures[:1]).to_bytes()
    )
    with pytest.raises(MissingSignatureError, match="ML-DSA-44"):
        verify(log, data, 9, None)


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        b"old 4",
        b"old 04\n",
        b"old \n",
        b"new 4\n",
        b"old 4\n\n",
        b"old 4\nAAAA\n",
        b"old 4\nx\n",
        b"\xff\n",
        b"old 4\n" + b64(bytes(33)).encode() + b"\n",
    ],
)
def test_an_extra_that_is_no_consistency_proof_is_refused(log, extra):
    data = TlogProof(9, tuple(log.tree(12).inclusion(9)), log.signed(12), extra).to_bytes()
    with pytest.raises(FormatError):
        verify(log, data, 9, log.checkpoint(4))


@given(st.data())
def test_no_flipped_bit_is_overlooked(log, data):
    receipt = log.receipt(9, 12, 4)
    changed = bytearray(receipt)
    changed[data.draw(st.integers(0, len(receipt) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(LakzegelError):
        verify(log, bytes(changed), 9, log.checkpoint(4))


def test_nothing_extends_a_larger_tree_and_everything_the_empty_one(log):
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    verify_extends(log.checkpoint(12), empty, [])
    verify_extends(empty, empty, [])
    with pytest.raises(ConsistencyError):
        verify_extends(log.checkpoint(12), Checkpoint(ORIGIN, 0, bytes(32)), [])
    with pytest.raises(ConsistencyError):
        verify_extends(empty, log.checkpoint(1), [])


# the text of a proof


def test_a_proof_comes_back(log):
    for extra in (None, b"", b"old 4\n"):
        proof = TlogProof(9, (bytes(32), bytes(range(32))), log.signed(12), extra)
        assert TlogProof.parse(proof.to_bytes()) == proof


GOOD = f"c2sp.org/tlog-proof@v1\nindex 0\n{b64(bytes(32))}\n\nx\n".encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD.replace(b"@v1", b"@v2"),
        GOOD.replace(b"index 0", b"index 00"),
        GOOD.replace(b"index 0", b"index -1"),
        GOOD.replace(b"index 0", b"index"),
        GOOD.replace(b"index 0\n", b""),
        GOOD.replace(b"\n\n", b"\n"),
        GOOD.replace(b"index", b"extra AA=\nindex"),
        GOOD.replace(b"index", b"extra AA==\nextra AA==\nindex"),
        GOOD.replace(b"index 0\n", b"index 0\nextra AA==\n"),
        GOOD.replace(b"index 0\n", b"index 0\nindex 0\n"),
        GOOD.replace(b"AAA=\n", b"AAA=\r\n"),
        GOOD.replace(b"AAAA", b"AAA\xc3\xa9", 1),
        b"\n" + GOOD,
    ],
)
def test_no_other_text_is_a_proof(data):
    assert TlogProof.parse(GOOD).index == 0
    with pytest.raises(FormatError):
        TlogProof.parse(data)


def test_a_proof_has_63_hashes_and_128_kib_at_most():
    line = f"{b64(bytes(32))}\n".encode()
    assert len(TlogProof.parse(GOOD.replace(line, line * 63)).path) == 63
    with pytest.raises(LimitError):
        TlogProof.parse(GOOD.replace(line, line * 64))
    with pytest.raises(LimitError):
        TlogProof.parse(GOOD + bytes(MAX_PROOF))
