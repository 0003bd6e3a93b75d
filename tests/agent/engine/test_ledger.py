# SPDX-License-Identifier: EUPL-1.2
"""What the ledger remembers, that nobody else can read it, and what it refuses."""

import hashlib
import sqlite3
from datetime import UTC, datetime

import pytest

from lakzegel_agent.errors import LedgerDamagedError, NewerLedgerError
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.ledgerrows import SEGMENT, BatchRow, CapturedFile, FileMark, FileState, Seen

KEY = hashlib.sha256(b"key").digest()


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "ledger.sqlite", KEY) as opened:
        opened.begin_epoch(0, b"e" * 32)
        yield opened


def closed(ledger, number, *, epoch=0, **work):
    row = BatchRow(epoch, number, bytes([epoch + 1, number]) * 16, 100, None, "waiting")
    ledger.files.apply(Work(**work), row)
    return row


def file_of(ledger, name, batch, *, epoch=0):
    packed = SEGMENT.pack(epoch, batch, 0, 3, bytes(32), bytes(16))
    state = FileState(b"pad/" + name, 0, 0o600, -5, 3, packed)
    source = ledger.files.source("docs")
    row = ledger.files.cipher.name(b"file", b"docs", name)
    return CapturedFile(row, source, b"m" * 16, ledger.files.cipher.seal(state.pack(), row))


def test_the_chain_goes_on_where_it_ended_after_it_was_closed_and_opened(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path, KEY) as ledger:
        assert ledger.epoch() is None
        ledger.begin_epoch(0, b"e" * 32)
        tip = ledger.epoch()
        assert (tip.next_batch, tip.previous, tip.newest_id) == (0, b"e" * 32, None)
        row = closed(ledger, 0)
    with Ledger.open(path, KEY) as ledger:
        tip = ledger.epoch()
        assert (tip.next_batch, tip.previous, tip.newest_id) == (1, row.id, row.id)
        assert ledger.waiting() == [row]
        assert ledger.knows(row.id)
        assert not ledger.knows(bytes(32))


def test_a_batch_goes_from_waiting_to_sealed_to_released(ledger):
    first, second = closed(ledger, 0), closed(ledger, 1)
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    ledger.mark_sealed(first.id, 7, b"receipt", Seen(8, b"r" * 32, b"note"), at=moment)
    assert [row.batch for row in ledger.waiting()] == [1]
    assert [(row.batch, row.index) for row in ledger.sealed()] == [(0, 7)]
    receipt = ledger.last_receipt()
    assert (receipt.at, receipt.index, receipt.size, receipt.batch_id) == (moment, 7, 8, first.id)
    ledger.mark_released(first.id)
    ledger.mark_released(second.id)  # has no receipt: stays
    assert ledger.sealed() == []
    assert ledger.spooled() == [(0, 1)]
    assert ledger.seen() == Seen(8, b"r" * 32, b"note")


def test_seen_never_shrinks(ledger):
    ledger.set_seen(8, b"r" * 32, b"note 8")
    ledger.set_seen(5, b"q" * 32, b"note 5")
    assert ledger.seen() == Seen(8, b"r" * 32, b"note 8")


def test_another_key_does_not_open_it_and_changes_nothing(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path, KEY) as ledger:
        ledger.remember("a", b"1")
    with pytest.raises(LedgerDamagedError, match="key"):
        Ledger.open(path, bytes(32))
    with Ledger.open(path, KEY) as ledger:
        assert ledger.recall("a") == b"1"


@pytest.mark.parametrize("data", [b"not a database at all" * 100, b"SQLite format 3\0" + bytes(99)])
def test_a_file_that_is_no_ledger_is_damaged(tmp_path, data):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(data)
    with pytest.raises(LedgerDamagedError):
        Ledger.open(path, KEY)


def test_a_ledger_of_a_later_version_is_refused(tmp_path):
    path = tmp_path / "ledger.sqlite"
    Ledger.open(path, KEY).close()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(NewerLedgerError, match="later version"):
        Ledger.open(path, KEY)


def test_a_blob_moved_to_another_row_does_not_open():
    cipher = Cipher(KEY)
    blob = cipher.seal(b"geheim", b"row")
    assert cipher.open(blob, b"row") == b"geheim"
    for name, changed in ((b"other", blob), (b"row", blob[:-1]), (b"row", b"")):
        with pytest.raises(LedgerDamagedError):
            cipher.open(changed, name)


def test_a_failure_is_counted_once_and_no_more_when_the_file_is_sealed(ledger):
    file = file_of(ledger, b"a", 0)
    mark = FileMark(file.name, file.source, "failed", "unreadable", b"a")
    ledger.files.apply(Work(marks=[mark]))
    ledger.files.apply(Work(marks=[mark, mark]))
    counts = ledger.counts()
    assert (counts.found, counts.failed, dict(counts.reasons)) == (1, 1, {"unreadable": 1})
    ledger.files.apply(Work(marks=[mark._replace(reason="changing")]))
    assert dict(ledger.counts().reasons) == {"changing": 1}
    closed(ledger, 0, captured=[file])
    counts = ledger.counts()
    assert (counts.found, counts.sealed, counts.failed, dict(counts.reasons)) == (1, 1, 0, {})
    said = [row.payload for row in ledger.files.queued(after=-1, limit=9)]
    assert len(said) == 2


def test_observations_wait_until_their_batch_has_a_receipt(ledger):
    ledger.observe("device", {"type": "start"})
    ledger.observe("device", {"type": "stop"})
    queued = ledger.files.queued(after=-1, limit=9)
    assert [row.payload for row in queued] == [b'{"type":"start"}', b'{"type":"stop"}']
    row = closed(ledger, 0, taken=[queued[0].id])
    assert [row.id for row in ledger.files.queued(after=-1, limit=9)] == [queued[1].id]
    ledger.mark_sealed(row.id, 0, b"", Seen(1, bytes(32), b""))
    ledger.begin_epoch(1, b"f" * 32)
    assert [row.id for row in ledger.files.queued(after=-1, limit=9)] == [queued[1].id]


def test_a_new_epoch_gives_up_what_has_no_receipt_and_nothing_else(ledger):
    ledger.observe("device", {"type": "start"})
    [said] = ledger.files.queued(after=-1, limit=9)
    kept, lost = file_of(ledger, b"a", 0), file_of(ledger, b"b", 1)
    first = closed(ledger, 0, captured=[kept])
    closed(ledger, 1, captured=[lost], parts=[(b"n" * 16, b"rows")], taken=[said.id])
    ledger.mark_sealed(first.id, 0, b"", Seen(1, bytes(32), b""))
    ledger.begin_epoch(1, b"f" * 32, note={"type": "epoch"})
    tip = ledger.epoch()
    assert (tip.epoch, tip.next_batch, tip.previous, tip.newest_id) == (1, 0, b"f" * 32, first.id)
    known = ledger.files.look([kept.name, lost.name])
    assert known[kept.name].mark == kept.mark
    assert (known[lost.name].mark, known[lost.name].captured) == (b"", False)
    assert ledger.files.state(lost.name).segments == b""
    assert ledger.files.parts(b"n" * 16) == b""
    queued = ledger.files.queued(after=-(2**62), limit=9)
    assert [row.payload for row in queued] == [b'{"type":"epoch"}', b'{"type":"start"}']
    assert ledger.counts().sealed == 1
    assert ledger.spooled() == [(0, 0)]
    ledger.begin_epoch(1, b"f" * 32, note={"type": "epoch"})  # asked twice: once
    assert len(ledger.files.queued(after=-(2**62), limit=9)) == 2


def test_an_epoch_does_not_go_back(ledger):
    ledger.begin_epoch(1, b"f" * 32)
    with pytest.raises(LedgerDamagedError):
        ledger.begin_epoch(0, b"g" * 32)


def test_two_connections_see_what_the_other_committed(tmp_path, ledger):
    with Ledger.open(tmp_path / "ledger.sqlite", KEY) as other:
        row = closed(ledger, 0)
        assert other.waiting() == [row]
        other.mark_sealed(row.id, 0, b"", Seen(1, bytes(32), b""))
        assert ledger.waiting() == []
