# SPDX-License-Identifier: EUPL-1.2
"""Folders of Thunderbird's with settings of their own that delete."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lakzegel_agent.guards import thunderbird_folders
from lakzegel_agent.guards.base import Surroundings, Watched
from lakzegel_agent.guards.of_thunderbirdfiles import MAX_DEPTH
from lakzegel_agent.guards.places import Files
from lakzegel_agent.guards.thunderbird_folders import GUARD

from .conftest import Kept, Make, readings, states

HEAD = b"""// <!-- <mdb:mork:z v="1.4"/> -->
< <(a=c)> // (f=iso-8859-1)
  (80=ns:msg:db:row:scope:msgs:all)(9F=ns:msg:db:row:scope:dbfolderinfo:all)
  (A0=ns:msg:db:table:kind:dbfolderinfo)(AB=version)(B0=useServerRetention)
  (B1=retainBy)(B2=daysToKeepHdrs)(B3=numHdrsToKeep)(B4=useServerDefaults)
  (B5=applyToFlaggedMessages)(B6=cleanupBodies)(B7=keepUnreadOnly)>

<(80=1)(81=0)>
"""
DIRECTORY = "mail.server.server1.directory"


def msf(cells: str) -> bytes:
    """As Thunderbird writes it."""
    return (
        HEAD + b"{1:^9F {(k^A0:c)(s=9u)} \n  [1(^AB=1)%b]}\n\n@$${C{@\n@$$}C}@\n" % cells.encode()
    )


SERVERS = msf("(^B0=1)")
BY_AGE = msf("(^B0=0)(^B1=2)(^B2=1e)(^B3=0)(^B4=0)(^B5=0)")


def profile(home: Path, prefs: dict[str, Any] | None = None) -> Path:
    root = home / ".thunderbird/abcd.default"
    (root / "ImapMail/imap.example").mkdir(parents=True, exist_ok=True)
    named = {"mail.server.server1.type": "imap", **(prefs or {}), "toolkit.x": 1}
    lines = (
        f'user_pref("{name}", {json.dumps(value)});\n' for name, value in sorted(named.items())
    )
    (root / "prefs.js").write_text("".join(lines))
    return root


def inbox(root: Path, data: bytes, name: str = "INBOX") -> Path:
    path = root / f"ImapMail/imap.example/{name}.msf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def found(surroundings: Surroundings) -> dict[str, tuple[str, str]]:
    return states(readings(GUARD, surroundings))


ALL = ("abcd.default", ("compliant", ""))
NAME = "abcd.default/ImapMail/imap.example/INBOX"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("", None),
        ("(^B0=1)", None),
        ("(^B1=2)(^B2=1e)", None),  # without a word on whose settings hold: the server's
        ("(^B1=2)(^B4=1)", None),
        ("(^B0=0)(^B1=1)(^B4=0)", ("compliant", "")),
        ("(^B4=0)", ("compliant", "")),
        ("(^B0=0)(^B1=2)(^B2=1e)(^B4=0)", ("drifted", "by-age")),
        ("(^B1=3)(^B3=7d0)(^B4=0)", ("drifted", "by-number")),
        ("(^B1=1)(^B4=0)(^B6=1)", ("drifted", "drops-bodies")),
        ("(^B1=1)(^B4=0)(^B7=1)", ("drifted", "keeps-unread-only")),
        ("(^B1=1)(^B4=1)(^B6=1)", None),
        ("(^B1=9)(^B4=0)", ("unknown", "not-understood")),
        ("(^B1=x)(^B4=0)", ("unknown", "not-understood")),
        ("(^B4=never)", ("unknown", "not-understood")),
    ],
)
def test_a_folders_own_settings_decide(
    around: Make, cells: str, expected: tuple[str, str] | None
) -> None:
    inbox(profile(around().home), msf(cells))
    assert found(around()) == dict([ALL] + ([(NAME, expected)] if expected else []))


def test_numbers_are_as_a_person_knows_them(around: Make) -> None:
    inbox(profile(around().home), BY_AGE)
    values = {one.subject: one.value for one in readings(GUARD, around())}
    assert values[NAME] == {"retainBy": 2, "daysToKeepHdrs": 30, "numHdrsToKeep": 0}


def test_folders_within_folders_and_of_other_servers_are_found(around: Make) -> None:
    home = around().home
    elsewhere = home / "Post/pop"
    root = profile(home, {DIRECTORY: str(elsewhere)})
    inbox(root, SERVERS)
    (root / "Mail/Local Folders/Archief.sbd").mkdir(parents=True)
    (root / "Mail/Local Folders/Archief.sbd/2025.msf").write_bytes(BY_AGE)
    elsewhere.mkdir(parents=True)
    (elsewhere / "Inbox.msf").write_bytes(BY_AGE)
    assert found(around()) == dict(
        [
            ALL,
            ("abcd.default/Mail/Local Folders/Archief.sbd/2025", ("drifted", "by-age")),
            (f"abcd.default/{elsewhere}/Inbox", ("drifted", "by-age")),
        ]
    )


@pytest.mark.parametrize("data", [b"", b"From - ", BY_AGE[:300], b"\0" * 100])
def test_a_file_that_is_not_understood_is_unknown(around: Make, data: bytes) -> None:
    inbox(profile(around().home), data)
    assert found(around()) == dict([ALL, (NAME, ("unknown", "not-understood"))])


def test_a_link_is_unknown(around: Make) -> None:
    root = profile(around().home)
    (root / "ImapMail/imap.example/INBOX.msf").symlink_to("/etc/hostname")
    assert found(around()) == dict([ALL, (NAME, ("unknown", "not-ours"))])


def test_of_a_large_one_thunderbirds_own_cache_tells(around: Make) -> None:
    root = profile(around().home)
    path = inbox(root, SERVERS)
    os.truncate(path, 9 * 2**20)
    large = dict([ALL, (NAME, ("unknown", "too-large"))])
    assert found(around()) == large
    cache = root / "folderCache.json"
    cache.write_text(json.dumps({str(path): {"useServerRetention": "0"}}))
    assert found(around()) == large
    cache.write_text(json.dumps({str(path): {"useServerRetention": "1"}}))
    assert found(around()) == dict([ALL])
    os.utime(cache, (1, 1))  # the folder changed since
    assert found(around()) == large
    cache.write_text("[")
    assert found(around()) == large


def test_what_was_looked_through_is_not_opened_again(around: Make) -> None:
    root = profile(around().home)
    inbox(root, BY_AGE)
    inbox(root, SERVERS, "Sent")
    opened: list[str] = []

    class Watching(Files):
        def read(self, place: str) -> bytes | None:
            opened.append(place.rpartition("/")[2])
            return super().read(place)

    first = around(places={"file": Watching()})
    before = found(first)
    assert {"INBOX.msf", "Sent.msf"} <= set(opened)
    opened.clear()
    assert found(first) == before
    assert not [name for name in opened if name.endswith(".msf")]
    inbox(root, SERVERS)
    assert found(first) == dict([ALL])
    assert [name for name in opened if name.endswith(".msf")] == ["INBOX.msf"]


def test_what_one_look_does_not_come_to_is_for_the_next(
    around: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thunderbird_folders, "MAX_BYTES", 2 * len(BY_AGE))
    root = profile(around().home)
    here = around()
    for name in "abcd":
        inbox(root, BY_AGE, name)
    for known in (2, 4):
        reasons = [reason for _, reason in found(here).values()]
        assert reasons.count("by-age") == known
        assert reasons.count("not-yet") == 4 - known


def test_notes_of_a_profile_that_is_gone_are_let_go(around: Make, memory: Kept) -> None:
    surroundings = around()
    root = profile(surroundings.home)
    inbox(root, BY_AGE)
    found(surroundings)
    assert surroundings.notes.get(str(root)) is not None
    (root / "prefs.js").unlink()
    found(surroundings)
    assert surroundings.notes.get(str(root)) is None


def test_agreed_folders_are_nobodys_business(around: Make) -> None:
    root = profile(around().home)
    inbox(root, BY_AGE, "Privé")
    inbox(root, BY_AGE, "Privé.sbd/Vakantie")
    inbox(root, BY_AGE, "Partij.sbd/Congres")
    source = Watched("mail", "Mail", "mbox", root / "ImapMail")
    here = replace(around(), sources=(source,), excluded=("Privé", "imap.example/Partij"))
    assert found(here) == dict([ALL])


@pytest.mark.parametrize(
    ("prefs", "reason"),
    [
        ('user_pref("a", 1);\n', "half-written"),
        ("user_pref(", "not-understood"),
        (f'user_pref("{DIRECTORY}", 3);\nuser_pref("toolkit.x", 1);\n', "not-understood"),
        (
            'user_pref("mail.panorama.enabled", true);\nuser_pref("toolkit.x", 1);\n',
            "not-understood",
        ),
    ],
)
def test_where_folders_elsewhere_are_not_known_the_profile_is_unknown(
    around: Make, prefs: str, reason: str
) -> None:
    root = profile(around().home)
    inbox(root, BY_AGE)
    (root / "prefs.js").write_text(prefs)
    assert found(around()) == {
        "abcd.default": ("unknown", reason),
        NAME: ("drifted", "by-age"),
    }


def test_folders_without_end_are_unknown(around: Make) -> None:
    root = profile(around().home)
    deep = root / "Mail" / "/".join(["a"] * (MAX_DEPTH + 2))
    deep.mkdir(parents=True)
    assert found(around()) == {"abcd.default": ("unknown", "too-many")}


def test_nothing_is_ever_written(around: Make) -> None:
    inbox(profile(around().home), BY_AGE)
    assert list(GUARD.changes(around(), readings(GUARD, around()))) == []


def test_what_is_not_come_to_any_more_keeps_its_subject(around: Make) -> None:
    root = profile(around().home)
    here = around()
    inbox(root, BY_AGE)
    (root / "Mail/pop").mkdir(parents=True)
    (root / "Mail/pop/Inbox.msf").write_bytes(BY_AGE)
    (root / "Mail/pop/Sent.msf").write_bytes(SERVERS)
    drifted = {NAME: ("drifted", "by-age"), "abcd.default/Mail/pop/Inbox": ("drifted", "by-age")}
    assert found(here) == dict([ALL]) | drifted
    (root / "Mail" / "/".join(["a"] * (MAX_DEPTH + 2))).mkdir(parents=True)
    for _ in range(2):
        assert found(here) == {
            "abcd.default": ("unknown", "too-many"),
            NAME: ("drifted", "by-age"),
            "abcd.default/Mail/pop/Inbox": ("unknown", "too-many"),
        }
    shutil.rmtree(root / "Mail/a")
    assert found(here) == dict([ALL]) | drifted


def test_a_profile_that_is_not_named_any_more_keeps_its_subjects(around: Make) -> None:
    home = around().home
    root = profile(home)
    inbox(root, BY_AGE)
    elsewhere = home / "Documents/abcd.default"
    elsewhere.parent.mkdir()
    root.rename(elsewhere)
    ini = home / ".thunderbird/profiles.ini"
    ini.write_text(f"[Profile0]\nIsRelative=0\nPath={elsewhere}\n")
    here = around()
    assert found(here) == dict([ALL, (NAME, ("drifted", "by-age"))])
    ini.write_bytes(b"\xff\xfe")
    for _ in range(2):
        assert found(here) == {
            "": ("unknown", "not-understood"),
            "abcd.default": ("unknown", "not-understood"),
            NAME: ("unknown", "not-understood"),
        }
    ini.write_text("")
    assert found(here) == {}
