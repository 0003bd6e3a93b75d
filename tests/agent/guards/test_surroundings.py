# SPDX-License-Identifier: EUPL-1.2
"""What a guard may look at comes from the policy, its annex and the agent's home."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from lakzegel_agent.guarding import Where, surroundings_of
from lakzegel_agent.guards.remembered import GuardNotes
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
