# SPDX-License-Identifier: EUPL-1.2
"""Backups of phones that belong to nobody, made here, and a device's engine to read them."""

import hashlib
import importlib.util
import plistlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakzegel_agent.readoutphones import gate_of
from lakzegel_core.annex import Phone
from lakzegel_core.policy import Source

UDID = "00008030-0011223344556677"
OTHER_UDID = "f" * 40
SERIAL = "C39TEST0001"
OTHER_SERIAL = "C39TEST0002"
MADE = datetime(2026, 11, 20, 17, 4, tzinfo=UTC)
SMS = ("HomeDomain", "Library/SMS/sms.db")
GROUP = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared"
CHATS = (GROUP, "ChatStorage.sqlite")
CAMERA = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.HEIC")
MESSAGES = """
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY, guid TEXT, style INTEGER);
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY, id TEXT);
CREATE TABLE message (ROWID INTEGER PRIMARY KEY, text TEXT, handle_id INTEGER, date INTEGER,
  is_from_me INTEGER);
CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY, filename TEXT);
CREATE TABLE chat_handle_join (chat_id INTEGER, handle_id INTEGER);
CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER);
CREATE TABLE message_attachment_join (message_id INTEGER, attachment_id INTEGER);
INSERT INTO handle VALUES (1, '+31600000001'), (2, '+31600000002');
INSERT INTO chat VALUES (1, 'zakelijk', 45), (2, 'prive', 45);
INSERT INTO chat_handle_join VALUES (1, 1), (2, 2);
INSERT INTO message VALUES (1, 'Goedemorgen', 1, 700000000, 0), (2, 'kanarie', 2, 700000000, 0),
  (3, 'kanarie-gewist', 1, 700000000, 0), (4, 'Tot morgen', 1, 700172800, 1);
INSERT INTO chat_message_join VALUES (1, 1), (2, 2), (1, 4);
DELETE FROM message WHERE ROWID = 3;
INSERT INTO attachment VALUES (1, '~/Library/SMS/Attachments/foto.heic'),
  (2, '~/Library/SMS/Attachments/verzwegen.heic');
INSERT INTO message_attachment_join VALUES (1, 1), (4, 2);
"""
WHATSAPP = """
CREATE TABLE ZWACHATSESSION (Z_PK INTEGER PRIMARY KEY, ZCONTACTJID VARCHAR, ZLASTMESSAGETEXT);
CREATE TABLE ZWAMESSAGE (Z_PK INTEGER PRIMARY KEY, ZCHATSESSION INTEGER, ZMESSAGEDATE TIMESTAMP,
  ZTEXT VARCHAR);
CREATE TABLE ZWAMEDIAITEM (Z_PK INTEGER PRIMARY KEY, ZMESSAGE INTEGER, ZMEDIALOCALPATH VARCHAR);
INSERT INTO ZWACHATSESSION VALUES (1, '31600000001@s.whatsapp.net', 'kanarie'),
  (2, '31600000002@s.whatsapp.net', 'kanarie');
INSERT INTO ZWAMESSAGE VALUES (1, 1, 700000000, 'Agenda'), (2, 2, 700000000, 'kanarie'),
  (3, 1, 700000000, 'kanarie-gewist');
DELETE FROM ZWAMESSAGE WHERE Z_PK = 3;
INSERT INTO ZWAMEDIAITEM VALUES (1, 1, 'Media/foto.jpg'), (2, 1, '../../buiten.jpg');
"""


def file_id(domain, path):
    return hashlib.sha1(f"{domain}-{path}".encode(), usedforsecurity=False).hexdigest()


class IPhone:
    """The folder of one backup, written as iTunes and idevicebackup2 do."""

    sms, chats, made, whose = SMS, CHATS, MADE, SERIAL

    def __init__(self, folder, serial):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.plist("Info.plist", {"Serial Number": serial, "Unique Identifier": folder.name})
        self.plist("Manifest.plist", {"IsEncrypted": False, "Version": "10.0"})
        with self.manifest() as db:
            db.execute(
                "CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT,"
                " flags INTEGER, file BLOB)"
            )

    def manifest(self):
        return _Committed(sqlite3.connect(self.folder / "Manifest.db"))

    def plist(self, name, value):
        (self.folder / name).write_bytes(plistlib.dumps(value, fmt=plistlib.FMT_BINARY))

    def status(self, state="finished", made=MADE):
        date = made.replace(tzinfo=None)
        self.plist("Status.plist", {"SnapshotState": state, "Date": date, "UUID": "x"})

    def place(self, domain, path):
        name = file_id(domain, path)
        return self.folder / name[:2] / name

    def add(self, domain, path, data=None, *, listed=True):
        """Put a file into the backup; return where it lies."""
        place = self.place(domain, path)
        place.parent.mkdir(exist_ok=True)
        if data is not None:
            place.write_bytes(data)
        if listed:
            with self.manifest() as db:
                row = (place.name, domain, path)
                db.execute("INSERT OR REPLACE INTO Files VALUES (?, ?, ?, 1, x'')", row)
        return place

    def database(self, domain, path, script):
        place = self.add(domain, path)
        with closing(sqlite3.connect(place)) as db:
            db.execute("PRAGMA secure_delete=OFF")
            db.executescript(script)
        return place


class _Committed:
    def __init__(self, db):
        self.db = db

    def __enter__(self):
        return self.db

    def __exit__(self, *_):
        self.db.commit()
        self.db.close()


def fill(phone):
    """Put into a backup what belongs to the office, and canaries that do not."""
    phone.database(*SMS, MESSAGES)
    phone.database(*CHATS, WHATSAPP)
    phone.add("MediaDomain", "Library/SMS/Attachments/foto.heic", b"getoond-sms")
    phone.add(
        "MediaDomain", "Library/SMS/Attachments/verzwegen.heic", b"kanarie-ongelijst", listed=False
    )
    phone.add(GROUP, "Message/Media/foto.jpg", b"getoond-whatsapp")
    phone.add(GROUP, "Message/Media/ander.jpg", b"kanarie-media")
    phone.add(*CAMERA, b"kanarie-camera")
    phone.add("AppDomain-nl.test.bank", "Library/Preferences/bank.plist", b"kanarie-bank")
    phone.add("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", b"kanarie-adresboek")
    phone.status()
    return phone


@pytest.fixture
def engine(tmp_path):
    path = Path(__file__).parents[1] / "engine" / "conftest.py"
    spec = importlib.util.spec_from_file_location("engine_for_readouts", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.Engine(tmp_path)
    yield made
    made.close()


@pytest.fixture
def iphone(engine):
    """Make a backup below the engine's root."""

    def make(udid=UDID, serial=SERIAL):
        return fill(IPhone(engine.root / udid, serial))

    return make


@pytest.fixture
def watch(engine):
    """Have the engine follow a policy: which apps, whose, and which phones are whose."""

    def set_up(*phones, kind="ios-backup", apps=("messages", "whatsapp"), custody="telefoon-1"):
        source = Source("phone", kind, None, 0.0, apps=apps, custody=custody)
        root = bytes(engine.root)
        engine.watch(
            reader=kind,
            label=f"phone ({custody})",
            correspondents=("+31600000002",),
            gate=gate_of(source, root, phones),
        )
        return source

    return set_up


@pytest.fixture
def ours():
    return Phone(SERIAL, "telefoon-1", datetime(2026, 7, 1, tzinfo=UTC), None)


@pytest.fixture
def office():
    """Say all that an office finds when it opens everything."""

    def everything(archive):
        return b"\0".join(s.item.payload + repr(s.item.context).encode() for s in archive.items)

    return everything
