# SPDX-License-Identifier: EUPL-1.2
"""An encrypted iPhone backup, made here with keys of our own, read with its passphrase."""

import hashlib
import os
import plistlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.correspondents import agreed
from lakzegel_agent.errors import StoreError
from lakzegel_agent.readoutcertificate import ReadSource, certify
from lakzegel_agent.stores.ios_backup_encrypted import described
from lakzegel_agent.stores.ios_backup_keys import unlock

LABEL = "phone (telefoon-1)"
PHRASE = b"zes woorden uit een boek"
CLASS = 3
CLASS_KEY = bytes(range(32))


def field(tag, value):
    value = value if isinstance(value, bytes) else value.to_bytes(4, "big")
    return tag + len(value).to_bytes(4, "big") + value


def key_bag(phrase=PHRASE, rounds=20):
    secret = hashlib.pbkdf2_hmac("sha256", phrase, b"d" * 20, rounds, 32)
    key = hashlib.pbkdf2_hmac("sha1", secret, b"s" * 20, rounds, 32)
    head = [(b"VERS", 4), (b"TYPE", 1), (b"UUID", b"u" * 16), (b"WRAP", 0), (b"SALT", b"s" * 20)]
    head += [(b"ITER", rounds), (b"DPIC", rounds), (b"DPSL", b"d" * 20)]
    one = [(b"UUID", b"c" * 16), (b"CLAS", CLASS), (b"WRAP", 2), (b"KTYP", 0)]
    one += [(b"WPKY", aes_key_wrap(key, CLASS_KEY))]
    device = [(b"UUID", b"v" * 16), (b"CLAS", 11), (b"WRAP", 1), (b"WPKY", bytes(40))]
    return b"".join(field(tag, value) for tag, value in (*head, *one, *device))


def wrapped(key):
    return CLASS.to_bytes(4, "little") + aes_key_wrap(CLASS_KEY, key)


def sealed(data, key):
    end = 16 - len(data) % 16
    sealing = Cipher(AES256(key), CBC(bytes(16))).encryptor()
    return sealing.update(data + bytes([end]) * end) + sealing.finalize()


def archived(key, size):
    """Return what a manifest says of a file, as Apple's archiver writes it."""
    root = {"Size": size, "EncryptionKey": plistlib.UID(2), "ProtectionClass": CLASS}
    objects = ["$null", root, {"NS.data": wrapped(key)}]
    top = {"$archiver": "NSKeyedArchiver", "$objects": objects, "$top": {"root": plistlib.UID(1)}}
    return plistlib.dumps(top, fmt=plistlib.FMT_BINARY)


def encrypt(phone):
    """Encrypt a backup in place, and all of its files."""
    with phone.manifest() as db:
        for name, *_ in db.execute("SELECT fileID FROM Files").fetchall():
            place, key = phone.folder / name[:2] / name, os.urandom(32)
            data = place.read_bytes()
            place.write_bytes(sealed(data, key))
            blob = archived(key, len(data))
            db.execute("UPDATE Files SET file = ? WHERE fileID = ?", (blob, name))
    key = os.urandom(32)
    listing = phone.folder / "Manifest.db"
    listing.write_bytes(sealed(listing.read_bytes(), key)[:-16])
    about = {"IsEncrypted": True, "BackupKeyBag": key_bag(), "ManifestKey": wrapped(key)}
    phone.plist("Manifest.plist", about)
    return phone


@pytest.fixture
def phrase(engine):
    (engine.home / "keys").mkdir()
    path = engine.home / "keys" / f"{LABEL}.pass"
    path.write_bytes(PHRASE + b"\n")
    path.chmod(0o600)
    return path


def test_chats_and_media_arrive_in_the_clear_and_no_canary_does(
    engine, iphone, watch, ours, office, phrase
):
    phone = encrypt(iphone())
    watch(ours)
    engine.capture()
    archive = engine.archive()
    latest = archive.latest(LABEL)
    shown = phone.place("MediaDomain", "Library/SMS/Attachments/foto.heic")
    assert latest[os.fsencode(shown.relative_to(engine.root))] == b"getoond-sms"
    assert len(latest) == 4
    told = office(archive)
    assert all(word in told for word in (b"Goedemorgen", b"Agenda", b"getoond-whatsapp"))
    assert b"kanarie" not in told
    assert PHRASE not in told
    assert phrase.exists()
    assert engine.capture().sealed == 0


def test_nothing_plain_is_written_beside_it(engine, iphone, watch, ours, phrase):
    phone = encrypt(iphone())
    before = sorted(phone.folder.rglob("*"))
    watch(ours)
    engine.capture()
    assert sorted(phone.folder.rglob("*")) == before
    files = [path for path in engine.home.rglob("*") if path.is_file()]
    assert not any(b"Goedemorgen" in path.read_bytes() for path in files)
    assert phrase in files


def test_it_is_certified_as_any_other(engine, iphone, watch, ours, phrase):
    encrypt(iphone())
    watch(ours)
    engine.capture()
    source = ReadSource(LABEL, engine.source.gate, agreed(engine.source.correspondents))
    (new,) = certify(engine.ledger, source, datetime.now(UTC))
    engine.capture()
    (said,) = engine.archive().observations("readout")
    assert new.complete
    assert [
        (app["conversations"], app["messages"], app["media"], app["private"], app["failed"])
        for app in said["apps"]
    ] == [(1, 2, 1, 1, 0), (1, 1, 1, 1, 0)]
    assert phrase.exists()


@pytest.mark.parametrize("hurt", ["other", "open", "empty", "none"])
def test_without_the_right_passphrase_it_has_no_key(engine, iphone, watch, ours, phrase, hurt):
    encrypt(iphone())
    if hurt == "none":
        phrase.unlink()
    elif hurt == "open":
        phrase.chmod(0o640)
    else:
        phrase.write_bytes(b"een ander" if hurt == "other" else b"\n")
    watch(ours)
    engine.capture()
    assert engine.ledger.counts().reasons["no-key"] == 2
    assert engine.archive().of_kind("capture") == []


def test_a_file_that_is_damaged_takes_nothing_else_with_it(engine, iphone, watch, ours, phrase):
    phone = encrypt(iphone())
    shown = phone.place("MediaDomain", "Library/SMS/Attachments/foto.heic")
    shown.write_bytes(b"kort")
    phone.place(phone.chats[0], "Message/Media/foto.jpg").unlink()
    watch(ours)
    engine.capture()
    assert len(engine.archive().latest(LABEL)) == 2
    assert phrase.exists()


def test_a_damaged_database_is_refused_with_a_reason(engine, iphone, watch, ours, phrase):
    phone = encrypt(iphone())
    place = phone.place(*phone.sms)
    place.write_bytes(place.read_bytes()[:-8])
    watch(ours)
    engine.capture()
    assert engine.ledger.counts().reasons["damaged"] == 1
    assert phrase.exists()


def test_a_media_file_of_a_private_chat_stays_private(engine, iphone, watch, ours, office, phrase):
    phone = iphone()
    phone.add("MediaDomain", "Library/SMS/Attachments/prive.heic", b"kanarie-prive")
    with closing(sqlite3.connect(phone.place(*phone.sms))) as db:
        db.execute("INSERT INTO attachment VALUES (5, '~/Library/SMS/Attachments/prive.heic')")
        db.execute("INSERT INTO message_attachment_join VALUES (2, 5)")
        db.commit()
    encrypt(phone)
    watch(ours)
    engine.capture()
    assert b"kanarie" not in office(engine.archive())
    assert engine.ledger.counts().reasons["private"] == 3
    assert phrase.exists()


def test_a_key_bag_gives_its_class_keys_and_only_to_its_passphrase():
    assert unlock(key_bag(), PHRASE) == {CLASS: CLASS_KEY}
    with pytest.raises(StoreError, match="no-key"):
        unlock(key_bag(), b"een ander")


def test_a_key_bag_that_would_take_for_ever_is_refused():
    bag = key_bag().replace(field(b"DPIC", 20), field(b"DPIC", 2**31))
    with pytest.raises(StoreError, match="damaged"):
        unlock(bag, PHRASE)


@given(st.binary(max_size=200))
def test_no_bytes_make_a_key_bag_fail_otherwise(data):
    try:
        unlock(data, PHRASE)
    except StoreError as error:
        assert error.reason in {"damaged", "no-key"}  # noqa: PT017  # not every one fails


@given(st.data())
def test_no_archive_makes_the_manifest_fail_otherwise(data):
    whole = bytearray(archived(bytes(32), 5))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        described(bytes(whole))
    except StoreError as error:
        assert error.reason == "damaged"  # noqa: PT017  # not every one fails
