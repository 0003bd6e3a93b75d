# SPDX-License-Identifier: EUPL-1.2
"""A witness cosigns what extends the tree that it cosigned last, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_core.addcheckpoint import (
    AddCheckpoint,
    Submission,
    open_answer,
    parse_size,
    verify_extends,
)
from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.cosignature import cosign
from lakzegel_core.errors import FormatError, LakzegelError, OldSizeError
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.note import Note, Signature
from lakzegel_core.tiles import HashReader, new_tiles

ORIGIN = "log.example/test"
NOTE = Note(Checkpoint(ORIGIN, 1, bytes(32)).to_text(), (Signature("a", b"1234", b"x"),)).to_bytes()
SIZES = st.integers(0, 40)


def tree(size, forked_at=None):
    """A log of numbered entries; from ``forked_at`` on it has others."""
    entries = [b"%d%s" % (n, b"'" if n >= (forked_at or 0) and forked_at is not None else b"")
               for n in range(size)]  # fmt: skip
    reader = HashReader(size, new_tiles(0, entries, lambda _: b"").files.__getitem__)
    return Checkpoint(ORIGIN, size, reader.root()), reader


@given(old=st.integers(0, 2**40), proof=st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_request_is_read_as_it_was_written(old, proof):
    request = AddCheckpoint(old, tuple(proof), NOTE)
    assert AddCheckpoint.parse(request.to_bytes()) == request


@given(data=st.binary(max_size=200))
def test_whatever_comes_in_is_refused_in_order_or_written_as_it_was_read(data):
    for reads in (AddCheckpoint.parse, parse_size):
        try:
            found = reads(data)
        except LakzegelError:
            continue
        again = found.to_bytes() if isinstance(found, AddCheckpoint) else b"%d\n" % found
        assert again == data


@given(sizes=st.tuples(SIZES, SIZES).map(sorted))
def test_a_tree_that_grew_is_extended(sizes):
    old, new = sizes
    grown, reader = tree(new)
    submission = Submission(old, tuple(reader.consistency(old)), grown, b"")
    assert verify_extends(submission, tree(old)[0] if old else None) == grown


@given(sizes=st.tuples(st.integers(1, 40), SIZES).map(sorted), data=st.data())
def test_a_tree_with_another_past_is_refused(sizes, data):
    old, new = sizes
    if old == 0:
        return
    grown, reader = tree(new, forked_at=data.draw(st.integers(0, old - 1)))
    submission = Submission(old, tuple(reader.consistency(old)), grown, b"")
    with pytest.raises(LakzegelError):
        verify_extends(submission, tree(old)[0])


@given(sizes=st.tuples(SIZES, SIZES))
def test_a_size_that_was_not_cosigned_last_is_told_which_was(sizes):
    claimed, known = sizes
    if claimed == known:
        return
    grown, reader = tree(40)
    submission = Submission(claimed, tuple(reader.consistency(claimed)), grown, b"")
    with pytest.raises(OldSizeError) as caught:
        verify_extends(submission, tree(known)[0])
    assert caught.value.size == known


def test_what_a_witness_answers_is_read_again():
    key = SigningKey.from_seed("w.example", Algorithm.ED25519_COSIGNATURE, bytes(32))
    other = SigningKey.from_seed("x.example", Algorithm.MLDSA44_COSIGNATURE, bytes(32))
    grown, _ = tree(3)
    lines = [cosign(grown, one, now=7) for one in (other, key)]
    body = "".join(line.to_line() for line in lines).encode()
    ((line, said),) = open_answer(body, grown, [key.verifier])
    assert (line, said.timestamp) == (lines[1], 7)
    assert len(open_answer(body, grown, [key.verifier, other.verifier])) == 2


@pytest.mark.parametrize(
    "body", [b"", b"7", b"07\n", b"7\n\n", b"+7\n", b" 7\n", "\u0667\n".encode()]
)
def test_a_size_has_one_spelling(body):
    with pytest.raises(FormatError):
        parse_size(body)
