# SPDX-License-Identifier: EUPL-1.2
"""A pull from an Android phone through the engine: WhatsApp's chats arrive, and nothing else."""

import hashlib
import hmac
import os
import zlib
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lakzegel_agent.readoutcertificate import ReadSource, certify

LABEL = "phone (telefoon-1)"
SERIAL = "C39TEST0001"
KEY = bytes(range(32))
MADE = datetime(2026, 11, 20, 17, 4, tzinfo=UTC)
FIRST = b"31600000001.s.whatsapp.net.jsonl"
GROUP = b"120363.g.us.jsonl"


def encrypted(plain):
    """Return a crypt15 backup, as WhatsApp makes one from the 64 digits."""
    extracted = hmac.digest(bytes(32), KEY, hashlib.sha256)
    secret = hmac.digest(extracted, b"backup encryption\x01", hashlib.sha256)
    header = bytes([30, 1]) + bytes(6) + b"i" * 16 + bytes(8)
    data = AESGCM(secret).encrypt(header[8:24], zlib.compress(plain), None)
    return header + data + bytes(16)


@pytest.fixture
def pull(engine, whatsapp):
    """Make a pull: a serial number, WhatsApp's store and media, and canaries."""

    def make(name="toestel", serial=SERIAL, text="Goedemorgen", *, crypt=True):
        above = f"docs/{name}/WhatsApp" if name else "docs/WhatsApp"
        store = whatsapp(f"{above}/Databases/msgstore.db")
        store.show(store.say(1, text), "Media/foto.jpg")
        store.say(2, "kanarie")
        store.db.execute("INSERT INTO jid VALUES (9, 'x', 'y', 'kanarie-contact')")
        place = f"{name}/" if name else ""
        if serial is not None:
            engine.write(f"{place}serial", f"{serial}\n".encode())
        engine.write(f"{place}WhatsApp/Media/foto.jpg", f"getoond-{name}".encode())
        engine.write(f"{place}WhatsApp/Media/ander.jpg", b"kanarie-media")
        engine.write(f"{place}DCIM/Camera/IMG_1.jpg", b"kanarie-camera")
        engine.write(f"{place}Android/data/nl.test.bank/x.db", b"kanarie-bank")
        if crypt:
            store.db.close()
            data = encrypted(store.path.read_bytes())
            store.path.unlink()
            store.path = store.path.with_name("msgstore.db.crypt15")
            store.path.write_bytes(data)
        os.utime(store.path, (MADE.timestamp(), MADE.timestamp()))
        return store

    return make


@pytest.fixture
def key(engine):
    folder = engine.home / "keys"
    folder.mkdir()
    path = folder / f"{LABEL}.key"
    path.write_text(KEY.hex())
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("name", ["toestel", ""])
def test_chats_of_a_backup_arrive_and_no_canary_does(engine, pull, watch, ours, key, office, name):
    pull(name)
    watch(ours, kind="android-backup", apps=("whatsapp",))
    engine.capture()
    archive = engine.archive()
    place = f"{name}/WhatsApp/".encode() if name else b"WhatsApp/"
    assert set(archive.latest(LABEL)) == {
        place + b"Databases/msgstore.db.crypt15.conversations/" + FIRST,
        place + b"Databases/msgstore.db.crypt15.conversations/" + GROUP,
        place + b"Media/foto.jpg",
    }
    told = office(archive)
    assert b"Goedemorgen" in told
    assert b"kanarie" not in told
    assert key.exists()


def test_without_its_key_it_is_told_as_such(engine, pull, watch, ours):
    pull()
    watch(ours, kind="android-backup", apps=("whatsapp",))
    engine.capture()
    assert engine.ledger.counts().reasons["no-key"] == 1


def test_a_backup_that_is_not_whole_is_not_read(engine, pull, watch, ours, key):
    store = pull()
    store.path.write_bytes(store.path.read_bytes()[:-40])
    os.utime(store.path, (MADE.timestamp(), MADE.timestamp()))
    watch(ours, kind="android-backup", apps=("whatsapp",))
    engine.capture()
    assert engine.archive().of_kind("capture") == []
    assert engine.ledger.counts().reasons["damaged"] == 1
    (one,) = certify(
        engine.ledger, ReadSource(LABEL, engine.source.gate, frozenset()), datetime.now(UTC)
    )
    assert (one.complete, key.exists()) == (False, True)


def test_two_phones_do_not_mix(engine, pull, watch, ours, office):
    pull("een", crypt=False)
    pull("", serial="C39TEST0002", text="vreemd", crypt=False)
    pull("drie", serial=None, text="naamloos", crypt=False)
    (engine.root / "een/WhatsApp/Media/foto.jpg").unlink()
    watch(ours, kind="android-backup", apps=("whatsapp",))
    engine.capture()
    archive = engine.archive()
    told = office(archive)
    assert b"Goedemorgen" in told
    assert not any(word in told for word in (b"vreemd", b"naamloos", b"getoond-", b"kanarie"))
    assert all(path.startswith(b"een/") for path in archive.latest(LABEL))


def test_a_pull_from_outside_the_term_is_not_read(engine, pull, watch, ours):
    store = pull(crypt=False)
    early = datetime(2026, 6, 30, tzinfo=UTC).timestamp()
    os.utime(store.path, (early, early))
    watch(ours, kind="android-backup", apps=("whatsapp",))
    engine.capture()
    assert set(engine.ledger.counts().reasons) == {"unknown-phone"}
