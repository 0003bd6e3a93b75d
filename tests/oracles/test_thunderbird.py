# SPDX-License-Identifier: EUPL-1.2
"""Thunderbird itself says that the locks hold, with the right type, and that nothing is left.

It is started with a profile of the test's, and asked over Marionette. The locks are set by the
engine in the installation of this machine, which is left as it was found.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from lakzegel_agent.guards.base import State, Surroundings
from lakzegel_agent.guards.checking import check
from lakzegel_agent.guards.enforcing import Enforcer
from lakzegel_agent.guards.of_thunderbird import parse_prefs
from lakzegel_agent.guards.of_thunderbirdlayers import layers
from lakzegel_agent.guards.of_thunderbirdprograms import programs, rules
from lakzegel_agent.guards.places import Files
from lakzegel_agent.guards.remembered import GuardNotes, recall_places
from lakzegel_agent.guards.thunderbird_folders import GUARD as FOLDERS
from lakzegel_agent.guards.thunderbird_retention import GUARD
from lakzegel_core.age import Identity
from lakzegel_core.policy import parse_policy_toml

from .thunderbirds import BINARY, ROOT, started

DEFAULTS = ROOT / "defaults/pref"
OWN = DEFAULTS / "lakzegel.js"
MDM = DEFAULTS / "lakzegel-mdm.js"
COMPANION = Path(__file__).resolve().parents[2] / "mdm-profiles/companions/thunderbird"
THEIRS = DEFAULTS / "lakzegel-test.js"
CONFIG = ROOT / "lakzegel-test.cfg"
POLICIES = ROOT / "distribution/policies.json"
LOCK = Path(tempfile.gettempdir(), "lakzegel-thunderbird-test.lock")
INT, BOOL, NONE = 64, 128, 0
S1, S2 = "mail.server.server1.", "mail.server.server2."
PREFS = {
    "mail.accountmanager.accounts": "account1,account2,account3",
    "mail.accountmanager.localfoldersserver": "server3",
    "mail.account.account1.server": "server1",
    "mail.account.account2.server": "server2",
    "mail.account.account3.server": "server3",
    "mail.server.server1.type": "imap",
    "mail.server.server1.hostname": "127.0.0.1",
    "mail.server.server1.userName": "jan",
    "mail.server.server1.port": 9,
    "mail.server.server1.login_at_startup": False,
    "mail.server.server1.check_new_mail": False,
    "mail.server.server1.retainBy": 2,
    "mail.server.server1.daysToKeepHdrs": 30,
    "mail.server.server2.type": "pop3",
    "mail.server.server2.hostname": "localhost",
    "mail.server.server2.userName": "jan",
    "mail.server.server2.port": 9,
    "mail.server.server2.login_at_startup": False,
    "mail.server.server2.check_new_mail": False,
    "mail.server.server2.leave_on_server": True,
    "mail.server.server2.delete_by_age_from_server": True,
    "mail.server.server2.num_days_to_leave_on_server": 3,
    "mail.server.server3.type": "none",
    "mail.server.server3.hostname": "Local Folders",
    "mail.server.server3.userName": "nobody",
    "mail.server.server3.directory-rel": "[ProfD]Mail/Local Folders",
    "mailnews.start_page.enabled": False,
    "mail.compose.autosaveinterval": 7,
}
FILTERS = """version="9"
logging="no"
name="Weg ermee"
enabled="yes"
type="17"
action="Delete"
condition="AND (subject,contains,nieuwsbrief)"
"""
RETENTION = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const found = MailServices.accounts.allServers.find(one => one.key == arguments[0]);
return found.retentionSettings.retainByPreference;
"""


OF_ITS_OWN = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const local = MailServices.accounts.localFoldersServer.rootFolder;
const folder = local.getChildNamed("Archief"), settings = folder.retentionSettings;
settings.useServerDefaults = false;
settings.retainByPreference = Ci.nsIMsgRetentionSettings.nsMsgRetainByNumHeaders;
settings.numHeadersToKeep = 5000;
folder.retentionSettings = settings;
folder.msgDatabase.commit(1);
"""
COUNT = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const folder = MailServices.accounts.localFoldersServer.rootFolder.getChildNamed("Archief");
try { return folder.msgDatabase.dBFolderInfo.numMessages; } catch { return -1; }
"""
PARSE = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const local = MailServices.accounts.localFoldersServer.rootFolder;
local.getChildNamed("Archief").updateFolder(null);
"""
MAILS = 300

# What each may say of one preference.
OURS = ("", "pref(NAME, 1, sticky, locked);\n")
FILE = ("", "pref(NAME, 5);\n", "pref(NAME, 5, locked);\n")
USER = ("", "user_pref(NAME, 2);\n")
CALLS = (
    "",
    "lockPref(NAME, 7);\n",
    "defaultPref(NAME, 7);\n",
    "pref(NAME, 7);\n",
    "lockPref(NAME, 7); unlockPref(NAME);\n",
    "clearPref(NAME);\n",
)
POLICY = (
    None,
    1,
    9,
    {"Value": 9, "Status": "locked"},
    {"Value": 1, "Status": "locked"},
    {"Value": 9, "Status": "default"},
    {"Value": 9, "Status": "user"},
    {"Status": "clear"},
)


class Memory(dict[str, bytes]):
    """A ledger's named values."""

    def remember(self, name: str, value: bytes) -> None:
        self[name] = value

    def recall(self, name: str) -> bytes | None:
        return self.get(name)


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Each file's mode, owner and bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        told = path.stat()
        found[str(path)] = (told.st_mode, told.st_uid, path.read_bytes() if path.is_file() else b"")
    return found


def clear() -> None:
    """Take away all that these tests put into the installation."""
    for path in (THEIRS, CONFIG, OWN, MDM, POLICIES):  # the one that names another first
        path.unlink(missing_ok=True)
    with suppress(OSError):
        POLICIES.parent.rmdir()


@pytest.fixture
def installation() -> Iterator[dict[str, tuple[int, int, bytes]]]:
    """What the installation's defaults are; they are so again afterwards, whatever happens."""
    if not BINARY.exists():
        pytest.skip("no Thunderbird here: run sh tests/soak/install.sh")
    if not os.access(DEFAULTS, os.W_OK):
        pytest.skip("Thunderbird is here, but its folder may not be written")
    with LOCK.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if lock.read():  # an earlier run was killed within
            clear()
        elif OWN.exists():
            pytest.skip("an agent is at work here: its locks are in Thunderbird's folder")
        before, names = tree(DEFAULTS), sorted(ROOT.iterdir())
        lock.write("within")
        lock.flush()
        try:
            yield before
        finally:
            clear()
            lock.truncate(0)
        assert tree(DEFAULTS) == before
        assert sorted(ROOT.iterdir()) == names


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    folder = tmp_path / "home/.thunderbird/abcd.default"
    filters = folder / "ImapMail/127.0.0.1/msgFilterRules.dat"
    filters.parent.mkdir(parents=True)
    filters.write_text(FILTERS)
    lines = (f'user_pref("{name}", {json.dumps(value)});\n' for name, value in PREFS.items())
    (folder / "prefs.js").write_text("".join(lines))
    (folder / "user.js").write_text('user_pref("marionette.port", 0);\n')  # one that is free
    return folder


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    recipient = Identity(bytes(32)).recipient.to_text()
    policy = parse_policy_toml(
        f'serial = 1\naudience = ["group:g"]\nexpires = 2027-06-30\nrecipients = ["{recipient}"]\n'
    )
    return Surroundings(
        home=tmp_path / "home",
        system=Path("/"),
        platform="linux",
        now=datetime(2026, 11, 30, 9, 0, tzinfo=UTC),
        sources=(),
        domains=frozenset(),
        places={"file": Files()},
        notes=GuardNotes(Memory(), "test"),
        policy=policy,
    )


def states(around: Surroundings, memory: Memory, mode: str) -> dict[str, tuple[str, str]]:
    found = check(GUARD, around, mode, Enforcer(memory, "p"))
    return {
        one.subject.rpartition("/")[2]: (str(one.state), one.reason)
        for one in found.readings
        if "server3" not in one.subject  # Local Folders, of which nothing is wrong
    }


def kept(profile: Path) -> list[str]:
    """The lines of prefs.js that a user would miss."""
    lines = (profile / "prefs.js").read_text().splitlines()
    return [one for one in lines if any(f'"{name}"' in one for name in PREFS)]


@pytest.mark.slow
def test_thunderbird_holds_to_the_locks_and_forgets_them(
    installation: dict[str, tuple[int, int, bytes]], profile: Path, around: Surroundings
) -> None:
    memory = Memory()
    home, filters = around.home, profile / "ImapMail/127.0.0.1/msgFilterRules.dat"

    # 1. It deletes by itself, and goes on with that until its next start.
    with started(home, profile) as thunderbird:
        assert thunderbird.pref(S1 + "retainBy") == (INT, 2, False)
        assert thunderbird.pref(S2 + "leave_on_server") == (BOOL, True, False)
        assert thunderbird.pref(S1 + "purgeSpam") == (NONE, None, False)
        assert thunderbird.ask(RETENTION, "server1") == 2
        thunderbird.ask("Services.prefs.savePrefFile(null)")
        assert states(around, memory, "report") == {
            "server1": ("drifted", "by-age"),
            "server2": ("drifted", "deletes-from-server"),
        }
        lines = kept(profile)
        assert len(lines) == len(PREFS)
        waiting = {"server1": ("drifted", "at-next-start"), "server2": ("drifted", "at-next-start")}
        assert states(around, memory, "enforce") == waiting
        assert states(around, memory, "enforce") == waiting
        assert thunderbird.pref(S1 + "retainBy") == (INT, 2, False)

    # 2. Started anew, it has the locks, and what else the user has set.
    good = {"server1": ("compliant", ""), "server2": ("compliant", "")}
    for _ in range(2):
        with started(home, profile) as thunderbird:
            assert thunderbird.pref(S1 + "retainBy") == (INT, 1, True)
            assert thunderbird.pref(S1 + "purgeSpam") == (BOOL, False, True)
            assert thunderbird.pref(S1 + "autosync_max_age_days") == (INT, -1, True)
            assert thunderbird.pref("mail.imap.expunge_after_delete") == (BOOL, False, True)
            assert thunderbird.pref(S2 + "retainBy") == (INT, 1, True)
            assert thunderbird.pref(S2 + "leave_on_server") == (BOOL, True, True)
            assert thunderbird.pref(S2 + "delete_by_age_from_server") == (BOOL, False, True)
            assert thunderbird.ask(RETENTION, "server1") == 1
            assert thunderbird.pref(S1 + "daysToKeepHdrs") == (INT, 30, False)
            assert thunderbird.pref("mail.compose.autosaveinterval") == (INT, 7, False)
            thunderbird.ask("Services.prefs.savePrefFile(null)")
            assert states(around, memory, "enforce") == good
    assert kept(profile) == lines
    assert filters.read_text() == FILTERS

    # 3. Undone, all is as it was.
    held = (profile / "prefs.js").read_bytes()
    check(GUARD, replace(around), "off", Enforcer(memory, "p"))
    assert tree(DEFAULTS) == installation
    assert recall_places(memory) == []
    assert (profile / "prefs.js").read_bytes() == held
    with started(home, profile) as thunderbird:
        assert thunderbird.pref(S1 + "retainBy") == (INT, 2, False)
        assert thunderbird.pref(S1 + "daysToKeepHdrs") == (INT, 30, False)
        assert thunderbird.pref(S1 + "purgeSpam") == (NONE, None, False)
        assert thunderbird.pref(S2 + "leave_on_server") == (BOOL, True, False)
        assert thunderbird.pref(S2 + "delete_by_age_from_server") == (BOOL, True, False)
        assert thunderbird.pref("mail.imap.expunge_after_delete") == (BOOL, False, False)
        assert thunderbird.ask(RETENTION, "server1") == 2
        thunderbird.ask("Services.prefs.savePrefFile(null)")
    assert kept(profile) == lines
    assert filters.read_text() == FILTERS


@pytest.mark.slow
def test_a_folders_own_settings_are_read_as_thunderbird_writes_them(
    installation: dict[str, tuple[int, int, bytes]], profile: Path, around: Surroundings
) -> None:
    folders = profile / "Mail/Local Folders"
    folders.mkdir(parents=True)
    mails = (
        "From - Mon Nov 30 09:00:00 2026\n"
        f"From: Jan ({n}) <jan{n}@minxyz.example>\nSubject: =?utf-8?q?één?= $1 \\\\) (^80=x> {n}\n"
        f"Message-ID: <{n}$a)b\\\\@minxyz.example>\n"
        f"Date: Mon, 30 Nov 2026 09:00:00 +0100\n\n{n}\n\n"
        for n in range(MAILS)
    )
    (folders / "Archief").write_text("".join(mails))
    with started(around.home, profile) as thunderbird:
        thunderbird.ask(PARSE)
        end = time.monotonic() + 30
        while thunderbird.ask(COUNT) != MAILS and time.monotonic() < end:
            time.sleep(0.1)  # it parses in the background, and tells nobody outside
        assert thunderbird.ask(COUNT) == MAILS
        thunderbird.ask(OF_ITS_OWN)
        thunderbird.ask("Services.prefs.savePrefFile(null)")
    found = {one.subject.removeprefix("abcd.default/"): one for one in FOLDERS.look(around)}
    told = found["Mail/Local Folders/Archief"]
    assert (told.state, told.reason) == (State.DRIFTED, "by-number")
    assert isinstance(told.value, dict)  # 140 ESR says more, which is 0
    assert told.value.items() >= {"retainBy": 3, "numHdrsToKeep": 5000, "daysToKeepHdrs": 0}.items()
    assert {name for name, one in found.items() if one.state is not State.COMPLIANT} == {
        "Mail/Local Folders/Archief"
    }
    assert (folders / "Archief.msf").stat().st_size > MAILS * 50


@pytest.mark.slow
def test_what_comes_of_all_that_is_said_is_what_thunderbird_makes_of_it(
    installation: dict[str, tuple[int, int, bytes]], profile: Path, around: Surroundings
) -> None:
    etc = Path("/etc/thunderbird/policies/policies.json")
    if POLICIES.parent.exists() or etc.exists():
        pytest.skip("Thunderbird here has policies of somebody's")
    cases = {
        f"mail.lz.p{n}": case for n, case in enumerate(product(OURS, FILE, USER, CALLS, POLICY))
    }

    def lines(part: int) -> str:
        return "".join(case[part].replace("NAME", f'"{name}"') for name, case in cases.items())

    (folder := POLICIES.parent).mkdir()
    OWN.write_text(lines(0))
    THEIRS.write_text('pref("general.config.filename", "lakzegel-test.cfg");\n' + lines(1))
    CONFIG.write_text("// not read\n" + lines(3))
    told = {name: case[4] for name, case in cases.items() if case[4] is not None}
    POLICIES.write_text(json.dumps({"policies": {"Preferences": told}}))
    with (profile / "prefs.js").open("a") as file:
        file.write(lines(2))
    (program,) = (one for one in programs(around) if one.root == ROOT)
    users = parse_prefs((profile / "prefs.js").read_bytes())
    ours = layers({}, rules(program, around), users, ours=True)
    with started(around.home, profile) as thunderbird:
        theirs = {name: tuple(thunderbird.pref(name)) for name in cases}
    known = {name for name in cases if ours.get(name).has(int) and ours.get(name).value is not None}
    wrong = {
        name: (cases[name], (ours.get(name).value, ours.get(name).locked), theirs[name])
        for name in known
        if theirs[name] != (INT, ours.get(name).value, bool(ours.get(name).locked))
    }
    assert not wrong, (len(wrong), list(wrong.values())[:5])
    assert len(known) > len(cases) / 2
    assert folder.exists()


@pytest.mark.soak
def test_what_mdm_puts_beside_thunderbird_locks_it_with_the_right_types(
    installation: dict[str, tuple[int, int, bytes]], profile: Path, around: Surroundings
) -> None:
    MDM.write_bytes((COMPANION / "lakzegel-mdm.js").read_bytes())
    POLICIES.parent.mkdir(exist_ok=True)
    POLICIES.write_bytes((COMPANION / "policies.json").read_bytes())
    with started(around.home, profile) as thunderbird:
        for server in (S1, S2, "mail.server.server32.", "mail.server.default."):
            assert thunderbird.pref(server + "retainBy") == (INT, 1, True)
            assert thunderbird.pref(server + "leave_on_server") == (BOOL, True, True)
            assert thunderbird.pref(server + "purgeSpam") == (BOOL, False, True)
            assert thunderbird.pref(server + "autosync_max_age_days") == (INT, -1, True)
        assert thunderbird.pref("mail.imap.expunge_after_delete") == (BOOL, False, True)
        assert thunderbird.ask(RETENTION, "server1") == 1
        thunderbird.ask("Services.prefs.savePrefFile(null)")
        assert set(states(around, Memory(), "report").values()) == {("compliant", "")}
    MDM.unlink()
    POLICIES.unlink()
    with started(around.home, profile) as thunderbird:  # what the user chose holds again
        assert thunderbird.pref(S1 + "retainBy") == (INT, 2, False)
        assert thunderbird.pref(S2 + "leave_on_server") == (BOOL, True, False)
        assert thunderbird.ask(RETENTION, "server1") == 2
