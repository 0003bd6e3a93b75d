# SPDX-License-Identifier: EUPL-1.2
"""`lakzegel-verify log` follows a receiver that grows, and one that was set back and went on."""

import json
import shutil

import pytest

from lakzegel_core.addcheckpoint import AddCheckpoint
from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.errors import OldSizeError
from lakzegel_office.witness.cosigning import Witness
from lakzegel_office.witness.folder import Folder
from lakzegel_office.witness.parties import new_key, read_key
from lakzegel_office.witness.state import State
from lakzegel_verify.__main__ import main


@pytest.fixture
def monitor(tmp_path, capsys):
    def look(url, keys):
        arguments = ["--keys", str(keys), "--state", str(tmp_path / "seen"), "--json"]
        code = main(["log", url, *arguments])
        captured = capsys.readouterr()
        return code, json.loads(captured.out), captured.err

    return look


def test_a_receiver_is_followed_while_it_grows(world, device, monitor):
    for _ in range(3):
        size = world.client.checkpoint().checkpoint.size
        code, found, err = monitor(world.client.url, world.layout.log_keys)
        assert (code, err) == (0, "")
        assert (found["size"], found["root"] != "") == (size, True)
        assert world.client.put(device.seal()).status_code == 200


def asked_to_cosign(log, witness, old):
    """What a witness does that is shown the newest checkpoint."""
    shown = log.shown
    proof = tuple(shown.reader.consistency(old))
    return witness.add(AddCheckpoint(old, proof, shown.data).to_bytes())


def test_a_receiver_that_was_set_back_and_went_on_is_a_fork(tmp_path, kit, monitor):
    """Without an office or a witness to ask it cannot know; whoever saw it before does."""
    office = kit.Office()
    layout, signer, tokens = kit.make_receiver(tmp_path / "data", office)
    shutil.copytree(layout.data, tmp_path / "backup")

    folder = Folder.below(tmp_path / "witness")
    new_key(folder, "w.example")
    keys = (signer.keys.ed25519, signer.keys.mldsa)
    witness = Witness(read_key(folder), State(folder, {kit.ORIGIN: keys}), clock=lambda: 7)

    def goes_on(data, old):
        with kit.serving(kit.Layout(data), signer) as (url, desk):
            client = kit.Client(url, signer.keys)
            world = kit.World(data, office, signer.keys, client, desk, tokens)
            world.enrol()
            seen = monitor(url, layout.log_keys)
            client.close()
            asked_to_cosign(desk.log, witness, old)
            return seen

    assert goes_on(layout.data, 0)[0] == 0
    cosigned = folder.log(kit.ORIGIN).read_bytes()
    with pytest.raises(OldSizeError, match="fork"):
        goes_on(tmp_path / "backup", 3)
    assert folder.log(kit.ORIGIN).read_bytes() == cosigned
    assert len(list(folder.evidence.iterdir())) == 1
    with kit.serving(kit.Layout(tmp_path / "backup"), signer) as (url, _):
        code, found, err = monitor(url, layout.log_keys)
    assert (code, found["status"]) == (1, "fork")
    assert "FORK" in err
    kept = [path.read_bytes() for path in (tmp_path / "seen.evidence").iterdir()]
    trees = [open_checkpoint(data, signer.keys).checkpoint for data in kept]
    assert len({tree.root for tree in trees if tree.size == 3}) == 2
