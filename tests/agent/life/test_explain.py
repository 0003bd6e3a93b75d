# SPDX-License-Identifier: EUPL-1.2
"""Only the user of the device hears which files a problem is about."""

import json
import os
from dataclasses import replace

import pytest

from lakzegel_agent import explain as module
from lakzegel_agent import rootstold
from lakzegel_agent.__main__ import main
from lakzegel_agent.errors import RefusedError, UsageError
from lakzegel_agent.explain import Person, explain, lines
from lakzegel_agent.failures import state_failures
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.ledgerrows import FileMark
from lakzegel_agent.settings import load_config

UID = 4711


@pytest.fixture
def home(tmp_path):
    """A user's home that root does not own."""
    folder = tmp_path / "user"
    folder.mkdir()
    if os.getuid() == 0:
        os.chown(folder, UID, UID)
    return folder


@pytest.fixture
def person(home):
    uid = home.stat().st_uid
    return Person(uid, uid, uid, ())


@pytest.fixture
def config(device, home, tmp_path):
    pins = device.pins
    values = {
        "server": "http://127.0.0.1:9",
        "home": str(device.root),
        "log_keys": [pins.log.ed25519.to_text(), pins.log.mldsa.to_text()],
        "policy_keys": [key.to_text() for key in pins.policy],
        "user_home": str(home),
    }
    path = tmp_path / "agent.toml"
    path.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()))
    (device.root / "log").mkdir()
    return load_config(path)


def fail(device, *paths, reason="unreadable"):
    """Files that a pass could not read."""
    files = device.ledger.files
    source = files.source("mail")
    marks = [
        FileMark(files.cipher.name(b"file", b"mail", p), source, "failed", reason, p) for p in paths
    ]
    files.apply(Work(marks=marks))
    state_failures(device.problems, device.ledger)
    return next(p for p in device.problems.listed() if reason in p.detail)


def test_the_user_hears_which_files(device, config, person):
    found = fail(device, b"Partij/1.eml", b"b\xff")
    told = explain(config, found.id.upper(), person)
    assert (found.count, told.reason, told.more) == (2, "unreadable", 0)
    assert told.names[0] == "mail: Partij/1.eml"
    text = "\n".join(lines(told))
    assert "Partij/1.eml" in text
    assert text.isascii()


def test_each_reason_has_an_id_of_its_own_and_names_its_own_files(device, config, person):
    one, other = fail(device, b"a"), fail(device, b"b", reason="changing")
    assert one.id != other.id
    assert explain(config, one.id, person).names == ("mail: a",)
    assert explain(config, other.id, person).names == ("mail: b",)


def test_of_many_files_some_are_named_and_the_rest_counted(device, config, person):
    found = fail(device, *(b"%d" % n for n in range(250)))
    told = explain(config, found.id, person)
    assert (len(told.names), told.more) == (100, 150)


def test_a_problem_names_what_the_ledger_kept_for_it(device, config, person):
    device.problems.add(device.ledger, "reader-unknown", "mail", about=["mail: /home/jan/Mail"])
    (found,) = device.problems.listed()
    assert explain(config, found.id, person).names == ("mail: /home/jan/Mail",)


def test_a_problem_of_the_whole_device_says_so(device, config, person):
    device.problems.add(device.ledger, "unreachable", "x")
    (found,) = device.problems.listed()
    assert "about no file" in "\n".join(lines(explain(config, found.id, person)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"real": 0, "effective": 0}, "root"),
        ({"effective": 0}, "root"),
        ({"effective": UID + 1}, "another user's rights"),
        ({"real": UID + 1, "effective": UID + 1}, "whose folders"),
        ({"login": UID + 1}, "begun by another user"),
        ({"remote": ("sshd",)}, "not over the network"),
    ],
)
def test_nobody_else_hears_anything(device, config, person, change, why):
    found = fail(device, b"secret.eml")
    with pytest.raises(RefusedError, match=why) as caught:
        explain(config, found.id, replace(person, **change))
    assert "secret" not in str(caught.value)


def test_where_the_system_keeps_no_login_the_other_rules_hold(device, config, person):
    found = fail(device, b"a")
    assert explain(config, found.id, replace(person, login=None)).names
    assert module._login(device.root / "nothing") is None


def test_each_question_is_a_line_of_the_log_without_a_name(device, config, person):
    found = fail(device, b"secret.eml")
    explain(config, found.id, person)
    with pytest.raises(RefusedError):
        explain(config, "secret-id", replace(person, login=UID + 1))
    text = (device.root / "log/agent.log").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert [(r["action"], r["result"], r["actor"]) for r in rows] == [
        ("explain", "ok", "user"),
        ("explain", "refused", "user"),
    ]
    assert rows[0]["id"] == found.id
    assert "secret" not in text


def test_an_id_that_is_none_is_a_usage_error(config, person):
    with pytest.raises(UsageError, match="no problem of this id"):
        explain(config, "aaaaaaaa", person)


def test_the_command_refuses_in_one_line(device, config, capsys, monkeypatch):
    found = fail(device, b"secret.eml")
    monkeypatch.setattr(module, "remote_ancestors", lambda: ("sshd",))
    assert main(["explain", "--config", str(config.path), found.id]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "secret" not in shown.err


def test_the_command_tells_the_user(device, config, capsys, monkeypatch, person):
    found = fail(device, b"mine.eml")
    monkeypatch.setattr(module, "asking", lambda: person)
    assert main(["explain", "--config", str(config.path), "--json", found.id]) == 0
    assert json.loads(capsys.readouterr().out)["names"] == ["mail: mine.eml"]


def test_a_missing_source_is_named_with_its_path(device, config, person, office, tmp_path):
    away = tmp_path / "away" / "Mail"
    source = f"[[source]]\nname = 's1'\nkind = 'folder'\npath = '{away}'\n"
    office.publish(office.policy_toml(1, more=source))
    device.liaison.consult(device.current)
    rootstold.tell(device.ledger, {"s1": rootstold.ABSENT}, {"s1": "s1"})
    device.problems.add(device.ledger, "source-missing", "s1")
    (found,) = device.problems.listed()
    assert explain(config, found.id, person).names == (f"s1: {away} (absent)",)
