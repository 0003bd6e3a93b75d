# SPDX-License-Identifier: EUPL-1.2
"""What did not change is known by the stretch, and whatever happens to a file ends that."""

import os
from dataclasses import replace

import pytest

from lakzegel_agent.capturestill import MOST, still_name, stretches
from lakzegel_agent.scan import FoundFile

FILES = 40


@pytest.fixture
def still(engine):
    """An engine that knows its files by the stretch."""
    for number in range(FILES):
        engine.write(f"{number}", b"%d" % number)
    engine.capture()
    engine.capture()
    assert by_name(engine) == 0
    return engine


def by_name(engine):
    """How many files a pass that captures nothing looked up one by one."""
    files, asked = engine.ledger.files, []
    before = files.look
    files.look = lambda names: asked.extend(names) or before(names)
    try:
        report = engine.capture()
    finally:
        files.look = before
    assert (report.found, report.sealed, report.batches) == (FILES, 0, 0)
    return len(asked)


def found(inode):
    return FoundFile(b"%d" % inode, 1, 2, 3, inode, 4, 0o600)


def test_a_first_pass_records_nothing_and_the_second_what_it_looked_at(engine):
    for number in range(FILES):
        engine.write(f"{number}", b"%d" % number)
    engine.capture()
    assert by_name(engine) == FILES
    assert by_name(engine) == 0


def test_a_changed_file_is_captured_and_known_again_two_passes_later(still):
    still.write("7", b"anders")
    assert still.capture().sealed == 1
    assert still.archive().versions()[b"7"] == [b"7", b"anders"]
    assert by_name(still) > 0
    assert by_name(still) == 0


def test_a_new_file_among_known_ones_is_captured(still):
    still.write("nieuw", b"1")
    assert still.capture().sealed == 1


def test_a_file_that_vanished_is_said_to_be_gone(still):
    (still.root / "7").unlink()
    assert still.capture().vanished == 1
    [said] = still.archive_of_all().observations("vanished")
    assert [row["path"] for row in said["files"]] == ["7"]


def test_a_file_that_is_back_with_the_state_that_it_had_is_captured_again(still):
    """As where a root was mounted somewhere else meanwhile: the scan is the same byte for byte."""
    aside = still.root.with_name("elders")
    remembered = still.ledger.recall(still_name("docs"))
    still.root.rename(aside)
    still.root.mkdir()
    assert still.capture().vanished == FILES
    still.root.rmdir()
    aside.rename(still.root)
    still.ledger.remember(still_name("docs"), remembered)  # as after a kill
    assert still.capture().sealed == FILES


def test_a_file_whose_row_is_of_another_state_is_looked_at(still):
    remembered = still.ledger.recall(still_name("docs"))
    told = (still.root / "7").stat()
    still.write("7", b"8")
    assert still.capture().sealed == 1
    still.write("7", b"7")
    os.utime(still.root / "7", ns=(told.st_atime_ns, told.st_mtime_ns))
    still.ledger.remember(still_name("docs"), remembered)
    assert still.capture().sealed == 1
    assert still.archive().versions()[b"7"] == [b"7", b"8", b"7"]


def test_files_of_a_batch_that_was_given_up_are_captured_again(still):
    still.ledger.begin_epoch(1, bytes(31) + b"1")
    still.context = replace(still.context, epoch=1, header_key=still.header_key(1))
    assert still.capture().sealed == FILES


def test_a_folder_that_is_excluded_from_now_on_is_no_longer_passed_over(still):
    still.write("geheim/x", b"1")
    still.capture()
    still.capture()
    still.watch(exclude_folders=("geheim",))
    still.capture()
    assert still.ledger.counts().reasons == {"excluded-folder": 1}


def test_what_was_recorded_may_be_lost(still):
    still.ledger.remember(still_name("docs"), b"")
    assert by_name(still) == FILES
    assert by_name(still) == 0


def test_one_more_file_shifts_only_the_stretches_near_it():
    inodes = list(range(10_000, 20_000))
    before = list(stretches(found(inode) for inode in inodes))
    inodes.insert(5_000, 7)
    after = list(stretches(found(inode) for inode in inodes))
    assert sum(len(some) for some in after) == 10_001
    assert max(len(some) for some in after) <= MOST
    assert len(before) > 10
    assert sum(some not in before for some in after) <= 2
