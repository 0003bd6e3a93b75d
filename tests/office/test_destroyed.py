# SPDX-License-Identifier: EUPL-1.2
"""What the log says was destroyed: pulled, verified, explained; and what it may not say."""

import shutil

import pytest

from lakzegel_core.encoding import b64
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import catalog_of
from lakzegel_office.errors import GoneError
from lakzegel_office.index import IndexStore
from lakzegel_office.names import ItemId
from lakzegel_office.vault import INDEX

CERTIFICATE = bytes(range(32))


@pytest.fixture
def destroyed(world, device, dispose):
    """A custody of which one of two mails was destroyed after it was pulled."""
    name = device.send_files({"een.eml": b"privaat", "twee.eml": b"zakelijk"})
    world.pull()
    dispose(name, 0, certificate=CERTIFICATE)
    return name


def test_what_was_destroyed_is_no_doubt_and_its_keyring_is_replaced(world, destroyed):
    before = world.home.mirror.joinpath("keyrings", f"{destroyed}.keyring").read_bytes()
    assert world.pull().clean
    after = world.home.mirror.joinpath("keyrings", f"{destroyed}.keyring").read_bytes()
    assert before != after == world.receiver.keyrings[destroyed]
    assert world.run("verify", "--quiet") == 0
    assert world.run("verify", "--open", "--quiet") == 0
    assert not world.receiver.sent  # no finding


def test_a_mirror_made_anew_holds_what_was_destroyed_as_any_other(world, destroyed):
    shutil.rmtree(world.home.mirror)
    shutil.rmtree(world.home.state)
    report = world.pull()
    assert report.clean
    assert report.held == len(world.receiver.log)


def test_nothing_of_it_is_kept_in_the_index(world, destroyed):
    world.pull()
    store = IndexStore(world.home.state, world.vault.load(INDEX))
    assert [line.index for line in store.read(destroyed)] == [1, 2, 3]


def test_who_asks_for_it_is_told_by_which_certificate_it_went(world, destroyed, tmp_path, capsys):
    world.pull()
    item = "minister/0/0/0"
    assert world.run("open", item, "--reason", "nazien") == 1
    assert CERTIFICATE.hex() in capsys.readouterr().err
    assert world.run("prove", item, str(tmp_path / "proven")) == 1
    assert f"{item}: destroyed; certificate {CERTIFICATE.hex()}" in capsys.readouterr().err
    with pytest.raises(GoneError, match="entry 4 of 2026"):
        catalog_of(Office(world.home, world.config, world.vault)).item(ItemId.parse(item))
    assert world.run("restore", "--device", "minister", "--out", str(tmp_path / "out")) == 1
    told = capsys.readouterr().err
    assert f"1 items were destroyed; certificate {CERTIFICATE.hex()}" in told
    assert f"segment minister/0/0/0 was destroyed; certificate {CERTIFICATE.hex()}" in told
    assert (tmp_path / "out" / "mail" / "twee.eml").read_bytes() == b"zakelijk"
    assert not (tmp_path / "out" / "mail" / "een.eml").exists()


def test_a_key_that_is_gone_without_an_entry_is_a_finding(world, device):
    items = device.file_items("een.eml", [b"privaat"])
    device.send(items, keys=[bytes(32), *(item.key for item in items[1:])])
    report = world.pull()
    assert "destroyed" in {doubt.code for doubt in report.doubts}


def test_a_key_that_is_said_to_be_gone_and_is_not_is_a_finding(world, device, dispose):
    name = device.send_files({"een.eml": b"privaat"})
    world.pull()
    dispose(name, 0, keep=True)
    assert "not-destroyed" in {doubt.code for doubt in world.pull().doubts}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"old": bytes(32)}, "fork"),
        ({"batch": 9}, "chain"),
        ({"destroyed": (9,)}, "chain"),
        ({"generation": 2}, "gap"),
        ({"signers": ("approval-1", "approval-1")}, "unknown-key"),
        ({"signers": ("approval-1",)}, "missing-signature"),
        ({"signers": ("approval-1", "held")}, "unknown-key"),
    ],
)
def test_a_change_that_may_not_be_changes_nothing(world, device, dispose, changes, code):
    name = device.send_files({"een.eml": b"privaat"})
    world.pull()
    kept = world.receiver.keyrings[name]
    dispose(name, 0, **changes)
    world.receiver.keyrings[name] = kept
    report = world.pull()
    assert code in {doubt.code for doubt in report.doubts}
    assert world.home.mirror.joinpath("keyrings", f"{name}.keyring").read_bytes() == kept
    assert world.run("verify", "--open", "--quiet") == 1


def test_a_later_change_follows_the_one_before_and_no_other(world, device, dispose):
    name = device.send_files({"een.eml": b"1", "twee.eml": b"2", "drie.eml": b"3"})
    world.pull()
    first = dispose(name, 0)
    dispose(name, 2, generation=2)
    assert world.pull().clean
    world.receiver.append(first)  # again, and of a lower generation
    assert {doubt.code for doubt in world.pull().doubts} == {"gap"}
    assert world.run("verify", "--open", "--quiet", "--except-findings") == 1


def test_an_old_keyring_that_is_put_back_is_named(world, destroyed):
    place = world.home.mirror / "keyrings" / f"{destroyed}.keyring"
    old = place.read_bytes()
    world.pull()
    place.write_bytes(old)
    assert world.run("verify", "--quiet") == 1
    assert world.pull().clean
    assert world.run("verify", "--quiet") == 0
    assert place.read_bytes() != old


def test_captures_that_name_it_from_other_batches_are_no_finding(world, device, dispose):
    file = "f" * 32
    first = device.seal(payload=b"een", context=device.context("chat.txt", file))
    capture = [[0, 0, 0, 3, _b64(first)]]
    name = device.send([first, device.capture("chat.txt", capture, file, index=1)])
    second = device.seal(payload=b"twee", context=device.context("chat.txt", file))
    rows = [*capture, [0, 1, 0, 4, _b64(second)]]
    device.send([second, device.capture("chat.txt", rows, file, version=1, index=1)])
    world.pull()
    dispose(name, 0)
    shutil.rmtree(world.home.state)
    assert world.pull().clean
    assert world.run("verify", "--open", "--quiet") == 0


def _b64(item):
    return b64(item.entry.commitment)
