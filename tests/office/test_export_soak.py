# SPDX-License-Identifier: EUPL-1.2
"""An export of what a hostile sender would like it to be: names, nesting, sizes, real mail."""

import json
import os
import random
import string
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import bagit
import pytest
import xmlschema

pytestmark = pytest.mark.soak
DATA = Path(__file__).parents[3] / "shared/data"
XSD = DATA / "mdto/MDTO-XML1.0.1.xsd"
CORPUS = DATA / "mail-spamassassin"
SLIP = "{urn:lakzegel:pakbon:v1}"
SAFE = set(string.ascii_letters + string.digits + "-_.")
MANY = int(os.environ.get("LAKZEGEL_SOAK_MAILS", "10000"))
CUT = 16 << 20  # bytes of a segment
LARGE = 500 << 20  # bytes of one attachment
NASTY = [
    "CON",
    "nul",
    "..",
    "../../../etc/passwd",
    "C:\\windows\\system32",
    "\u202egnp.exe",
    "\N{PILE OF POO}\N{ZERO WIDTH JOINER}\N{PILE OF POO}",
    "regel\r\n een",
    "x" * 300,
    "Stukken",
    "STUKKEN",
    "st\u00fckken",
    "stu\u0308kken",
    "\x00\x01\x02\x1b[31m",
    "<script>alert(1)</script>",
    "]]>&amp;<!--",
    "%0d%0a%25",
    "\u0430\u0440\u0440\u04cf\u0435",
    "=?utf-8?b?////?=",
    "",
]


def mail(number, subject, body="tekst"):
    return (
        f"Message-ID: <{number}@x.example>\nFrom: a{number % 7}@x.example\n"
        f"Date: Mon, 11 Mar 2024 08:{number % 60:02}:10 +0100\nSubject: {subject}\n\n{body}\n"
    ).encode("utf-8", "surrogateescape")


def nested(number, depth):
    inner = mail(number, "diep")
    for level in range(depth):
        head = f"Message-ID: <{number}-{level}@x>\nFrom: a@x\nSubject: {level}\n"
        inner = f"{head}Content-Type: message/rfc822\n\n".encode() + inner
    return inner


PROGRAM = """
import pathlib, sys
from lakzegel_office.__main__ import main
code = main(sys.argv[2:])
status = pathlib.Path("/proc/self/status").read_text()
pathlib.Path(sys.argv[1]).write_text(status.split("VmHWM:")[1].split()[0])
sys.exit(code)
"""  # what wait4 says of a child begins with what its parent had


def run(world, *arguments):
    """Run a command as people do, in a process; returns the most memory that it used, in bytes."""
    told = world.home.root.with_name("most-memory")
    home = ["--home", str(world.home.root), "--passphrase-file", str(world.passphrase_file)]
    command = [sys.executable, "-c", PROGRAM, str(told), *arguments, *home]
    subprocess.run(command, check=True, timeout=3000)
    used = int(told.read_text()) * 1024
    print(arguments[0], used >> 20, "MiB")
    return used


def exported(world, out, *more, kind="mdto"):
    run(world, "index")
    when = ["--created", "2026-11-30T12:00:00Z"]
    return run(world, "export", "--format", kind, *when, *more, str(out))


def test_ten_thousand_mails_with_nasty_names(world, device, tmp_path):
    dice = random.Random(7)
    mails = {f"cur/{n}": mail(n, dice.choice(NASTY) + dice.choice(NASTY)) for n in range(MANY)}
    for number in range(5):
        mails[f"cur/diep{number}"] = nested(MANY + number, 10 ** (number % 4))
    names = list(mails)
    for first in range(0, len(names), 1000):
        some = names[first : first + 1000]
        device.send_as("maildir", {name: [mails[name]] for name in some})
    world.pull()
    out = tmp_path / "uit"
    schema = ["--xsd", str(XSD)] if XSD.is_file() else []
    assert exported(world, out, *schema, kind="bagit") < 600 << 20
    bagit.Bag(str(out)).validate()
    sip = out / "data"
    lying = [p for p in sip.rglob("*") if p.is_file()]
    leaves = [p.name.lower() for p in sip.rglob("*")]
    assert len(set(leaves)) == len(leaves)
    assert all(set(p.name) <= SAFE for p in sip.rglob("*"))
    slip = ET.parse(sip / "pakbon.xml").getroot()
    assert int(slip.findtext(f"{SLIP}aantalBestandenInTotaal")) == len(lying) - 1
    assert slip.findtext(f"{SLIP}inventaris/{SLIP}overgebracht") == str(len(mails))
    told = json.loads(next(sip.rglob("inventaris.json")).read_bytes())
    originals = [file["path"] for file in told["files"] if file["role"] == "origineel"]
    assert {(out / path).read_bytes() for path in originals} == set(mails.values())
    assert len(list(sip.rglob("*.proof"))) == len(mails)
    if schema:
        sidecars = [p for p in lying if p.name.endswith(".MDTO.xml")]
        official = xmlschema.XMLSchema(str(XSD))
        for path in random.Random(1).sample(sidecars, min(500, len(sidecars))):
            official.validate(str(path))
    assert told["counts"]["found"] == len(mails)


def test_an_attachment_of_500_megabytes_does_not_fill_the_memory(world, device, tmp_path):
    line = b"QUJD" * 19 + b"\n"
    whole = mail(1, "Groot") + line * (LARGE // len(line))
    pieces = [whole[start : start + CUT] for start in range(0, len(whole), CUT)]
    for number, piece in enumerate(pieces):  # no two alike, as no two of a real file are
        pieces[number] = piece[:-5] + f"{number:04}\n".encode()
    device.send_as("maildir", {"cur/1": pieces})
    size = len(whole)
    del whole
    world.pull()
    out = tmp_path / "uit"
    assert exported(world, out) < 600 << 20
    (one,) = out.rglob("*.eml")
    assert one.stat().st_size == size
    assert len(list(out.rglob("*.proof"))) == len(pieces)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/data/mail-spamassassin is not here")
def test_real_mail_leaves_as_it_is_with_renderings(world, device, tmp_path):
    mails = {f"cur/{p.name}": [p.read_bytes()] for p in sorted(CORPUS.glob("*.eml"))}
    device.send_as("maildir", mails)
    world.pull()
    out = tmp_path / "uit"
    exported(world, out, "--renderings", *(["--xsd", str(XSD)] if XSD.is_file() else []))
    told = json.loads(next(out.rglob("inventaris.json")).read_bytes())
    assert told["counts"]["failed"] == 0
    originals = {f["path"] for f in told["files"] if f["role"] == "origineel"}
    assert {(out / path).read_bytes() for path in originals} <= {data for (data,) in mails.values()}
    for page in out.rglob("*.html"):
        found = Active()
        found.feed(page.read_text())
        assert not found.active, page


class Active(HTMLParser):
    """What of a page would run or fetch."""

    def __init__(self):
        super().__init__()
        self.active = []

    def handle_starttag(self, tag, attrs):
        if tag in {"script", "iframe", "object", "embed", "link", "base", "form", "svg", "video"}:
            self.active.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in {"href", "srcset", "style", "action"}:
                self.active.append(name)
            if name == "src" and not value.startswith("data:image/"):
                self.active.append(value)
