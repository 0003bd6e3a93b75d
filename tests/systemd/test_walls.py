# SPDX-License-Identifier: EUPL-1.2
"""What each unit lets its program do, tried by a process within it on a systemd that was booted."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from lakzegel_core.keys import Algorithm, SigningKey
from tests.systemd import booted, custody
from tests.systemd.units import FOLDER, SERVICES, one

HERE = Path(__file__).resolve().parent
pytestmark = pytest.mark.skipif(bool(booted.missing()), reason=booted.missing())
INSTEAD = """\
[Service]
Type=oneshot
Restart=no
WatchdogSec=0
ExecStartPre=
ExecReload=
ExecStart=
ExecStart=/usr/bin/python3 /usr/lib/lakzegel/probe.py {words}
StandardOutput=file:/run/outside/{unit}
"""
NEVER = {
    "executable memory": "no: Operation not permitted",
    "namespace": "no: Operation not permitted",
    "file by handle": "no: Operation not permitted",
    "packets": "no: Address family not supported by protocol",
    "root": "no: Operation not permitted",
    "end another": "no: Operation not permitted",
    "memory of another": "no: Permission denied",
    "priority": "no: Operation not permitted",
}
READ_SEARCH = 1 << 2
OPEN_DATABASE = """\
import os, sqlite3
os.umask(0o077)
c = sqlite3.connect("/home/minister/chats.sqlite")
c.executescript("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE m(t);")
c.execute("INSERT INTO m VALUES (1)")
c.commit()
print("open", flush=True)
input()
"""


MAIL = "/home/minister/Mail/new/1.m"
SERVER, OFFICE = "/var/lib/lakzegel-server", "/var/lib/lakzegel-office"


class Own(NamedTuple):
    """What a unit may write, and what is another's."""

    state: str
    other: str


OTHERS = {
    path.stem: Own(SERVER, OFFICE)
    if one(path, "User") == "lakzegel-server"
    else Own(OFFICE + ("/witness" if path.stem.endswith("witness") else ""), SERVER)
    for path in SERVICES
    if one(path, "User") in {"lakzegel-server", "lakzegel-office"}
}
WORDS = {
    unit: (
        f"write:{own.state}/new",
        "list:/home/minister",
        "write:/etc/lakzegel/new",
        "read:/etc/lakzegel/tls/key.pem",
        f"list:{own.other}",
    )
    for unit, own in OTHERS.items()
}
WORDS["lakzegel-agent"] = (
    *(f"read:{MAIL}", "rows:/home/minister/chats.sqlite", "write:/home/minister/new"),
    *(f"remove:{MAIL}", "write:/var/lib/lakzegel/new", "write:/etc/lakzegel/agent.toml"),
    *("read:/etc/shadow", "list:/root", "read:/etc/lakzegel/office.passphrase"),
    *("secret:MINISTER", "list:/etc/lakzegel/tls", "list:/var/log"),
    *(f"list:{OFFICE}", f"list:{SERVER}", "both:/dev/tpmrm0", "list:/dev"),
    "proxy:p.example",
)


KEYRING = """\
#!/bin/sh
[ "$(id -un) $*" = "minister lookup application Signal" ] && echo geheim
"""
ASK = """\
import sys
from lakzegel_agent.stores.signal_secrets import secrets
print((secrets(int(sys.argv[1])).password("gnome_libsecret") or b"nothing").decode())
"""


def key(name, algorithm):
    """The text of a verifier key."""
    return SigningKey.from_seed(name, algorithm, bytes(32)).verifier.to_text()


def profile():
    """Settings of a device that has no receiver."""
    ed25519, both = Algorithm.ED25519, (Algorithm.ED25519, Algorithm.MLDSA44_COSIGNATURE)
    log = [key("log.example/x", one) for one in both]
    policy = [key("records.example/policy", ed25519)]
    return (
        'server = "https://receiver.example"\nhome = "/var/lib/lakzegel"\n'
        f"log_keys = {json.dumps(log)}\npolicy_keys = {json.dumps(policy)}\n"
    )


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    made = booted.Machine(tmp_path_factory.mktemp("machine"))
    try:
        made.install()
        made.file("usr/lib/lakzegel/probe.py", (HERE / "probe.py").read_text())
        made.file("etc/lakzegel/agent.toml", profile())
        made.file("usr/bin/secret-tool", KEYRING, 0o755)
        made.file("usr/lib/lakzegel/ask.py", ASK)
        for place in ("office.passphrase", "tls/cert.pem", "tls/key.pem"):
            made.file(f"etc/lakzegel/{place}", "secret\n", 0o600)
        for room, name in (("server", "server.toml"), ("office", "office.toml")):
            made.file(f"var/lib/lakzegel-{room}/{name}", "")
        made.file("var/lib/lakzegel-office/mirror/origin", "")
        made.boot()
        custody.minister(made)
        made.run("systemctl", "--global", "enable", "lakzegel-agent-user.socket")
        custody.login(made, "minister")
        made.run("chgrp", "tss", "/dev/tpmrm0")  # as udev's rule does
        made.run("chmod", "660", "/dev/tpmrm0")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def told(machine):
    """What a process within each unit could do; a unit's own program does not run."""
    uid = machine.run("id", "-u", "minister").strip()
    for unit, words in WORDS.items():
        place = machine.path(f"/run/systemd/system/{unit}.service.d/probe.conf")
        place.parent.mkdir(parents=True)
        place.write_text(INSTEAD.format(words=" ".join(words), unit=unit).replace("MINISTER", uid))
    machine.run("systemctl", "daemon-reload")
    writer = machine.start("python3", "-c", OPEN_DATABASE, user="minister")
    assert writer.stdout.readline() == "open\n"
    machine.run("systemctl", "start", *(f"{unit}.service" for unit in WORDS))
    writer.communicate("\n")
    places = {unit: machine.scratch / "outside" / unit for unit in WORDS}
    return {unit: json.loads(place.read_text()) for unit, place in places.items()}


def test_nobody_but_agent_and_user_is_told_what_the_session_is_told(machine):
    uid = machine.run("id", "-u", "minister").strip()
    ask = ("/usr/lib/lakzegel/bin/python", "-P", "/usr/lib/lakzegel/ask.py", uid)
    assert machine.run(*ask, user="lakzegel-office") == "nothing\n"


def test_the_machine_makes_users_and_folders_and_no_unit_of_ours_has_failed(machine):
    told = machine.run("stat", "-c", "%U %a", "/var/lib/lakzegel", "/etc/lakzegel/tls")
    assert told.splitlines() == ["lakzegel-agent 700", "root 700"]
    assert machine.run("systemctl", "--failed", "--plain", "--no-legend") == ""


def test_an_agent_reads_what_is_closed_to_all_others_and_writes_its_own_state_alone(told):
    read_only = "no: Read-only file system"
    found = dict(told["lakzegel-agent"])
    assert {found.pop(word) for word in list(found) if word.startswith("secret:")} == {"geheim"}
    assert set(found.pop("list:/dev")) & {"tpmrm0", "tty0", "sda", "kmsg", "mem"} == {"tpmrm0"}
    assert found == NEVER | {
        f"read:{MAIL}": "From: a@minxyz.example\nS",
        "rows:/home/minister/chats.sqlite": 1,  # which its own program has open
        "write:/home/minister/new": read_only,
        f"remove:{MAIL}": read_only,
        "write:/var/lib/lakzegel/new": "written",
        "write:/etc/lakzegel/agent.toml": read_only,
        "read:/etc/shadow": "",  # another, empty one
        "list:/root": [],
        "read:/etc/lakzegel/office.passphrase": "",
        "list:/etc/lakzegel/tls": [],
        "list:/var/lib/lakzegel-office": [],
        "list:/var/lib/lakzegel-server": [],
        "list:/var/log": [],
        "both:/dev/tpmrm0": "opened",
        "proxy:p.example": "PROXY p.example:1",  # by a process that gave up what lets it read
        "capabilities of a child": READ_SEARCH,
    }


@pytest.mark.parametrize("unit", sorted(OTHERS))
def test_receiver_and_office_see_no_home_and_write_their_own_state_alone(told, unit):
    found, own = dict(told[unit]), OTHERS[unit]
    assert found.pop("list:/home/minister") in {
        "no: Permission denied",
        "no: No such file or directory",
    }
    assert found == NEVER | {
        f"write:{own.state}/new": "written",
        "write:/etc/lakzegel/new": "no: Read-only file system",
        "read:/etc/lakzegel/tls/key.pem": "no: Permission denied",
        f"list:{own.other}": "no: Permission denied",
        "capabilities of a child": 0,
        "memory of another": "no: No such file or directory",
    }


EXAMPLES = {
    "agent-one-home": {
        f"read:{MAIL}": "From: a@minxyz.example\nS",
        "list:/home": ["minister"],
        "write:/home/minister/new": "no: Read-only file system",
        "capabilities of a child": READ_SEARCH,
    },
    "agent-phones": {
        "write:/srv/phones/new": "written",
        "write:/home/minister/new": "no: Read-only file system",
        "capabilities of a child": READ_SEARCH,
    },
    "agent-as-user": {
        f"read:{MAIL}": "From: a@minxyz.example\nS",
        "write:/var/lib/lakzegel/kept": "written",  # which was another's before
        "write:/home/minister/new": "no: Read-only file system",
        "capabilities of a child": 0,
    },
}


@pytest.mark.parametrize("example", EXAMPLES)  # in this order: the last one keeps the state
def test_an_example_does_what_it_says(machine, told, example):
    assert "lakzegel-agent" in told
    machine.run("install", "--directory", "--owner=lakzegel-agent", "/srv/phones")
    machine.run("install", "--owner=lakzegel-agent", "/dev/null", "/var/lib/lakzegel/kept")
    words = " ".join(word for word in EXAMPLES[example] if ":" in word)
    place = machine.path("/run/systemd/system/lakzegel-agent.service.d")
    (place / "0.conf").write_bytes((FOLDER / "examples" / f"{example}.conf").read_bytes())
    (place / "probe.conf").write_text(INSTEAD.format(words=words, unit=example))
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "lakzegel-agent")
    found = json.loads((machine.scratch / "outside" / example).read_text())
    assert found == NEVER | EXAMPLES[example]
