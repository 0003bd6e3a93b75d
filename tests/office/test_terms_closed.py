# SPDX-License-Identifier: EUPL-1.2
"""A custody is closed: what hinders it, what both sides keep, and what comes after it."""

import json
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from lakzegel_core.batch import State
from lakzegel_core.encoding import canonical_json
from lakzegel_office.__main__ import main
from lakzegel_office.commands.common import Office
from lakzegel_office.errors import DoubtError
from lakzegel_office.terms import closing, facts
from lakzegel_office.terms.inzage import files_of, rows_of
from lakzegel_office.terms.model import moment
from lakzegel_office.terms.register import CLOSE, terms_of
from lakzegel_office.terms.signing import next_moment

UNTIL = "2026-11-25"  # the devices of these tests sealed on the 24th
FILES = ("certificate.json", "certificate.note", "certificate.pdf", "certificate.xml", "term.note")


@pytest.fixture
def office(world, device, tmp_path):
    """An open term of one device that sealed a file."""
    world.pull()
    who = ("--custody", "default", "--person", "A. B. de Vries", "--role", "minister van BZK")
    note = tmp_path / "open.note"
    assert world.run("term", "open", *who, "--from", "2026-07-01", str(note)) == 0
    world.receiver.append(note.read_bytes())
    device.send_files({"nota.txt": b"nota"})
    return world


def last(device, *, failed=0, sealed=1, more=(), **changes):
    """Seal the last batch of a device, with what it says of its ledger."""
    reasons = {"excluded": {}, "failed": {"locked": failed} if failed else {}}
    counts = {"excluded": 0, "failed": failed, "found": sealed + failed, "sealed": sealed}
    row = {"source": "mail", "reasons": reasons, **counts}
    said = {"ends": "2026-11-25T00:00:00Z", "sources": [row], "type": "term-ended"}
    items = [device.observation(one, index=i) for i, one in enumerate([*more, said])]
    device.send(items, **{"state": State.FINAL, **changes})


def close(world, out, *more, expect=0, until=UNTIL):
    code = world.run("term", "close", "--custody", "default", "--until", until, "--quiet",
                     *more, str(out))  # fmt: skip
    assert code == expect
    return out


def codes(capsys):
    return [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]


def test_the_certificate_has_what_the_device_said_and_the_log_names_it(office, device, tmp_path):
    last(device)
    office.pull()
    out = close(office, tmp_path / "out")
    assert sorted(path.name for path in out.iterdir()) == list(FILES)
    said = json.loads((out / FILES[0]).read_bytes())
    assert canonical_json(said) == (out / FILES[0]).read_bytes()
    assert said["counts"] == {"excluded": 0, "failed": 0, "found": 1, "sealed": 1}
    assert said["term"]["posts"][0]["until"] == "2026-11-25T00:00:00Z"
    assert said["trail"]["lines"] == len(office.trail()) == 2
    key = office.config.keys["approval-1"].to_text()
    assert main(["term", "verify", str(out), "--approval-key", key]) == 0
    assert main(["term", "verify", str(out), "--home", str(office.home.root)]) == 1
    office.receiver.append((out / "term.note").read_bytes())
    office.receiver.append(b"what a receiver adds that means harm")  # a doubt, of another matter
    office.pull()
    assert main(["term", "verify", str(out), "--home", str(office.home.root)]) == 0


def test_a_changed_file_of_it_is_found(office, device, tmp_path):
    last(device)
    office.pull()
    out = close(office, tmp_path / "out")
    office.receiver.append((out / "term.note").read_bytes())
    office.pull()
    key = office.config.keys["approval-1"].to_text()
    for name in FILES:
        whole = (out / name).read_bytes()
        data = bytearray(whole)
        data[len(data) // 2] ^= 1
        (out / name).write_bytes(data)
        assert main(["term", "verify", str(out), "--home", str(office.home.root)]) == 1
        assert main(["term", "verify", str(out), "--approval-key", key]) == 1
        (out / name).write_bytes(whole)
    assert main(["term", "verify", str(out), "--home", str(office.home.root)]) == 0


def test_what_hinders_the_closing_is_said_and_nothing_is_signed(office, device, tmp_path, capsys):
    office.pull()
    capsys.readouterr()
    out = close(office, tmp_path / "out", expect=1)
    assert codes(capsys) == ["not-final"]
    last(device, failed=2, sealed=3)
    close(office, out, expect=1)
    assert codes(capsys) == ["not-final"]  # not pulled yet
    office.pull()
    capsys.readouterr()
    close(office, out, expect=1)
    assert codes(capsys) == ["counts-differ", "uncaptured"]
    far = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    close(office, out, expect=1, until=far)
    assert "not-due" in codes(capsys)
    accept = ("--accept", "counts-differ=herstel", "--accept")
    close(office, out, *accept, "uncaptured= ", expect=2)
    close(office, out, *accept, "not-due=toch", expect=2)
    close(office, out, *accept, "findings=geen", expect=2)
    assert not out.exists()
    close(office, out, *accept, "uncaptured=het bestand was weg")
    said = json.loads((out / "certificate.json").read_bytes())["accepted"]
    assert {row["code"]: row["reason"] for row in said} == {
        "counts-differ": "herstel",
        "uncaptured": "het bestand was weg",
    }


def test_a_term_is_not_closed_while_a_read_out_is_overdue(office, device, tmp_path, capsys):
    last(device, more=[{"type": "readout-overdue", "due": "2026-11-20T00:00:00Z", "why": ""}])
    office.pull()
    capsys.readouterr()
    close(office, tmp_path / "out", expect=1)
    assert codes(capsys) == ["readout-overdue"]


def test_what_was_destroyed_before_the_closing_is_said_and_certified(
    office, device, dispose, tmp_path, capsys
):
    name = device.send_files({"weg.txt": b"weg"})
    office.pull()
    dispose(name, 0, 1, certificate=bytes(range(32)))
    last(device, sealed=2)
    office.pull()
    capsys.readouterr()
    close(office, tmp_path / "out", expect=1)
    said = capsys.readouterr().out
    assert "sealed 2; captures here: 1; items destroyed since: 2" in said
    close(office, tmp_path / "out", "--accept", "counts-differ=vernietigd op verklaring 1")
    made = json.loads((tmp_path / "out/certificate.json").read_bytes())
    assert [one["destroyed"] for one in made["devices"]] == [2]


def test_the_read_out_of_one_phone_makes_none_good_of_another():
    made = facts.DeviceFacts("host", SimpleNamespace(), whole=False, proof=None, coverage=None)
    every = [timedelta(days=7)] * 2
    custody = SimpleNamespace(devices=[made], custody="c", phones=lambda: every)

    def seal(phone, kind, backup="2026-11-20T17:00:00Z"):
        said = {"type": kind, "backup": backup, "complete": True}
        facts._take(made, SimpleNamespace(source=phone), said, lambda _: True)

    def late(day):
        return [one.what for one in closing._of_readouts(custody, moment(f"2026-11-{day}"))]

    assert late(21) == ["c: 2 of 2 phones were never read out whole"]
    seal("telefoon (c)", "readout-overdue")
    seal("tablet (c)", "readout")
    assert late(21) == ["host, telefoon (c): stated by the device"]
    seal("telefoon (c)", "readout", "2026-11-13T17:00:00Z")
    assert late(21) == ["telefoon (c): the last whole one is of 2026-11-13T17:00:00Z"]
    assert late(20) == []


def test_a_label_that_gives_commands_is_in_no_certificate_and_on_no_terminal():
    made = facts.DeviceFacts("host", SimpleNamespace(), whole=True, proof=None, coverage=None)
    row = {"source": "mail\x1b]0;x\x07", "found": 1, "sealed": 1, "excluded": 0, "failed": 0}
    facts._take_counts(made, {"sources": [row]}, lambda _: True)
    assert list(made.sources) == ["mail?]0;x?"]


def test_a_ledger_that_does_not_add_up_hinders_the_closing(office, device, tmp_path, capsys):
    row = {"source": "mail", "found": 5, "sealed": 1, "excluded": 1, "failed": 0}
    said = {"ends": "2026-11-25T00:00:00Z", "sources": [row], "type": "term-ended"}
    device.send([device.observation(said)], state=State.FINAL)
    office.pull()
    capsys.readouterr()
    close(office, tmp_path / "out", expect=1)
    assert "says that it found 5, and what became of 2" in capsys.readouterr().out


def test_nothing_is_added_to_what_was_closed(office, device, tmp_path, capsys):
    last(device)
    office.pull()
    out = close(office, tmp_path / "out")
    again = close(office, tmp_path / "again")
    assert all((out / n).read_bytes() == (again / n).read_bytes() for n in FILES)
    token = str(tmp_path / "token")
    assert office.run("admit", "--device", "nog-een", "--custody", "default", token) == 2
    assert office.run("admit", "--device", "nog-een", "--custody", "anders", token) == 0
    note = str(tmp_path / "more.note")
    change = ("term", "change", "--custody", "default", "--device", "nog-een", note)
    assert office.run(*change) == 2
    assert "nothing is added" in capsys.readouterr().err


def test_a_clock_that_went_back_a_day_makes_no_older_note(office):
    terms = terms_of(Office(office.home, office.config, office.vault))
    now = datetime.now(UTC).replace(microsecond=0)
    assert next_moment(terms, "default", now - timedelta(days=1)) > now - timedelta(minutes=5)


def test_two_who_close_at_a_time_sign_one_certificate(office, device, tmp_path, monkeypatch):
    last(device)
    office.pull()
    one = Office(office.home, office.config, office.vault)
    before = terms_of(one)
    whole = close(office, tmp_path / "whole")
    monkeypatch.setattr("lakzegel_office.commands.termclose.terms_of", lambda _: before)
    close(office, tmp_path / "late", expect=2)  # it looked before the other had signed
    monkeypatch.undo()
    again = close(office, tmp_path / "again")
    assert all((whole / name).read_bytes() == (again / name).read_bytes() for name in FILES)
    assert [row.act for row in terms_of(one).history("default")].count(CLOSE) == 1


KILLED = """# fork of lakzegel_office
import os, signal, sys
from lakzegel_office.__main__ import main
left, real = int(sys.argv[1]), os.fsync

def fsync(descriptor):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    real(descriptor)

os.fsync = fsync
sys.exit(main(sys.argv[2:]))
"""


def killed_at(number, world, out):
    """Close in a process that is killed when it makes something durable for the n-th time."""
    more = ("--home", world.home.root, "--passphrase-file", world.passphrase_file)
    how = ("term", "close", "--custody", "default", "--until", UNTIL, *more, out)
    command = [sys.executable, "-c", KILLED, str(number), *map(str, how)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


@pytest.mark.parametrize(
    "points", [pytest.param((1, 8), id="some"), pytest.param(range(40), id="all",
                                                                    marks=pytest.mark.soak)]
)  # fmt: skip
def test_killed_while_closing_there_is_one_certificate(office, device, tmp_path, points):
    last(device)
    office.pull()
    saved = tmp_path / "saved"
    shutil.copytree(office.home.root, saved)
    key = office.config.keys["approval-1"].to_text()
    for number in points:
        shutil.rmtree(office.home.root)
        shutil.copytree(saved, office.home.root)
        out = tmp_path / f"killed-{number}"
        ended = killed_at(number, office, out)
        whole = out if out.exists() else close(office, tmp_path / f"again-{number}")
        once = close(office, tmp_path / f"once-more-{number}")
        assert all((whole / name).read_bytes() == (once / name).read_bytes() for name in FILES)
        assert main(["term", "verify", str(once), "--approval-key", key]) == 0
        terms = terms_of(Office(office.home, office.config, office.vault))
        assert [row.act for row in terms.history("default")].count(CLOSE) == 1
        if not ended:
            return
        assert ended == -signal.SIGKILL


def test_nothing_of_another_custody_is_ever_in_an_inzage(office, device, collected):
    known = terms_of(Office(office.home, office.config, office.vault))
    own = known.custodies_of("A. B. de Vries")
    collection = collected()
    rows = rows_of(collection, own, lambda *_: "default", content=False)
    assert [row.unit.custody for row in rows] == ["default"]
    with pytest.raises(DoubtError, match="of another custody; nothing was written"):
        rows_of(collection, own, lambda *_: "2027-b", content=False)


def test_an_inzage_has_the_read_outs_of_ones_own_phones(office, device, tmp_path):
    said = {"type": "readout", "custody": "c", "backup": "2026-11-20T17:00:00Z", "complete": True}
    said |= {"read": "2026-11-20T17:40:00Z", "apps": [{"messages": 12, "conversations": 2}]}
    device.send([device.observation(said, source="telefoon (default)")])
    office.pull()
    who = ("--person", "A. B. de Vries", "--reason", "verzoek")
    assert office.run("term", "inzage", *who, str(tmp_path / "out")) == 0
    _, row = (tmp_path / "out/readouts.csv").read_text().splitlines()
    times = "2026-11-20T17:00:00Z,2026-11-20T17:40:00Z"
    assert row == f"default,minister,telefoon (default),{times},yes,2,12,0,0,0"
    assert "2026-11-20T17:40:00Z" in (tmp_path / "out/index.html").read_text()


def test_what_a_spreadsheet_would_run_is_text_in_an_inzage(office, device, collected):
    device.send_files({"=cmd|' /C calc'!A0": b"<script>alert(1)</script>"})
    own = terms_of(Office(office.home, office.config, office.vault)).custodies_of("A. B. de Vries")
    rows = rows_of(collected(), own, lambda *_: "default", content=True)
    files = files_of("A. B. de Vries", own, rows, [], datetime(2027, 1, 1, tzinfo=UTC))
    assert b"<script>" not in files["index.html"]
    assert b",=cmd" not in files["units.csv"]
