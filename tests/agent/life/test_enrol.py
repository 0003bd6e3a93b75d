# SPDX-License-Identifier: EUPL-1.2
"""How a device comes to exist, whatever happens meanwhile."""

import os
import signal
import subprocess
import sys

import pytest

from lakzegel_agent.enrolling import enrol
from lakzegel_agent.errors import UsageError
from lakzegel_agent.settings import load_config
from lakzegel_agent.tokens import device_name, read_token
from lakzegel_agent.transport import NeverError, UnreachableError
from lakzegel_core.enrolment import Reason

ORIGIN = "log.example/test"


def enrolments(log):
    return [entry for entry in log.entries if entry.startswith(b"lakzegel.nl/enrolment/v1")]


def test_the_log_holds_what_the_device_introduces_itself_with(fresh, token, log):
    found = fresh.enrol(token)
    assert enrolments(log) == [found.note]
    assert found.enrolment.device == "minister"
    assert found.enrolment.reason is Reason.FIRST
    assert fresh.ledger.epoch().enrolment_id == found.id
    assert fresh.ledger.seen().size == len(log.entries)


def test_keys_are_for_the_owner_alone(device):
    modes = {path.stat().st_mode & 0o777 for path in (device.root / "keys").iterdir()}
    assert modes == {0o600}
    assert len(list((device.root / "keys").iterdir())) == 5


def test_a_lost_answer_is_mended_by_enrolling_again_with_the_same_note(fresh, token, receiver, log):
    receiver.lost = [None, UnreachableError("the line went dead")]
    with pytest.raises(UnreachableError):
        fresh.enrol(token)
    assert fresh.ledger.epoch() is None
    fresh = fresh.again()
    found = fresh.enrol(token)
    assert enrolments(log) == [found.note]
    assert fresh.ledger.epoch().epoch == 0


def test_a_note_that_was_never_sent_is_sent_the_next_time(fresh, token, receiver, log):
    receiver.broken = [None, UnreachableError("no network")]
    with pytest.raises(UnreachableError):
        fresh.enrol(token)
    assert enrolments(log) == []
    note = fresh.keys.newest().note
    assert fresh.enrol(token).note == note


def test_a_refusal_sets_the_note_aside_so_that_another_token_helps(
    fresh, token, receiver, office, tmp_path
):
    receiver.broken = [None, NeverError("used up", status=403, code="exhausted")]
    with pytest.raises(NeverError):
        fresh.enrol(token)
    assert fresh.keys.newest() is None
    assert fresh.enrol(office.admit(tmp_path / "token-2")).enrolment.epoch == 0


def test_a_refusal_by_something_on_the_way_does_not(fresh, token, receiver):
    receiver.broken = [None, NeverError("a hotel's login page", status=403, code="")]
    with pytest.raises(NeverError):
        fresh.enrol(token)
    assert fresh.keys.newest() is not None


def test_a_device_whose_state_was_lost_opens_the_next_epoch(
    device, receiver, office, tmp_path, kit, log
):
    row = device.seal()
    log.append(device.spool.path(0, 0, "head").read_bytes())
    fresh = kit.Device(tmp_path / "new-disk", receiver, office.pins)
    found = fresh.enrol(office.admit(tmp_path / "token-2"))
    assert found.enrolment.epoch == 1
    assert found.enrolment.reason is Reason.UNREADABLE
    assert found.enrolment.previous == row.id
    assert found.enrolment.known is None
    assert [o["type"] for o in fresh.observed()] == ["epoch"]
    fresh.liaison.consult(fresh.current)
    fresh.ledger.close()


def test_a_token_without_use_left_is_refused(fresh, token, receiver, office, tmp_path, kit):
    fresh.enrol(token)
    other = kit.Device(tmp_path / "other", receiver, office.pins)
    with pytest.raises(NeverError) as caught:
        other.enrol(token)
    assert caught.value.code == "exhausted"
    other.ledger.close()


def test_devices_of_a_group_get_names_of_their_own(fresh, receiver, office, tmp_path, kit):
    token = office.admit(tmp_path / "group", device=None, group="bewindspersonen", count=2)
    first = fresh.enrol(token).enrolment
    other = kit.Device(tmp_path / "other", receiver, office.pins)
    second = other.enrol(token, "laptop-7").enrolment
    assert first.device.startswith("bewindspersonen-")
    assert len(first.device) == len("bewindspersonen-") + 8
    assert second.device == "laptop-7"
    assert second.group == first.group == "bewindspersonen"
    other.ledger.close()


def test_a_token_for_one_device_names_no_other(token):
    found = read_token(token, origin=ORIGIN)
    with pytest.raises(UsageError, match="for device minister"):
        device_name(found, "laptop-7", random=os.urandom)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda data: data.replace(b"\n\n", b"\n", 1),
        lambda data: data[:-1],
        lambda data: data.replace(b"PRIVATE", b"PUBLIC", 1),
        lambda data: data + b"x" * 80_000,
    ],
)
def test_a_token_file_that_is_none_is_refused(token, change):
    token.write_bytes(change(token.read_bytes()))
    with pytest.raises(UsageError):
        read_token(token, origin=ORIGIN)


def test_a_token_for_another_log_is_refused(token):
    with pytest.raises(UsageError, match="this device trusts"):
        read_token(token, origin="log.example/other")


def test_a_token_of_another_admission_is_refused(token, office, tmp_path):
    other = office.admit(tmp_path / "token-2", device="other").read_bytes()
    key = token.read_bytes().partition(b"\n\n")[0]
    token.write_bytes(key + b"\n\n" + other.partition(b"\n\n")[2])
    with pytest.raises(UsageError, match="another token"):
        read_token(token, origin=ORIGIN)


def configured(tmp_path, served, office):
    config = tmp_path / "agent.toml"
    keys = [office.log.keys.ed25519.to_text(), office.log.keys.mldsa.to_text()]
    policy = [key.verifier.to_text() for key in office.policy]
    config.write_text(
        f"server = '{served}'\nhome = '{tmp_path / 'home-2'}'\nlog_keys = {keys}\n"
        f"policy_keys = {policy}\n"
    )
    return config


_KILLED = """# fork of lakzegel_agent
import os, signal, sys
from pathlib import Path
step = int(sys.argv.pop(1))
import lakzegel_agent.durable as durable
from lakzegel_agent.ledger import Ledger
count = 0
def counted(real):
    def call(*args, **more):
        global count
        count += 1
        if count > step:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)
    return call
durable._write_synced = counted(durable._write_synced)
durable.sync_folder = counted(durable.sync_folder)
Ledger.set_seen = counted(Ledger.set_seen)
Ledger.begin_epoch = counted(Ledger.begin_epoch)
from lakzegel_agent.__main__ import main
sys.exit(main())
"""


def test_killed_at_any_step_it_is_mended_by_running_it_again(tmp_path, served, office, log):
    for step in range(99):
        root = tmp_path / str(step)
        root.mkdir()
        token = office.admit(root / "token", device=f"d{step}")
        config = configured(root, served, office)
        arguments = [str(step), "enrol", "--config", str(config), "--token-file", str(token)]
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, *arguments], capture_output=True, check=False
        )
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        found, made = enrol(load_config(config), token, None)
        mine = [entry for entry in enrolments(log) if b"device d%d\n" % step in entry]
        assert mine == [found.note]
        if done.returncode == 0:
            break
        assert made
    assert step >= 12


def test_a_ledger_that_cannot_be_read_is_set_aside_whole(tmp_path, served, office, token, log):
    config = load_config(configured(tmp_path, served, office))
    enrol(config, token, None)
    (config.home / "ledger.sqlite").write_bytes(b"not a database at all" * 400)
    found, made = enrol(config, office.admit(tmp_path / "token-2"), None)
    assert made
    assert found.enrolment.epoch == 1
    (lost,) = config.home.glob("lost-*")
    assert (lost / "ledger.sqlite").exists()
    assert (lost / "keys" / "header-0").exists()


def test_the_device_that_is_enrolled_keeps_its_name(tmp_path, served, office, token):
    config = load_config(configured(tmp_path, served, office))
    enrol(config, token, None)
    with pytest.raises(UsageError, match="is enrolled as minister"):
        enrol(config, token, "laptop-7")
