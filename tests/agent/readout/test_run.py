# SPDX-License-Identifier: EUPL-1.2
"""Read-outs by the agent as a process, with a policy and an annex from a receiver."""

import hashlib
import importlib.util
import json
import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakzegel_agent.problems import Found
from lakzegel_core.annex import parse_annex, seal_annex
from lakzegel_core.encoding import b64


def _load(name):
    path = Path(__file__).parents[1] / "life" / name
    spec = importlib.util.spec_from_file_location(f"life_for_readouts_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for themselves there
    spec.loader.exec_module(module)
    return module


_life, _commands = _load("conftest.py"), _load("test_commands.py")
log, receiver, token, served = _life.log, _life.receiver, _life.token, _life.served


@pytest.fixture
def office(log):
    return _life.Office.open(log)


@pytest.fixture
def agent(tmp_path, served, office, token):
    made = _commands.Agent(tmp_path, served, office, None)
    made.run("enrol", "--token-file", str(token))
    return made


@pytest.fixture
def phones(engine, log, office, receiver):
    """Publish a policy for the engine's root, and an annex that binds serial numbers."""

    def publish(*serials, every="7d", more=""):
        bound = [
            f"[[phone]]\nserial = '{serial}'\ncustody = 'telefoon-1'\nfrom = 2026-07-01\n"
            for serial in serials
        ]
        annex = parse_annex("device = 'minister'\n" + "".join(bound))
        whose = log.custody().devices["minister"].annex
        sealed = seal_annex(annex, [whose], random=os.urandom)
        digest = hashlib.sha256(sealed).digest()
        receiver.annexes[digest] = sealed
        text = (
            f"[[source]]\nname = 'phone'\nkind = 'ios-backup'\npath = '{engine.root}'\n"
            "apps = ['messages', 'whatsapp']\ncustody = 'telefoon-1'\nsettle = '0s'\n"
            f"[[readout]]\nsource = 'phone'\nevery = '{every}'\n{more}"
            f"[annex]\nminister = '{b64(digest)}'\n"
        )
        office.publish(office.policy_toml(1, more=text))

    return publish


def test_once_reads_out_a_phone_and_certifies_it_in_the_same_run(agent, iphone, phones):
    phone = iphone()
    phones(phone.whose)
    report, _ = agent.once()
    assert (report["sealed"], report["failed"], report["excluded"]) == (6, 0, 11)
    ledger = agent.home / "ledger.sqlite"
    with closing(sqlite3.connect(ledger)) as db:
        assert db.execute("SELECT count(*) FROM observations WHERE batch IS NULL").fetchone() == (
            0,
        )
    assert report["batches"] >= 2


def test_a_policy_that_names_no_apps_or_wants_it_raw_is_refused(agent, iphone, office, engine):
    for number, more in enumerate(("", "apps = ['messages']\ncapture = 'raw'\n", "apps = ['x']\n")):
        text = f"[[source]]\nname = 'phone'\nkind = 'ios-backup'\npath = '{engine.root}'\n{more}"
        office.publish(office.policy_toml(number + 1, more=text))
        agent.run("once", code=1)
        assert "policy-refused" in {p["code"] for p in agent.peek()["problems"]}


def test_run_starts_a_program_and_reads_out_what_it_made(agent, iphone, phones, tmp_path):
    """The program puts a finished backup where the agent looks."""
    phone = iphone()
    made = phone.folder.rename(tmp_path / "made")
    program = tmp_path / "maak"
    program.write_text(f"#!/bin/sh\nmv {made} {phone.folder}\necho kanarie\n")
    program.chmod(0o700)
    settings = tmp_path / "readout.toml"
    settings.write_text(f"[commands]\nmaak = [{json.dumps(str(program))}]\n")
    settings.chmod(0o600)
    phones(phone.whose, more="command = 'maak'\n")
    process = agent.start()
    try:
        _commands.until(phone.folder.exists)
        _commands.until(lambda: agent.peek()["ledger"]["sealed"] == 6)
    finally:
        process.terminate()
        out, err = process.communicate(timeout=40)
    assert b"kanarie" not in out + err
    assert process.returncode == 0


def test_run_tells_it_of_a_phone_that_nobody_knows(agent, iphone, phones):
    phone = iphone()
    phones("C39TEST0009")
    process = agent.start()
    try:
        _commands.until(lambda: "unknown-phone" in {p["code"] for p in agent.peek()["problems"]})
    finally:
        process.terminate()
        out, err = process.communicate(timeout=40)
    shown = json.dumps(agent.peek()) + (out + err).decode()
    assert phone.whose not in shown
    assert agent.peek()["ledger"]["sealed"] == 0


def codes(agent):
    return {p["code"] for p in agent.peek()["problems"]}


def test_once_tells_it_of_a_phone_that_nobody_knows_and_that_it_left(
    agent, iphone, phones, tmp_path
):
    phone = iphone()
    phones("C39TEST0009")
    _, said = agent.once()
    (found,) = [p for p in agent.peek()["problems"] if p["code"] == "unknown-phone"]
    assert found["detail"] == "phone: 1 backups of phones that the policy does not know"
    assert f"unknown-phone: {found['detail']}; nothing of it was read" in said
    assert phone.whose not in json.dumps(agent.peek()) + said
    phone.folder.rename(tmp_path / "gone")
    _, said = agent.once()
    assert "unknown-phone" not in codes(agent)
    assert said == ""


def test_once_says_what_is_late_seals_it_and_starts_nothing(agent, iphone, phones, tmp_path):
    started = tmp_path / "started"
    settings = tmp_path / "readout.toml"
    settings.write_text(f"[commands]\nmaak = ['/usr/bin/touch', '{started}']\n")
    settings.chmod(0o600)
    phones("C39TEST0009", every="1h", more="command = 'maak'\n")
    agent.once()
    assert "readout-overdue" not in codes(agent)
    long_ago = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    device = _life.Device(agent.home, None, None)
    device.ledger.remember("readout-since/phone (telefoon-1)", long_ago.encode())
    device.problems.state(device.ledger, "readout-failed", {"phone": Found("phone: exit-1")})
    device.ledger.close()
    report, said = agent.once()
    assert {"readout-overdue", "readout-failed"} <= codes(agent)
    assert "readout-overdue: phone: since 20" in said
    assert "have the phone read out" in said
    assert report["batches"] >= 1
    with closing(sqlite3.connect(agent.home / "ledger.sqlite")) as db:
        queued = db.execute("SELECT count(*) FROM observations WHERE batch IS NULL")
        assert queued.fetchone() == (0,)
    assert not started.exists()
