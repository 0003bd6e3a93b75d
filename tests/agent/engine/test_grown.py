# SPDX-License-Identifier: EUPL-1.2
"""A mail appended to a large mbox is read alone; a look at everything finds out the rest."""

import os
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.readers import kinds, reader_of
from lakzegel_agent.view import View

COUNT = 90
SIZE = 20_000


def mail(number, status="0000", size=SIZE):
    body = random.Random(number).randbytes(size // 2).hex()
    return (
        f"From - Mon Mar 11 08:{number % 60:02}:10 2024\nX-Mozilla-Status: {status}\n"
        f"Subject: stuk {number}\n\n{body}\n\n"
    ).encode()


class Box:
    """An mbox of 1.8 MB, which is more than a batch of this device, captured once."""

    def __init__(self, engine):
        engine.watch(reader="mbox")
        self.engine = engine
        self.path = engine.write("Inbox", b"".join(map(mail, range(COUNT))))
        engine.capture()
        self.seen = COUNT

    def append(self, data):
        with self.path.open("ab") as file:
            file.write(data)

    def patch(self, number):
        with self.path.open("r+b") as file:
            file.seek(sum(len(mail(n)) for n in range(number)))
            file.write(mail(number, "0001"))

    def touch(self):
        return self.engine.capture(replace(self.engine.source, touched=frozenset({b"Inbox"})))

    def sealed(self):
        """The segments that were sealed since this was asked last."""
        found = [s.item.payload for s in self.engine.archive().of_kind("segment")]
        new, self.seen = found[self.seen :], len(found)
        return new

    def versions(self):
        return self.engine.archive().versions()[b"Inbox"]

    def unread(self):
        return [s.item.context.get("unread") for s in self.engine.archive().of_kind("capture")]


@pytest.fixture
def box(engine):
    return Box(engine)


def test_a_mail_that_was_appended_is_read_and_sealed_alone(box):
    before = box.path.stat().st_size
    box.append(mail(COUNT))
    report = box.touch()
    assert report.bytes_read == len(mail(COUNT - 1)) + len(mail(COUNT))
    assert box.sealed() == [mail(COUNT)]
    assert box.unread() == [None, before - len(mail(COUNT - 1))]
    assert box.versions()[-1] == box.path.read_bytes()


def test_another_look_at_the_same_place_finds_nothing_new(box):
    box.append(mail(COUNT))
    box.touch()
    report = box.touch()
    assert (report.found, report.sealed, report.unchanged) == (1, 0, 0)
    assert len(box.versions()) == 2


def test_the_next_look_at_everything_reads_the_file_whole_and_says_nothing_of_it(box):
    box.append(mail(COUNT))
    box.touch()
    report = box.engine.capture()
    assert (report.sealed, report.unchanged) == (0, 1)
    assert len(box.versions()) == 2
    report = box.engine.capture()  # and the one after that passes it over
    assert (report.sealed, report.unchanged) == (0, 0)
    box.append(mail(COUNT + 1))
    box.touch()
    assert box.versions()[-1] == box.path.read_bytes()


def test_what_changed_before_the_end_is_found_by_the_next_look_at_everything(box, monkeypatch):
    monkeypatch.setattr("lakzegel_agent.sealing.grown.AT_RANDOM", 0)  # chance looks elsewhere
    box.engine.pool.rest()
    box.engine.pool.prefer_here(safe=True)  # the chance of this process, not of another
    box.patch(40)
    box.append(mail(COUNT))
    box.touch()
    assert box.sealed() == [mail(COUNT)]
    assert box.engine.capture().sealed == 1
    assert box.sealed() == [mail(40, "0001")]
    assert box.versions()[-1] == box.path.read_bytes()
    assert box.unread() == [None, len(b"".join(map(mail, range(COUNT - 1)))), None]


@pytest.mark.parametrize("number", [0, COUNT - 2, COUNT - 5])
def test_a_change_where_it_looks_has_the_file_read_whole(box, number):
    box.patch(number)
    box.append(mail(COUNT))
    box.touch()
    assert box.sealed() == [mail(number, "0001"), mail(COUNT)]
    assert box.unread() == [None, None]
    assert box.versions()[-1] == box.path.read_bytes()


def test_another_and_larger_file_in_its_place_is_read_whole(box):
    box.path.unlink()
    box.path.write_bytes(b"".join(mail(n) for n in range(500, 500 + COUNT + 3)))
    box.touch()
    assert len(box.sealed()) == COUNT + 3
    assert box.versions()[-1] == box.path.read_bytes()


def test_a_mail_that_comes_in_two_pieces_is_one_mail_in_the_end(box):
    half = len(mail(COUNT)) // 2
    box.append(mail(COUNT)[:half])
    box.touch()
    box.append(mail(COUNT)[half:] + mail(COUNT + 1))
    box.touch()
    assert box.sealed() == [mail(COUNT)[:half], mail(COUNT), mail(COUNT + 1)]
    assert box.versions()[-1] == box.path.read_bytes()


def test_a_separator_that_was_cut_off_counts_once_it_is_whole(box):
    box.append(mail(COUNT) + mail(COUNT + 1)[:9])
    box.touch()
    box.append(mail(COUNT + 1)[9:])
    box.touch()
    assert box.sealed()[-1] == mail(COUNT + 1)
    assert box.versions()[-1] == box.path.read_bytes()


def test_a_file_that_became_smaller_and_grew_again_is_what_it_is(box):
    os.truncate(box.path, 500_000)
    box.touch()
    box.append(b"".join(mail(n) for n in range(200, 200 + COUNT)))
    box.touch()
    assert box.versions()[-1] == box.path.read_bytes()


def test_more_than_one_piece_of_work_at_the_end_is_cut_like_any_large_file(box):
    box.append(b"".join(mail(n) for n in range(COUNT, 3 * COUNT)))
    box.touch()
    assert box.unread() == [None, None]
    assert box.versions()[-1] == box.path.read_bytes()


def test_a_file_of_a_kind_that_is_not_appended_to_is_read_whole(engine):
    path = engine.write("groot", random.Random(1).randbytes(2_000_000))
    engine.capture()
    with path.open("ab") as file:
        file.write(b"meer")
    report = engine.capture(replace(engine.source, touched=frozenset({b"groot"})))
    assert report.sealed == 1
    assert engine.archive().latest()[b"groot"] == path.read_bytes()
    assert all("unread" not in s.item.context for s in engine.archive().of_kind("capture"))


def test_a_time_that_was_set_back_has_the_file_read_whole(box):
    box.append(mail(COUNT))
    os.utime(box.path, (1, 1))
    box.touch()
    assert box.unread() == [None, None]
    assert box.versions()[-1] == box.path.read_bytes()


def test_many_mails_one_by_one_and_a_look_at_everything_agree(box):
    for number in range(COUNT, COUNT + 20):
        box.append(mail(number))
        box.touch()
        if number % 7 == 0:
            assert box.engine.capture().sealed == 0
    assert box.versions()[-1] == box.path.read_bytes()
    assert box.sealed() == [mail(n) for n in range(COUNT, COUNT + 20)]


PIECES = st.sampled_from(
    [
        b"From - Mon Mar 11 08:01:10 2024\n", b"From ", b"From", b"\n", b"\r\n", b"x", b">From a\n",
        b"From a@b Mon Mar 11 08:01:10 2024\r\n", b"regel\n", b"F", b"rom - Mon Mar 11 08:01:10 20",
    ]
)  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in kinds() if reader_of(kind).appends])
@given(first=st.lists(PIECES, max_size=30), more=st.lists(PIECES, max_size=30))
def test_the_seams_after_a_seam_are_those_of_the_whole(kind, first, more):
    reader = reader_of(kind)
    before, after = b"".join(first), b"".join([*first, *more])
    ends = tuple(reader.cut(b"Inbox", View.of_bytes(before)))
    start = ends[-2] if len(ends) > 1 else 0
    found = reader.cut_on(b"Inbox", View.of_bytes(after), start)
    whole = tuple(reader.cut(b"Inbox", View.of_bytes(after)))
    if found is not None and before:
        assert (*ends[:-1], *found) == whole
