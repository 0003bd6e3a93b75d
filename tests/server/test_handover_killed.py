# SPDX-License-Identifier: EUPL-1.2
"""A receiver that is killed again and again hands everything over, whole, and nothing half."""

import importlib.util
import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from lakzegel_server.fsck.run import check

pytestmark = pytest.mark.soak  # test_handover_folder.py ends it at every step, in one process
_spec = importlib.util.spec_from_file_location(
    "lakzegel_crash_tests", Path(__file__).with_name("test_crash.py")
)
crash = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(crash)
ROUNDS = int(os.environ.get("LAKZEGEL_KILLS", "25"))


class Carrier:
    """Takes every hand-over that is whole, as a diode does."""

    def __init__(self, share, taken):
        self.share, self.taken, self.spans = share, taken, []
        share.mkdir()
        taken.mkdir()

    def take(self):
        for ready in sorted(self.share.glob("*/ready")):
            there = ready.parent
            subprocess.run(["sha256sum", "--quiet", "-c", "ready"], cwd=there, check=True)
            _, start, size = there.name.split("-")
            self.spans.append((int(start), int(size)))
            there.rename(self.taken / f"{len(self.spans)}-{there.name}")

    def reached(self):
        """How far the hand-overs go without a gap."""
        reached = 0
        for start, size in self.spans:
            reached = size if start <= reached < size else reached
        return reached


def serve(kit, layout, signer, office, tokens):
    process = crash.Process(layout)
    client = kit.Client(process.url, signer.keys)
    return process, kit.World(layout.data, office, signer.keys, client, None, tokens)


def test_killed_at_random_moments_it_hands_over_everything(tmp_path, kit):
    office, chance = kit.Office(), random.Random(7)
    layout, signer, tokens = kit.make_receiver(tmp_path / "data", office)
    carrier = Carrier(tmp_path / "share", tmp_path / "taken")
    layout.settings.write_text(f'[handover.folder]\npath = "{carrier.share}"\nevery = "0s"\n')
    process, world = serve(kit, layout, signer, office, tokens)
    device, sealed = world.enrol(), []
    for _ in range(ROUNDS):
        until = time.monotonic() + chance.random() * 1.5
        while time.monotonic() < until:
            upload = device.seal((os.urandom(chance.choice((10, 400_000))),))
            world.receipt(world.client.put(upload), upload)
            sealed.append(upload)
            if chance.random() < 0.3:
                carrier.take()
        process.kill()
        world.client.close()
        process, world = serve(kit, layout, signer, office, tokens)
    size = world.client.checkpoint().checkpoint.size
    until = time.monotonic() + 60
    while carrier.reached() < size:
        assert time.monotonic() < until, (carrier.spans, size)
        carrier.take()
        time.sleep(0.05)  # another process's files: nothing to await
    process.kill(15)
    world.client.close()
    carrier.take()
    assert list(carrier.share.iterdir()) == []
    for upload in sealed:
        found = list(carrier.taken.glob(f"*/{upload.name}.batch"))
        assert found, "a batch was not handed over"
        assert {path.read_bytes() for path in found} == {upload.batch}
    assert [str(doubt) for doubt in check(layout).doubts] == []
