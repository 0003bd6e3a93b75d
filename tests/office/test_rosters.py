# SPDX-License-Identifier: EUPL-1.2
"""Leave for each machine of a table, signed in one go; which machine is which; taken back."""

import csv
import json
import stat

import pytest

from lakzegel_core.admission import open_admission
from lakzegel_core.roster import RosterKey
from lakzegel_core.tiles import decode_entries
from lakzegel_core.withdrawal import open_withdrawal

SERIALS = ("C39TEST0001", "C39TEST0002", "5CG1234ABC")


@pytest.fixture
def table(tmp_path):
    def write(text, name="devices.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.fixture
def roster(world, table, tmp_path):
    """Three machines of two rings, and what was written of them."""
    rows = zip(SERIALS, ("ring-1", "ring-2", "ring-2"), ("a", "b", "b"), strict=True)
    text = "serial,group,custody\n" + "".join(",".join(row) + "\n" for row in rows)
    assert world.run("admit", "--csv", table(text), str(tmp_path / "out")) == 0
    return tmp_path / "out"


def notes_of(world, roster):
    key = world.config.keys["enrolment"]
    data = decode_entries((roster / "admissions").read_bytes(), width=None)
    return data, [open_admission(one, key) for one in data]


def listed(world, capsys, *more):
    capsys.readouterr()
    assert world.run("roster", "list", "--json", *more) == 0
    return json.loads(capsys.readouterr().out)


def test_each_machine_has_an_admission_of_its_own_token_and_name(world, roster):
    key = RosterKey.from_text((roster / "roster.key").read_text().strip())
    _, found = notes_of(world, roster)
    for serial, admission in zip(SERIALS, found, strict=True):
        made = key.derive(serial)
        assert (admission.token, admission.device) == (made.token.verifier, made.device)
        assert admission.count == 1
    assert [one.group for one in found] == ["ring-1", "ring-2", "ring-2"]
    assert [one.custody for one in found] == ["a", "b", "b"]


def test_what_is_written_is_for_its_owner_and_the_notes_tell_no_serial_number(roster):
    assert stat.S_IMODE(roster.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in roster.iterdir()} == {0o600}
    notes = (roster / "admissions").read_bytes()
    assert not any(serial.encode() in notes for serial in SERIALS)
    rows = list(csv.DictReader((roster / "devices.csv").read_text().splitlines()))
    assert [row["serial"] for row in rows] == list(SERIALS)


def test_the_office_alone_knows_which_machine_is_which_device(world, roster, capsys):
    rows = listed(world, capsys)
    assert [(row["serial"], row["state"]) for row in rows] == [
        (serial, "unpublished") for serial in SERIALS
    ]
    data = (world.home.records / "rosters.jsonl").read_bytes()
    assert not any(serial.encode() in data for serial in SERIALS)
    (said,) = [line for line in world.trail() if line["action"] == "admit"]
    assert said["object"]["devices"] == "3"


FAULTS = [
    ("serial,group\nC39TEST0001,ring 1\n", "line 2, group: not a name"),
    ("serial,group\nC39TEST0001,g\nc39test0001 ,g\n", "line 3, serial: is that of line 2"),
    ("serial,group\nA1,g\n", "line 2, serial: not 4 to 64"),
    ("serial;group\nDefault string;g\n", "line 2, serial: what makers write"),
    ("serial,custody,group\nC39TEST0001,Term 1,g\n", "line 2, custody: not a name"),
    ("serial\nC39TEST0001\n", "line 2, group: not a name"),
    ("serial,group,person\nC39TEST0001,g,A. de Vries\n", "line 2, person: no term"),
    ("serial,group\nC39TEST0001,g\nC39TEST0002\n", "line 3: 1 fields where the first line"),
    ("serial,groep\nC39TEST0001,g\n", "line 1: column 'groep' is not known"),
    ("group\ng\n", "line 1: each column once, serial among them"),
    ("serial,group\n", "no rows"),
    ('serial,group\n"C39TEST0001,g\n', "not CSV"),
    (b"serial,group\nC39T\xc9ST,g\n", "not UTF-8"),
]


def test_a_row_that_is_wrong_is_named_by_line_and_field_and_nothing_is_written(
    world, table, tmp_path, capsys
):
    for text, told in FAULTS:
        assert world.run("admit", "--csv", table(text), str(tmp_path / "out")) == 2, told
        assert told in capsys.readouterr().err
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]
    assert not (world.home.records / "rosters.jsonl").exists()


def test_all_faults_are_told_at_once(world, table, tmp_path, capsys):
    text = "serial,group\n" + "".join(f"S{n},g\n" for n in range(60))
    assert world.run("admit", "--csv", table(text), str(tmp_path / "out")) == 2
    told = capsys.readouterr().err
    assert told.count("serial: ") == 50
    assert "and 10 more" in told


def test_a_table_of_a_dutch_spreadsheet_is_read(world, table, tmp_path):
    text = "\ufeffSerial;Group;Custody\r\nc39test0001;ring-1;a\r\n;;\r\n"
    assert world.run("admit", "--csv", table(text), str(tmp_path / "out")) == 0
    _, (found,) = notes_of(world, tmp_path / "out")
    assert (found.group, found.custody) == ("ring-1", "a")


def test_a_custody_is_one_persons_and_no_leave_outlives_it(world, table, tmp_path, capsys):
    world.pull()
    who = ("--person", "A. de Vries", "--role", "minister", "--from", "2024-07-01")
    for custody, *until in (("a", "--until", "2026-03-01"), ("b",)):
        posts = ("--double-post",) if custody == "b" else ()
        words = ("--custody", custody, *who, *until, *posts, str(tmp_path / f"t-{custody}"))
        assert world.run("term", "open", *words) == 0
    capsys.readouterr()
    text = "serial,group,custody,person\nC39TEST0001,g,b,B. Bakker\nC39TEST0002,g,a,A. de Vries\n"
    assert world.run("admit", "--csv", table(text), str(tmp_path / "out")) == 2
    told = capsys.readouterr().err
    assert "line 2, person: custody b is another person's" in told
    assert "line 3, custody: every post of a has ended" in told
    assert "Bakker" not in told
    right = "serial,group,custody,person\nC39TEST0002,g,b,A. de Vries\n"
    assert world.run("admit", "--csv", table(right), str(tmp_path / "out")) == 0


def test_many_machines_are_one_command(world, table, tmp_path, capsys):
    text = "serial,group\n" + "".join(f"C39TEST{n:04},ring-{n % 3}\n" for n in range(200))
    assert world.run("admit", "--csv", table(text), str(tmp_path / "out")) == 0
    _, found = notes_of(world, tmp_path / "out")
    assert len({one.device for one in found}) == len({one.token.name for one in found}) == 200
    assert len(listed(world, capsys)) == 200


def test_what_was_not_used_is_taken_back_and_what_came_in_goes_on(world, roster, tmp_path, capsys):
    data, _ = notes_of(world, roster)
    for one in data:
        world.receiver.append(one)
    world.pull()
    out = str(tmp_path / "w")
    assert world.run("withdraw", "--serial", "c39test0002", "--reason", "stolen", out) == 0
    note = open_withdrawal((tmp_path / "w").read_bytes(), world.config.keys["enrolment"])
    assert len(note.admissions) == 1
    world.receiver.append((tmp_path / "w").read_bytes())
    world.pull()
    assert [row["state"] for row in listed(world, capsys)] == ["expected", "withdrawn", "expected"]
    number = (roster / "roster.key").read_text().split("/roster/")[1][:8]
    out = str(tmp_path / "w2")
    assert world.run("withdraw", "--roster", number, "--reason", "stolen", out) == 0
    note = open_withdrawal((tmp_path / "w2").read_bytes(), world.config.keys["enrolment"])
    assert len(note.admissions) == 2
    assert world.run("withdraw", "--token", "00000000", "--reason", "x", str(tmp_path / "w3")) == 2


def test_a_machine_that_was_made_anew_may_come_in_again_by_the_same_profile(
    world, roster, tmp_path, capsys
):
    out = tmp_path / "again"
    assert world.run("roster", "again", "--serial", "5cg1234abc", str(out)) == 0
    found = open_admission(out.read_bytes(), world.config.keys["enrolment"])
    key = RosterKey.from_text((roster / "roster.key").read_text().strip())
    made = key.derive("5CG1234ABC")
    assert (found.token, found.device) == (made.token.verifier, made.device)
    assert len(listed(world, capsys)) == 4
    assert world.run("roster", "again", "--serial", "XXXX9999", str(tmp_path / "no")) == 2


def test_verify_knows_the_book(world, roster):
    world.pull()
    assert world.run("verify", "--open") == 0


def test_a_policy_is_promoted_from_ring_to_ring_and_changes_nothing_else(world, tmp_path):
    recipients = json.dumps([r.to_text() for r in world.config.recipients.values()])
    first = tmp_path / "policy.toml"
    first.write_text(
        f'# for everybody, ring by ring\nserial = 1\naudience = [\n  "group:ring-1",\n]\n'
        f'expires = 2036-01-01\nrecipients = {recipients}\n\n[[source]]\nname = "s1"\n'
        'kind = "maildir"\npath = "~/Mail"\n'
    )
    assert world.run("policy", "sign", str(first)) == 0
    assert world.run("policy", "cosign", str(first)) == 0
    world.receiver.append((tmp_path / "policy.toml.note").read_bytes())
    world.pull()
    second = tmp_path / "ring-2.toml"
    assert world.run("policy", "promote", str(first), "--to", "ring-2", str(second)) == 0
    kept = first.read_text().replace("serial = 1", "serial = 2")
    assert second.read_text() == kept.replace('[\n  "group:ring-1",\n]', '["group:ring-2"]')
    assert world.run("policy", "sign", str(second)) == 0
    assert world.run("policy", "promote", str(first), "--to", "Ring 3", str(tmp_path / "x")) == 2
    assert world.run("policy", "promote", str(first), "--to", "ring-3", str(second)) == 2
