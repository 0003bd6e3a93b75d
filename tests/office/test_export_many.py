# SPDX-License-Identifier: EUPL-1.2
"""A delivery of mails whose names are what an archive likes least: 40 of them, or 10,000."""

import csv
import hashlib
import json
import os
import shutil
import string
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from lakzegel_core.encoding import b64
from tests.office.nasty import large, mails

XSD = Path(__file__).parents[3] / "shared/data/mdto/MDTO-XML1.0.1.xsd"
MDTO = "{https://www.nationaalarchief.nl/mdto}"
SLIP = "{urn:lakzegel:pakbon:v1}"
SAFE = set(string.ascii_letters + string.digits + "-_.")
CREATED = ["--created", "2026-11-30T12:00:00Z"]
MOST = 600 << 20  # bytes of memory, with what is mapped of the mirror
CHAT = "11-03-2024 08:05 - Bas: VID-20240311-WA0001.mp4 (bestand bijgevoegd)\n"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Size:
    mails: int
    large: int  # bytes of an attachment
    cut: int  # bytes of a segment
    apart: bool  # run as people do, in a process, whose memory is measured


SHORT = Size(40, 1 << 20, 16 << 20, apart=False)
LONG = Size(int(os.environ.get("LAKZEGEL_SOAK_MAILS", "10000")), 500 << 20, 16 << 20, apart=True)


@dataclass(frozen=True)
class Bag:
    root: Path
    captured: dict  # path → bytes, of mails
    large: tuple  # SHA-256 of the large mail and of the large file
    memory: int  # bytes

    @property
    def sip(self):
        return self.root / "data"

    def told(self):
        return json.loads(next(self.sip.rglob("inventaris.json")).read_bytes())

    def files(self):
        return [p for p in self.sip.rglob("*") if p.is_file()]


@pytest.fixture(
    scope="module", params=[SHORT, pytest.param(LONG, marks=pytest.mark.soak)], ids=["40", "10000"]
)
def bag(request, founded, tmp_path_factory):
    """All of it as a bag, whose payload is the MDTO-SIP."""
    size = request.param
    world = founded(tmp_path_factory.mktemp("veel"))
    device = world.enrol()
    captured = mails(size.mails)
    names = list(captured)
    for first in range(0, len(names), 1000):
        device.send_as("maildir", {n: [captured[n]] for n in names[first : first + 1000]})
    mail, file = large(size.large, size.cut)
    send_over(device, "maildir", "cur/groot", mail)
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [CHAT.encode()]}, source="c")
    send_over(device, "folder", "VID-20240311-WA0001.mp4", file, source="c")
    digests = tuple(hashlib.sha256(b"".join(pieces)).hexdigest() for pieces in (mail, file))
    world.pull()
    out = tmp_path_factory.mktemp("uit") / "levering"
    schema = ["--xsd", str(XSD)] if XSD.is_file() else []
    run = in_a_process if size.apart else in_this
    run(world, "index", "--quiet")
    memory = run(world, "export", "--format", "bagit", "--quiet", *CREATED, *schema, str(out))
    return Bag(out, captured, digests, memory)


def send_over(device, reader, path, pieces, source="mail"):
    """Seal a file with a batch for each of its segments, as an agent does with a large one."""
    device.reader, file, rows = reader, os.urandom(16).hex(), []
    for piece in pieces:
        item = device.seal(payload=piece, context=device.context(path, file), source=source)
        rows.append([device.epoch, device.batch, 0, len(piece), b64(item.entry.commitment)])
        device.send([item])
    device.send([device.capture(path, rows, file, source)])
    device.reader = "folder"


PROGRAM = """
import pathlib, sys
from lakzegel_office.__main__ import main
if __name__ == "__main__":
    code = main(sys.argv[2:])
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path(sys.argv[1]).write_text(status.split("VmHWM:")[1].split()[0])
    sys.exit(code)
"""  # what wait4 says of a child begins with what its parent had


def in_this(world, *arguments):
    assert world.run(*arguments) == 0
    return 0


def in_a_process(world, *arguments):
    """Run a command as people do; returns the most memory that it used, in bytes."""
    told = world.home.root.with_name("most-memory")
    program = world.home.root.with_name("program.py")
    program.write_text(PROGRAM)
    home = ["--home", str(world.home.root), "--passphrase-file", str(world.passphrase_file)]
    subprocess.run(
        [sys.executable, str(program), str(told), *arguments, *home], check=True, timeout=3000
    )
    used = int(told.read_text()) * 1024
    print(f"{arguments[0]}: {used >> 20} MiB, {os.times().children_user:.0f} CPU-seconds so far")
    return used


def test_memory_does_not_grow_with_what_is_exported(bag):
    assert bag.memory < MOST


def test_no_name_is_refused_anywhere_and_no_two_are_one(bag):
    names = [p.name for p in bag.sip.rglob("*")]
    assert len({name.lower() for name in names}) == len(names)
    assert all(set(name) <= SAFE and name[0] not in ".-" and len(name) <= 255 for name in names)
    assert all(len(p.relative_to(bag.root).as_posix()) <= 255 for p in bag.files())


def test_every_mail_is_there_as_it_was_captured_and_proven(bag):
    told = bag.told()
    originals = [file for file in told["files"] if file["role"] == "origineel"]
    wanted = Counter(hashlib.sha256(data).hexdigest() for data in bag.captured.values())
    wanted.update([bag.large[0], hashlib.sha256(CHAT.encode()).hexdigest()])
    assert Counter(file["sha256"] for file in originals) == wanted
    assert [f["sha256"] for f in told["files"] if f["sha256"] == bag.large[1]]
    seals = sum(len(file["seals"]) for file in told["files"])
    assert len(list(bag.sip.rglob("*.proof"))) == seals > len(bag.captured)
    count = len(bag.captured) + 3  # the large mail, a message and its file
    assert told["counts"] == {
        "found": count,
        "exported": count,
        "left-out": 0,
        "gone": 0,
        "failed": 0,
    }


def test_what_is_in_a_mail_lies_beside_it(bag):
    told = bag.told()
    inside = [file for file in told["files"] if file["role"] == "bijlage"]
    assert len(inside) > len(bag.captured) // 2
    assert all(file["how"] for file in inside if file["sha256"] != bag.large[1])


def test_the_packing_slip_counts_what_lies_there(bag):
    slip = ET.parse(bag.sip / "pakbon.xml").getroot()

    def said(name):
        return int(slip.findtext(SLIP + name.replace("/", f"/{SLIP}")))

    lying = [p for p in bag.files() if p.name != "pakbon.xml"]
    sidecars = [p for p in lying if p.name.endswith(".MDTO.xml")]
    content = [p for p in lying if not p.name.endswith(".MDTO.xml")]
    assert said("aantalBestandenInTotaal") == len(lying)
    assert said("aantalBestanden") == len(content)
    assert said("omvangBestanden") == sum(p.stat().st_size for p in content)
    assert said("aantalMetagegevensbestanden") == len(sidecars)
    assert said("inventaris/overgebracht") == bag.told()["counts"]["exported"]


@pytest.mark.skipif(not XSD.is_file(), reason="MDTO's schema is not at ../shared/data/mdto")
def test_every_xml_is_valid_by_the_official_schema(bag):
    sidecars = [str(p) for p in bag.files() if p.name.endswith(".MDTO.xml")]
    assert len(sidecars) > 3 * len(bag.captured)
    if shutil.which("xmllint"):
        command = ["xmllint", "--nonet", "--noout", "--schema", str(XSD)]
        for first in range(0, len(sidecars), 500):
            run = [*command, *sidecars[first : first + 500]]
            subprocess.run(run, check=True, timeout=600, stderr=subprocess.DEVNULL)
        return
    official = xmlschema.XMLSchema(str(XSD))
    for path in sidecars[:: len(sidecars) // 50]:
        official.validate(path)


def test_the_library_of_congress_calls_the_bag_valid(bag):
    command = [sys.executable, str(BIN / "bagit.py"), "--quiet", "--validate", str(bag.root)]
    subprocess.run(command, check=True, timeout=3000)


def test_fido_run_by_itself_finds_the_format_that_each_sidecar_names(bag, tmp_path):
    ours = puids(bag.sip)
    proofs = [name for name in ours if name.endswith(".proof")]
    for name in proofs[3:]:  # each is the same text but for its digits
        del ours[name]
    listed = tmp_path / "bestanden"
    listed.write_text("".join(f"{name}\n" for name in ours))
    command = [sys.executable, str(BIN / "fido"), "-q", "-input", str(listed)]
    said = subprocess.run(command, check=True, timeout=3000, stdout=subprocess.PIPE, text=True)
    theirs = {name: ("", set()) for name in ours}
    for row in csv.reader(said.stdout.splitlines()):
        theirs[row[6]] = row[8], theirs[row[6]][1] | {row[2]}
    unlike = {
        Path(name).suffix: (ours[name], *found)
        for name, found in theirs.items()
        if not same(ours[name], *found)
    }
    assert unlike == {}
    assert len(set(ours.values())) > 25


def puids(sip):
    """The format of each file by its sidecar; nothing where that has a media type."""
    found = {}
    for path in sip.rglob("*.bestand.MDTO.xml"):
        one = ET.parse(path).getroot().find(f"{MDTO}bestand/{MDTO}bestandsformaat")
        name = path.with_name(path.name.removesuffix(".bestand.MDTO.xml"))
        found[str(name)] = one.findtext(f"{MDTO}begripCode") or ""
    return found


def same(ours, by, found):
    """Whether ours is what fido found; by an ending alone that names several we say no more."""
    if by in {"signature", "container"}:
        return ours == min(puid for puid in found if not puid.startswith("fido"))
    return ours in {"", "fmt/950", "fmt/817", "x-fmt/111"} or found == {ours}
