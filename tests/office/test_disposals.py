# SPDX-License-Identifier: EUPL-1.2
"""`verify` holds what lies in `disposals/` against the log: whatever was changed is named."""

import hashlib
import json
import os
import shutil
from dataclasses import replace

import pytest

from lakzegel_core import age
from lakzegel_core.keyringchange import open_keyring_change, sign_keyring_change
from lakzegel_office.extracts import encode_extract, open_extract
from tests.office.disposing import carry_out, decide, office_of
from tests.office.mails import letter
from tests.office.test_destroy import CHAT


@pytest.fixture
def destroyed(world, device, collected):
    """A mail and a message of a chat that are gone, by lists 1 and 2; list 3 is approved."""
    device.send_as("maildir", {"cur/1": [letter(1, "Zangzaad")], "cur/2": [letter(2, "Vogelkooi")]})
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [CHAT]})
    collected().close()
    for number, query in enumerate(("zangzaad", "ziekenhuis", "vogelkooi"), 1):
        decide(world, query)
        ground = ("--ground", "verzoek", "--category", "prive", "--query", query)
        assert world.run("destroy", "propose", *ground) == 0
        assert world.run("approve", str(number)) == 0
        if number < 3:
            carry_out(world, number)
    return world.home.disposals


def replaced(old, new):
    return lambda path: path.write_bytes(path.read_bytes().replace(old, new))


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def gone(path):
    path.unlink()


def resealed(world):
    """Another extract, sealed well, of words that nobody wrote."""

    def change(path):
        found = open_extract(path.read_bytes(), [world.vault.identity("records")])
        pieces = {
            piece: data.replace(b"notitie", b"begroot") for piece, data in found.pieces.items()
        }
        plain = encode_extract(replace(found, pieces=pieces), os.urandom)
        recipients = list(world.config.recipients.values())
        path.write_bytes(age.encrypt(plain, recipients, random=os.urandom))

    return change


CHANGES = [  # what is done to which file, what verify says, whether that takes the keys
    ("1-1/verklaring.xml", replaced(b"verzoek", b"verzuim"), "not the certificate that", False),
    ("1-1/verklaring.xml", gone, "verklaring.xml: is missing", False),
    ("1-1/uitvoering.xml", replaced(b'logregel="', b'logregel="1'), "not what the log has", False),
    ("1-1/uitvoering.xml", replaced(b"<nummer>1", b"<nummer>2"), "not the certificate that", False),
    ("1-1/verklaring.pdf", gone, "verklaring.pdf: is missing", False),
    ("1-1/*.note", replaced(b"destroyed 0,1", b"destroyed 0,2"), "not what entry", False),
    ("1-1/*.signed", replaced(b"destroyed 0,1", b"destroyed 0,2"), "no entry of the log", False),
    ("1-1/*.signed", replaced("— r".encode(), "— s".encode()), "not the log's entry", False),
    ("2-1/extract-*.age", gone, "of what stays nothing is left", False),
    ("2-1/bijlage.age", gone, "bijlage.age: is missing", False),
    ("3-1/verklaring.xml", replaced(b"verzoek", b"verzuim"), "not the certificate that", False),
    ("1-1/verklaring.pdf", flipped, "not what was written", True),
    ("1-1/uitvoering.xml", replaced(b"<kopie", b"<copie"), "not what was written", True),
    ("2-1/extract-*.age", flipped, "cannot be opened", True),
    ("2-1/bijlage.age", flipped, "cannot be opened", True),
    ("2-1/extract-*.age", resealed, "what is in it is not what the certificate names", True),
]


@pytest.mark.parametrize("changes", [CHANGES[::4], pytest.param(CHANGES, marks=pytest.mark.soak)])
def test_whatever_is_changed_in_disposals_is_named(world, destroyed, tmp_path, capsys, changes):
    def doubts(*more):
        capsys.readouterr()
        code = world.run("verify", "--json", *more)
        found = json.loads(capsys.readouterr().out)["doubts"]
        assert code == (1 if found else 0)
        return [f"{one['file']}: {one['what']}" for one in found]

    assert doubts("--open") == []
    for pattern, change, why, keyed in changes:
        shutil.copytree(destroyed, tmp_path / "kept")
        (path,) = destroyed.glob(pattern)
        before = path.read_bytes()
        (change(world) if change is resealed else change)(path)
        assert not path.exists() or path.read_bytes() != before, pattern
        found = doubts(*(["--open"] if keyed else []))
        where = f"disposals/{path.parent.name}/"
        assert any(where in one and why in one for one in found), (pattern, found)
        shutil.rmtree(destroyed)
        shutil.move(tmp_path / "kept", destroyed)
    (destroyed / "1-1" / "notitie.txt").write_text("x")
    (destroyed / "elders").mkdir()
    assert [one for one in doubts() if "does not belong in disposals" in one][1:]
    (destroyed / "1-1" / "notitie.txt").unlink()
    (destroyed / "elders").rmdir()
    shutil.rmtree(destroyed / "1-1")
    assert any("of the log is missing" in one for one in doubts())
    path = world.home.records / "destructions.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    assert any("records/destructions.jsonl" in one for one in doubts())


@pytest.mark.soak  # in short: tests/office/test_destroyed.py
def test_a_disposal_with_one_signature_or_a_forged_one_is_refused(world, destroyed):
    (note,) = (path.read_bytes() for path in destroyed.glob("3-1/*.note"))
    name = next(destroyed.glob("3-1/*.note")).stem
    office = office_of(world)
    keys = [office.vault.signer(one, world.config.keys[one]) for one in ("approval-1", "witness")]
    both = [world.config.keys[one] for one in ("approval-1", "approval-2")]
    first = world.receiver.log
    ring = (destroyed / "3-1" / f"{name}.keyring").read_bytes()
    signed = [entry for entry in first if b"/keyring-change/" in entry[:40]]
    change = open_keyring_change(signed[0], both)
    forged = sign_keyring_change(replace(change, destroyed=(2, 3)), keys)
    for entry in (note, forged):
        world.receiver.append(entry)
        kept = world.receiver.keyrings[name]
        assert not world.pull().clean
        assert world.receiver.keyrings[name] == kept != ring
        mirrored = (world.home.mirror / "keyrings" / f"{name}.keyring").read_bytes()
        assert hashlib.sha256(mirrored).digest() != hashlib.sha256(ring).digest()
    assert world.run("verify", "--open", "--quiet") == 1
