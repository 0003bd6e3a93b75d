# SPDX-License-Identifier: EUPL-1.2
"""A file that lacks what it had is stated; one that grew or changed in place is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.captureshrunk import lost_segments

MAIL = "From - Mon Mar 11 08:02:1{n} 2024\nX-Mozilla-Status: {flag}\nSubject: {n}\n\n{text}\n\n"


def mbox(*numbers, flag="0001"):
    return "".join(
        MAIL.format(n=n, flag=flag, text="tekst " * 20 * (n + 1)) for n in numbers
    ).encode()


def shrunk(engine):
    found = engine.archive().observations("shrunk")
    engine.capture()  # seals what was queued with the last batch
    found = engine.archive().observations("shrunk")
    return [
        (one["how"], one["lost"], one["before"] - one["after"])
        for said in found
        for one in said["files"]
    ]


@pytest.fixture
def became(engine):
    """A file that was captured, and captured again as something else."""

    def do(kind, before, after):
        engine.watch(reader=kind)
        engine.write("box", before)
        engine.capture()
        engine.write("box", after)
        engine.capture()
        return shrunk(engine)

    return do


def test_a_truncated_file_is_stated(became):
    whole = mbox(1, 2, 3, 4)
    assert became("mbox", whole, mbox(1, 2)) == [("truncated", 2, len(mbox(3, 4)))]


def test_a_file_that_was_emptied_is_stated(became):
    assert became("folder", b"x" * 100, b"") == [("truncated", 1, 100)]


def test_a_mail_that_went_from_the_middle_is_stated_though_the_file_grew(became):
    assert [one[:2] for one in became("mbox", mbox(1, 2, 3), mbox(1, 3, 8, 9))] == [
        ("compacted", 1)
    ]


def test_a_file_of_a_kind_that_nothing_compacts_was_rewritten(became):
    assert became("folder", b"a" * 100, b"c" * 40) == [("rewritten", 0, 60)]


@pytest.mark.parametrize(
    "after",
    [mbox(1, 2, 3, 4), mbox(1, 2, 3, flag="0003"), mbox(1, 2, 3) + b"more of the last\n"],
    ids=["appended", "flags patched", "the last mail grew"],
)
def test_growing_and_changes_in_place_are_not_stated(became, after):
    assert became("mbox", mbox(1, 2, 3), after) == []


def test_a_big_file_is_looked_at_too(engine, became):
    block = bytes(range(256)) * 1024
    whole = b"".join(bytes([n]) + block[1:] for n in range(24))
    assert became("folder", whole, whole[: 20 * len(block)]) == [("truncated", 4, 4 * len(block))]


segments = st.lists(st.sampled_from([bytes([n]) for n in range(6)]), max_size=12)


@given(segments, segments)
def test_appending_loses_nothing_and_what_is_counted_was_there(old, new):
    assert lost_segments(old, old + new) == 0
    assert 0 <= lost_segments(old, new) <= len(old)
    assert lost_segments(old, []) == len(old)


@given(st.lists(st.binary(min_size=2, max_size=4), unique=True, max_size=12), st.data())
def test_what_is_taken_out_is_counted(old, data):
    kept = [segment for segment in old if data.draw(st.booleans())]
    assert lost_segments(old, kept) == len(old) - len(kept)
