# SPDX-License-Identifier: EUPL-1.2
"""Pulling from a receiver that is honest, slow, broken or hostile."""

import os
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from lakzegel_core.batch import Seen
from lakzegel_core.encoding import b64
from lakzegel_core.errors import MissingSignatureError
from lakzegel_core.finding import open_finding
from lakzegel_core.held import open_held
from lakzegel_core.note import Note, parse
from lakzegel_office.errors import DoubtError, UnreachableError


def the_finding(world):
    (note,) = world.receiver.sent
    return open_finding(note, world.config.keys["held"])


def test_a_pull_of_an_honest_log_ends_clean_and_held(world, device):
    device.send_files({"cur/1": b"een", "cur/2": b"twee" * 5000})
    device.send_files({"cur/3": b"drie"})
    report = world.pull()
    assert report.doubts == []
    assert (report.batches, report.opened) == (2, 6)
    assert report.held == report.size == len(world.receiver.log)
    held = open_held(world.receiver.held, world.config.keys["held"])
    assert (held.size, held.root) == (report.size, world.receiver.root())
    assert len(world.receiver.cosignatures) == 2
    assert world.run("verify", "--quiet") == 0
    killed, beside = (world.home.state / f"verify-{name}" for name in ("killed", "beside"))
    for folder, age in ((killed, 90_000), (beside, 60)):
        (folder / "index").mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    assert world.run("verify", "--quiet", "--open") == 0
    assert list(world.home.state.glob("verify-*")) == [beside]


def test_a_second_pull_brings_in_only_what_is_new(world, device):
    device.send_files({"a": b"1"})
    world.pull()
    device.send_files({"b": b"2"})
    report = world.pull()
    assert (report.batches, report.fetched, report.opened) == (2, 1, 2)
    for half in ("checkpoints/9-5.part", "log/checkpoint.part", "held.part"):
        (world.home.mirror / half).write_bytes(b"what a crash left")
    assert world.pull().fetched == 0
    assert world.run("verify", "--quiet") == 0


def test_a_log_of_several_tiles_is_mirrored_over_several_pulls(world, device):
    for stop in (3, 255, 256, 257, 600):
        while len(world.receiver.log) < stop:
            world.receiver.append(b"noise %d" % len(world.receiver.log))
        report = world.pull()
        assert report.size == stop
    assert world.run("verify", "--quiet") == 1  # noise is no entry
    assert not [d for d in report.doubts if "tile" in d.file]


def test_what_a_receiver_has_in_its_log_gives_a_terminal_no_commands(world, device, capsys):
    evil = "\x1b]0;van mij\x07\u202e" + "x" * 60_000
    world.receiver.append(f"lakzegel.nl/{evil}/v1\nlog log.example/test\n\n- a AAAA\n".encode())
    assert all(str(doubt).isprintable() for doubt in world.pull().doubts)
    capsys.readouterr()
    assert world.run("verify", "--quiet") == 1
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "a log holds no" in one]
    assert line.isprintable()
    assert len(line) < 1100


def test_many_items_are_opened_in_two_processes(world, device, monkeypatch):
    monkeypatch.setattr("lakzegel_office.bringing.SPREAD_FROM", 60)  # what is many
    for number in range(6):
        device.send_files({f"cur/{number}-{i}": b"x%d" % i for i in range(6)})
    report = world.pull()
    assert report.doubts == []
    assert report.opened == 72


def test_a_smaller_log_is_a_rollback_and_leaves_the_mirror_alone(world, device, capsys):
    device.send_files({"a": b"1"})
    device.send_files({"b": b"2"})
    world.pull()
    world.receiver.log.pop()
    with pytest.raises(DoubtError, match=r"rollback: the receiver serves a log of 4 .* proves 5"):
        world.pull()
    kept = world.home.state / "evidence"
    assert list(kept.iterdir())
    for number in range(len(list(kept.iterdir())), 64):
        (kept / f"rollback-0-{number}").touch()
    world.receiver.log.pop()  # a receiver that tells another tale each second fills no disk
    with pytest.raises(DoubtError, match="kept as nothing"):
        world.pull()
    assert len(list(kept.iterdir())) == 64
    assert world.run("verify", "--quiet") == 0


def test_two_logs_of_one_size_are_a_fork(world, device):
    device.send_files({"a": b"1"})
    world.pull()
    world.receiver.log[-1] = b"another entry"
    with pytest.raises(DoubtError, match="fork: the receiver signed two different logs"):
        world.pull()


def test_a_rewritten_past_is_a_fork(world, device):
    device.send_files({"a": b"1"})
    world.pull()
    world.receiver.log[1] = b"another entry"
    device.send_files({"b": b"2"})
    with pytest.raises(DoubtError, match="fork: the entries below 5 do not give the signed root"):
        world.pull()
    assert world.run("verify", "--quiet") == 0


def test_a_checkpoint_without_its_post_quantum_signature_is_refused(world, device):
    world.pull()
    honest = world.receiver.checkpoint

    def stripped():
        note = parse(honest())
        return Note(note.text, note.signatures[:1]).to_bytes()

    world.receiver.checkpoint = stripped
    with pytest.raises(DoubtError, match="ML-DSA-44 signature is missing") as caught:
        world.pull()
    assert isinstance(caught.value.__cause__, MissingSignatureError)


def test_a_device_that_saw_another_log_proves_two_views(world, device):
    device.send_files({"a": b"1"})
    items = device.file_items("b", [b"2"])
    device.send(items, seen=Seen(3, bytes(32)))
    report = world.pull()
    assert [d.code for d in report.doubts] == ["seen-mismatch"]
    assert "two views" in str(report.doubts[0])
    assert the_finding(world).code == "seen-mismatch"
    assert report.held == len(world.receiver.log)  # the finding is below it


def test_a_header_that_saw_the_future_is_found(world, device):
    device.send(device.file_items("b", [b"2"]), seen=Seen(900, bytes(32)))
    assert [d.code for d in world.pull().doubts] == ["seen-mismatch"]


def test_a_header_closed_before_what_it_saw_is_backdated(world, device):
    device.send_files({"a": b"1"})
    world.pull()
    world.receiver.now += timedelta(days=2)
    device.send_files({"b": b"2"})
    world.pull()
    device.send(device.file_items("c", [b"3"]), closed=world.receiver.now - timedelta(days=1))
    report = world.pull()
    assert [d.code for d in report.doubts] == ["backdated"]
    assert the_finding(world).batch == 2


def test_a_clock_ten_minutes_behind_is_no_finding(world, device):
    world.pull()
    late = world.receiver.now - timedelta(minutes=10)
    device.send(device.file_items("c", [b"3"]), closed=late)
    assert world.pull().doubts == []


def test_an_item_sealed_under_anothers_commitment_is_found(world, device):
    items = device.file_items("a", [b"what was sealed"])
    other = device.file_items("a", [b"what was committed to"])
    entry = replace(items[0].entry, commitment=other[0].entry.commitment)
    lie = replace(items[0], entry=entry)
    device.send([lie, items[1]])
    report = world.pull()
    assert {d.code for d in report.doubts} == {"commitment-mismatch", "capture-mismatch"}
    assert all(d.batch == "minister/0/0" for d in report.doubts)
    codes = {open_finding(n, world.config.keys["held"]).code for n in world.receiver.sent}
    assert "commitment-mismatch" in codes
    assert report.held == len(world.receiver.log)
    assert world.run("verify", "--quiet", "--open") == 1
    assert world.run("verify", "--quiet", "--open", "--except-findings") == 0
    assert world.pull().doubts == []


def test_two_swapped_items_are_found_each(world, device):
    items = device.file_items("a", [b"one", b"two"])
    items[0], items[1] = items[1], items[0]
    device.send(items)
    report = world.pull()
    assert the_items(world, "decrypt") == (0, 1)
    assert report.held == len(world.receiver.log)


def the_items(world, code):
    found = [open_finding(n, world.config.keys["held"]) for n in world.receiver.sent]
    return next(f.items for f in found if f.code == code)


def test_an_item_copied_from_another_device_does_not_open(world, device):
    other = world.enrol("secretaris")
    stolen = other.file_items("a", [b"not mine"])
    device.send(stolen)
    world.pull()
    assert the_items(world, "decrypt") == (0, 1)


def test_a_keyring_of_another_batch_is_found(world, device):
    device.send(device.file_items("a", [b"1"]), ring={"batch": 7})
    report = world.pull()
    assert "batch differs" in str(report.doubts[0])
    assert the_finding(world).items == ()


def test_a_capture_of_a_segment_that_is_not_there_is_found(world, device):
    rows = [[0, 0, 9, 3, b64(bytes(32))]]
    device.send([device.capture("a", rows, "ab" * 16)])
    assert the_codes(world.pull()) == ["capture-mismatch"]


def test_a_capture_may_name_segments_of_earlier_batches_of_its_own_file(world, device):
    file = "cd" * 16
    first = device.file_items("a", [b"one"], file=file)
    device.send(first)
    row = [0, 0, 0, 3, b64(first[0].entry.commitment)]
    device.send([device.capture("a", [row], file, version=1)])
    assert world.pull().doubts == []
    device.send([device.capture("b", [row], "ef" * 16)])  # another file's segment
    report = world.pull()
    assert the_codes(report) == ["capture-mismatch"]
    assert "another file's history" in str(report.doubts[0])


def the_codes(report):
    return [doubt.code for doubt in report.doubts]


def test_a_capture_of_a_batch_that_never_was_is_found(world, device):
    device.send([device.capture("a", [[0, 44, 0, 3, b64(bytes(32))]], "ab" * 16)])
    assert "names item 0/44/0" in str(world.pull().doubts[0])


def test_a_capture_of_what_is_sealed_after_it_is_found_whenever_one_looks(world, device):
    device.batch, file = 1, "ab" * 16
    later = device.seal(payload=b"later", context=device.context("box", file))
    device.batch = 0
    device.send([device.capture("box", [[0, 1, 0, 5, b64(later.entry.commitment)]], file)])
    device.send([later])
    report = world.pull()  # both at once
    assert the_codes(report) == ["capture-mismatch"]
    assert report.held == len(world.receiver.log)
    assert world.run("verify", "--quiet", "--open") == 1


def test_what_no_finding_in_the_log_names_yet_is_a_doubt_in_each_pull(world, device):
    items = device.file_items("a", [b"1"])
    device.send(items, keys=[bytes(range(32))] * 2)
    world.receiver.send_note = world.receiver.sent.append  # says yes, and has it in no log
    following = world.puller()
    for _ in range(2):
        report = following.run()
        assert (the_codes(report), report.opened) == (["decrypt"], 0)
        assert report.held < len(world.receiver.log)


def test_a_dropped_batch_shows_as_a_gap_and_becomes_a_finding(world, device):
    device.send_files({"a": b"1"})
    device.send_files({"b": b"2"})
    world.receiver.log.pop()
    device.send_files({"c": b"3"})
    report = world.pull()
    assert the_codes(report) == ["gap"]
    assert "expected batch 1, found batch 2" in str(report.doubts[0])
    assert report.held == len(world.receiver.log)


def test_a_minted_device_is_named_and_taken_no_notice_of(world, device):
    minted = world.enrol("verzonnen")
    world.receiver.log.pop()  # its enrolment never was in this log
    minted.send_files({"a": b"1"})
    report = world.pull()
    assert "not-admitted" in the_codes(report)
    assert world.run("verify", "--quiet") == 1


def test_a_batch_that_the_receiver_lost_stops_the_held_statement_before_it(world, device):
    device.send_files({"a": b"1"})
    lost = device.send_files({"b": b"2"})
    device.send_files({"c": b"3"})
    kept = world.receiver.batches.pop(lost)
    report = world.pull()
    assert the_codes(report) == ["missing"]
    assert lost in str(report.doubts[0])
    assert report.held == 4
    assert world.receiver.sent == []
    assert len(world.receiver.cosignatures) == 1  # witness, not mirror
    assert world.run("verify", "--quiet") == 1
    world.receiver.batches[lost] = kept
    assert world.pull().held == 6
    assert world.run("verify", "--quiet") == 0


def test_a_deleted_keyring_is_named(world, device):
    lost = device.send_files({"b": b"2"})
    del world.receiver.keyrings[lost]
    report = world.pull()
    assert str(report.doubts[0]).startswith(f"DOUBT keyring of batch {lost}, batch minister/0/0")
    assert report.held == 3


def test_a_changed_batch_at_the_receiver_never_reaches_the_mirror(world, device):
    name = device.send_files({"b": b"2"})
    data = bytearray(world.receiver.batches[name])
    data[-1] ^= 1
    world.receiver.batches[name] = bytes(data)
    report = world.pull()
    assert the_codes(report) == ["not-as-sealed"]
    assert report.doubts[0].item == 1
    assert not (world.home.mirror / "batches").exists()


def test_a_pull_that_broke_off_is_completed_by_the_next(world, device):
    device.send_files({"a": b"1"})
    second = device.send_files({"b": b"2"})
    fetch = world.receiver.keyring

    def broken(name):
        if name == second:
            raise UnreachableError("gone")
        return fetch(name)

    world.receiver.keyring = broken
    with pytest.raises(UnreachableError):
        world.pull()
    world.receiver.keyring = fetch
    report = world.pull()
    assert report.doubts == []
    assert report.held == 5
    assert world.run("verify", "--quiet") == 0


def test_thrown_away_state_is_made_again(world, device):
    device.send_files({"a": b"1"})
    world.pull()
    for folder in ("opened", "index"):
        for path in (world.home.state / folder).iterdir():
            path.unlink()
    assert world.run("list") == 0
    report = world.pull()
    assert (report.opened, report.fetched, report.doubts) == (2, 0, [])


def test_tiles_that_a_crash_left_are_removed_and_strangers_are_not(world, device):
    device.send_files({"a": b"1"})
    world.pull()
    left = world.home.mirror / "log/tile/0/000.p/9"
    left.write_bytes(b"")
    stranger = world.home.mirror / "log/readme"
    stranger.write_bytes(b"")
    assert world.run("verify", "--quiet") == 1
    world.pull()
    assert not left.exists()
    assert stranger.exists()


def test_what_was_held_is_never_taken_back(world, device):
    name = device.send_files({"a": b"1"})
    world.pull()
    (world.home.mirror / f"batches/{name}.batch").unlink()
    del world.receiver.batches[name]
    report = world.pull()
    assert the_codes(report) == ["missing", "held-shrank"]
    assert report.held == 4
