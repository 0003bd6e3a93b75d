# SPDX-License-Identifier: EUPL-1.2
"""What a device sealed reaches an office that has no network, by a folder and no other way."""

import os
import time

import pytest

pytestmark = pytest.mark.soak  # its parts are in tests/server and tests/office


@pytest.fixture
def handing(ready):
    """The template's custody, whose receiver hands over into ``share``."""
    ready.server.stop()
    share = ready.root / "share"
    share.mkdir()
    text = f'[handover.folder]\npath = "{share}"\nevery = "0s"\n'
    (ready.server.data / "settings.toml").write_text(text)
    ready.server.start()
    ready.share = share
    return ready


def until_handed(world, size):
    """Wait until the entries of a log of this size lie there, whole."""
    until = time.monotonic() + 20
    while not any(world.share.glob(f"*-{size}/ready")):
        assert time.monotonic() < until, sorted(world.share.rglob("*"))
        time.sleep(0.02)  # another process's file: nothing to await


def capture(world, **files):
    for name, data in files.items():
        (world.sources["map"][1] / name).write_bytes(data)
    world.once()
    checkpoint = (world.server.data / "log" / "checkpoint").read_text()
    until_handed(world, int(checkpoint.splitlines()[1]))


def take(world, *more, expect=0):
    return world.office("pull", "--quiet", "--from-folder", world.share, *more, expect=expect)


def test_an_office_without_a_network_has_everything_and_empties_the_folder(handing, same_tree):
    capture(handing, een=b"een brief", twee=os.urandom(300_000))
    address = handing.office_home / "office.toml"
    address.write_text(address.read_text().replace(handing.server.url, "http://127.0.0.1:1"))
    done = take(handing)
    assert "held to" in done.stdout
    assert list(handing.share.iterdir()) == []
    handing.verify("--quiet")
    assert same_tree(handing.sources["map"][1], next(handing.restore().rglob("map"))) == []
    replies = {path.name.split("-")[0] for path in (handing.office_home / "replies").iterdir()}
    assert replies == {"held", "cosignature"}
    capture(handing, drie=b"nog een")
    take(handing)
    handing.verify("--quiet")
    handing.check()
