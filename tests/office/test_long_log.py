# SPDX-License-Identifier: EUPL-1.2
"""That the bench of a long log goes on from what a replay of the whole of it would leave."""

from bench.growing.building import Log
from bench.growing.officehome import LongOffice, devices_of
from bench.growing.officemeasure import proven

DEVICES = 5
STOP = 256  # entries


def test_the_short_cut_to_any_entry_gives_what_the_office_finds_by_replaying_all(tmp_path):
    log = Log.open(tmp_path / "log" / "data", DEVICES)
    log.grow(2 * STOP + 9, lambda _: None)
    log.finish()
    assert devices_of(tmp_path / "log") == DEVICES
    work = tmp_path / "work"
    office = LongOffice.found(work, log.layout.data)
    office.replay(work, STOP, office.size, STOP, DEVICES)
    assert not proven(work, office.size)
    office.replay(work, 0, STOP, STOP, DEVICES)
    office.replay(work, office.size, office.size, STOP, DEVICES)
    assert proven(work, office.size)
    kept = work / "parts" / "0" / f"{STOP}.json"
    kept.write_bytes(kept.read_bytes().replace(b'"accepted": 2', b'"accepted": 1'))
    assert not proven(work, office.size)
