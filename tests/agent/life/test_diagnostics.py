# SPDX-License-Identifier: EUPL-1.2
"""What IT support is sent, and the log: nothing of what the agent met, whatever it met."""

import getpass
import hashlib
import json
import os
import socket
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent import diagnostics, problems
from lakzegel_agent.__main__ import main
from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.failures import state_failures
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.ledgerrows import FileMark
from lakzegel_agent.settings import load_config
from lakzegel_agent.station import wall_clock
from lakzegel_core.keys import Algorithm, SigningKey

CANARY = "kanariepiet"  # in everything that the agent meets
ADDRESS = f"jan@{CANARY}.example"


class Setup:
    """An agent in folders whose names are canaries, with mail that is one."""

    def __init__(self, root, server, office, token):
        self.mail = root / f"mail-{CANARY}" / f"Jan {CANARY}"
        self.mail.mkdir(parents=True)
        for name in ("1.eml", f"{CANARY}.eml", f"{CANARY}.zip"):
            (self.mail / name).write_text(f"From: {ADDRESS}\nSubject: {CANARY}\n\n{CANARY}\n")
        (self.mail / f"{CANARY}.link").symlink_to("/etc/passwd")
        self.home = root / f"home-{CANARY}"
        self.config = root / f"{CANARY}.toml"
        values = {
            "server": server,
            "home": str(self.home),
            "log_keys": [office.log.keys.ed25519.to_text(), office.log.keys.mldsa.to_text()],
            "policy_keys": [key.verifier.to_text() for key in office.policy],
            "user_home": str(root / CANARY),
        }
        self.config.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()))
        rows = [(f"s-{CANARY}", "folder", self.mail), (f"w-{CANARY}", "folder", root / CANARY)]
        rows.append((f"x-{CANARY}", f"unknown-{CANARY}", self.mail))
        more = "".join(
            f"[[source]]\nname = '{n}'\nkind = '{k}'\npath = '{p}'\nsettle = '0s'\n"
            for n, k, p in rows
        )
        office.publish(office.policy_toml(7, more=more))
        self.command("enrol", "--token-file", str(token))

    def command(self, name, *words, code=0):
        assert main([name, "--config", str(self.config), *words]) == code

    def fail(self):
        """A file that cannot be read, whoever runs the tests."""
        key = KeyStore(self.home / "keys").ledger_key(random=os.urandom)
        with Ledger.open(self.home / "ledger.sqlite", key) as ledger:
            files = ledger.files
            path = f"{CANARY}/geheim.eml".encode()
            source = files.source(f"s-{CANARY}")
            row = FileMark(files.cipher.name(path), source, "failed", "unreadable", path)
            files.apply(Work(marks=[row]))
            stated = problems.Problems(wall_clock)
            stated.load(ledger)
            stated.add(ledger, "no-room", f"{self.home}/ledger.sqlite: no room", about=[CANARY])
            state_failures(stated, ledger)


@pytest.fixture
def setup(tmp_path, served, office, token, capsys):
    made = Setup(tmp_path, served, office, token)
    made.command("once", code=0)
    made.fail()
    capsys.readouterr()
    return made


def secrets_of(setup, served):
    """Everything that must be nowhere."""
    keys = [p.read_text().strip() for p in (setup.home / "keys").glob("*") if p.suffix != ".note"]
    words = [CANARY, ADDRESS, "geheim", "127.0.0.1", served.rpartition(":")[2], str(Path.home())]
    words += [*keys, "PRIVATE+KEY", "AGE-SECRET", "minister", "receiver.example"]
    names = [socket.gethostname(), getpass.getuser()]
    return [w for w in words if len(w) > 3] + [n for n in names if len(n) > 4]


def test_the_file_and_the_log_hold_nothing_that_the_agent_met(setup, tmp_path, served):
    out = tmp_path / "out.zip"
    setup.command("diagnostics", str(out))
    raw = out.read_bytes()
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["diagnostics.json"]
        plain = archive.read("diagnostics.json")
    logged = (setup.home / "log/agent.log").read_bytes()
    for place, data in (("raw", raw), ("plain", plain), ("log", logged)):
        for word in secrets_of(setup, served):
            assert word.encode() not in data, (place, word)
    found = json.loads(plain)
    assert {p["code"] for p in found["problems"]} >= {"files-failed", "no-room", "source-missing"}
    assert {s["kind"] for s in found["sources"]} == {"folder", "other"}
    assert found["ledger"]["failed"] == 1
    assert found["policy"]["serial"] == 7
    assert {c["what"]: c["well"] for c in found["checks"]}["receiver"]
    actions = {json.loads(line)["action"] for line in logged.splitlines()}
    assert actions >= {"enrol", "policy-applied", "batch-sealed", "receipt", "problem-raised"}


def test_the_status_names_no_file_and_no_place_on_the_device(setup, capsys):
    setup.command("status", "--json", code=1)
    text = capsys.readouterr().out
    assert "geheim" not in text
    assert str(setup.home) not in text
    assert str(setup.mail) not in text


def test_nothing_is_replaced_and_only_its_owner_reads_it(setup, tmp_path, capsys):
    out = tmp_path / "out.zip"
    setup.command("diagnostics", str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    before = out.read_bytes()
    setup.command("diagnostics", str(out), code=2)
    assert out.read_bytes() == before
    assert "is there already" in capsys.readouterr().err


def opened(setup):
    key = KeyStore(setup.home / "keys").ledger_key(random=os.urandom)
    return Ledger.open(setup.home / "ledger.sqlite", key)


def changed(setup):
    """Which settings the log says were changed."""
    rows = map(json.loads, (setup.home / "log/agent.log").read_text().splitlines())
    return [row["code"] for row in rows if row["action"] == "configuration-changed"]


def append(setup, text):
    with setup.config.open("a") as file:
        file.write(text)
    setup.command("once", code=1)
    setup.command("once", code=1)


def test_changed_settings_are_logged_and_told_once_each_by_its_name(setup):
    assert changed(setup) == []
    append(setup, "workers = 1\n")
    assert changed(setup) == ["workers"]
    append(setup, "proxy = 'none'\npac = '/x.pac'\n[shipping]\non_battery = 'wait'\n")
    assert changed(setup) == ["workers", "pac", "proxy", "shipping-on-battery"]


def test_a_proxys_new_login_is_a_change_and_is_written_nowhere(setup):
    append(setup, "proxy = 'http://jan:HUNTER2@127.0.0.1:9'\n")
    text = setup.config.read_text()
    setup.config.write_text(text.replace("HUNTER2", "HUNTER3"))
    setup.command("once", code=1)
    assert changed(setup) == ["proxy", "proxy"]
    for path in setup.home.rglob("*"):
        assert not path.is_file() or b"HUNTER" not in path.read_bytes(), path
    with opened(setup) as ledger:
        assert b"HUNTER" not in ledger.recall("configuration")
        queued = [row.payload for row in ledger.files.queued(after=-99, limit=99)]
    assert b"HUNTER" not in b"".join(queued)


def test_what_an_older_agent_remembered_is_no_change(setup):
    config = load_config(setup.config)
    values = json.dumps(
        [
            config.server,
            [config.pins.log.ed25519.to_text(), config.pins.log.mldsa.to_text()],
            [key.to_text() for key in config.pins.policy],
            config.pins.threshold,
            str(config.ca_file),
            config.workers,
            str(config.user_home),
        ]
    )
    with opened(setup) as ledger:
        ledger.remember("configuration", hashlib.sha256(values.encode()).digest())
    setup.command("once", code=1)
    assert changed(setup) == []
    append(setup, "proxy = 'none'\n")
    assert changed(setup) == ["proxy"]
    with opened(setup) as ledger:
        ledger.remember("configuration", bytes(32))
    setup.command("once", code=1)
    assert changed(setup) == ["proxy", "configuration"]


ANYTHING = st.recursive(
    st.sampled_from([CANARY, f"/{CANARY}/x", ADDRESS, f"2026-{CANARY}", f"1.2{CANARY}"])
    | st.integers(0, 9)
    | st.booleans()
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([CANARY, "found", "code", "kind", "at"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
FIELDS = ["at_work", "device", "epoch", "ledger", "reasons", "sources", "spool", "policy"]
FIELDS += ["last_receipt", "problems", "watch", "process"]


@settings(max_examples=60, deadline=None)
@given(status=st.fixed_dictionaries(dict.fromkeys(FIELDS, ANYTHING)), check=ANYTHING)
def test_whatever_a_status_holds_only_words_of_ours_and_numbers_come_out(
    status, check, empty_config
):
    found = diagnostics.collect(empty_config, status, [(check, True)], wall_clock())
    assert CANARY not in json.dumps(found)


@pytest.fixture(scope="module")
def empty_config(tmp_path_factory):
    """A configuration whose log somebody else wrote in."""
    root = tmp_path_factory.mktemp("empty")
    ed25519, mldsa = (
        SigningKey.from_seed("log.example/x", algorithm, os.urandom(32)).verifier
        for algorithm in (Algorithm.ED25519, Algorithm.MLDSA44_COSIGNATURE)
    )
    keys = json.dumps([ed25519.to_text(), mldsa.to_text()])
    path = root / "agent.toml"
    path.write_text(
        f"server = 'https://{CANARY}.example'\nhome = '{root}'\nlog_keys = {keys}\n"
        f"policy_keys = ['{ed25519.to_text()}']\n"
    )
    (root / "log").mkdir()
    rows = [{"action": CANARY, "result": "ok"}, [CANARY], {"action": "stop", "result": CANARY}]
    text = "\n".join([*(json.dumps(row) for row in rows), CANARY])
    (root / "log/agent.log").write_text(text)
    return load_config(path)
