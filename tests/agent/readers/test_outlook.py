# SPDX-License-Identifier: EUPL-1.2
"""Outlook's files: a .msg is one segment, a store is blocks that a change in place leaves alone."""

import os
import random
import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent.readers import reader_of
from lakzegel_agent.readers.pst import COARSE, FINE, FIRST_PART
from lakzegel_agent.sealing.seams import MAX_SEGMENTS
from lakzegel_agent.view import View

GB = 10**9
FREE = struct.pack("<I", 0xFFFFFFFF)
END_OF_CHAIN = struct.pack("<I", 0xFFFFFFFE)


def incomplete(kind, path, data):
    return reader_of(kind).incomplete(path, View.of_bytes(data))


# msg


def test_a_mail_of_outlook_is_one_segment_however_large(pieces, sample):
    mail = sample("nota.msg") + os.urandom(3 * 2**20)
    assert pieces("msg", b"Nota.MSG", mail) == [mail]
    assert len(pieces("msg", b"bijlage.bin", mail)) > 1


def test_a_mail_is_not_complete_before_its_last_sector_in_use_is_there(sample):
    mail = sample("nota.msg")
    assert incomplete("msg", b"nota.msg", mail) is None
    assert incomplete("msg", b"nota.msg", mail + b"\x00" * 512) is None
    for size in range(8, len(mail)):
        assert incomplete("msg", b"nota.msg", mail[:size]) == "msg-open"


@pytest.mark.parametrize("field", [48, 60, 68, 76])
def test_a_place_that_the_header_names_beyond_the_end_is_not_there_yet(sample, field):
    mail = bytearray(sample("nota.msg"))
    mail[field : field + 4] = struct.pack("<I", 5)
    assert incomplete("msg", b"nota.msg", bytes(mail)) == "msg-open"
    mail[field : field + 4] = END_OF_CHAIN
    assert incomplete("msg", b"nota.msg", bytes(mail)) is None


def test_sectors_of_4096_bytes_are_understood(sample):
    small = sample("nota.msg")
    mail = bytearray(small[:512].ljust(4096, b"\x00"))
    mail[26], mail[30] = 4, 12
    mail += (small[512:532] + FREE * 1019) + bytes(4 * 4096)
    assert incomplete("msg", b"nota.msg", bytes(mail)) is None
    assert incomplete("msg", b"nota.msg", bytes(mail[:-1])) == "msg-open"


def test_what_only_has_the_name_of_a_mail_is_opaque_and_never_waited_for(pieces, sample):
    mail = b"\x00" + sample("nota.msg")
    assert pieces("msg", b"nota.msg", mail) == [mail]
    assert incomplete("msg", b"nota.msg", mail[:600]) is None
    assert incomplete("msg", b"nota.doc", sample("nota.msg")[:600]) is None


@settings(max_examples=200, deadline=None, database=None)
@given(
    size=st.integers(8, 3072),
    damage=st.lists(st.tuples(st.integers(8, 1100), st.integers(0, 255)), max_size=12),
    shift=st.sampled_from((9, 12, 0, 31, 65_535)),
)
def test_no_header_makes_the_check_fail(
    size: int, damage: list[tuple[int, int]], shift: int
) -> None:
    mail = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3064))
    for at, value in damage:
        mail[at] = value
    struct.pack_into("<H", mail, 30, shift)
    assert incomplete("msg", b"nota.msg", bytes(mail[:size])) in {None, "msg-open"}


# stores


def store(size, *, stated=None, version=23, client=b"SM"):
    """The first bytes of a store as Outlook writes them, and something behind."""
    data = bytearray(random.Random(size).randbytes(size))
    data[:600] = bytes(600)
    data[:4], data[8:10] = b"!BDN", client
    struct.pack_into("<H", data, 10, version)
    place, form = (168, "<I") if version in {14, 15} else (184, "<Q")
    struct.pack_into(form, data, place, size if stated is None else stated)
    return bytes(data)


@pytest.mark.parametrize("name", [b"archief.pst", b"a@minxyz.example.ost", b"Nieuw"])
@pytest.mark.parametrize("client", [b"SM", b"SO"])
def test_a_store_is_cut_in_blocks_from_its_begin_whatever_its_name(pieces, name, client):
    found = pieces("pst", name, store(271_360, client=client))
    assert [len(piece) for piece in found] == [FINE] * 4 + [271_360 - 4 * FINE]


@settings(max_examples=40, deadline=None, database=None)
@given(
    writes=st.lists(st.tuples(st.integers(600, 2**20 - 512), st.binary(min_size=1, max_size=512)))
)
def test_what_is_written_in_place_costs_the_blocks_that_it_touches(
    writes: list[tuple[int, bytes]],
) -> None:
    old = store(2**20)
    new = bytearray(old)
    touched = set()
    for at, data in writes:
        new[at : at + len(data)] = data
        touched |= {at // FINE, (at + len(data) - 1) // FINE}
    ends = list(reader_of("pst").cut(b"a.pst", View.of_bytes(bytes(new))))
    assert ends == list(reader_of("pst").cut(b"a.pst", View.of_bytes(old)))
    changed = {
        start // FINE for start, end in pairwise([0, *ends]) if old[start:end] != new[start:end]
    }
    assert changed <= touched


def test_a_store_that_grew_keeps_every_block_but_its_last(pieces):
    new = store(1_000_000)
    for size in (300_000, FINE * 8, 999_999):
        old = pieces("pst", b"a.pst", new[:size])
        assert old[:-1] == pieces("pst", b"a.pst", new)[: len(old) - 1]


def test_the_largest_store_that_outlook_makes_keeps_all_its_seams():
    header = store(1_000)

    class Large(View):
        def read(self, start, end):
            return header[max(start, 0) : end]

    ends = list(reader_of("pst").cut(b"a.pst", Large(-1, 50 * GB)))
    assert ends[: FIRST_PART // FINE] == list(range(FINE, FIRST_PART + 1, FINE))
    assert {end - start for start, end in pairwise(ends[FIRST_PART // FINE - 1 : -1])} == {COARSE}
    assert ends[-1] == 50 * GB
    assert len(ends) < MAX_SEGMENTS


@pytest.mark.parametrize("version", [14, 15, 20, 23, 36])
def test_a_store_shorter_than_its_header_says_is_not_complete(version):
    assert incomplete("pst", b"a.pst", store(5_000, version=version)) is None
    assert incomplete("pst", b"a.pst", store(5_000, stated=4_000, version=version)) is None
    for size in (12, 100, 168, 184, 190, 4_999):
        assert incomplete("pst", b"a.pst", store(5_000, version=version)[:size]) == "pst-open"


def test_a_size_as_large_as_can_be_written_is_just_not_reached(pieces):
    data = store(5_000, stated=2**64 - 1)
    assert incomplete("pst", b"a.pst", data) == "pst-open"
    assert pieces("pst", b"a.pst", data) == [data]


def test_a_version_that_nobody_knows_is_not_judged():
    assert incomplete("pst", b"a.pst", store(5_000, stated=2**32, version=16)) is None


def test_what_is_no_store_is_opaque(pieces):
    for data in (b"!BDN", b"!BDN\x00\x00\x00\x00AB" + bytes(99), b"x" + store(700)):
        assert pieces("pst", b"archief.pst", data) == [data]
        assert incomplete("pst", b"archief.pst", data) is None
