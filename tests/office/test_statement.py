# SPDX-License-Identifier: EUPL-1.2
"""A completeness statement and an export count the same, of a person and not of a custody."""

import json

import pytest

PERIOD = ["--period", "2024-03-11..2024-03-12"]
CREATED = ["--created", "2026-11-30T12:00:00Z", "--quiet"]
CHAT = """\
11-03-2024 08:02 - Anna: Ligt de begroting klaar?
11-03-2024 08:05 - Bas: IMG-20240311-WA0001.jpg (bestand bijgevoegd)
"""
PICTURE = b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x01\x00\x01 beeld"


def mail(number, text, day=11):
    return (
        f"Message-ID: <{number}@x.example>\nFrom: a@x.example\nSubject: Stuk {number}\n"
        f"Date: Mon, {day} Mar 2024 08:00:10 +0100\n\n{text}\n"
    ).encode()


@pytest.fixture(scope="module")
def cabinets(founded, tmp_path_factory):
    """Jansen in one cabinet and the next, with another custody in each; De Vries between them."""
    root = tmp_path_factory.mktemp("kabinetten")
    world = founded(root)
    world.pull()
    for custody, person, role, begins in (
        ("2023-fin", "E. Jansen", "minister van Financiën", "2023-01-01"),
        ("jansen", "F. de Vries", "minister van BZK", "2023-01-01"),
        ("2024-ocw", "E. Jansen", "minister van OCW", "2024-03-11"),
    ):
        opening = ["--custody", custody, "--person", person, "--role", role, "--from", begins]
        note = str(root / f"{custody}.note")
        assert world.run("term", "open", *opening, "--double-post", note) == 0
    first = world.enrol("fin-1", custody="2023-fin")
    other = world.enrol("bzk-1", custody="jansen")
    second = world.enrol("ocw-1", custody="2024-ocw")
    first.send_as("maildir", {f"cur/{n}": [mail(n, "stikstof", 10 + n)] for n in range(4)})
    other.send_as("maildir", {"cur/1": [mail(11, "stikstof")], "cur/2": [mail(12, "niets")]})
    second.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [CHAT.encode()]}, source="c")
    second.send_as("folder", {"IMG-20240311-WA0001.jpg": [PICTURE]}, source="c")
    second.send_as("maildir", {"cur/1": [mail(21, "stikstof en meer")]})
    second.send_as("maildir", {"cur/2": [mail(22, "verrot")]})
    world.pull()
    assert world.run("index", "--quiet") == 0
    (path,) = world.home.mirror.rglob(f"{list(world.receiver.batches)[-1]}*batch*")
    data = bytearray(path.read_bytes())
    data[-700] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    return world


def stated(world, where, *more):
    """What a statement counts, by its facts; and its text."""
    note = where / "verklaring"
    world.run("report", "--statement", str(note), *more)
    facts = json.loads((where / "verklaring.json").read_bytes())
    return facts, note.read_text()


@pytest.mark.parametrize(
    "asked",
    [
        ["--person", "E. Jansen"],
        ["--person", "E. Jansen", *PERIOD, "--subject", "stikstof"],
        [],
    ],
    ids=" ".join,
)
def test_a_statement_and_an_export_of_the_same_count_the_same(cabinets, tmp_path, asked):
    facts, text = stated(cabinets, tmp_path, *asked)
    more = ["--without-proofs", str(tmp_path / "uit")]
    cabinets.run("export", "--format", "mdto", *CREATED, *asked, *more)
    told = json.loads(next((tmp_path / "uit").rglob("inventaris.json")).read_bytes())
    assert facts["units"]["counts"] == told["counts"]
    assert facts["units"]["reasons"] == told["reasons"]
    assert {name: facts["units"][name] for name in ("items", "batches")} == told["unseen"]
    found, *rest = (told["counts"][n] for n in ("found", "exported", "left-out", "gone", "failed"))
    assert f"\nunits {found} = {' + '.join(map(str, rest))}\n" in text
    assert found == sum(rest) > 0


def test_a_person_is_who_has_the_term_whatever_a_custody_is_called(cabinets, tmp_path, capsys):
    facts, text = stated(cabinets, tmp_path, "--person", "E. Jansen")
    assert facts["scope"]["custodies"] == ["2023-fin", "2024-ocw"]
    assert {one["name"] for one in facts["devices"]} == {"fin-1", "ocw-1"}
    assert "Jansen" not in text
    before = ["--person", "E. Jansen", "--period", "2023-01-01..2023-12-31"]
    assert stated(cabinets, tmp_path, *before)[0]["scope"]["custodies"] == ["2023-fin"]
    for wrong in ("jansen", "2024-ocw", "Jansen"):
        note = str(tmp_path / "geen")
        assert cabinets.run("report", "--statement", note, "--person", wrong) == 2
        dry = ["--format", "mdto", "--dry-run", "--quiet", str(tmp_path / "geen")]
        assert cabinets.run("export", "--person", wrong, *dry) == 2
        assert "no term is his" in capsys.readouterr().err


def test_a_subject_is_said_and_narrows_what_is_counted(cabinets, tmp_path):
    facts, text = stated(cabinets, tmp_path, "--person", "E. Jansen", "--subject", " stikstof\n")
    assert "\nsubject stikstof\n" in text
    assert facts["units"]["counts"]["found"] == 5
    facts, text = stated(cabinets, tmp_path, "--person", "E. Jansen", "--subject", "onvindbaar")
    assert "\nunits 0 = 0 + 0 + 0 + 0\n" in text
    assert cabinets.run("report", "--subject", "stikstof", "--html", str(tmp_path / "x")) == 2


def test_a_dry_run_counts_what_the_export_will(cabinets, tmp_path, capsys):
    asked = ["--format", "mdto", "--json", *CREATED, *PERIOD]
    capsys.readouterr()
    cabinets.run("export", *asked, "--dry-run", str(tmp_path / "uit"))
    dry = json.loads(capsys.readouterr().out)
    cabinets.run("export", *asked, str(tmp_path / "uit"))
    real = json.loads(capsys.readouterr().out)
    assert dry["counts"] == real["counts"]
    assert real["counts"]["failed"] == 1
