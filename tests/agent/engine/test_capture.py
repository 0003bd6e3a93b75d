# SPDX-License-Identifier: EUPL-1.2
"""A pass captures what is there, byte for byte, and only what is new."""

import os


def test_files_are_rebuilt_byte_for_byte_from_what_was_sealed(engine):
    files = {
        b"a.txt": b"hallo",
        b"map/leeg.txt": b"",
        b"map/\xff\xfe.bin": bytes(range(256)) * 20,
        b"map/regel\neinde": b"\n",
        b"x" * 255: b"lang",
        b"groot.bin": os.urandom(3 * 2**20 + 17),
        b"vier.bin": os.urandom(2**20 + 1),
    }
    for path, data in files.items():
        engine.write(path, data)
    report = engine.capture()
    assert (report.found, report.sealed, report.failed) == (7, 7, 0)
    archive = engine.archive()
    assert archive.latest() == files
    counts = engine.ledger.counts()
    assert (counts.found, counts.sealed, counts.excluded, counts.failed) == (7, 7, 0, 0)
    assert engine.ledger.waiting() == engine.rows
    assert len(engine.rows) > 2


def test_a_second_pass_over_the_same_files_makes_no_batch(engine):
    engine.write("a", b"1")
    engine.write("b", os.urandom(3 * 2**20))
    engine.capture()
    before = len(engine.rows)
    report = engine.capture()
    assert len(engine.rows) == before
    assert (report.found, report.sealed, report.batches) == (2, 0, 0)
