# SPDX-License-Identifier: EUPL-1.2
"""What is not the office's business reaches neither the office nor anybody on the way there.

A phone's backup and a chat store, each with excluded conversations, deleted rows that are still in
free pages, media of nobody's message, a camera roll and another app. The office opens everything.
"""

import importlib.util
import json
import os
from pathlib import Path

import pytest

AGENT = Path(__file__).parents[1] / "agent"
CANARY = b"kanarie"
PRIVATE = "+31600000002"


def builders(place):
    """The phones and stores that the agent's own tests make."""
    spec = importlib.util.spec_from_file_location(f"made_{place.parent.name}", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def phones(world):
    """A host with an iPhone's backup, and WhatsApp of an Android phone."""
    made = builders(AGENT / "readout/conftest.py")
    backups = world.watch("ios-backup", world.root / "device/Backups")
    made.fill(made.IPhone(backups / made.UDID, made.SERIAL))
    world.said["Backups"] = ['apps = ["messages", "whatsapp"]', 'custody = "telefoon-1"']
    store = builders(AGENT / "conftest.py").WhatsApp(world.root / "device/Android/msgstore.db")
    world.watch("whatsapp-android", store.path.parent)
    shown = store.say(1, "Nota besproken")
    store.show(shown, "Media/WhatsApp Images/nota.jpg")
    gone = store.say(1, f"{CANARY.decode()}-gewist " * 40)
    store.db.execute("DELETE FROM message WHERE _id = ?", (gone,))
    store.say(2, f"{CANARY.decode()}-privé")
    media = store.path.parent / "Media/WhatsApp Images"
    media.mkdir(parents=True)
    (media / "nota.jpg").write_bytes(b"getoond-android")
    (media / "ander.jpg").write_bytes(b"kanarie-los")
    world.hidden = (
        "[exclude]",
        f"correspondents = {json.dumps([PRIVATE])}",
        "[[phone]]",
        f'serial = "{made.SERIAL}"',
        'custody = "telefoon-1"',
        "from = 2026-07-01",
    )
    yield backups, store
    store.db.close()


def bytes_below(*roots):
    for root in roots:
        for path in (root, *root.rglob("*")):
            yield os.fsencode(path.name)
            if path.is_file() and not path.is_symlink():
                yield path.read_bytes()


def opened(world):
    """The bytes and the story of every item, as the office opens them one by one."""
    out = world.root / "item"
    for kind in ("segment", "capture", "observation"):
        for row in world.items(kind):
            yield json.dumps(row).encode()
            out.unlink(missing_ok=True)
            world.office("open", row["item"], "--reason", "controle", "--out", out)
            yield out.read_bytes()


def test_an_office_that_opens_everything_finds_no_canary(world, phones):
    backups, store = phones
    assert any(CANARY in data for data in bytes_below(backups))  # they are there to be found
    store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert CANARY in store.path.read_bytes()
    world.ready()
    world.once()
    way = (world.agent_home, world.server.data)
    assert [data for data in bytes_below(*way) if CANARY in data] == []
    world.pull()
    world.verify("--quiet")
    told = b"\0".join(opened(world))
    for wanted in (b"Goedemorgen", b"Agenda", b"Nota besproken", b"getoond-sms",
                   b"getoond-whatsapp", b"getoond-android"):  # fmt: skip
        assert wanted in told, wanted
    assert CANARY not in told
    restored = b"\0".join(bytes_below(world.restore()))
    assert b"getoond-sms" in restored
    assert CANARY not in restored
