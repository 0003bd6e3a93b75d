# SPDX-License-Identifier: EUPL-1.2
"""What leaves the office: chosen, counted, written, sealed, described."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lakzegel_office.collection import assembling
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Office
from lakzegel_office.journal import journal_key
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import Class
from lakzegel_office.transfer import outfolder, rendering
from lakzegel_office.vault import INDEX
from lakzegel_verify.__main__ import main as verify

XSD = Path(__file__).parents[3] / "shared/data/mdto/MDTO-XML1.0.1.xsd"
START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MDTO = "{https://www.nationaalarchief.nl/mdto}"
SLIP = "{urn:lakzegel:pakbon:v1}"
CREATED = ["--created", "2026-11-30T12:00:00Z", "--quiet"]
CHAT = """\
11-03-2024 08:01 - Berichten en oproepen worden end-to-end versleuteld.
11-03-2024 08:02 - Anna: Ligt de begroting klaar?
11-03-2024 08:05 - Bas: IMG-20240311-WA0001.jpg (bestand bijgevoegd)
"""
PICTURE = b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x01\x00\x01 beeld"
ATTACK = (
    'Content-Type: text/html\n\n<p>Dag<script>alert(1)</script><img src="http://x.example/a" '
    'onerror="alert(2)"><a href="javascript:alert(3)">klik</a><iframe src="//x.example"></iframe>'
    "<style>@import url(http://x.example)</style><svg onload=alert(4)></svg>"
)
LATER = "12-03-2024 09:00 - Bas: Ja, hij ligt er\n"
NASTY = "../..\\CON\u202e\N{PILE OF POO}?*:<b>&\x01 " + "lang" * 90


def mail(number, subject="Stukken", text="Goedemorgen, hierbij de stukken.", day=11):
    return (
        f"Message-ID: <{number}@minxyz.example>\nFrom: Anna <anna@minxyz.example>\n"
        f"To: Bas <bas@minxyz.example>\nDate: Mon, {day} Mar 2024 08:00:10 +0100\n"
        f"Subject: {subject}\n\n{text}\n"
    ).encode("utf-8", "surrogateescape")


@pytest.fixture(scope="module")
def filled(founded, tmp_path_factory):
    """Three mails, one of an mbox, a chat with a picture, and a file that is neither."""
    world = founded(tmp_path_factory.mktemp("kantoor"))
    device = world.enrol()
    device.send_as("maildir", {"cur/1": [mail(1)], "cur/2": [mail(2, NASTY, "Broodje?", day=12)]})
    boxed = b"From - Mon Mar 11 08:02:10 2024\n" + mail(3, "Doos", "Uit de doos\n>From hier\n")
    device.send_as("mbox", {"Archief": [boxed]}, source="archief")
    chat = {"WhatsApp-chat met Anna.txt": [CHAT.encode(), LATER.encode()]}
    device.send_as("whatsapp-export", chat, source="chats")
    device.send_as("folder", {"IMG-20240311-WA0001.jpg": [PICTURE]}, source="chats")
    device.send_as("folder", {"nota.txt": [b"een nota\n"]}, source="stukken")
    world.pull()
    return world


@pytest.fixture(scope="module")
def sip(filled, tmp_path_factory):
    """All of it, as an MDTO-SIP."""
    return exported(filled, tmp_path_factory.mktemp("sip") / "uit", "--top", "2.16.99")


@pytest.fixture
def collection(filled):
    """How to have the collection behind it."""
    opened = []

    def open_it():
        opened.append(open_collection(Office(filled.home, filled.config, filled.vault))[0])
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


def exported(world, out, *arguments, kind="mdto"):
    assert world.run("export", "--format", kind, *CREATED, *arguments, str(out)) == 0
    return out


def files(out):
    return {p.relative_to(out).as_posix(): p for p in sorted(out.rglob("*")) if p.is_file()}


def inventory(out):
    (path,) = out.rglob("inventaris.json")
    return json.loads(path.read_bytes())


def test_everything_found_is_accounted_for_and_lies_there(sip):
    told = inventory(sip)
    outcomes = Counter(row["outcome"] for row in told["units"])
    assert told["counts"] == {"found": 9, "exported": 9, "left-out": 0, "gone": 0, "failed": 0}
    assert sum(outcomes.values()) == 9
    lying = files(sip)
    for row in told["units"]:
        assert row["files"], row
        assert set(row["files"]) <= set(lying)
    for file in told["files"]:
        assert hashlib.sha256(lying[file["path"]].read_bytes()).hexdigest() == file["sha256"]


def test_the_raw_bytes_stay_the_record(sip):
    found = {p.read_bytes() for p in sip.rglob("*.eml")}
    assert mail(1) in found
    assert mail(3, "Doos", "Uit de doos\nFrom hier\n") in found  # derived of the mbox
    assert any(b">From hier" in p.read_bytes() for p in sip.rglob("*.mbox"))
    (chat,) = (p for p in sip.rglob("*.txt") if p.read_bytes() == (CHAT + LATER).encode())
    assert chat.parent.name.startswith("Anna-")
    assert [p.read_bytes() for p in sip.rglob("*.jpg")] == [PICTURE]


def test_each_seal_is_proven_by_the_judges_program(sip, tmp_path, capsys):
    told = inventory(sip)
    keys = next(sip.rglob("judge.keys"))
    checked = 0
    for file in told["files"]:
        data = (sip / file["path"]).read_bytes()
        for number, (_, start, size) in enumerate(file["seals"], 1):
            part = tmp_path / "deel"
            part.write_bytes(data[start : start + size])
            more = f".{number}" if len(file["seals"]) > 1 else ""
            proof = sip / f"{file['path']}{more}.proof"
            assert verify([str(proof), str(part), "--keys", str(keys)]) == 0
            checked += 1
    assert checked == 7
    capsys.readouterr()


def test_the_packing_slip_says_what_lies_there(sip):
    slip = ET.parse(sip / "pakbon.xml").getroot()
    said = {row.tag.removeprefix(SLIP): row.text for row in slip}
    lying = {name: p for name, p in files(sip).items() if name != "pakbon.xml"}
    sidecars = [name for name in lying if name.endswith(".MDTO.xml")]
    content = [name for name in lying if name not in sidecars]
    assert int(said["aantalBestandenInTotaal"]) == len(lying)
    assert int(said["aantalBestanden"]) == len(content)
    assert int(said["omvangBestanden"]) == sum(lying[name].stat().st_size for name in content)
    objects = [name for name in sidecars if not name.endswith(".bestand.MDTO.xml")]
    assert int(said["aantalInformatieobjecten"]) == len(objects)
    lines = sorted(
        (n.encode(), hashlib.sha256(p.read_bytes()).hexdigest()) for n, p in lying.items()
    )
    text = b"".join(digest.encode() + b"  " + name + b"\n" for name, digest in lines)
    assert said["hashcode"] == hashlib.sha256(text).hexdigest()


def related(path):
    """What one sidecar says: its own id, that of its parent, those of its parts."""
    (inner,) = ET.parse(path).getroot()
    own = inner.findtext(f"{MDTO}identificatie/{MDTO}identificatieKenmerk")

    def ids(*tags):
        rows = (row for tag in tags for row in inner.findall(MDTO + tag))
        return [row.findtext(f".//{MDTO}identificatieKenmerk") for row in rows]

    (parent,) = ids("isOnderdeelVan", "isRepresentatieVan")
    return own, parent, ids("bevatOnderdeel", "heeftRepresentatie", "aanvullendeMetagegevens")


def test_sidecars_refer_to_each_other_both_ways(sip):
    told = [related(path) for path in sip.rglob("*.MDTO.xml")]
    parents = {own: parent for own, parent, _ in told}
    assert len(parents) == len(told)
    below = {own: parent for own, parent in parents.items() if parent != "2.16.99"}
    assert below == {part: own for own, _, parts in told for part in parts}
    assert len(parents) - len(below) == 2  # the series, and what is said of the delivery


def test_every_folder_and_file_has_its_sidecar(sip):
    for path in sip.rglob("*"):
        if path.is_dir():
            assert (path / f"{path.name}.MDTO.xml").is_file()
        elif not path.name.endswith(".MDTO.xml") and path.name != "pakbon.xml":
            assert (path.parent / f"{path.name}.bestand.MDTO.xml").is_file()


@pytest.mark.skipif(not XSD.is_file(), reason="MDTO's schema is not at ../shared/data/mdto")
def test_what_settings_say_is_valid_by_the_official_schema(filled, tmp_path):
    settings = tmp_path / "overdracht.toml"
    settings.write_text(
        'creator = {name = "Ministerie & Co", id = "mnre1000", source = "TOOI"}\ndefault = "x"\n'
        'selection_list = "Lijst <1>"\n[category.x]\nlabel = "Overig"\nappraisal = "V"\n'
        'term = "10y"\nrestriction = "Overig"\nrestriction_text = "Privacy"\n'
    )
    out = exported(filled, tmp_path / "uit", "--xsd", str(XSD), "--settings", str(settings))
    said = next(out.rglob("Stukken*.MDTO.xml")).read_text()
    assert "<termijnLooptijd>P10Y</termijnLooptijd>" in said
    assert "<verwijzingNaam>Ministerie &amp; Co</verwijzingNaam>" in said


def test_names_are_safe_and_titles_stand_in_the_metadata(sip):
    names = [p.name for p in sip.rglob("*")]
    assert len({name.lower() for name in names}) == len(names)
    assert all(len(p.relative_to(sip).as_posix()) <= 255 for p in sip.rglob("*"))
    assert all(set(name) <= set(SAFE) for name in names)
    titles = {ET.parse(p).getroot()[0].findtext(f"{MDTO}naam") for p in sip.rglob("*.MDTO.xml")}
    assert any("\u202e\N{PILE OF POO}?*:<b>&" in title for title in titles)


SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"


def test_a_period_leaves_out_and_says_why(filled, tmp_path):
    out = exported(filled, tmp_path / "uit", "--period", "2024-03-12..2024-03-12")
    told = inventory(out)
    assert told["counts"] == {"found": 4, "exported": 2, "left-out": 2, "gone": 0, "failed": 0}
    assert told["reasons"] == {"left-out: undated": 2}
    (chat,) = (p for p in out.rglob("*.txt") if LATER.encode() in p.read_bytes())
    assert "Anna: Ligt" not in chat.read_text()


def test_the_same_input_gives_the_same_bytes(filled, tmp_path):
    one = exported(filled, tmp_path / "een", "--name", "uit", kind="mbox")
    two = exported(filled, tmp_path / "twee", "--name", "uit", kind="mbox")
    assert {n: p.read_bytes() for n, p in files(one).items()} == {
        n: p.read_bytes() for n, p in files(two).items()
    }


def test_an_mbox_gives_its_mails_back(filled, tmp_path):
    out = exported(filled, tmp_path / "uit", kind="mbox")
    (box,) = out.glob("*.mbox")
    assert b"\n>From hier\n" in box.read_bytes()
    assert b"\n>>From hier\n" not in box.read_bytes()
    assert inventory(out)["reasons"] == {"left-out: not-a-mail": 6}


def test_nothing_is_overwritten_and_what_is_not_ours_is_left_alone(filled, tmp_path, capsys):
    (tmp_path / "uit").mkdir()
    assert filled.run("export", "--format", "mdto", str(tmp_path / "uit")) == 2
    (tmp_path / "nieuw.part").mkdir()
    (tmp_path / "nieuw.part/van-iemand").write_text("x")
    assert filled.run("export", "--format", "eml", "--quiet", str(tmp_path / "nieuw")) == 2
    assert (tmp_path / "nieuw.part/van-iemand").read_text() == "x"
    assert "is in the way" in capsys.readouterr().err


def test_an_export_is_in_the_trail_with_its_counts(filled, tmp_path):
    exported(filled, tmp_path / "uit", "--request", "Woo 2026-14", kind="eml")
    line = [line for line in filled.trail() if line["action"] == "export"][-1]
    assert line["object"]["exported"] == "3"
    assert line["object"]["left-out"] == "6"
    assert line["reason"] == "Woo 2026-14"


def test_a_full_disk_is_named_and_leaves_nothing(filled, tmp_path, monkeypatch, capsys):
    def full(*_arguments, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outfolder.hashlib, "sha512", full)
    assert filled.run("export", "--format", "eml", "--quiet", str(tmp_path / "uit")) == 4
    assert "no room" in capsys.readouterr().err
    assert not list(tmp_path.glob("uit*"))


def test_renderings_are_to_read_and_run_nothing(filled, tmp_path):
    out = exported(filled, tmp_path / "uit", "--renderings")
    (chat,) = (p for p in out.rglob("Anna-*.html"))
    text = chat.read_text()
    assert "Anna</bdi></b> <time>2024-03-11 07:02:00</time>" in text
    assert "Ligt de begroting klaar?" in text
    assert "data:image/jpeg;base64,/9j/" in text
    assert len(list(out.rglob("*.pdf"))) == len(list(out.rglob("*.html"))) == 4
    assert all(p.read_bytes().startswith(b"%PDF-1.7") for p in out.rglob("*.pdf"))
    whole = "".join(p.read_text() for p in out.rglob("*.html")).lower()
    assert "<script" not in whole
    assert "http://" not in whole
    told = inventory(out)
    assert all(file["how"] for file in told["files"] if file["role"] == "weergave")


def test_markup_of_a_mail_is_text_in_its_order_and_nothing_else():
    shown = rendering.sanitised(ATTACK).lower()
    assert "dag" in shown
    assert "klik" in shown
    for what in ("script", "alert", "http", "src", "href", "style", "iframe", "svg", "onerror"):
        assert what not in shown.replace("content-type: text/html", "")


def test_a_segment_that_holds_what_stays_is_not_handed_over_whole(filled, tmp_path, collection):
    units = list(collection().units(Query(apps=["whatsapp"], text="begroting")))
    chosen = tmp_path / "eenheden"
    chosen.write_text(units[0].id + "\n")
    out = exported(filled, tmp_path / "uit", "--units", str(chosen))
    (file,) = inventory(out)["files"]
    assert (out / file["path"]).read_bytes() == CHAT.splitlines(keepends=True)[1].encode()
    assert file["seals"] == []
    assert "alleen de stukken" in file["how"]
    assert not list(out.rglob("*.proof"))


def test_what_was_destroyed_is_named_with_its_certificate(world, device, tmp_path):
    before = set(world.receiver.batches)
    device.send_as("maildir", {"cur/1": [mail(1)], "cur/2": [mail(2, "Weg", "Zangzaad")]})
    (name,) = set(world.receiver.batches) - before
    world.pull()
    assert world.run("index", "--quiet") == 0
    world.destroy(device, name, 2, certificate=bytes(range(32)))
    world.pull()
    out = exported(world, tmp_path / "uit")
    told = inventory(out)
    assert told["counts"] == {"found": 2, "exported": 1, "left-out": 0, "gone": 1, "failed": 0}
    (gone,) = (row for row in told["units"] if row["outcome"] == "gone")
    assert bytes(range(32)).hex() in gone["reason"]
    assert told["unseen"] == {"items": 0, "batches": 0}
    slip = ET.parse(out / "pakbon.xml").getroot()
    assert slip.findtext(f"{SLIP}inventaris/{SLIP}vernietigd") == "1"


def test_what_does_not_open_is_failed_and_the_rest_is_whole(world, device, tmp_path):
    device.send_as("maildir", {"cur/1": [mail(1)]})
    device.send_as("maildir", {"cur/2": [mail(2, "Stuk", "Kapot")]})
    world.pull()
    assert world.run("index", "--quiet") == 0
    name = list(world.receiver.batches)[-1]
    rot(world, name, -600)
    assert world.run("export", "--format", "mdto", *CREATED, str(tmp_path / "uit")) == 1
    told = inventory(tmp_path / "uit")
    assert told["counts"] == {"found": 2, "exported": 1, "left-out": 0, "gone": 0, "failed": 1}
    assert len(list((tmp_path / "uit").rglob("*.eml"))) == 1
    assert told["unseen"] == {"items": 0, "batches": 0}


def rot(world, name, at):
    """Change a byte of a batch in the mirror."""
    (path,) = world.home.mirror.rglob(f"{name}*batch*")
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


def test_one_day_of_a_chat_that_rotted_fails_alone(world, device, tmp_path):
    chat = {"WhatsApp-chat met Anna.txt": [CHAT.encode(), LATER.encode()]}
    device.send_as("whatsapp-export", chat, source="chats")
    first = list(world.receiver.batches)[-1]
    device.send_as("folder", {"IMG-20240311-WA0001.jpg": [PICTURE]}, source="chats")
    second = list(world.receiver.batches)[-1]
    world.pull()
    assert world.run("index", "--quiet") == 0
    rot(world, second, len(world.receiver.batches[second]) - 1500)
    rot(world, first, len(world.receiver.batches[first]) - 1500)
    assert world.run("export", "--format", "mdto", *CREATED, str(tmp_path / "uit")) == 1
    told = inventory(tmp_path / "uit")
    assert told["counts"]["exported"] >= 1
    assert told["counts"]["failed"] >= 1
    assert told["counts"]["found"] == told["counts"]["exported"] + told["counts"]["failed"] == 5
    for row in told["units"]:
        assert bool(row["files"]) == (row["outcome"] == "exported")


def test_what_never_opened_is_counted_though_it_is_no_unit(world, device, tmp_path):
    items = device.file_items("cur/1", [mail(1)])
    device.send(items, keys=[bytes(31) + b"x", items[1].key])
    device.send_as("maildir", {"cur/2": [mail(2)]})
    other = world.enrol("tweede")  # of the same custody; nothing of it opens
    other.send(other.file_items("cur/3", [mail(3)]), keys=[bytes(31) + b"y"] * 2)
    world.pull()
    out = tmp_path / "uit"
    how = ("--format", "mdto", "--custody", "default", *CREATED)
    assert world.run("export", *how, str(out)) == 1
    assert inventory(out)["unseen"] == {"items": 3, "batches": 0}
    assert "3 verzegelde items gaan niet open" in (out / "pakbon.xml").read_text()


def test_receipts_redacted_copies_and_declarations_are_registered(
    filled, tmp_path, collection, capsys
):
    exported(filled, tmp_path / "levering", "--request", "Woo 2026-14")
    receipt, redacted = tmp_path / "ontvangst.xml", tmp_path / "gelakt.pdf"
    receipt.write_bytes(b"<ontvangen/>")
    redacted.write_bytes(b"%PDF gelakt")
    (unit,) = collection().units(Query(text="broodje"))
    assert filled.run("export", "register-receipt", "levering", str(receipt)) == 0
    assert filled.run("export", "register-redacted", unit.id, str(redacted)) == 0
    assert filled.run("export", "declare", "levering", str(tmp_path / "verklaring")) == 0
    capsys.readouterr()
    assert filled.run("export", "registers", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()][-4:]
    assert [row["type"] for row in rows] == ["export", "receipt", "redacted", "declaration"]
    assert rows[1]["sha256"] == hashlib.sha256(b"<ontvangen/>").hexdigest()
    assert rows[2]["seals"][0]["item"].startswith("minister/0/")
    said = ET.parse(tmp_path / "verklaring.xml").getroot()
    values = [row.text for row in said]
    assert rows[0]["digest"] in values
    assert rows[1]["sha256"] in values
    pdf = (tmp_path / "verklaring.pdf").read_bytes()
    assert hashlib.sha256(pdf).hexdigest() == rows[3]["files"]["pdf"]
    assert filled.run("export", "register-receipt", "nooit", str(receipt)) == 2
    assert filled.run("export", "register-receipt", "levering", str(tmp_path / "weg")) == 2


def test_what_review_calls_private_stays_and_what_is_held_says_so(world, device, tmp_path, capsys):
    device.send_as("maildir", {f"cur/{n}": [mail(n, f"Stuk {n}")] for n in range(4)})
    world.pull()
    office = Office(world.home, world.config, world.vault)
    with open_collection(office)[0] as collection:
        ids = [unit.id for unit in collection.units(Query())]
    book = Book.open(world.home, journal_key(world.vault.load(INDEX)))
    book.decide(ids[:1], Class.PRIVATE, actor="a", reason="gezin", now=START)
    book.decide(ids[1:2], Class.BUSINESS, actor="a", reason="", now=START)
    book.dispute(ids[2:3], actor="b", reason="twijfel", now=START)
    (tmp_path / "lijst").write_text("\n".join(ids[1:2]))
    held = ["--reason", "Woo", "--units", str(tmp_path / "lijst")]
    assert world.run("hold", "set", "woo-2027-014", *held) == 0
    told = inventory(exported(world, tmp_path / "uit"))
    assert told["reasons"] == {"left-out: class betwist": 1, "left-out: class prive": 1}
    assert [row["holds"] for row in told["units"] if row["unit"] == ids[1]] == [["woo-2027-014"]]
    slip = (tmp_path / "uit/pakbon.xml").read_text()
    assert "1 stukken vallen onder een bewaarplicht" in slip
    capsys.readouterr()
    exported(world, tmp_path / "alleen", "--class", "zakelijk", "--dry-run", "--json")
    assert json.loads(capsys.readouterr().out)["counts"]["exported"] == 1
    assert not (tmp_path / "alleen").exists()
    exported(world, tmp_path / "alleen", "--hold", "woo-2027-014", "--dry-run", "--json")
    assert json.loads(capsys.readouterr().out)["counts"]["found"] == 1
    dry = ["--format", "mdto", "--quiet", "--dry-run", str(tmp_path / "alleen")]
    assert world.run("export", "--hold", "woo-1", *dry) == 2


def test_attachments_of_a_mail_lie_beside_it_decoded(world, device, tmp_path):
    parts = (
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nzie bijlage\n"
        '--x\nContent-Type: text/csv\nContent-Disposition: attachment; filename="../../a.csv"\n'
        "Content-Transfer-Encoding: base64\n\nYSxiCg==\n--x\nContent-Type: message/rfc822\n\n"
        "Subject: binnen\n\nbinnenin\n--x--\n"
    )
    device.send_as("maildir", {"cur/1": [mail(1).split(b"\n\n")[0] + b"\n" + parts.encode()]})
    world.pull()
    told = inventory(exported(world, tmp_path / "uit"))
    found = {
        f["title"]: tmp_path / "uit" / f["path"] for f in told["files"] if f["role"] == "bijlage"
    }
    assert len(found) == 2
    assert found["a.csv" if "a.csv" in found else "../../a.csv"].read_bytes() == b"a,b\n"
    assert told["counts"]["exported"] == 1
    assert len(told["units"][0]["files"]) == 3


def test_a_kill_leaves_nothing_that_looks_whole_and_the_next_export_begins_anew(filled, tmp_path):
    out = tmp_path / "uit"
    home = ["--home", str(filled.home.root), "--passphrase-file", str(filled.passphrase_file)]
    command = [
        sys.executable,
        "-m",
        "lakzegel_office",
        "export",
        *home,
        "--format",
        "mdto",
        str(out),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as started:
        assert any(line == "proofs\n" for line in started.stderr)
        started.kill()
    assert not out.exists()
    part = tmp_path / "uit.part"
    assert (part / ".lakzegel-export").exists()
    assert not (part / "pakbon.xml").exists()
    exported(filled, out)
    assert not part.exists()
    assert not list(out.rglob(".lakzegel-export"))


def test_a_mail_beyond_what_the_collection_looks_at_leaves_to_its_last_byte(
    world, device, tmp_path, monkeypatch
):
    monkeypatch.setattr(assembling, "CUT", 256)
    monkeypatch.setattr(assembling, "MAX_PARSED", 600)
    whole = mail(1, text="".join(f"regel {n}\n" for n in range(200)))
    pieces = [whole[start : start + 256] for start in range(0, len(whole), 256)]
    device.send_as("maildir", {"cur/1": pieces})
    world.pull()
    out = exported(world, tmp_path / "uit")
    assert [p.read_bytes() for p in out.rglob("*.eml")] == [whole]
    assert len(list(out.rglob("*.proof"))) == len(pieces)
