# SPDX-License-Identifier: EUPL-1.2
"""Another version of the agent checks itself first, and leaves what it does not work with."""

import hashlib
import json
import os
import sqlite3
import sys

import pytest

from lakzegel_agent import selfcheck, updates
from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.dryrun import dry_run
from lakzegel_agent.errors import (
    LedgerDamagedError,
    NewerLedgerError,
    SealingError,
    SpoolFullError,
    UnfitError,
    UnreachableError,
)
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerupgrade import upgrade
from lakzegel_agent.problems import Problems
from lakzegel_agent.selfcheck import Checked, UndecidedError, check_apart, check_watch
from lakzegel_agent.settings import load_config
from lakzegel_agent.spool import Spool
from lakzegel_agent.station import station, wall_clock
from lakzegel_agent.versions import Versions

OK = Checked("ok")
PASSING = ("lock", "ledger.sqlite-shm", "ledger.sqlite-wal")


@pytest.fixture
def home(tmp_path, log):
    """A home that an agent was at work in, and its configuration."""
    made = Home(tmp_path / "home")
    made.create()
    Ledger.open(made.ledger, KeyStore(made.keys).ledger_key(random=os.urandom)).close()
    Spool.open(made.spool)
    keys = [log.ed25519.verifier.to_text(), log.mldsa.verifier.to_text()]
    (tmp_path / "agent.toml").write_text(
        f'server = "https://receiver.invalid"\nhome = "{made.root}"\n'
        f"log_keys = {json.dumps(keys)}\npolicy_keys = {json.dumps(keys[:1])}\n"
    )
    return made


@pytest.fixture
def config(home):
    return load_config(home.root.parent / "agent.toml")


@pytest.fixture
def versions(home):
    return Versions(home.root / "version")


def contents(home):
    return {
        str(path.relative_to(home.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.root.rglob("*")
        if path.is_file() and "version" not in path.parts and path.name not in PASSING
    }


def check(config, home):
    return selfcheck.self_check(config.path, home.root / "version")


def test_a_version_that_works_says_so_and_leaves_nothing_behind(config, home):
    before = contents(home)
    assert check(config, home) == OK
    assert contents(home) == before
    assert list((home.root / "version").iterdir()) == []


def test_what_was_sealed_in_a_dry_run_has_to_come_out_again(tmp_path, monkeypatch):
    dry_run(tmp_path, random=os.urandom)
    monkeypatch.setattr("lakzegel_agent.dryrun._TEXT", b"another")
    (tmp_path / "twice").mkdir()
    monkeypatch.setattr("lakzegel_core.batchfile.BatchFile.item", lambda *_: OtherItem())
    with pytest.raises(SealingError, match="does not come out"):
        dry_run(tmp_path / "twice", random=os.urandom)


class OtherItem:
    payload = b"nothing of it"


def spoil_settings(config, home):
    del home
    config.path.write_text("server = 3\n")


def spoil_ledger(config, home):
    del config
    home.ledger.write_bytes(b"no database of anybody's" * 100)


def spoil_keys(config, home):
    del config
    store = KeyStore(home.keys)
    with Ledger.open(home.ledger, store.ledger_key(random=os.urandom)) as ledger:
        ledger.begin_epoch(0, bytes(32))


@pytest.mark.parametrize(
    ("spoil", "step"),
    [
        (spoil_settings, "settings"),
        (spoil_ledger, "ledger"),
        (spoil_keys, "keys"),
    ],
)
def test_what_stands_in_the_way_is_named_by_its_step(config, home, spoil, step):
    spoil(config, home)
    before = contents(home)
    found = check(config, home)
    assert (found.state, found.step) == ("failed", step)
    assert found.why
    assert contents(home) == before


def test_a_full_disk_is_no_versions_fault(config, home, monkeypatch):
    def full(*_, **__):
        raise SpoolFullError("no room")

    monkeypatch.setattr("lakzegel_agent.dryrun.dry_run", full)
    assert check(config, home) == Checked("undecided", "dry-run", "no room")


def test_a_module_that_cannot_be_imported_ends_the_check(config, home, monkeypatch):
    monkeypatch.setitem(sys.modules, "lakzegel_agent.ship", None)
    found = check(config, home)
    assert (found.state, found.step) == ("failed", "modules")


def test_a_hint_that_does_not_come_decides_nothing(tmp_path, monkeypatch):
    check_watch(tmp_path)
    monkeypatch.setattr("lakzegel_agent.watch._Handler.on_any_event", lambda *_: None)
    with pytest.raises(UndecidedError):
        check_watch(tmp_path, seconds=0.05)


def test_a_check_that_dies_or_hangs_failed(config, home, monkeypatch):
    scratch = home.root / "version"
    (scratch / "scratch-left").mkdir(parents=True)
    code = ["import os; os.abort()"]
    worker = lambda _: (sys.executable, "-c", code[-1])  # noqa: E731 - in the place of ours
    monkeypatch.setattr("lakzegel_agent.ownprocess.worker", worker)
    assert check_apart(config.path, scratch).step == "process"
    code.append("import threading; threading.Event().wait()")
    assert check_apart(config.path, scratch, patience=0.1).step == "time"
    assert list(scratch.iterdir()) == []


def test_a_check_in_a_process_of_its_own_hands_over_how_it_ended(config, home):
    assert check_apart(config.path, home.root / "version") == OK


# a life


def test_a_version_is_checked_until_it_is_proven_and_the_office_hears_of_the_next(
    config, versions, home
):
    asked = []
    trial = updates.begin(config, check=lambda *where: asked.append(where) or OK)
    assert versions.checked == f"self-check ok {updates.running()}"
    versions.note_check("self-check ok 0.0.9")
    (versions.folder / "proven").write_text("0.0.9\n")
    (versions.folder / "tries").write_text(f"{updates.running()} 2\n")
    with Ledger.open(home.ledger, KeyStore(home.keys).ledger_key(random=os.urandom)) as ledger:
        trial.begin(ledger, Problems(wall_clock))
        trial.turned(ledger)
        trial.turned(ledger)
        assert ledger.files.queued(after=-1, limit=9)[0][2] == (
            b'{"from":"0.0.9","to":"%s","type":"updated"}' % updates.running().encode()
        )
        assert len(ledger.files.queued(after=-1, limit=9)) == 1
    assert versions.proven == updates.running()
    assert not (versions.folder / "tries").exists()
    updates.begin(config, check=lambda *where: asked.append(where) or OK)
    assert len(asked) == 1


def test_a_version_that_made_what_is_here_or_passed_is_not_checked_again(config, versions):
    updates.made(config)
    assert versions.checked == f"made {updates.running()}"
    updates.begin(config, check=None)
    versions.note_check(OK.line(updates.running()))
    updates.begin(config, check=None)
    versions.note_check("self-check undecided 0.2.0 dry-run")
    asked = []
    updates.begin(config, check=lambda *where: asked.append(where) or OK)
    assert len(asked) == 1


def test_one_that_fails_is_not_begun(config, versions):
    failed = Checked("failed", "ledger", "no such table")
    with pytest.raises(UnfitError, match="self-check at 'ledger': no such table"):
        updates.begin(config, check=lambda *_: failed)
    assert versions.checked == f"self-check failed {updates.running()} ledger"
    assert versions.proven is None
    begun = updates.begin(config, check=lambda *_: Checked("undecided", "dry-run", "no room"))
    assert not begun.is_over


def test_one_that_is_told_to_end_meanwhile_says_nothing_of_the_version(config, versions):
    failed = Checked("failed", "process", "it ended with -15")
    updates.begin(config, check=lambda *_: failed, stopped=lambda: True)
    assert versions.checked is None


def test_where_nothing_can_be_written_nothing_is_decided_and_said_once(config, versions, home):
    versions.folder.parent.joinpath("version").write_text("no folder")
    assert check(config, home).state == "undecided"
    versions.folder.unlink()
    versions.prove("0.0.9", keep_bad=False)
    trial = updates.begin(config, check=lambda *_: OK)
    (versions.folder / "proven.part").mkdir()
    with Ledger.open(home.ledger, KeyStore(home.keys).ledger_key(random=os.urandom)) as ledger:
        trial.turned(ledger)
        trial.turned(ledger)
        assert len(ledger.files.queued(after=-1, limit=9)) == 1
    assert versions.proven == "0.0.9"


def test_a_home_that_holds_nothing_is_not_checked(config, home):
    home.ledger.unlink()
    updates.begin(config, check=None)


def test_an_agent_that_runs_instead_of_another_says_so_once(config, versions, home, monkeypatch):
    monkeypatch.setenv("LAKZEGEL_INSTEAD_OF", "0.2.0")
    versions.note_check("self-check failed 0.2.0 ledger")
    (versions.folder / "bad").write_text("0.2.0 ledger\n")
    problems = Problems(wall_clock)
    with Ledger.open(home.ledger, KeyStore(home.keys).ledger_key(random=os.urandom)) as ledger:
        for _ in range(2):
            trial = updates.begin(config, check=lambda *_: OK)
            trial.begin(ledger, problems)
            trial.turned(ledger)
        (problem,) = problems.listed()
        assert problem.code == "update-rolled-back"
        assert "0.2.0 did not work here (ledger)" in problem.detail
        (said,) = [json.loads(row[2]) for row in ledger.files.queued(after=-1, limit=9)]
        assert said == {
            "type": "update-rolled-back", "version": "0.2.0", "why": "ledger",
            "runs": updates.running(),
        }  # fmt: skip
        assert versions.bad == ("0.2.0", "ledger")
        monkeypatch.delenv("LAKZEGEL_INSTEAD_OF")
        trial = updates.Trial(versions, "0.3.0")
        trial.begin(ledger, problems)
        trial.turned(ledger)
        assert problems.listed() == []
    assert versions.bad is None


@pytest.mark.parametrize(
    "error", [UnreachableError("away"), OSError(13, "no"), KeyboardInterrupt()]
)
def test_an_end_that_a_version_is_not_to_blame_for_is_not_counted(versions, error):
    versions.note_check("x")
    (versions.folder / "tries").write_text("0.2.0 3\n")
    with pytest.raises(type(error)), updates.counted(versions):
        raise error
    assert (versions.folder / "tries").read_text() == f"{updates.running()} 0\n"


@pytest.mark.parametrize("error", [UnfitError("no"), SealingError("no"), AttributeError("no")])
def test_an_end_that_it_is_to_blame_for_is(versions, error):
    versions.note_check("x")
    (versions.folder / "tries").write_text("0.2.0 3\n")
    with pytest.raises(type(error)), updates.counted(versions):
        raise error
    assert (versions.folder / "tries").read_text() == "0.2.0 3\n"


def test_lines_that_make_no_sense_are_none(versions):
    versions.note_check("x")
    for name in ("proven", "bad", "checked"):
        (versions.folder / name).write_bytes(b"\xff\xfe\n")
    assert versions.shown() == {"proven": None, "checked": None, "bad": None}


# the ledger


def test_a_ledger_of_a_later_version_is_left_as_it_is(home, config):
    with sqlite3.connect(home.ledger) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    before = contents(home)
    with (
        pytest.raises(NewerLedgerError, match="install that version or a later one"),
        station(config),
    ):
        pass
    assert contents(home) == before
    assert check(config, home).step == "ledger"


def add_a_table(db):
    db.execute("CREATE TABLE later (x)")


def test_an_earlier_ledger_becomes_one_of_this_version_by_one_rename(home):
    key = KeyStore(home.keys).ledger_key(random=os.urandom)
    with Ledger.open(home.ledger, key) as ledger:
        ledger.begin_epoch(0, b"e" * 32)
        ledger.remember("word", b"kept")
    with pytest.raises(KeyError):
        upgrade(home.ledger, steps={}, to=2)
    assert upgrade(home.ledger, steps={1: add_a_table}, to=1) is False
    with Ledger.open(home.ledger, key) as ledger:
        assert ledger.recall("word") == b"kept"
    assert upgrade(home.ledger, steps={1: add_a_table}, to=2) is True
    assert not list(home.root.glob("*.next*"))
    with sqlite3.connect(home.ledger) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert db.execute("SELECT count(*) FROM later").fetchone() == (0,)
        db.execute("PRAGMA user_version = 1")
    db.close()
    with Ledger.open(home.ledger, key) as ledger:
        assert ledger.recall("word") == b"kept"
        assert ledger.epoch().enrolment_id == b"e" * 32


def test_what_is_no_ledger_is_damaged(home):
    with sqlite3.connect(home.ledger) as db:
        db.execute("PRAGMA user_version = -3")
    db.close()
    with pytest.raises(LedgerDamagedError):
        upgrade(home.ledger)
