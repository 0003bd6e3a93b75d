# SPDX-License-Identifier: EUPL-1.2
"""A laptop is set up anew: the same device in a new epoch, or visibly another of the same person.

Its disk is gone, and its profile with a token is still there, as MDM has it.
"""

import json
import shutil

import pytest


def put(world, name):
    folder = world.root / "device" / "map"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"wat in {name} staat")


def wipe(world):
    """What setting a laptop up anew leaves of an agent: nothing."""
    shutil.rmtree(world.agent_home)


def profile(world, token):
    """Have the settings name a token."""
    text = world.config.read_text()
    world.config.write_text(f'token_file = "{token}"\n{text}')


def admit(world, name, *how):
    token = world.root / name
    world.office("admit", *how, token)
    world.publish(token.with_name(token.name + ".note"))
    return token


def alarms(world, expect=None):
    return json.loads(world.office("alarms", "--json", expect=expect).stdout)


def verified(world):
    return {row["device"]: row for row in json.loads(world.verify("--json").stdout)["devices"]}


def test_under_its_old_name_it_goes_on_in_a_new_epoch_and_nothing_between_is_proven(ready):
    custody = verified(ready)[ready.device]["custody"]
    put(ready, "een")
    ready.once()
    ready.pull()
    put(ready, "gisteren")  # captured, sealed, and gone with the disk before it was sent
    ready.server.kill()
    ready.agent("once", expect=3)
    ready.server.start()
    (ready.root / "device" / "map" / "gisteren").unlink()
    wipe(ready)
    profile(ready, admit(ready, "again", "--device", ready.device, "--custody", custody))
    put(ready, "twee")
    refused = ready.agent("once", expect=1).stderr
    assert "its annex does not open" in refused  # it was sealed for keys that are gone
    ready.pull()
    standing = [row["cause"] for row in alarms(ready, expect=1)]
    assert "annex-unreadable" in standing
    ready.set_policy()  # the office's two sign it again, for the new ones
    assert "annex-unreadable" not in [row["cause"] for row in alarms(ready)]
    ready.once()
    assert ready.status()["epoch"] == 1
    ready.pull()
    device = verified(ready)[ready.device]
    assert [(one["epoch"], one["reason"]) for one in device["epochs"]] == [
        (0, "first"), (1, "unreadable"),
    ]  # fmt: skip
    assert device["custody"] == custody
    assert device["not_proven"] == ["coverage between epoch 0 and 1"]
    said = ready.verify().stdout
    assert "epoch 1 (enrolled anew, its state was gone): batches 0.." in said
    assert f"coverage between epoch 0 and 1 not proven; one custody throughout, {custody}" in said
    (told,) = [
        row["payload"] for row in ready.items("observation") if row["payload"]["type"] == "epoch"
    ]
    assert (told["epoch"], told["known"]) == (1, None)
    assert told["previous"]
    assert {path.name for path in (ready.restore() / "map").iterdir()} == {"een", "twee"}
    out = ready.root / "report.html"
    found = json.loads(ready.office("report", "--html", out, "--json").stdout)
    assert device["not_proven"][0] in json.dumps(found["devices"])


@pytest.mark.soak
def test_without_a_serial_number_it_is_another_device_of_the_same_person(ready):
    custody = verified(ready)[ready.device]["custody"]
    put(ready, "een")
    ready.once()
    wipe(ready)
    profile(ready, admit(ready, "group", "--group", "laptops", "--custody", custody))
    ready.agent("once", expect=None)  # no policy is for it yet
    successor = ready.status()["device"]
    assert successor not in {None, ready.device}
    ready.pull()
    devices = verified(ready)
    assert devices[successor]["custody"] == devices[ready.device]["custody"] == custody
