# SPDX-License-Identifier: EUPL-1.2
"""A chat's timer in a phone's encrypted backup, from the device to the office: real processes."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

GUARD = "whatsapp-store-timers"
KEY = bytes(range(32))
JID = "31600000001@s.whatsapp.net"
PRIVATE = "31600000002@s.whatsapp.net"
SCHEMA = f"""
CREATE TABLE jid (_id INTEGER PRIMARY KEY, raw_string TEXT);
CREATE TABLE chat (_id INTEGER PRIMARY KEY, jid_row_id INTEGER, ephemeral_expiration INTEGER);
CREATE TABLE message (_id INTEGER PRIMARY KEY, chat_row_id INTEGER, sender_jid_row_id INTEGER,
  timestamp INTEGER, text_data TEXT);
INSERT INTO jid VALUES (1, '{JID}'), (2, '{PRIVATE}');
INSERT INTO chat VALUES (1, 1, 604800), (2, 2, 604800);
INSERT INTO message VALUES (1, 1, 1, 1710144000000, 'kanarie'), (2, 2, 2, 1710144000000, 'kanarie');
"""


def backup() -> bytes:
    """A crypt15 backup, as WhatsApp makes one from the 64 digits."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA)
        plain = db.serialize()
    extracted = hmac.digest(bytes(32), KEY, hashlib.sha256)
    secret = hmac.digest(extracted, b"backup encryption\x01", hashlib.sha256)
    header = bytes([30, 1]) + bytes(6) + b"i" * 16 + bytes(8)
    return header + AESGCM(secret).encrypt(header[8:24], zlib.compress(plain), None) + bytes(16)


@pytest.fixture
def key(world):
    """The backup in a source of its own, and where its key belongs."""
    folder = world.watch("whatsapp-android", world.root / "device" / "telefoon")
    (folder / "msgstore.db.crypt15").write_bytes(backup())
    world.hidden = ["[exclude]", 'correspondents = ["+31600000002"]']
    world.more = f'[guards]\ndefault = "off"\n{GUARD} = "report"\n'
    world.ready()
    return world.agent_home / "keys" / "telefoon.key"


def looked(world, state):
    """Let an agent run until its guard has this state."""
    command = [sys.executable, "-m", "lakzegel_agent", "run", "--config", str(world.config)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not any(row["state"] == state for row in world.status()["guards"]):
            assert time.monotonic() < end, "the guard never looked"
            time.sleep(0.2)  # another process's work: nothing to await
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)


def test_a_timer_in_an_encrypted_backup_reaches_the_office_and_a_private_one_does_not(world, key):
    looked(world, "unknown")
    key.write_text(KEY.hex())
    key.chmod(0o600)
    world.set_policy()  # under another policy the guards look at once
    looked(world, "drifted")
    world.once()
    world.pull()
    done = world.office("report", "--json", "--guard", GUARD, expect=1)
    (device,) = json.loads(done.stdout).values()
    subjects = device["guards"][GUARD]["subjects"]
    assert subjects[f"telefoon/msgstore.db.crypt15 {JID}"]["state"] == "drifted"
    assert PRIVATE not in done.stdout
    shown = json.dumps(world.status()).encode() + (world.agent_home / "log/agent.log").read_bytes()
    ledger = b"".join(path.read_bytes() for path in world.agent_home.rglob("*") if path.is_file())
    assert JID.encode() not in shown + ledger
    world.verify()
