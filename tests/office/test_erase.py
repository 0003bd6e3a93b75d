# SPDX-License-Identifier: EUPL-1.2
"""Erased: who has every keyring ever written, every file and every key that is left has nothing.

The attack is real: all of them are opened with all of them.
"""

import hashlib
import json
import os
from contextlib import closing
from xml.etree import ElementTree as ET

import pytest

from lakzegel_core import age, cobblestone
from lakzegel_core.age import Identity
from lakzegel_core.errors import LakzegelError
from lakzegel_core.item import Place, open_item
from lakzegel_core.keyring import DESTROYED, open_keyring
from lakzegel_core.policy import parse_policy_toml, sign_policy
from lakzegel_office.batchfile import map_file, read_header, read_manifest
from lakzegel_office.collection.database import open_database
from lakzegel_office.collection.ids import Names
from lakzegel_office.commands.common import Office
from lakzegel_office.config import read_config
from lakzegel_office.destroying.deed import SPACE
from lakzegel_office.destroying.erasing import Eraser
from lakzegel_office.destroying.lists import Lists
from lakzegel_office.errors import UsageError
from lakzegel_office.keys.periodkeys import begin_period
from lakzegel_office.keys.periods import FIRST
from lakzegel_office.vault import INDEX
from tests.office.disposing import NOW, carry_out, decide
from tests.office.mails import letter

SECRET = b"Zangzaad voor de kanarie van moeder"


@pytest.fixture
def kept(world):
    """Every keyring that was ever written, as a thief who was always there has them."""
    found = set()
    works = world.receiver.replace_keyring

    def replace(name, note, keyring):
        found.update(world.receiver.keyrings.values())
        works(name, note, keyring)
        found.add(keyring)

    world.receiver.replace_keyring = replace
    return found


@pytest.fixture
def withdrawn(world, device, collected, kept):
    """Two mails and a chat; one mail was withdrawn, and one message of the chat."""
    texts = {"cur/1": [letter(1, SECRET.decode())], "cur/2": [letter(2, "Vogelkooi")]}
    device.send_as("maildir", texts)
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [CHAT]})
    collected().close()
    decide(world, "zangzaad")
    more = ["--ground", "verzoek", "--category", "prive", "--query", "zangzaad"]
    assert world.run("destroy", "propose", *more) == 0
    assert world.run("approve", "1") == 0
    carry_out(world)


CHAT = b"12-03-24 09:01 - Anna: Komt de notitie\n12-03-24 09:02 - Bart: " + SECRET + b"\n"


def office_now(world):
    return Office(world.home, read_config(world.home.config), world.vault)


def eraser(world):
    office = office_now(world)
    return Eraser(office, office.config.periods.get(FIRST), os.urandom)


def begin(world):
    begin_period(world.home, world.config, world.vault, "2027", None, now=NOW, random=os.urandom)


def erase(world):
    with world.home.exclusive():
        eraser(world).stage(NOW)
    with world.home.exclusive():
        return eraser(world).erase(world.receiver, world.pull_now, NOW)


@pytest.fixture(autouse=True)
def pulling(world):
    """The pull that a run does."""
    world.pull_now = world.puller().run


def secrets(world):
    """Every secret that the office's vault still has, opened by the thief."""
    names = [path.stem for path in world.home.keys.glob("*.age") if path.stem != "master"]
    return {name: world.vault.load(name) for name in names}


def found_by_a_thief(world, keyrings):
    """What can be read of all files, keyrings and keys together."""
    left = secrets(world)
    identities = []
    for secret in left.values():
        try:
            identities.append(Identity.from_text(secret.decode("ascii")))
        except (LakzegelError, UnicodeDecodeError):
            continue
    seen = [path.read_bytes() for path in world.home.root.rglob("*") if path.is_file()]
    seen += world.receiver.log + list(left.values())
    rings = set(keyrings) | set(world.receiver.keyrings.values())
    slots = set()
    for ring in rings:
        try:
            slots.update(open_keyring(ring, identities).slots)
        except LakzegelError:
            continue
    seen += list(opened_items(world, slots - {DESTROYED}))
    seen += list(opened_files(world, identities))
    seen += list(database_rows(world, left[INDEX]))
    return seen


def opened_items(world, slots):
    for path in (world.home.mirror / "batches").iterdir():
        with map_file(path) as data:
            note, header = read_header(data)
            entries = read_manifest(data, len(note), header)
            start = len(note) + len(entries) * 72
            for index, entry in enumerate(entries):
                sealed = data[start : start + entry.length]
                start += entry.length
                place = Place(header.origin, header.device, header.epoch, header.batch, index)
                for key in slots:
                    try:
                        yield open_item(sealed, key=key, place=place, entry=entry).payload
                    except LakzegelError:
                        continue


def opened_files(world, identities):
    for path in world.home.root.rglob("*"):
        if path.is_file() and path.suffix in {".age", ""}:
            try:
                yield age.decrypt(path.read_bytes(), identities, max_size=1 << 24)
            except LakzegelError:
                continue
    key = world.vault.load(INDEX)
    for path in (world.home.state / "index").iterdir():
        yield cobblestone.open_(key, path.name.encode(), path.read_bytes())


def database_rows(world, key):
    with closing(open_database(world.home.state / "collection.db", Names(key).database)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute(f"SELECT * FROM {name}").fetchall():
                yield repr(row).encode()


def test_until_the_keys_are_erased_a_copy_opens_and_afterwards_nothing_does(
    world, withdrawn, kept, collected
):
    words = (SECRET, b"Zangzaad", b"zangzaad", b"kanarie")
    assert any(SECRET in one for one in found_by_a_thief(world, kept))  # the attack works
    begin(world)
    erasure, final = erase(world)
    assert erasure.destroyed == ("records", "escrow")
    assert final == [1]
    seen = found_by_a_thief(world, kept)
    assert not [word for word in words for one in seen if word in one]
    assert any(b"Vogelkooi" in one for one in seen)
    assert any(b"Komt de notitie" in one for one in seen)
    everything_else_is_as_it_was_under_the_new_keys(world)


def everything_else_is_as_it_was_under_the_new_keys(world):
    assert world.run("verify", "--open", "--quiet") == 0
    assert world.run("index", "--quiet") == 0
    assert world.run("search", "notitie", "--json") == 0
    (found,) = Lists(office_now(world)).all().values()
    assert found.state == "erased"
    root = ET.parse(world.home.disposals / "1-1" / "uitvoering.xml").getroot()
    assert root.findtext(f"{{{SPACE}}}stand") == "erased"
    assert root.findall(f"{{{SPACE}}}buitenBereik")


def test_nothing_is_erased_that_is_still_needed(world, withdrawn, device, collected):
    with pytest.raises(UsageError, match="is the newest"):
        eraser(world).stage(NOW)
    begin(world)
    with world.home.exclusive():
        eraser(world).stage(NOW)
    device.send_as("maildir", {"cur/9": [letter(9, "Nagekomen")]})
    with world.home.exclusive(), pytest.raises(UsageError, match="1 keyrings still need"):
        eraser(world).erase(world.receiver, world.pull_now, NOW)
    assert world.vault.has("records")
    erase(world)
    assert not world.vault.has("records")


def test_a_keyring_that_is_none_keeps_no_period_from_its_end(world, device):
    junk = age.encrypt(b"of a device that is broken", device.recipients, random=os.urandom)
    items = device.file_items("a", [b"1"])
    name = device.send(items, keyring=hashlib.sha256(junk).digest())
    world.receiver.keyrings[name] = junk
    device.send_files({"b": b"2"})
    begin(world)
    world.pull()
    erase(world)
    assert not world.vault.has("records")
    assert world.run("verify", "--quiet", "--except-findings") == 0


def test_a_device_that_was_off_since_the_policy_changed_is_waited_for(world, withdrawn, device):
    def publish(serial):
        names = json.dumps([r.to_text() for r in world.config.recipients.values()])
        policy = parse_policy_toml(
            f'serial = {serial}\naudience = ["device:minister"]\nexpires = 2036-01-01\n'
            f'recipients = {names}\ncadence = "0s"\n'
            '[[source]]\nname = "s1"\nkind = "maildir"\npath = "~/Mail"\n'
        )
        keys = world.vault.signers(("policy-records", "policy-privacy"), world.config.policy_keys)
        note = sign_policy(world.config.origin, policy, keys)
        world.receiver.append(note)
        return hashlib.sha256(note).digest()

    device.policy = publish(1)
    device.send_as("maildir", {"cur/8": [letter(8, "Onderweg")]})
    begin(world)
    newest = publish(2)
    with world.home.exclusive():
        world.pull_now()
        with pytest.raises(UsageError, match="minister sealed last under a policy that names it"):
            eraser(world).stage(NOW)
    device.policy, device.recipients = newest, list(world.config.recipients.values())
    device.send_as("maildir", {"cur/9": [letter(9, "Nagekomen")]})
    with world.home.exclusive():
        world.pull_now()
        assert eraser(world).stage(NOW) > 0


@pytest.mark.soak
def test_an_erasure_that_broke_off_goes_on(world, withdrawn, collected, monkeypatch):
    begin(world)
    with world.home.exclusive():
        eraser(world).stage(NOW)
    works = world.receiver.replace_keyring
    calls = []

    def breaks(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        works(*arguments)

    world.receiver.replace_keyring = breaks
    with world.home.exclusive(), pytest.raises(OSError, match="No space"):
        eraser(world).erase(world.receiver, world.pull_now, NOW)
    assert world.vault.has("records")
    with world.home.exclusive():
        _, final = eraser(world).erase(world.receiver, world.pull_now, NOW)
    assert final == [1]
    with world.home.exclusive():
        eraser(world).erase(world.receiver, world.pull_now, NOW)  # again is nothing new
