# SPDX-License-Identifier: EUPL-1.2
"""What lies on this device beside what the server holds, by what mail programs wrote down."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.guards import of_local_counts, of_mail_counts
from lakzegel_agent.guards.base import PlaceError, Reading
from lakzegel_agent.guards.mail_complete import GUARD
from lakzegel_agent.guards.of_server_counts import OFFLINE, TRASH, dovecot, folder_cache, mbsync
from lakzegel_agent.guards.remembered import GuardNotes

from .conftest import NOW, Kept, Make, policy, readings, states

DAY = timedelta(days=1)
ACCOUNT = """
[[source]]
name = "s0"
kind = "{kind}"
path = "/x"
accounts = ["minister@minxyz.example"]
"""
PREFS = """\
user_pref("mail.account.account1.identities", "id1");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.identity.id1.useremail", "minister@minxyz.example");
user_pref("mail.server.server1.directory-rel", "[ProfD]ImapMail/imap.minxyz.example");
user_pref("mail.server.server1.userName", "minister");
"""


def mails(number: int, status: str = "0001") -> bytes:
    """An mbox of Thunderbird's."""
    one = (
        "From - Fri Aug 24 11:55:47 2018\nX-Mozilla-Status: {status}\n"
        "X-Mozilla-Status2: 00000000\nSubject: {at}\n\nFrom here on it is text.\n\n"
    )
    return "".join(one.format(status=status, at=at) for at in range(number)).encode()


@dataclass
class Profile:
    """A Thunderbird profile whose mail is a source; looked at day by day."""

    around: Make
    memory: Kept
    root: Path
    now: datetime = NOW
    said: str = ""
    excluded: tuple[str, ...] = ()
    rows: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        (self.root / "prefs.js").write_text(PREFS)

    @property
    def folder(self) -> Path:
        return self.root / "ImapMail/imap.minxyz.example"

    def server(self, name: str, total: object, *, flags: int = OFFLINE) -> None:
        path = f"/somewhere/else/ImapMail/imap.minxyz.example/{name}.msf"
        self.rows[path] = {"serverTotal": total, "flags": flags, "totalMsgs": total, "nextUID": 9}
        (self.root / "folderCache.json").write_text(json.dumps(self.rows))

    def look(self) -> list[Reading]:
        notes = GuardNotes(self.memory, "mail-complete")
        found = readings(
            GUARD,
            self.around(
                ("mbox", self.root),
                now=self.now,
                notes=notes,
                policy=policy(self.said),
                excluded=self.excluded,
            ),
        )
        for name, value in notes.named():
            self.memory.remember(name, value)
        self.now += DAY
        return found

    def states(self) -> dict[str, tuple[str, str]]:
        return {
            name.rpartition("imap.minxyz.example/")[2]: state
            for name, state in states(self.look()).items()
        }


@pytest.fixture
def profile(around: Make, memory: Kept) -> Profile:
    return Profile(around, memory, around().home / ".thunderbird/abcd.default")


def test_a_folder_that_holds_what_the_server_holds_is_complete(profile: Profile) -> None:
    (profile.folder / "INBOX").write_bytes(mails(3))
    profile.server("INBOX", 3)
    (reading,) = profile.look()
    assert reading.subject == ".thunderbird/abcd.default/ImapMail/imap.minxyz.example/INBOX"
    assert (reading.state, reading.reason, reading.value) == ("compliant", "", None)


def test_a_difference_is_a_finding_once_it_is_there_on_two_days(profile: Profile) -> None:
    (profile.folder / "INBOX").write_bytes(mails(3))
    profile.server("INBOX", 5)
    assert profile.states() == {"INBOX": ("unknown", "settling")}
    (reading,) = profile.look()
    assert (reading.state, reading.reason) == ("drifted", "incomplete")
    assert reading.value == {"server": 5, "local": 3, "missing": 2, "offline": True}
    (profile.folder / "INBOX").write_bytes(mails(5))
    assert profile.states() == {"INBOX": ("compliant", "")}


def test_mail_that_is_on_its_way_is_no_finding(profile: Profile) -> None:
    for many in range(1, 9):
        (profile.folder / "INBOX").write_bytes(mails(many))
        profile.server("INBOX", many + many % 2)
        if many > 1:
            assert profile.states() == {"INBOX": ("compliant", "")}
        else:
            assert profile.states() == {"INBOX": ("unknown", "settling")}


def test_what_thunderbird_expunged_does_not_count(profile: Profile) -> None:
    (profile.folder / "INBOX").write_bytes(mails(2) + mails(3, "0009"))
    profile.server("INBOX", 5)
    profile.look()
    (reading,) = profile.look()
    assert reading.value == {"server": 5, "local": 2, "missing": 3, "offline": True}


def test_a_folder_that_is_not_kept_offline_is_a_finding_at_once(profile: Profile) -> None:
    profile.server("Archief", 7, flags=0)
    (reading,) = profile.look()
    assert (reading.state, reading.reason) == ("drifted", "not-offline")
    assert reading.value == {"server": 7, "local": 0, "missing": 7, "offline": False}


def test_an_empty_folder_lacks_nothing(profile: Profile) -> None:
    profile.server("Drafts", 0, flags=0)
    assert profile.states() == {"Drafts": ("compliant", "")}


def test_a_folder_that_was_never_opened_is_not_judged(profile: Profile) -> None:
    fresh = {"serverTotal": 0, "totalMsgs": 0, "hierDelim": 94, "folderSize": -1, "flags": 0}
    profile.rows["/p/ImapMail/imap.minxyz.example/Archives.msf"] = fresh
    profile.rows["/p/ImapMail/imap.minxyz.example/Junk.msf"] = {}
    profile.rows["/p/ImapMail/imap.minxyz.example"] = {"serverTotal": 0, "totalMsgs": -1}
    profile.rows["/p/Mail/Local Folders/Sent.msf"] = {"totalMsgs": 5}
    (profile.root / "folderCache.json").write_text(json.dumps(profile.rows))
    assert profile.states() == {
        "Archives": ("not-applicable", "never-opened"),
        "Junk": ("not-applicable", "never-opened"),
    }


def test_the_trash_is_nobodys_archive(profile: Profile) -> None:
    profile.server("Trash", 7, flags=TRASH)
    assert profile.look() == []


def test_folders_below_folders_and_files_of_their_own_are_counted(profile: Profile) -> None:
    (profile.folder / "INBOX.sbd").mkdir()
    (profile.folder / "INBOX.sbd/Dossier").write_bytes(mails(2))
    cur = profile.folder / "Archives/cur"
    cur.mkdir(parents=True)
    (cur / "1.eml").touch()
    (cur / ".hidden").touch()
    profile.server("INBOX.sbd/Dossier", 2)
    profile.server("Archives", 1)
    assert profile.states() == {
        "INBOX.sbd/Dossier": ("compliant", ""),
        "Archives": ("compliant", ""),
    }


def test_windows_writes_its_paths_otherwise(profile: Profile) -> None:
    (profile.folder / "INBOX").write_bytes(mails(1))
    key = "C:\\Users\\m\\Profiles\\x\\ImapMail\\imap.minxyz.example\\INBOX.msf"
    profile.rows[key] = {"serverTotal": 1, "flags": OFFLINE}
    (profile.root / "folderCache.json").write_text(json.dumps(profile.rows))
    assert profile.states() == {"INBOX": ("compliant", "")}


def test_what_a_source_leaves_out_has_no_reading(profile: Profile) -> None:
    profile.server("INBOX", 4)
    profile.server("Privé", 4)
    other = "/x/ImapMail/imap.private.example/INBOX.msf"
    profile.rows[other] = {"serverTotal": 4, "flags": OFFLINE}
    profile.server("INBOX", 4)
    profile.said = ACCOUNT.format(kind="mbox")
    profile.excluded = ("Privé",)
    assert profile.states() == {"INBOX": ("unknown", "settling")}


def test_a_profile_that_no_source_holds_has_no_reading(profile: Profile, around: Make) -> None:
    profile.server("INBOX", 4)
    assert readings(GUARD, around()) == []
    assert readings(GUARD, around(("mbox", around().home / "Mail"))) == []
    assert readings(GUARD, around(("folder", profile.root))) == []


def test_a_profile_without_a_folder_cache_is_unknown(profile: Profile) -> None:
    (reading,) = profile.look()
    assert (reading.subject, reading.state, reading.reason) == (
        ".thunderbird/abcd.default",
        "unknown",
        "no-server-count",
    )


@pytest.mark.parametrize(
    "cache",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"/p/ImapMail/h/INBOX.msf": 7}',
        b'{"/p/ImapMail/h/INBOX.msf": {"serverTotal": "7"}}',
        b'{"/p/ImapMail/h/INBOX.msf": {"serverTotal": 7.5}}',
        b'{"/p/ImapMail/h/INBOX.msf": {"serverTotal": -7}}',
        b'{"/p/ImapMail/h/INBOX.msf": {"serverTotal": 99999999999}}',
        b'{"/p/ImapMail/h/INBOX.msf": {"serverTotal": 7, "flags": "1"}}',
        b'{"/p/ImapMail/h/../../../../etc/x.msf": {"serverTotal": 7}}',
        '{"/p/ImapMail/h/\u00e9.msf": {}}'.encode("utf-16"),
    ],
)
def test_a_folder_cache_that_is_not_understood_is_unknown(profile: Profile, cache: bytes) -> None:
    (profile.root / "folderCache.json").write_bytes(cache)
    (reading,) = profile.look()
    assert (reading.state, reading.reason) == ("unknown", "not-understood")


def test_a_folder_cache_of_more_folders_than_anybody_has_is_unknown(profile: Profile) -> None:
    for number in range(5_001):
        profile.rows[f"/p/ImapMail/h/{number}.msf"] = {}
    profile.server("INBOX", 1)
    (reading,) = profile.look()
    assert (reading.state, reading.reason) == ("unknown", "too-many")


def test_an_mbox_that_is_none_a_link_or_huge_is_unknown(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    (profile.folder / "none").write_bytes(b"garbage\n")
    (profile.folder / "link").symlink_to(profile.folder / "none")
    os.mkfifo(profile.folder / "pipe")
    (profile.folder / "huge").write_bytes(mails(9))
    (profile.folder / "empty").touch()
    monkeypatch.setattr(of_local_counts, "MAX_MBOX", len(mails(9)) - 1)
    for name in ("none", "link", "pipe", "huge", "empty"):
        profile.server(name, 1)
    assert profile.states() == {
        "none": ("unknown", "not-understood"),
        "link": ("unknown", "not-ours"),
        "pipe": ("unknown", "not-ours"),
        "huge": ("unknown", "too-large"),
        "empty": ("unknown", "settling"),
    }


def test_a_folder_is_counted_once_a_day_and_read_again_only_when_it_changed(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = of_local_counts.mails_of

    def counted(path: Path) -> int:
        read.append(path.name)
        return real(path)

    monkeypatch.setattr("lakzegel_agent.guards.mail_complete.mails_of", counted)
    (profile.folder / "INBOX").write_bytes(mails(3))
    profile.server("INBOX", 3)
    profile.look()
    profile.now -= DAY - timedelta(hours=1)
    (profile.folder / "INBOX").write_bytes(mails(1))
    assert profile.states() == {"INBOX": ("compliant", "")}  # as it was an hour ago
    assert read == ["INBOX"]
    profile.look()
    profile.look()
    assert read == ["INBOX", "INBOX"]
    profile.now -= 30 * DAY  # a clock that is set back
    profile.look()
    assert read == ["INBOX", "INBOX"]


def test_a_look_counts_no_more_than_its_budget_and_goes_on_in_the_next(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_mail_counts, "BUDGET", len(mails(3)))
    for name in "abc":
        (profile.folder / name).write_bytes(mails(2))
        profile.server(name, 2)
    assert profile.states() == {
        "a": ("compliant", ""),
        "b": ("compliant", ""),
        "c": ("unknown", "not-counted"),
    }
    profile.now -= DAY
    assert profile.states()["c"] == ("compliant", "")


@pytest.mark.parametrize("kept", [b"", b"garbage", b"[]", b'{"at": 1}', b"\xff"])
def test_what_is_not_understood_of_a_count_is_counted_anew(profile: Profile, kept: bytes) -> None:
    (profile.folder / "INBOX").write_bytes(mails(3))
    profile.server("INBOX", 3)
    (reading,) = profile.look()
    notes = GuardNotes(profile.memory, "mail-complete")
    notes.put(reading.subject, kept)
    for name, value in notes.named():
        profile.memory.remember(name, value)
    assert profile.states() == {"INBOX": ("compliant", "")}


# Maildir

STATE = "FarUidValidity 7\nNearUidValidity 8\nMaxPulledUid 5\nMaxPushedUid 5\n\n"


@dataclass
class Box:
    """A Maildir source with one folder."""

    around: Make
    memory: Kept
    root: Path
    now: datetime = NOW
    said: str = ""

    def files(self, *names: str) -> None:
        for box in ("cur", "new", "tmp"):
            (self.root / "INBOX" / box).mkdir(parents=True, exist_ok=True)
        for name in names:
            (self.root / "INBOX/cur" / name).touch()

    def look(self) -> list[Reading]:
        notes = GuardNotes(self.memory, "mail-complete")
        surroundings = self.around(
            ("maildir", self.root), now=self.now, notes=notes, policy=policy(self.said)
        )
        found = readings(GUARD, surroundings)
        for name, value in notes.named():
            self.memory.remember(name, value)
        self.now += DAY
        return found


@pytest.fixture
def box(around: Make, memory: Kept) -> Box:
    return Box(around, memory, around().home / "Mail")


def test_what_mbsync_left_on_the_server_is_lacking(box: Box) -> None:
    box.files("1.a,U=1:2,S", "2.a,U=2:2,", "9.a:2,S")
    state = STATE + "1 1 S\n2 2 \n3 0 ^\n4 4 ~S\n5 6 >\n0 7 S\n8 8 F\n"
    (box.root / "INBOX/.mbsyncstate").write_text(state)
    (reading,) = box.look()
    assert (reading.subject, reading.state, reading.reason) == (
        "Bron 0/INBOX",
        "unknown",
        "settling",
    )
    (reading,) = box.look()
    assert (reading.state, reading.reason) == ("drifted", "incomplete")
    # 3 too large, 4 expired, 5 a placeholder, 8 gone from here
    assert reading.value == {"server": 6, "local": 2, "missing": 4, "offline": True}


def test_what_mbsync_has_whole_is_complete(box: Box) -> None:
    box.files("1.a,U=1:2,S", "2.a,S=77,U=2,X=1:2,", "3.mine:2,")
    (box.root / "INBOX/.mbsyncstate").write_text(STATE + "1 1 S\n2 2 \n")
    assert states(box.look()) == {"Bron 0/INBOX": ("compliant", "")}


def test_where_names_have_no_uids_files_are_counted(box: Box) -> None:
    box.files("1.a:2,S", "2.a:2,")
    old = STATE.replace("Far", "Master").replace("Near", "Slave")
    (box.root / "INBOX/.mbsyncstate").write_text(old + "1 1 S\n2 2 \n")
    assert states(box.look()) == {"Bron 0/INBOX": ("compliant", "")}


@pytest.mark.parametrize(
    "state",
    [
        "",
        "1 1 S\n",
        STATE[:-1],
        STATE + "1 1 S\nx\n",
        STATE + "-1 1 S\n",
        STATE.replace("MaxPulledUid", "MaxPolledUid"),
        STATE.replace("MaxPulledUid 5\n", ""),
        "\u00e9" + STATE,
        STATE + "1 1 \x00\n",
    ],
)
def test_a_state_of_mbsync_that_is_not_understood_is_unknown(box: Box, state: str) -> None:
    box.files()
    (box.root / "INBOX/.mbsyncstate").write_text(state)
    assert states(box.look()) == {"Bron 0/INBOX": ("unknown", "not-understood")}


def test_what_dovecot_lists_and_is_gone_is_lacking(box: Box) -> None:
    box.files("1700000001.M1P1.host,S=9:2,S", "1700000002.M1P1.host:2,")
    rows = (
        b"3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1\n"
        b"25006 :1700000001.M1P1.host,S=9:2,\n25007 W9 :1700000002.M1P1.host\n"
        b"25008 W9 G3085 :1700000003.M1P1.host\n"
    )
    (box.root / "INBOX/dovecot-uidlist").write_bytes(rows)
    box.look()
    (reading,) = box.look()
    assert reading.value == {"server": 3, "local": 2, "missing": 1, "offline": True}


@pytest.mark.parametrize(
    "rows", [b"", b"2 V1 N2\n", b"3 V1 N2\n1 a\n", b"3 V1 N2\n1 :a", b"3\n", b"\xff\n", b"1 2 x\n"]
)
def test_a_list_of_dovecot_that_is_not_understood_is_unknown(box: Box, rows: bytes) -> None:
    box.files()
    (box.root / "INBOX/dovecot-uidlist").write_bytes(rows)
    assert states(box.look()) == {"Bron 0/INBOX": ("unknown", "not-understood")}


def test_the_list_of_courier_and_of_an_old_dovecot_is_read() -> None:
    assert dovecot(b"1 1275660208 3\n1 a.b\n2 c.d:2,S\n") == {b"a.b", b"c.d"}


def test_a_maildir_of_an_account_that_nobody_wrote_about_is_unknown(box: Box) -> None:
    box.files("1.a:2,S")
    assert states(box.look()) == {"Bron 0": ("not-applicable", "")}
    box.said = ACCOUNT.format(kind="maildir")
    assert states(box.look()) == {"Bron 0": ("unknown", "no-server-count")}


def test_another_accounts_folders_have_no_reading(box: Box) -> None:
    box.said = ACCOUNT.format(kind="maildir")
    box.files()
    (box.root / "INBOX/.mbsyncstate").write_text(STATE + "1 1 S\n")
    assert states(box.look()) == {"Bron 0": ("unknown", "no-server-count")}
    mine = box.root / "minister@minxyz.example/INBOX"
    (mine / "cur").mkdir(parents=True)
    (mine / ".mbsyncstate").write_text(STATE)
    assert states(box.look()) == {"Bron 0/minister@minxyz.example/INBOX": ("compliant", "")}


def test_a_tree_of_more_folders_than_anybody_has_is_unknown(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_local_counts, "MAX_FOLDERS", 1)
    box.files()
    assert states(box.look()) == {"Bron 0": ("unknown", "too-many")}


# whatever they hold


@given(st.binary(max_size=300))
def test_whatever_a_state_holds_it_is_read_or_refused(data: bytes) -> None:
    for parse in (mbsync, dovecot, lambda data: list(folder_cache(data))):
        try:
            parse(data)
        except PlaceError as error:
            assert error.reason in {"not-understood", "too-many"}  # noqa: PT017


PAIRS = st.lists(
    st.tuples(st.integers(0, 2**31), st.integers(0, 2**31), st.sampled_from(["", "^", "~", ">"])),
    max_size=30,
)


@given(PAIRS)
def test_a_state_of_mbsync_counts_what_it_says(pairs: list[tuple[int, int, str]]) -> None:
    text = STATE + "".join(f"{far} {near} {mark}S\n" for far, near, mark in pairs)
    found = mbsync(text.encode())
    assert found.server == len([far for far, _, _ in pairs if far])
    assert found.here == {near for far, near, mark in pairs if far and near and not mark}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["/p/ImapMail/h/INBOX.msf", "x"]), JSON))
def test_whatever_json_a_folder_cache_is_a_folder_has_a_count_or_it_is_refused(
    rows: Mapping[str, object],
) -> None:
    try:
        found = list(folder_cache(json.dumps(rows).encode()))
    except PlaceError:
        return
    assert all(
        (one.server or 0) in range(2**31) and one.path == "ImapMail/h/INBOX" for one in found
    )
