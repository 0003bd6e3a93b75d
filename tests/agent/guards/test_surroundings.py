# SPDX-License-Identifier: EUPL-1.2
"""What a guard may look at comes from the policy, its annex, the settings and the ledger."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from lakzegel_agent.guarding import surroundings_of
from lakzegel_agent.guards.base import Counted
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.guardtimes import Where
from lakzegel_agent.policies import InForce
from lakzegel_core.annex import Annex, Phone

from .conftest import NOW, Kept, policy


def test_what_is_agreed_and_whose_phones_are_whose_is_told(tmp_path: Path, memory: Kept) -> None:
    (tmp_path / "backups").mkdir()
    (tmp_path / "chat.txt").write_bytes(b"")
    wanted = policy(
        f'[[source]]\nname = "phone"\nkind = "ios-backup"\npath = "{tmp_path}/backups"\n'
        'apps = ["whatsapp"]\ncustody = "telefoon-1"\n'
        f'[[source]]\nname = "chat"\nkind = "whatsapp"\npath = "{tmp_path}/chat.txt"\n'
    )
    phone = Phone("C39TEST0001", "telefoon-1", datetime(2026, 7, 1, tzinfo=UTC), None)
    annex = Annex("", "d", (), ("Privé",), ("Partij",), ("+31600000002",), (phone,))
    found = surroundings_of(
        InForce(b"note", wanted, annex, None),
        Where(tmp_path, keys=tmp_path / "keys"),
        NOW,
        GuardNotes(memory, "test"),
    )
    assert found.keys == tmp_path / "keys"
    assert found.excluded == ("Privé", "Partij")
    assert found.correspondents == ("+31600000002",)
    assert found.phones == (phone,)
    backups, chat = found.sources
    assert (backups.apps, backups.custody, backups.only) == (("whatsapp",), "telefoon-1", None)
    assert chat.only is not None
    assert (chat.only(b"chat.txt"), chat.only(b"other.txt")) == (True, False)


SOURCES = """
[[source]]
name = "mail"
kind = "maildir"
path = "~/Mail"
accounts = ["Minister@MinXYZ.example", "postkamer"]

[[source]]
name = "chats"
kind = "signal-desktop"
path = "~/.config/Signal"

[mail]
domains = ["rijk.example"]
"""


def test_guards_see_the_policys_sources_domains_and_the_ledgers_counts(
    tmp_path: Path, memory: Kept
) -> None:
    (tmp_path / "Mail").mkdir()
    in_force = InForce(b"", policy(SOURCES), None, None)
    where = Where(tmp_path, tmp_path / "system", "linux", marker="/etc/managed")
    history = {"mail": Counted(7, 5)}
    found = surroundings_of(in_force, where, NOW, GuardNotes(memory, "test"), history)
    assert found.domains == {"minxyz.example", "rijk.example"}
    assert [(one.name, one.root) for one in found.sources] == [("mail", tmp_path / "Mail")]
    assert [one.root for one in found.listed] == [tmp_path / "Mail", tmp_path / ".config/Signal"]
    assert (found.history, found.marker) == (history, "/etc/managed")


def test_a_guard_that_is_off_and_was_never_on_is_not_even_imported(tmp_path: Path) -> None:
    program = """
import sys
from types import SimpleNamespace
from lakzegel_agent.guarding import _chosen
from lakzegel_agent.guards.remembered import Kept, Looked, Subject, keep_places
values = {}
memory = SimpleNamespace(recall=values.get, remember=values.__setitem__)
policy = SimpleNamespace(guards={"default": "off", "mdm-marker": "report", "odd": "report"})
assert list(_chosen(memory, policy, {})) == ["mdm-marker"]
assert "lakzegel_agent.guards.thunderbird_retention" not in sys.modules
before = {"mail-filters": Looked("", "report"), "mail-accounts": Looked("", "off")}
assert list(_chosen(memory, policy, before)) == ["mail-filters", "mdm-marker"]
keep_places(memory, [Kept("outlook-retention", "registry", "x", None, "-", "", "")])
assert list(_chosen(memory, policy, {})) == ["mdm-marker", "outlook-retention"]
on = SimpleNamespace(guards={})
assert "thunderbird-retention" in _chosen(memory, on, {})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
