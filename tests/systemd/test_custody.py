# SPDX-License-Identifier: EUPL-1.2
"""All services on a systemd that was booted, from settings that arrive to what the office holds."""

import json
import re
import shlex
import shutil
import subprocess

import pytest

from tests.systemd import booted, custody
from tests.systemd.custody import until
from tests.systemd.units import FOLDER, ROOT, one, settings

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(bool(booted.missing()), reason=booted.missing()),
]
MAIL = "/home/minister/Mail/new"
NUMBER = re.compile(r"\d+")
SOURCES = [
    ("mail", "maildir", "~/Mail", ""),
    ("chats", "sqlite", "~/Chats", 'capture = "raw"'),
    ("late", "folder", "~/Late", ""),
]
CHATS = """\
import os, sqlite3
os.umask(0o077)
os.mkdir("/home/minister/Chats")
c = sqlite3.connect("/home/minister/Chats/chats.sqlite")
c.executescript("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE m(t);")
c.execute("INSERT INTO m VALUES ('Goedemorgen')")
c.commit()
print("open", flush=True)
input()
"""
SOON = "[Service]\nRestartSec=1\nWatchdogSec=4\n"
SEALED = "[Service]\nLoadCredentialEncrypted=tls-key:/etc/credstore.encrypted/tls-key\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    made = booted.Machine(tmp_path_factory.mktemp("machine"))
    try:
        made.install()
        made.file("etc/systemd/system/lakzegel-agent.service.d/soon.conf", SOON)
        made.boot()
        custody.minister(made)
        made.chats = made.start("python3", "-c", CHATS, user="minister")
        assert made.chats.stdout.readline() == "open\n"
        custody.receiver(made)
        custody.records(made)
        custody.admit(made)
        custody.policy(made, SOURCES)
        yield made
        made.chats.communicate("\n")
    finally:
        made.close()


def pid(machine, unit):
    return machine.run("systemctl", "show", "--property=MainPID", "--value", unit).strip()


def state(machine, unit):
    return machine.run("systemctl", "show", "--property=ActiveState", "--value", unit).strip()


def found(machine):
    """Found, sealed, excluded, failed, as the agent tells its service manager."""
    said = machine.run("systemctl", "show", "--property=StatusText", "--value", "lakzegel-agent")
    return tuple(int(number) for number in NUMBER.findall(said)[:4])


def test_settings_that_arrive_start_an_agent_that_enrols_itself_and_captures(machine):
    machine.run("systemctl", "start", "lakzegel-agent-settings.path")
    custody.profile(machine)  # nobody starts anything
    until(machine, lambda: state(machine, "lakzegel-agent") == "active")
    until(machine, lambda: found(machine)[1:2] == (4,))
    assert found(machine)[3] == 0


def test_new_mail_is_sealed_while_it_runs(machine):
    machine.run("cp", f"{MAIL}/1.m", f"{MAIL}/4.m", user="minister")
    until(machine, lambda: found(machine)[1:2] == (5,))


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is not here")
def test_doctor_sees_with_the_services_eyes(machine):
    guide = (ROOT / "docs/guides/hardening.md").read_text()
    told = guide.partition("```\nsystemd-run")[2].partition("```")[0]
    words = shlex.split(told.replace("\\\n", ""))
    machine.run("systemctl", "start", "dbus.socket")
    said = machine.run("systemd-run", "--setenv=LANGUAGE=en", *words, check=False).stdout
    assert "ok  source       mail: a file of it was opened and read" in said
    assert "ok  home         /var/lib/lakzegel: closed to others" in said
    assert "BAD source       late: is not there" in said  # it is mounted later


def test_what_is_mounted_after_it_started_is_captured_too(machine):
    late = "/home/minister/Late"  # as a home that is decrypted at login
    machine.run("mkdir", late)
    machine.run("mount", "-t", "tmpfs", "-o", "mode=0700,uid=minister", "tmpfs", late)
    machine.run("sh", "-c", f"umask 077; echo x > {late}/brief", user="minister")
    machine.run("systemctl", "reload", "lakzegel-agent")
    until(machine, lambda: found(machine)[1:2] == (6,))


@pytest.mark.parametrize("sign", ["KILL", "STOP", "SEGV"])
def test_an_agent_that_is_killed_or_hangs_is_started_anew(machine, sign):
    before = pid(machine, "lakzegel-agent")
    machine.run("kill", f"-{sign}", before)
    until(
        machine,
        lambda: (
            state(machine, "lakzegel-agent") == "active"
            and pid(machine, "lakzegel-agent") not in {"0", before}
        ),
    )
    assert found(machine)[3:] in {(), (0,)}


def test_the_office_pulls_what_was_sealed_and_its_proofs_hold(machine):
    machine.run("systemctl", "start", "lakzegel-office-pull")
    said = ("journalctl", "-t", "lakzegel-office-pull", "-o", "cat")
    until(machine, lambda: "held to" in machine.run(*said))
    machine.run("systemctl", "stop", "lakzegel-office-pull")
    machine.run("systemctl", "start", "lakzegel-office-verify", "lakzegel-office-alarms")
    out = f"{custody.OFFICE}/restored"
    custody.office(machine, "restore", "--device", custody.DEVICE, "--out", out)
    names = machine.run("find", out, "-type", "f", "-printf", "%f\\n").split()
    assert {"1.m", "2.m", "3.m", "4.m", "brief", "chats.sqlite"} <= set(names)
    database = machine.run("find", out, "-name", "chats.sqlite").strip()
    assert machine.run("python3", "-c", ROWS, database) == "Goedemorgen\n"


def test_the_witness_answers_and_writes_its_own_memory_alone(machine):
    machine.run("systemctl", "start", "lakzegel-office-witness")
    asked = ("curl", "--silent", "--cacert", "/etc/lakzegel/ca.pem", "https://127.0.0.1:8441/")
    until(machine, lambda: not machine.run(*asked, check=False).returncode)
    machine.run("systemctl", "stop", "lakzegel-office-witness")
    assert state(machine, "lakzegel-office-witness") == "inactive"


ROWS = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
    "print(c.execute('SELECT t FROM m').fetchone()[0])"
)


def test_a_receiver_is_checked_and_copied_by_its_timers_services(machine):
    jobs = ("lakzegel-server-check", "lakzegel-server-check-all", "lakzegel-server-backup")
    machine.run("systemctl", "start", *jobs)
    assert "manifest" in machine.run("ls", "/var/backups/lakzegel-server").split()


def test_a_damaged_receiver_fails_the_check(machine):
    tile = machine.run("find", f"{custody.SERVER}/batches", "-name", "*.batch").split()[0]
    machine.run(
        "sh", "-c", f"cp -a {tile} /tmp/kept; printf x | dd of={tile} bs=1 seek=900 conv=notrunc"
    )
    done = machine.run("systemctl", "start", "lakzegel-server-check-all", check=False)
    machine.run("cp", "-a", "/tmp/kept", tile)
    assert done.returncode
    assert "lakzegel-server-check-all" in machine.run("systemctl", "--failed", "--plain")
    machine.run("systemctl", "start", "lakzegel-server-check-all")


def test_a_renewed_certificate_is_taken_by_itself_and_nothing_is_lost(machine):
    machine.run("systemctl", "start", "lakzegel-server-certificate.path")
    before = pid(machine, "lakzegel-server")
    custody.certificate(machine, "2")
    until(machine, lambda: pid(machine, "lakzegel-server") not in {"0", before})
    asked = ("openssl", "s_client", "-connect", "127.0.0.1:443", "-showcerts")
    until(machine, lambda: "CN = 2" in machine.run(*asked, check=False).stdout)


def test_a_key_that_rests_encrypted_serves_as_well(machine):
    machine.run("systemctl", "stop", "lakzegel-server-certificate.path")
    machine.run("mkdir", "-p", "/etc/credstore.encrypted")
    machine.run(
        "systemd-creds", "encrypt", "--with-key=host", "--name=tls-key",
        "/etc/lakzegel/tls/key.pem", "/etc/credstore.encrypted/tls-key",
    )  # fmt: skip
    machine.run("rm", "/etc/lakzegel/tls/key.pem")
    place = machine.path("/etc/systemd/system/lakzegel-server.service.d/sealed.conf")
    place.parent.mkdir(parents=True)
    place.write_text(SEALED)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "lakzegel-server")
    url = ("curl", "--fail", "--silent", "--cacert", "/etc/lakzegel/ca.pem")
    assert json.loads(machine.run(*url, "https://127.0.0.1/v1/health"))


def test_an_agent_ends_in_good_order(machine):
    machine.run("systemctl", "stop", "lakzegel-agent")
    assert state(machine, "lakzegel-agent") == "inactive"
    said = machine.run("journalctl", "-t", "lakzegel-agent", "-o", "cat", "-n", "1")
    assert json.loads(said.splitlines()[-1])["action"] == "stop"


TRACED = """\
[Service]
NotifyAccess=all
SystemCallFilter=
WatchdogSec=0
ExecStart=
ExecStart=/usr/bin/strace -f -qq -e signal=none -o {state}/calls {command}
"""
WATCHED = {
    "lakzegel-server": custody.SERVER,
    "lakzegel-agent": "/var/lib/lakzegel",
    "lakzegel-office-pull": custody.OFFICE,
}
CALL = re.compile(r"^\d+ +(\w+)\(", re.MULTILINE)
DONE_WITHOUT = {"setpriority"}  # a sealing process asks for less than it has, and takes a no


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
def test_no_system_call_that_a_program_needs_is_refused(machine):
    allowed = calls_of("@system-service") - calls_of("@privileged") - calls_of("@resources")
    for unit, folder in WATCHED.items():
        assert settings(FOLDER / f"{unit}.service")["SystemCallFilter"] == [
            "@system-service",
            "~@privileged @resources",
        ]
        command = one(FOLDER / f"{unit}.service", "ExecStart")
        place = machine.path(f"/run/systemd/system/{unit}.service.d/traced.conf")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(TRACED.format(state=folder, command=command))
    machine.run("systemctl", "daemon-reload")
    for unit in WATCHED:
        machine.run("systemctl", "restart", unit)
    before = found(machine)[1:2]
    machine.run("cp", f"{MAIL}/1.m", f"{MAIL}/5.m", user="minister")
    until(machine, lambda: found(machine)[1:2] > before)
    machine.run("systemctl", "reload", "lakzegel-agent")
    for unit, folder in reversed(WATCHED.items()):
        calls = machine.path(f"{folder}/calls")
        until(machine, lambda calls=calls: "AF_INET" in calls.read_text(errors="replace"))
        machine.run("systemctl", "stop", unit)
        made = set(CALL.findall(calls.read_text(errors="replace")))
        assert {"openat", "futex"} <= made
        assert made - allowed <= DONE_WITHOUT, unit


def calls_of(group):
    """The system calls of a set of systemd's, and of those that it names."""
    said = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    ).stdout
    names = [line.strip() for line in said.splitlines()[1:] if not line.strip().startswith("#")]
    plain = {name for name in names if name and not name.startswith("@")}
    return plain.union(*(calls_of(name) for name in names if name.startswith("@")))
