# SPDX-License-Identifier: EUPL-1.2
"""A device enrols itself by what its profile holds, and waits for who is not there yet."""

import json
import os
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from lakzegel_agent.backoff import Backoff
from lakzegel_agent.doctor import examine
from lakzegel_agent.errors import UsageError
from lakzegel_agent.home import Home
from lakzegel_agent.selfenrol import enrol_first, token_in
from lakzegel_agent.serials import hardware_serial
from lakzegel_agent.settings import load_config
from lakzegel_agent.settingsshown import shown
from lakzegel_agent.status import current_status
from lakzegel_agent.transport import NeverError, UnreachableError
from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.enrolment import Reason, peek_enrolment
from lakzegel_core.roster import RosterKey

ORIGIN = "log.example/test"
SERIAL = "C39TEST0001"


@pytest.fixture
def write(tmp_path, served, office):
    """Write the settings, and read them."""
    path = tmp_path / "agent.toml"
    log = office.log.keys

    def settings(**more):
        values = {
            "server": served,
            "home": str(tmp_path / "home-1"),
            "log_keys": [log.ed25519.to_text(), log.mldsa.to_text()],
            "policy_keys": [key.verifier.to_text() for key in office.policy],
            **more,
        }
        path.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()))
        return load_config(path)

    return settings


@pytest.fixture
def roster():
    return RosterKey.make(ORIGIN, random=os.urandom(36))


def on_roster(office, roster, serial=SERIAL, *, custody="2026-bzk", group="ring-1", count=1):
    """Sign and log the admission of one machine."""
    made = roster.derive(serial)
    until = office.log.now + timedelta(days=30)
    admission = Admission(ORIGIN, made.token.verifier, made.device, group, count, until, custody)
    office.log.append(sign_admission(admission, office.enrolment))
    return made.device


def enrolled(config, **more):
    said = []
    stop = more.pop("stop", threading.Event())
    quick = Backoff(lambda: 0.0, first=0.001, cap=0.001)
    found = enrol_first(config, say=said.append, stop=stop, backoff=quick, **more)
    return found, said


def enrolments(log):
    kind = b"lakzegel.nl/enrolment/v1"
    return [peek_enrolment(entry) for entry in log.entries if entry.startswith(kind)]


def test_a_token_file_enrols_the_device_and_is_removed(write, token, log):
    found, said = enrolled(write(token_file=str(token)))
    assert [one.device for one in enrolments(log)] == ["minister"]
    assert said == []
    assert not token.exists()
    assert not found.has_token()


def test_a_token_file_of_somebody_else_is_left_to_him(write, token, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    enrolled(write(token_file=str(token)))
    assert token.exists()


def test_a_machine_of_a_roster_has_its_own_token_and_name(write, office, roster, log):
    name = on_roster(office, roster)
    enrolled(write(token=roster.to_text(), serial_number=" c39test0001 "))
    (found,) = enrolments(log)
    assert (found.device, found.group) == (name, "ring-1")
    assert SERIAL.lower() not in name


def test_a_machine_that_is_not_on_the_roster_is_refused_and_waits(write, office, roster, log):
    on_roster(office, roster)
    config = write(token=roster.to_text(), serial_number="C39TEST0002")
    with pytest.raises(NeverError):
        enrolled(config, tries=2)
    assert enrolments(log) == []
    (problem,) = [p for p in current_status(config)["problems"] if p["code"] == "not-enrolled"]
    assert problem["detail"].startswith("waits to enrol: ")


def test_a_machine_that_was_made_anew_has_its_name_again(write, office, roster, log, tmp_path):
    name = on_roster(office, roster, count=2)
    text = {"token": roster.to_text(), "serial_number": SERIAL}
    enrolled(write(**text))
    enrolled(write(**text, home=str(tmp_path / "home-2")))
    first, second = enrolments(log)
    assert first.device == second.device == name
    assert second.reason is Reason.UNREADABLE


def test_a_line_that_many_share_gives_each_machine_its_name(write, office, log, tmp_path):
    path = office.admit(tmp_path / "t", device=None, group="ring-1", count=3)
    line = path.read_text().partition("\n")[0]
    for number, serial in enumerate((SERIAL, "C39TEST0002", SERIAL)):
        home = str(tmp_path / f"home-{number}")
        enrolled(write(token=line, serial_number=serial, home=home))
    first, second, again = enrolments(log)
    assert first.device == again.device != second.device
    assert (again.epoch, again.reason) == (1, Reason.UNREADABLE)


@pytest.mark.parametrize(
    "fault",
    [UnreachableError("away"), NeverError("not yet", status=403, code="not-admitted")],
)
def test_it_waits_for_a_receiver_and_says_for_what(write, token, receiver, log, fault):
    receiver.broken = [fault] * 3
    found, said = enrolled(write(token_file=str(token)))
    assert len(enrolments(log)) == 1
    assert len(said) == 1
    assert said[0].startswith("not enrolled yet: ")
    assert {p["code"] for p in current_status(found)["problems"]} == set()


def test_a_lost_answer_is_mended_by_the_same_note(write, office, roster, receiver, log):
    on_roster(office, roster)
    receiver.lost = [None, UnreachableError("the line went dead")]
    enrolled(write(token=roster.to_text(), serial_number=SERIAL))
    assert len(enrolments(log)) == 1


def test_a_device_without_a_serial_number_keeps_the_name_that_it_took(
    write, office, receiver, log, tmp_path, monkeypatch
):
    monkeypatch.setattr("lakzegel_agent.selfenrol.hardware_serial", lambda: None)
    line = office.admit(tmp_path / "t", device=None, group="ring-1").read_text().partition("\n")[0]
    receiver.lost = [None, UnreachableError("the line went dead")]
    enrolled(write(token=line))
    (found,) = enrolments(log)
    assert found.device.startswith("d-")


def test_who_waits_is_told_to_end(write, token, receiver):
    receiver.broken = [UnreachableError("away")] * 1000
    stop = threading.Event()
    config = write(token_file=str(token))
    said = []

    def once(text):
        said.append(text)
        stop.set()

    quick = Backoff(lambda: 0.0, first=0.001, cap=0.001)
    enrol_first(config, say=once, stop=stop, backoff=quick)
    assert said
    assert token.exists(), "it is for the next start"


def test_settings_that_were_mended_meanwhile_are_taken_up(write, token, receiver, log, tmp_path):
    config = write(token_file=str(tmp_path / "not-there-yet"))
    enrolled(config, reload=lambda: write(token_file=str(token)))
    assert len(enrolments(log)) == 1


def test_nothing_of_a_token_is_shown(write, roster):
    config = write(token=roster.to_text())
    secret = roster.to_text().split("+", 4)[4]
    rows = [row.to_json() for row in shown(config, None)]
    assert secret not in f"{config} {config.layers} {rows} {config.without_token()}"
    assert config.without_token().token is None
    assert all("token" not in one.values for one in config.without_token().layers)


@pytest.mark.parametrize("text", ["", "no token", "PUBLIC+KEY+x", "PRIVATE+ROSTER+x"])
def test_a_token_that_is_none_is_refused_without_a_word_of_it(write, text):
    with pytest.raises(UsageError) as caught:
        token_in(write(token=text))
    assert not text or text not in str(caught.value)


def test_a_roster_of_another_log_is_refused(write):
    other = RosterKey.make("log.example/other", random=os.urandom(36))
    with pytest.raises(UsageError, match="this device trusts"):
        token_in(write(token=other.to_text(), serial_number=SERIAL))


def test_a_credential_of_the_service_manager_is_found(write, token, tmp_path, monkeypatch, log):
    folder = tmp_path / "credentials"
    folder.mkdir()
    token.rename(folder / "lakzegel-agent.token")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    enrolled(write())
    enrolled(write(token_file="$CREDENTIALS_DIRECTORY/lakzegel-agent.token"))
    assert len(enrolments(log)) == 1


def test_doctor_says_what_it_waits_for(write, roster):
    config = write(token=roster.to_text(), serial_number=SERIAL)
    with pytest.raises(NeverError):
        enrolled(config, tries=1)
    (found,) = [one for one in examine(config) if one.what == "keys"]
    assert not found.well
    assert found.detail.startswith("waits to enrol: ")


def test_doctor_looks_whether_others_can_read_the_token(write, token):
    config = write(token_file=str(token))
    token.chmod(0o644)
    assert [one.well for one in examine(config) if one.what == "token"] == [False]
    token.chmod(0o640)
    assert [one.well for one in examine(config) if one.what == "token"] == [True]
    token.unlink()
    assert [one.well for one in examine(config) if one.what == "token"] == [True]


def test_once_enrols_and_captures(write, office, roster, tmp_path):
    name = on_roster(office, roster)
    mail = tmp_path / "mail"
    for part in ("new", "cur", "tmp"):
        (mail / part).mkdir(parents=True)
    (mail / "cur" / "1:2,S").write_bytes(b"From: a@b.example\n\nhallo\n")
    source = f"[[source]]\nname = 'm'\nkind = 'maildir'\npath = '{mail}'\nsettle = '0s'\n"
    office.publish(office.policy_toml(audience=f"device:{name}", more=source))
    config = write(token=roster.to_text(), serial_number=SERIAL)
    words = [sys.executable, "-m", "lakzegel_agent", "once", "--config", str(config.path), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sealed"] == 1
    assert Home(config.home).ledger.exists()


@pytest.mark.parametrize(
    ("system", "said", "found"),
    [
        ("darwin", '  |   "IOPlatformSerialNumber" = "C02XK1ABCD12"\n', "C02XK1ABCD12"),
        ("darwin", "nothing", None),
        ("win32", "5CG1234ABC\r\n", "5CG1234ABC"),
        ("win32", "To be filled by O.E.M.\r\n", None),
    ],
)
def test_other_systems_are_asked_by_their_own_programs(system, said, found):
    assert hardware_serial(system=system, run=lambda _: said) == found


def test_linux_tells_by_what_its_kernel_shows(tmp_path):
    dmi, tree = tmp_path / "product_serial", tmp_path / "serial-number"
    places = (dmi, tree)
    assert hardware_serial(system="linux", places=places) is None
    tree.write_bytes(b"10000000abcdef01\0")
    dmi.write_text("Default string\n")
    assert hardware_serial(system="linux", places=places) == "10000000ABCDEF01"
    dmi.write_text("PF2ABCDE\n")
    assert hardware_serial(system="linux", places=places) == "PF2ABCDE"


def test_a_laptop_that_was_handed_on_never_mixes_two_people(write, office, roster, log):
    on_roster(office, roster, custody="2026-bzk")
    config = write(token=roster.to_text(), serial_number=SERIAL)
    enrolled(config)
    enrolled(config)  # the same token again is nothing new
    renewed, successor = (RosterKey.make(ORIGIN, random=os.urandom(36)) for _ in range(2))
    on_roster(office, renewed, custody="2026-bzk")
    enrolled(write(token=renewed.to_text(), serial_number=SERIAL))
    on_roster(office, successor, custody="2030-bzk")
    with pytest.raises(UsageError, match=r"is of custody 2026-bzk.* for custody 2030-bzk"):
        enrolled(write(token=successor.to_text(), serial_number=SERIAL))
    assert len(enrolments(log)) == 1


def test_a_device_that_only_leaves_is_let(write, office, roster):
    on_roster(office, roster)
    config = write(token=roster.to_text(), serial_number=SERIAL)
    enrolled(config)
    successor = RosterKey.make(ORIGIN, random=os.urandom(36))
    on_roster(office, successor, custody="2030-bzk")
    Home(config.home).decommission.write_bytes(b"{}")
    enrolled(write(token=successor.to_text(), serial_number=SERIAL))
    Home(config.home).decommission.unlink()
    with pytest.raises(UsageError, match="custody"):
        enrolled(write(token=successor.to_text(), serial_number=SERIAL))


def test_without_a_receiver_a_device_goes_on_as_it_was(write, office, roster, receiver):
    on_roster(office, roster)
    enrolled(write(token=roster.to_text(), serial_number=SERIAL))
    other = RosterKey.make(ORIGIN, random=os.urandom(36))
    on_roster(office, other, custody="2030-bzk")
    receiver.broken = [UnreachableError("away")]
    config = write(token=other.to_text(), serial_number=SERIAL)
    enrolled(config)
    with pytest.raises(UsageError, match="custody"):
        enrolled(config)


def test_what_the_predecessor_sealed_is_sent_when_his_laptop_is_handed_on(
    write, office, roster, receiver, tmp_path
):
    name = on_roster(office, roster, custody="2026-bzk")
    folder = tmp_path / "map"
    folder.mkdir()
    (folder / "a.txt").write_text("van de voorganger")
    source = f"[[source]]\nname = 'm'\nkind = 'folder'\npath = '{folder}'\nsettle = '0s'\n"
    office.publish(office.policy_toml(audience=f"device:{name}", more=source))
    config = write(token=roster.to_text(), serial_number=SERIAL)
    taken, receiver.send_batch = receiver.send_batch, away
    words = [sys.executable, "-m", "lakzegel_agent", "once", "--config", str(config.path)]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 3
    receiver.send_batch = taken
    (folder / "b.txt").write_text("van de opvolger")
    successor = RosterKey.make(ORIGIN, random=os.urandom(36))
    on_roster(office, successor, custody="2030-bzk")
    with pytest.raises(UsageError, match="0 batches are not sent yet"):
        enrolled(write(token=successor.to_text(), serial_number=SERIAL))
    assert len(receiver.batches) == 1


def away(*_, **__):
    raise UnreachableError("away")
