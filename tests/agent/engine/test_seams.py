# SPDX-License-Identifier: EUPL-1.2
"""However small what lies between two seams is, it becomes a segment of its own."""

import hashlib
import os
from datetime import date, timedelta

import pytest

from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerrows import SEGMENT, FileState
from lakzegel_agent.sealing.jobs import (
    Cut,
    FileUnit,
    Job,
    JobResult,
    Missed,
    Setup,
    SourceInfo,
    Stat,
)
from lakzegel_agent.sealing.room import ITEM, Room
from lakzegel_agent.sealing.sealer import Sealer
from lakzegel_agent.sealing.seams import MAX_SEGMENTS
from lakzegel_agent.spool import Spool
from lakzegel_core.age import Identity
from lakzegel_core.limits import MAX_ITEMS

FIRST = date(2024, 1, 1)


def days(count):
    """One message of about 30 bytes a day."""
    moments = (FIRST + timedelta(number) for number in range(count))
    return [f"{moment:%d-%m-%Y} 09:15 - Jan: ja.\n".encode() for moment in moments]


def conversations(count):
    """A Telegram export of conversations of one message."""
    chats = (
        f'{{"type": "personal_chat", "id": {number}, "messages": ['
        f'{{"id": 1, "type": "message", "date": "2024-03-11T21:58:01", "text": "Hoi {number}"}}]}}'
        for number in range(count)
    )
    return ('{"chats": {"list": [\n' + ",\n".join(chats) + "\n]}}\n").encode()


def segments_of(engine):
    return [sealed.item.payload for sealed in engine.archive().of_kind("segment")]


def test_a_chat_of_400_days_becomes_400_segments(engine):
    engine.watch(reader="whatsapp-export")
    chat = days(400)
    engine.write("chat.txt", b"".join(chat))
    engine.capture()
    assert segments_of(engine) == chat
    assert len(engine.rows) == 1


def test_an_export_of_many_tiny_conversations_keeps_every_border(engine):
    engine.watch(reader="telegram-export")
    engine.write("result.json", conversations(1_500))
    engine.capture()
    found = segments_of(engine)
    for number in range(1_500):
        assert sum(b'"Hoi %d"' % number in segment for segment in found) == 1
    assert max(segment.count(b'"Hoi ') for segment in found) == 1
    assert engine.archive().latest() == {b"result.json": conversations(1_500)}


def test_a_chat_of_more_days_than_its_batch_has_room_for_is_spread_over_several(engine):
    engine.use(batch_limit=100_000)
    engine.watch(reader="whatsapp-export")
    chat = days(400)
    engine.write("chat.txt", b"".join(chat))
    engine.write("klein.txt", b"".join(days(3)))
    report = engine.capture()
    assert (report.found, report.sealed) == (2, 2)
    archive = engine.archive()
    assert sorted(segments_of(engine)) == sorted(chat + days(3))
    assert archive.latest() == {b"chat.txt": b"".join(chat), b"klein.txt": b"".join(days(3))}
    assert max(row.size for row in engine.rows) < 2 * engine.context.batch_limit
    engine.write("chat.txt", b"".join([*chat, b"01-01-2026 09:15 - Jan: nieuw.\n"]))
    engine.capture()
    assert len(segments_of(engine)) == 404


@pytest.fixture
def sealer(tmp_path):
    spool = Spool.open(tmp_path / "spool")
    root = tmp_path / "docs"
    root.mkdir()
    public = Identity.from_seed(hashlib.sha256(b"office").digest()).recipient.public
    info = SourceInfo("docs", "mbox", os.fsencode(root), 1)
    setup = Setup("log.example", "d", 0, (public,), bytes(32), bytes(spool.folder), (info,))
    return Sealer(setup)


def unit_of(root, name, data):
    path = root / name
    path.write_bytes(data)
    told = Stat.of(path.stat())
    return FileUnit(0, name.encode(), bytes(16), told, None, False, False, True)


def test_a_batch_never_has_more_items_than_it_may(sealer, tmp_path):
    mails = b"From \n\n" * 40_000
    units = [unit_of(tmp_path / "docs", name, mails) for name in ("a", "b")]
    made = sealer.seal(Job(0, "x", "2026-11-24T02:00:00Z", 2**30, tuple(units)))
    assert isinstance(made, JobResult)
    assert made.items == 40_001 <= MAX_ITEMS
    assert made.results[1] == Missed("crowded")


def test_a_large_file_that_is_as_it_was_is_answered_without_its_segments(sealer, tmp_path):
    mails = [b"From - Mon Mar 11 08:01:10 2024\n\n%d\n\n" % n for n in range(50)]
    unit = unit_of(tmp_path / "docs", "a", b"".join(mails))
    made = sealer.seal(Job(0, "x", "2026-11-24T02:00:00Z", 2**30, (unit,)))
    known = FileState.unpack(Cipher(bytes(32)).open(made.results[0].secret, unit.name)).segments
    cut = Cut(0, 0, b"a", unit.stat, known, False, False)
    answer = sealer.cut(cut)
    assert (answer.is_known, answer.ends, answer.reused) == (True, (), ())
    for other in (known + known[-SEGMENT.size :], known[: -SEGMENT.size], b""):
        answer = sealer.cut(cut._replace(known=other))
        assert not answer.is_known
        assert len(answer.ends) == len(answer.reused) == 50


def test_a_file_of_one_segment_always_fits(tmp_path):
    unit = unit_of(tmp_path, "a", bytes(5 * ITEM))
    room = Room(Job(0, "x", "", 1, (unit,)))
    assert room.spend(0)
    assert room.spend(1)
    assert not room.spend(2)
    assert not Room(Job(0, "x", "", 2**40, (unit,))).spend(MAX_SEGMENTS)
