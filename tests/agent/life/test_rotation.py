# SPDX-License-Identifier: EUPL-1.2
"""A device replaces its keys, whatever happens meanwhile: it is never locked out."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.errors import DiskFailedError, RefusedError, UnreachableError
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerrows import Seen
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.renewal import Renewal, ask
from lakzegel_agent.settings import load_config
from lakzegel_agent.ship import Shipper
from lakzegel_agent.standing import arrive
from lakzegel_agent.station import station
from lakzegel_agent.transport import NeverError
from lakzegel_core import note
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Reason, peek_enrolment
from lakzegel_core.errors import LakzegelError

DEAD = UnreachableError("the line went dead")


def ship(device):
    shipper = Shipper(
        device.link,
        ledger=device.ledger,
        spool=device.spool,
        problems=device.problems,
        clock=device.clock,
        stopped=lambda: False,
    )
    return shipper.drain()


def enrolments(log):
    found = [e for e in log.entries if e.startswith(b"lakzegel.nl/enrolment/v1")]
    return [peek_enrolment(entry) for entry in found]


def secrets(device):
    return {path.name for path in (device.root / "keys").iterdir() if path.suffix != ".note"}


def rotate(device):
    return device.liaison.rotate(device.current)


@pytest.fixture
def sealed(device):
    """A device whose one batch is in the log."""
    device.seal()
    ship(device)
    return device


def test_the_old_header_key_vouches_for_new_keys(sealed, log):
    old = sealed.current
    head = sealed.ledger.epoch().newest_id
    found = rotate(sealed)
    made = enrolments(log)[-1]
    assert made == found.enrolment
    assert (made.epoch, made.reason) == (1, Reason.ROTATED)
    assert made.previous == made.known == head
    note.open_exact(found.note, [found.enrolment.header, old.enrolment.header])
    assert not {made.header, made.witness} & {old.enrolment.header, old.enrolment.witness}
    assert made.annex != old.enrolment.annex
    assert sealed.observed() == [
        {"type": "epoch", "epoch": 1, "previous": b64(head), "known": b64(head)}
    ]


def test_what_is_sealed_next_is_taken_under_the_new_keys_alone(sealed, log):
    rotate(sealed)
    sealed.seal()
    assert ship(sealed) == 1
    assert log.entries[-1].split(b"\n")[3:5] == [b"epoch 1", b"batch 0"]
    sealed.liaison.consult(sealed.current)
    assert sealed.ledger.given_up() == []
    assert [problem.code for problem in sealed.problems.listed()] == ["no-policy"]


def test_the_old_signing_keys_are_removed_and_the_old_annex_key_stays(sealed):
    assert {"header-0", "witness-0", "annex-0"} < secrets(sealed)
    rotate(sealed)
    assert secrets(sealed) == {"ledger", "annex-0", "header-1", "witness-1", "annex-1"}
    assert len(sealed.keys.annex_identities()) == 2


def test_keys_can_be_replaced_again_and_before_any_batch(device, log):
    rotate(device)
    rotate(device)
    assert [made.epoch for made in enrolments(log)] == [0, 1, 2]
    assert enrolments(log)[-1].previous is None
    device.seal()
    assert ship(device) == 1


def test_what_waits_in_the_spool_is_sent_first(sealed, log):
    before = sealed.current
    sealed.seal()
    with pytest.raises(RefusedError, match="1 batches wait in the spool"):
        rotate(sealed)
    assert sealed.current.id == before.id
    assert len(enrolments(log)) == 1
    assert sealed.problems.has("keys-not-replaced")
    ship(sealed)
    rotate(sealed)
    assert not sealed.problems.has("keys-not-replaced")


def test_a_lost_answer_leaves_the_new_keys_in_force(sealed, receiver, log):
    receiver.lost = [None, DEAD]
    with pytest.raises(UnreachableError):
        rotate(sealed)
    assert sealed.current.enrolment.epoch == 1
    sealed.seal()  # offline: it goes on under the new keys
    sealed = sealed.again()
    assert sealed.liaison.settle_epoch(sealed.current).enrolment.epoch == 1
    assert ship(sealed) == 1
    assert [made.epoch for made in enrolments(log)] == [0, 1]
    assert sealed.ledger.given_up() == []
    assert "header-0" not in secrets(sealed)
    sealed.ledger.close()


def test_a_note_that_was_never_sent_is_sent_before_anything_else(sealed, receiver, log):
    receiver.broken = [None, DEAD]
    with pytest.raises(UnreachableError):
        rotate(sealed)
    assert len(enrolments(log)) == 1
    assert {"header-0", "header-1"} < secrets(sealed)
    sealed.seal()
    receiver.calls.clear()
    sealed.liaison.consult(sealed.current)
    assert receiver.calls[:2] == ["note", "device"]
    assert ship(sealed) == 1
    assert sealed.ledger.unsent() is None
    receiver.calls.clear()
    sealed.liaison.consult(sealed.current)
    assert receiver.calls == ["device"]


def test_a_refusal_leaves_the_old_keys_in_force(sealed, receiver, log):
    before = sealed.current
    receiver.broken = [None, NeverError("what is that?", status=400, code="format")]
    with pytest.raises(RefusedError, match="the keys were not replaced: what is that"):
        rotate(sealed)
    assert sealed.current.id == before.id
    assert sealed.problems.has("keys-not-replaced")
    assert sealed.keys.newest().id == before.id
    sealed.seal()
    assert ship(sealed) == 1
    rotate(sealed)
    assert [made.epoch for made in enrolments(log)] == [0, 1]


def test_a_refusal_that_the_log_contradicts_leaves_the_new_keys_in_force(sealed, receiver, log):
    receiver.lost = [None, NeverError("never seen it", status=409, code="epoch")]
    with pytest.raises(NeverError):
        rotate(sealed)
    assert sealed.current.enrolment.epoch == 1
    sealed.seal()
    sealed.liaison.settle_epoch(sealed.current)
    assert ship(sealed) == 1


def test_a_refusal_by_something_on_the_way_is_none(sealed, receiver, log):
    receiver.broken = [None, NeverError("a hotel's login page", status=403, code="")]
    with pytest.raises(NeverError):
        rotate(sealed)
    sealed = sealed.again()
    assert sealed.liaison.settle_epoch(sealed.current).enrolment.epoch == 1
    assert [made.epoch for made in enrolments(log)] == [0, 1]
    sealed.ledger.close()


def test_a_receipt_that_proves_nothing_leaves_the_new_keys_in_force(sealed, receiver):
    receiver.alter_receipt = lambda data: data[:-1]
    with pytest.raises(LakzegelError):
        rotate(sealed)
    assert sealed.current.enrolment.epoch == 1
    receiver.alter_receipt = lambda data: data
    sealed.liaison.settle_epoch(sealed.current)
    assert sealed.ledger.unsent() is None


def test_a_device_that_was_revoked_meanwhile_is_told_so(sealed, receiver, office):
    receiver.broken = [None, DEAD]
    with pytest.raises(UnreachableError):
        rotate(sealed)
    office.revoke()
    with pytest.raises(NeverError):
        sealed.liaison.consult(sealed.current)
    assert sealed.problems.has("revoked")


def test_a_revoked_device_replaces_no_keys(sealed, office, log):
    office.revoke()
    with pytest.raises(RefusedError, match="revoked"):
        rotate(sealed)
    assert len(enrolments(log)) == 1


def test_the_image_from_before_is_superseded_and_a_token_helps(
    sealed, tmp_path, office, receiver, log, kit
):
    sealed.ledger.close()
    shutil.copytree(sealed.root, tmp_path / "image")
    sealed = kit.Device(sealed.root, receiver, sealed.pins, sealed.now)
    rotate(sealed)
    old = kit.Device(tmp_path / "image", receiver, sealed.pins, sealed.now)
    with pytest.raises(NeverError):
        old.liaison.settle_epoch(old.current)
    assert old.problems.has("superseded")
    old.seal()
    with pytest.raises(NeverError):
        ship(old)
    assert [made.epoch for made in enrolments(log)] == [0, 1]
    fresh = kit.Device(tmp_path / "new-disk", receiver, sealed.pins)
    assert fresh.enrol(office.admit(tmp_path / "token-2")).enrolment.epoch == 2
    for device in (sealed, old, fresh):
        device.ledger.close()


def test_of_two_copies_that_replace_their_keys_one_is_superseded(
    sealed, tmp_path, receiver, log, kit
):
    sealed.ledger.close()
    shutil.copytree(sealed.root, tmp_path / "clone")
    sealed = kit.Device(sealed.root, receiver, sealed.pins, sealed.now)
    clone = kit.Device(tmp_path / "clone", receiver, sealed.pins, sealed.now)
    receiver.broken = [None, DEAD]
    with pytest.raises(UnreachableError):
        rotate(clone)
    rotate(sealed)
    with pytest.raises(NeverError):
        clone.liaison.settle_epoch(clone.current)
    assert clone.problems.has("superseded")
    assert [made.epoch for made in enrolments(log)] == [0, 1]
    assert enrolments(log)[1].header == sealed.current.enrolment.header
    for device in (sealed, clone):
        device.ledger.close()


def test_an_image_from_after_opens_a_new_epoch_by_itself(sealed, tmp_path, receiver, log, kit):
    rotate(sealed)
    sealed.ledger.close()
    shutil.copytree(sealed.root, tmp_path / "image")
    sealed = kit.Device(sealed.root, receiver, sealed.pins, sealed.now)
    sealed.seal()
    ship(sealed)
    old = kit.Device(tmp_path / "image", receiver, sealed.pins, sealed.now)
    assert old.liaison.settle_epoch(old.current).enrolment.reason is Reason.RESTORED
    assert secrets(old) >= {"header-2", "witness-2", "annex-0", "annex-1"}
    assert "header-1" not in secrets(old)
    for device in (sealed, old):
        device.ledger.close()


def test_a_newest_batch_that_is_not_known_here_is_no_time_to_replace_keys(sealed, receiver):
    answer, _ = sealed.liaison.consult(sealed.current)
    sealed.seal()
    ship(sealed)
    with pytest.raises(RefusedError, match="not the one known here"):
        sealed.liaison._epochs().rotation().begin(answer, sealed.current)
    assert sealed.keys.newest().enrolment.epoch == 0


_KILLED = """# fork of lakzegel_agent
import os, signal, sys
step = int(sys.argv.pop(1))
import lakzegel_agent.durable as durable
import lakzegel_agent.transport as transport
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerrows import Seen
from lakzegel_agent.liaison import Liaison
count, armed = 0, False
def die_in_time():
    global count
    count += armed
    if count > step:
        os.kill(os.getpid(), signal.SIGKILL)
def counted(real, *, after=False):
    def call(*args, **more):
        die_in_time()
        found = real(*args, **more)
        if after:
            die_in_time()  # it was done, and nobody here knows
        return found
    return call
def arm(real):
    def call(*args, **more):
        global armed
        armed = True
        return real(*args, **more)
    return call
durable._write_synced = counted(durable._write_synced)
durable.sync_folder = counted(durable.sync_folder)
os.replace, os.rename, os.unlink = map(counted, (os.replace, os.rename, os.unlink))
Ledger.set_seen = counted(Ledger.set_seen)
Ledger.begin_epoch = counted(Ledger.begin_epoch, after=True)
Ledger.mark_sent = counted(Ledger.mark_sent)
transport.HttpReceiver.send_note = counted(transport.HttpReceiver.send_note, after=True)
Liaison.rotate = arm(Liaison.rotate)
from lakzegel_agent.__main__ import main
sys.exit(main())
"""


def test_a_token_does_not_finish_what_a_lost_ledger_had_begun(
    fresh, receiver, office, tmp_path, log
):
    token = office.admit(tmp_path / "token-2", count=2)
    fresh.enrol(token)
    receiver.broken = [None, DEAD]
    with pytest.raises(UnreachableError):
        rotate(fresh)
    fresh.ledger.close()
    for path in fresh.root.glob("ledger.sqlite*"):
        path.unlink()
    fresh = fresh.again()
    assert fresh.enrol(token).enrolment.reason is Reason.UNREADABLE
    assert [made.reason for made in enrolments(log)] == [Reason.FIRST, Reason.UNREADABLE]
    fresh.ledger.close()


def test_nothing_is_sealed_by_old_keys_where_the_disk_hides_which_are_in_force(
    tmp_path, served, office, receiver, kit, monkeypatch
):
    root = tmp_path / "home-2"
    device = kit.Device(root, receiver, office.pins)
    device.enrol(office.admit(tmp_path / "token-2"))
    receiver.lost = [None, DEAD]

    def fails(*_, **__):
        raise DiskFailedError("ledger: the disk fails")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "begin_epoch", fails)
        with pytest.raises(DiskFailedError):
            rotate(device)
    device.ledger.close()
    with station(load_config(configure(root, served, office.pins))) as opened:
        before = introduction_in_force(opened.ledger, opened.keys)
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "begin_epoch", fails)
            with pytest.raises(DiskFailedError):
                arrive(opened, before, tries=1)
        assert before.enrolment.epoch == 0
        found, fault = arrive(opened, before, tries=1)
        assert (found.enrolment.epoch, fault) == (1, None)


def configure(root, served, pins):
    values = {
        "server": served,
        "home": str(root),
        "log_keys": [pins.log.ed25519.to_text(), pins.log.mldsa.to_text()],
        "policy_keys": [key.to_text() for key in pins.policy],
    }
    path = root.with_suffix(".toml")
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return path


def require_one_way_on(device, log, *, batches):
    """Whatever is in force here is in force in the log, and everything sealed is in it."""
    name = device.current.enrolment.device
    made = [e for e in enrolments(log) if e.device == name]
    assert [e.epoch for e in made] == list(range(len(made)))
    assert len(made) <= 2
    assert made[-1] == device.current.enrolment
    state = log.custody().devices[name]
    assert state.header_key == device.current.keys.header.verifier
    assert device.ledger.given_up() == []
    assert device.ledger.waiting() == []
    about = [e for e in log.entries if f"device {name}\n".encode() in e]
    headers = [e for e in about if e.startswith(b"lakzegel.nl/batch/v1")]
    assert len(headers) == batches
    signing = {name for name in secrets(device) if name.startswith(("header", "witness"))}
    assert {f"header-{state.epoch}", f"witness-{state.epoch}"} <= signing
    if state.epoch:
        assert signing == {"header-1", "witness-1"}


@pytest.mark.parametrize(
    "stride", [pytest.param(3, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)]
)
def test_killed_at_a_step_it_is_neither_locked_out_nor_of_two_minds(
    tmp_path, served, office, receiver, log, kit, stride
):
    """At each step in the long form; in the short one at every third, by chance which."""
    epochs = set()
    for step in range(random.SystemRandom().randrange(stride), 99, stride):
        name = f"d{step}"
        root = tmp_path / name
        device = kit.Device(root, receiver, office.pins)
        device.enrol(office.admit(tmp_path / f"token-{step}", device=name))
        device.seal()
        ship(device)
        device.ledger.close()
        words = [str(step), "rotate", "--config", str(configure(root, served, office.pins))]
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, *words], capture_output=True, check=False
        )
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        epochs.add(goes_on_at_once(root, log.copy(), office, kit))
        goes_on_after_a_week_offline(root, log.copy(), office, kit)
        if done.returncode == 0:
            break
    assert step >= 20
    assert epochs == {0, 1}


def goes_on_at_once(root, log, office, kit):
    place = root.with_name(f"{root.name}-at-once")
    shutil.copytree(root, place)
    device = kit.Device(place, kit.FakeReceiver(log), office.pins)
    device.liaison.settle_epoch(device.current)
    device.seal()
    assert ship(device) == 1
    require_one_way_on(device, log, batches=2)
    device.ledger.close()
    return len([e for e in enrolments(log) if e.device == root.name]) - 1


def goes_on_after_a_week_offline(root, log, office, kit):
    place = root.with_name(f"{root.name}-offline")
    shutil.copytree(root, place)
    receiver = kit.FakeReceiver(log)
    device = kit.Device(place, receiver, office.pins)
    for _ in range(3):
        receiver.broken = [DEAD]
        with pytest.raises(UnreachableError):
            device.liaison.settle_epoch(device.current)
        device.seal()
        device = device.again()
    receiver.broken = []
    device.liaison.settle_epoch(device.current)
    assert ship(device) == 3
    require_one_way_on(device, log, batches=4)
    device.ledger.close()


def test_the_command_says_which_epoch_is_in_force(tmp_path, served, office, receiver, log, kit):
    root = tmp_path / "home-2"
    device = kit.Device(root, receiver, office.pins)
    device.enrol(office.admit(tmp_path / "token-2"))
    device.ledger.close()
    words = ["rotate", "--config", str(configure(root, served, office.pins))]

    def run(*more, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "lakzegel_agent", *words, *more],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done

    told = json.loads(run("--json").stdout)
    assert told["epoch"] == 1
    assert told["state"] == "replaced"
    assert run().stdout == "device minister: new keys are in force, epoch 2\n"
    receiver.broken = [None, None, UnreachableError("no network")]
    failed = run(code=3).stderr
    assert failed.count("\n") == 1
    assert "the new keys are in force here, and the log hears of them" in failed
    assert run().stdout == "device minister: keys that were made before are in force, epoch 3\n"
    assert [made.epoch for made in enrolments(log)] == [0, 1, 2, 3]
    receiver.broken = [None, None, NeverError("what is that?", status=400, code="format")]
    assert "the keys were not replaced: " in run(code=3).stderr
    assert [made.epoch for made in enrolments(log)] == [0, 1, 2, 3]
    lines = [json.loads(row) for row in (root / "log" / "agent.log").read_text().splitlines()]
    replaced = [line["epoch"] for line in lines if line["action"] == "keys-replaced"]
    assert replaced == [1, 2, 3]


class Living:
    """An agent over a folder of mail, and its commands."""

    def __init__(self, tmp_path, served, office, receiver, kit, *, days=0, more=""):
        self.root, self.mail = tmp_path / "home-2", tmp_path / "mail"
        self.mail.mkdir()
        device = kit.Device(self.root, receiver, office.pins)
        device.now -= timedelta(days=days)
        device.enrol(office.admit(tmp_path / "token-2"))
        device.ledger.close()
        self.config = configure(self.root, served, office.pins)
        source = f"[[source]]\nname = 's1'\nkind = 'folder'\npath = '{self.mail}'\nsettle = '0s'\n"
        office.publish(office.policy_toml(1, more=source + more))
        self.log = receiver.log

    def words(self, command, *more):
        config = ("--config", str(self.config))
        return [sys.executable, "-m", "lakzegel_agent", command, *config, *more]

    def run(self, command, *more, code=0):
        done = subprocess.run(
            self.words(command, *more), capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def seals(self, name):
        """Write a mail and wait for its receipt; there is no event to await from a process."""
        (self.mail / name).write_bytes(b"Subject: x\n\n" + name.encode())
        mails = len(list(self.mail.iterdir()))
        until(lambda: self.ledger(lambda ledger: ledger.counts().sealed == mails))
        until(lambda: self.ledger(lambda ledger: not ledger.waiting()))

    def ledger(self, read):
        key = KeyStore(self.root / "keys").ledger_key(random=os.urandom)
        with Ledger.open(self.root / "ledger.sqlite", key) as ledger:
            return read(ledger)


def until(check, *, seconds=40):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.05)


def epochs(log):
    return [made.epoch for made in enrolments(log)]


def test_an_agent_at_work_replaces_its_keys_when_it_is_asked(
    tmp_path, served, office, receiver, kit, log
):
    agent = Living(tmp_path, served, office, receiver, kit)
    with subprocess.Popen(agent.words("run"), stderr=subprocess.PIPE) as process:
        try:
            agent.seals("1.eml")
            told = json.loads(agent.run("rotate", "--json"))
            assert (told["state"], told["epoch"]) == ("asked", 0)
            assert epochs(log) == [0]
            process.send_signal(signal.SIGHUP)
            until(lambda: epochs(log) == [0, 1])
            agent.seals("2.eml")
            assert log.entries[-1].split(b"\n")[3] == b"epoch 1"
            process.send_signal(signal.SIGHUP)  # asked once, done once
            agent.seals("3.eml")
            assert epochs(log) == [0, 1]
            assert not (agent.root / "rotate").exists()
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, process.stderr.read()


@pytest.mark.parametrize(("days", "found"), [(29, [0]), (31, [0, 1])], ids=["young enough", "old"])
def test_keys_as_old_as_the_policy_allows_are_replaced(
    tmp_path, served, office, receiver, kit, log, days, found
):
    more = "[limits]\nkeys = '30d'\n"
    agent = Living(tmp_path, served, office, receiver, kit, days=days, more=more)
    (agent.mail / "1.eml").write_bytes(b"Subject: x\n\nx")
    agent.run("once")
    assert epochs(log) == found
    agent.run("once")
    assert epochs(log) == found  # those in force are new


def test_old_keys_are_replaced_once_nothing_waits(tmp_path, served, office, receiver, kit, log):
    more = "[limits]\nkeys = '30d'\n"
    agent = Living(tmp_path, served, office, receiver, kit, days=40, more=more)
    receiver.broken = [None, None, NeverError("what is that?", status=400, code="format")]
    (agent.mail / "1.eml").write_bytes(b"Subject: x\n\nx")
    agent.run("once")
    assert epochs(log) == [0]
    status = json.loads(agent.run("status", "--json", code=1))
    assert [problem["code"] for problem in status["problems"]] == ["keys-not-replaced"]
    agent.run("once")
    assert epochs(log) == [0, 1]
    assert json.loads(agent.run("status", "--json"))["problems"] == []


def test_a_wish_that_nobody_fulfilled_is_the_next_runs(
    tmp_path, served, office, receiver, kit, log
):
    agent = Living(tmp_path, served, office, receiver, kit)
    ask(agent.root / "rotate", 0)
    agent.run("once")
    assert epochs(log) == [0, 1]
    ask(agent.root / "rotate", 0)  # of an epoch that is over
    agent.run("once")
    assert epochs(log) == [0, 1]
    assert not (agent.root / "rotate").exists()


def test_an_agent_waits_until_every_batch_has_its_receipt(tmp_path, served, office, receiver, kit):
    root = tmp_path / "home-2"
    device = kit.Device(root, receiver, office.pins)
    device.enrol(office.admit(tmp_path / "token-2"))
    device.seal()
    device.ledger.close()
    with station(load_config(configure(root, served, office.pins))) as opened:
        current = introduction_in_force(opened.ledger, opened.keys)
        renewal = Renewal(opened)
        assert not renewal.is_wanted(current, None)
        ask(opened.home.asked, 0)
        assert renewal.is_wanted(current, None)
        assert not renewal.is_due(current, None)
        assert renewal.attempt(current, None) == (current, None)
        assert not opened.problems.has("keys-not-replaced")
        opened.ledger.mark_sealed(opened.ledger.waiting()[0].id, 3, b"", Seen(9, bytes(32), b""))
        assert renewal.is_due(current, None)
