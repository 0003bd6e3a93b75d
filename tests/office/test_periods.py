# SPDX-License-Identifier: EUPL-1.2
"""Recipients per period: what policies name, what opens with what, what is gone for good."""

import errno
import hashlib
import json
import os
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest

from lakzegel_core.errors import DecryptError
from lakzegel_core.policy import parse_policy_toml, sign_policy
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.config import read_config
from lakzegel_office.errors import UsageError
from lakzegel_office.keys import keychain, periodkeys
from lakzegel_office.keys.keychain import Keychain
from lakzegel_office.keys.periodkeys import (
    devices_behind,
    erase_private_keys,
    opened_by,
    period_keys,
)
from lakzegel_office.keys.periods import State, recipients_digest
from lakzegel_office.mirror import Mirror
from lakzegel_office.vault import Vault

from .killing import Killed, killed_before

NOW = datetime(2027, 1, 2, tzinfo=UTC)


def policy(recipients, serial=1):
    return f"""serial = {serial}
audience = ["device:minister"]
expires = 2036-01-01
recipients = {json.dumps([r.to_text() for r in recipients])}
cadence = "0s"

[[source]]
name = "s1"
kind = "maildir"
path = "~/Mail"
"""


def begin(world, name, *more):
    assert world.run("keys", "period", "begin", name, *more) == 0
    return world.config.periods.get(name)


def erase(world, name):
    periods = world.config.periods
    return erase_private_keys(world.home, world.config, world.vault, periods.get(name), now=NOW)


def test_an_office_of_before_has_one_period_with_the_recipients_that_it_had(world, monkeypatch):
    text = world.home.config.read_text()
    world.home.config.write_text(text.partition("\n[[period]]")[0])
    (first,) = world.config.periods.all
    assert (first.name, first.state, first.begun) == ("first", State.OPEN, None)
    assert first.recipients == read_config(world.home.config).recipients
    begin(world, "2027-1")
    assert [p.name for p in world.config.periods.all] == ["first", "2027-1"]
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr("lakzegel_office.commands.keys.begin_period", full)
    assert world.run("keys", "period", "begin", "p2") == 4
    assert world.trail()[-1]["object"] == {"period": "p2"}  # on disk before it is done


def test_policies_name_the_newest_period_and_no_other(world, device, tmp_path, capsys):
    file = tmp_path / "p.toml"
    first = world.config.periods.newest()
    file.write_text(policy(first.in_order))
    assert world.run("policy", "sign", str(file)) == 0
    newest = begin(world, "2027-1")
    assert world.config.recipients == newest.recipients
    assert world.config.periods.get("first").state is State.CLOSED
    assert world.run("policy", "cosign", str(file)) == 2
    assert "a key of period first, which is closed" in capsys.readouterr().err
    file.write_text(policy((*newest.in_order, first.recipients["records"])))
    assert world.run("policy", "sign", str(file)) == 2
    file.write_text(policy(newest.in_order))
    assert world.run("policy", "sign", str(file)) == 0


def test_each_organisation_has_its_own_and_no_policy_names_two(world, device, tmp_path, capsys):
    other = begin(world, "fin-1", "--organisation", "fin")
    assert world.config.periods.get("first").state is State.OPEN
    assert world.config.recipients == world.config.periods.get("first").recipients
    file = tmp_path / "p.toml"
    file.write_text(policy((*other.in_order, world.config.recipients["records"])))
    assert world.run("policy", "sign", str(file)) == 2
    assert "more than one organisation" in capsys.readouterr().err
    file.write_text(policy(other.in_order))
    assert world.run("policy", "sign", str(file)) == 0


def test_what_was_sealed_in_either_period_opens_in_a_pull_that_began_before(world, device):
    puller = world.puller()
    device.send(device.file_items("a", [b"1"]))
    newest = begin(world, "2027-1")
    device.recipients = list(newest.in_order)
    second = device.send(device.file_items("b", [b"2"]))
    keys = period_keys(world.vault, world.config.periods)
    assert [(k.period.name, k.role) for k in keys] == [
        ("2027-1", "records"), ("2027-1", "escrow"), ("first", "records"), ("first", "escrow"),
    ]  # fmt: skip
    assert opened_by(world.receiver.keyrings[second], keys).period.name == "2027-1"
    assert opened_by(world.receiver.keyrings[second], keys[2:]) is None
    with world.home.exclusive():
        assert puller.run().doubts == []
    assert world.run("verify", "--quiet", "--open") == 0


def test_a_keyring_changes_recipients_are_those_of_a_period_and_lead_to_the_newest(world):
    newest = begin(world, "2027-1")
    periods = world.config.periods
    first = periods.get("first")
    assert periods.of_digest(recipients_digest(first.in_order)) == first
    assert periods.of_digest(bytes(32)) is None
    assert periods.rewrap_target(first) == newest
    with pytest.raises(UsageError, match="is the newest"):
        periods.rewrap_target(newest)


def test_an_erased_period_has_no_key_any_more_and_an_open_one_is_not_erased(world):
    with pytest.raises(UsageError, match="is open"):
        erase(world, "first")
    begin(world, "2027-1")
    config, erasure = erase(world, "first")
    assert erasure.destroyed == ("records", "escrow")
    assert erasure.copies
    assert config == world.config
    assert config.periods.get("first").erased == NOW
    assert not world.vault.has("records")
    assert {k.period.name for k in period_keys(world.vault, config.periods)} == {"2027-1"}


def test_a_device_that_sealed_last_under_the_period_is_behind_until_it_seals_under_the_next(
    world, device
):
    def publish(serial):
        text = parse_policy_toml(policy(world.config.periods.newest().in_order, serial))
        keys = world.vault.signers(("policy-records", "policy-privacy"), world.config.policy_keys)
        note = sign_policy(world.config.origin, text, keys)
        world.receiver.append(note)
        return hashlib.sha256(note).digest()

    def behind():
        world.pull()
        replay = replay_mirror(Mirror(world.home.mirror), world.config)
        return devices_behind(replay, world.config.periods.get("first"))

    device.policy = publish(1)
    device.send_files({"a": b"x"})
    other = world.enrol("second")  # it never sealed anything
    newest = begin(world, "p2")
    after = publish(2)
    assert behind() == ["minister"]  # the log has the next policy; who is off has not
    device.policy, device.recipients = after, list(newest.in_order)
    device.send_files({"b": b"x"})
    assert behind() == []
    assert other.newest is None


def test_an_erasure_waits_for_whoever_changes_the_keys_and_keeps_what_he_changed(world):
    stale = world.config
    begin(world, "p2")
    with world.home.changing_keys(), pytest.raises(UsageError, match="another command"):
        erase(world, "first")
    config, _ = erase_private_keys(
        world.home, stale, world.vault, world.config.periods.get("first"), now=NOW
    )
    assert [period.name for period in config.periods.all] == ["first", "p2"]


def test_after_an_erasure_another_master_key_leaves_deleted_blocks_unreadable(world):
    begin(world, "p2")
    blocks = {p.name: p.read_bytes() for p in world.home.keys.glob("*.age")}
    erase(world, "first")
    assert world.run("keys", "rotate", "master") == 0
    vault = Vault.unlock(world.home.keys, world.passphrase_file.read_text().strip())
    for name, data in blocks.items():
        if name != "master.age":
            (world.home.keys / name).write_bytes(data)
            with pytest.raises(UsageError, match="does not open it"):
                vault.load(name.removesuffix(".age"))


def test_what_opened_the_last_keyring_is_tried_first(world, device, monkeypatch):
    names = [device.send_files({str(n): b"x"}) for n in range(3)]
    for number in range(4):
        begin(world, f"p{number}")
    keys = period_keys(world.vault, world.config.periods)
    chain = Keychain([key.identity for key in keys])
    tried = []
    real = keychain.open_keyring
    monkeypatch.setattr(
        keychain, "open_keyring", lambda data, keys: tried.append(keys) or real(data, keys)
    )
    rings = [chain.open(world.receiver.keyrings[name]) for name in names]
    assert [ring.batch for ring in rings] == [0, 1, 2]
    assert len(tried) == len(keys) - 1 + 2  # all but the escrow of the first; then one each
    with pytest.raises(DecryptError):
        Keychain([keys[0].identity]).open(world.receiver.keyrings[names[0]])


def killed_before_each_write(act, after):
    """Run an act that is killed before its first write, its second, … until it ends."""
    for number in range(9):
        try:
            with killed_before(number):
                act()
        except Killed:
            after()
            continue
        return number
    return None


def test_a_kill_before_any_write_loses_no_key_and_makes_none_twice(world):
    def begin_it():
        periodkeys.begin_period(
            world.home, world.config, world.vault, "p2", None, now=NOW, random=os.urandom
        )

    def all_keys_are_there():
        periods = world.config.periods
        assert len(period_keys(world.vault, periods)) == 2 * len(periods.all)

    assert killed_before_each_write(begin_it, all_keys_are_there) >= 2
    assert [p.name for p in world.config.periods.all] == ["first", "p2"]
    assert len(list(world.home.keys.glob("*-p2.age"))) == 2

    def what_is_called_erased_is_gone():
        if world.config.periods.get("first").state is State.ERASED:
            assert not list(world.home.keys.glob("records.age"))

    ending = killed_before_each_write(lambda: erase(world, "first"), what_is_called_erased_is_gone)
    assert ending >= 2
    assert world.config.periods.get("first").state is State.ERASED
    assert not world.vault.has("escrow")
