# SPDX-License-Identifier: EUPL-1.2
"""What a mail program does to an mbox costs what it changed, counted in sealed segments."""

import random

import pytest

SIZES = pytest.mark.parametrize("size", [300, 40_000], ids=["small", "big"])
COUNT = 80  # enough for a capture that later ones build on
BESIDE = ".temp-compact"


def mail(number, size, *, status="0000"):
    body = random.Random(number).randbytes(size // 2).hex()
    return (
        f"From - Mon Mar 11 08:{number % 60:02}:10 2024\nX-Mozilla-Status: {status}\n"
        f"X-Mozilla-Status2: 00000000\nSubject: stuk {number}\n\n"
        f"From here on, at 08:02:10 in 2024, it is text.\n\nFrom Anna\n{body}\n\n"
    ).encode()


def mails(size, count=COUNT):
    return [mail(number, size) for number in range(count)]


class Box:
    """An mbox in the watched folder, and what each pass sealed of it."""

    def __init__(self, engine, size):
        engine.watch(reader="mbox")
        self.engine = engine
        self.mails = mails(size)
        self.path = engine.write("Inbox", b"".join(self.mails))
        self.seen = 0
        self.folder = self.path.parent / BESIDE
        assert self.sealed() == self.mails

    def sealed(self):
        """The segments that one pass seals; what it restores is what lies there."""
        self.engine.capture()
        archive = self.engine.archive()
        segments = [sealed.item.payload for sealed in archive.of_kind("segment")]
        new, self.seen = segments[self.seen :], len(segments)
        if self.path.exists():
            assert archive.latest()[b"Inbox"] == self.path.read_bytes()
        return new

    def compact(self, kept):
        """Write what is kept beside the mbox, as Thunderbird does, and put it in its place."""
        self.begin(kept)
        self.path.rename(self.folder / "Inbox.original")
        (self.folder / "Inbox.compacted").rename(self.path)
        (self.folder / "Inbox.original").unlink()
        self.folder.rmdir()

    def begin(self, kept):
        self.folder.mkdir()
        draft = self.folder / "Inbox.compacting"
        draft.write_bytes(b"".join(kept))
        draft.rename(self.folder / "Inbox.compacted")


@pytest.fixture
def box(engine, size):
    return Box(engine, size)


@SIZES
def test_a_mail_that_arrives_costs_that_mail(box, size):
    with box.path.open("ab") as file:
        file.write(mail(COUNT, size))
    assert box.sealed() == [mail(COUNT, size)]


@SIZES
def test_a_flag_patched_in_place_costs_one_mail(box, size):
    inode = box.path.stat().st_ino
    at = sum(map(len, box.mails[:7])) + box.mails[7].index(b"Status: 0000") + len("Status: ")
    with box.path.open("r+b") as file:
        file.seek(at)
        file.write(b"0001")
    assert box.path.stat().st_ino == inode
    assert box.sealed() == [mail(7, size, status="0001")]


@SIZES
@pytest.mark.parametrize("gone", [0, 7, COUNT - 1])
def test_a_compaction_that_removes_a_mail_seals_nothing_again(box, gone):
    inode = box.path.stat().st_ino
    box.compact(box.mails[:gone] + box.mails[gone + 1 :])
    assert box.path.stat().st_ino != inode
    assert box.sealed() == []


@SIZES
def test_a_compaction_that_is_under_way_is_not_captured(box, size):
    box.begin(box.mails[1:])
    assert box.sealed() == []
    assert box.engine.ledger.counts().excluded == 1


@SIZES
def test_passes_at_each_step_of_a_compaction_seal_nothing_again(box):
    box.begin(box.mails[1:])
    box.path.rename(box.folder / "Inbox.original")
    assert box.sealed() == []
    (box.folder / "Inbox.compacted").rename(box.path)
    (box.folder / "Inbox.original").unlink()
    assert box.sealed() == []
    assert box.engine.archive().observations("vanished") == []


def test_an_mbox_that_a_failed_compaction_left_aside_is_captured_where_it_lies(engine):
    box = Box(engine, 300)
    box.path.write_bytes(b"".join([*box.mails, mail(COUNT, 300)]))  # not captured yet
    box.begin(box.mails[1:])
    box.path.rename(box.folder / "Inbox.original")
    assert box.sealed() == [mail(COUNT, 300)]


@SIZES
def test_mails_moved_within_an_mbox_are_not_sealed_again(box):
    box.path.write_bytes(b"".join(reversed(box.mails)))
    assert box.sealed() == []


@SIZES
def test_an_mbox_of_the_same_name_elsewhere_shares_nothing_with_it(box):
    other = box.path.parent / "Archief" / "Inbox"
    other.parent.mkdir()
    other.write_bytes(box.mails[0])
    assert box.sealed() == [box.mails[0]]
