# SPDX-License-Identifier: EUPL-1.2
"""Guards of exports over a real ledger: what is stated, what IT sees, what is not opened again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lakzegel_agent.guarding import attend
from lakzegel_agent.guards import of_exports
from lakzegel_agent.guardtimes import Where, rows
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.policies import InForce
from lakzegel_core.annex import parse_annex

from .conftest import NOW, policy
from .whatsapp_texts import ANDROID_NL, KNOWN

ON, OFF = KNOWN[0][0], KNOWN[4][0]
TELEGRAM = """{
 "name": "Piet",
 "type": "personal_chat",
 "id": 7,
 "messages": [
  {
   "id": 2,
   "type": "service",
   "date": "2022-10-11T22:49:15",
   "date_unixtime": "1665499755",
   "actor": "Piet",
   "actor_id": "user7",
   "action": "set_messages_ttl",
   "period": 86400,
   "text": "",
   "text_entities": []
  }
 ]
}
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite", bytes(32)) as opened:
        yield opened


@pytest.fixture
def in_force(tmp_path: Path) -> InForce:
    wanted = policy(
        f'[[source]]\nname = "wa"\nkind = "whatsapp-export"\npath = "{tmp_path}/wa"\n'
        f'[[source]]\nname = "tg"\nkind = "telegram-export"\npath = "{tmp_path}/tg"\n'
        '[guards]\ndefault = "off"\nwhatsapp-export-timers = "enforce"\n'
        'telegram-export-timers = "report"\n'
    )
    annex = parse_annex(
        'device = "d"\n[[source]]\nname = "wa"\nlabel = "Appjes"\n'
        '[[source]]\nname = "tg"\nlabel = "Telegram"\n'
    )
    return InForce(b"note", wanted, annex, None)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    past = (NOW - timedelta(days=1)).timestamp()
    os.utime(path, (past, past))


def stated(
    ledger: Ledger, in_force: InForce, tmp_path: Path, hours: int
) -> list[dict[str, object]]:
    """What one look states, as the office receives it."""
    payloads: list[bytes] = []
    real = ledger.files.apply

    def apply(work: Work) -> None:
        payloads.extend(payload for _, payload in work.observed)
        real(work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.files, "apply", apply)
        attend(ledger, in_force, Where(tmp_path, keys=tmp_path), NOW + timedelta(hours=hours))
    return [json.loads(payload) for payload in payloads]


def test_timers_are_stated_once_and_the_time_at_risk_ends_when_they_are_off(
    ledger: Ledger, in_force: InForce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "wa" / ANDROID_NL.file, ANDROID_NL.text(ANDROID_NL.own(ON, 1)))
    put(tmp_path / "tg" / "result.json", TELEGRAM)
    told = {str(one["subject"]): one for one in stated(ledger, in_force, tmp_path, 0)}
    assert set(told) == {"Appjes/Team", "Telegram/Piet (user 7)"}
    assert {(one["state"], one["reason"]) for one in told.values()} == {("drifted", "timer")}
    assert told["Telegram/Piet (user 7)"]["at_risk"] == {
        "from": "2022-10-11T14:49:15Z", "until": None,
    }  # fmt: skip
    for row in rows(ledger, in_force):
        assert (row["mode"], row["state"], row["reasons"]) == ("report", "drifted", {"timer": 1})
        assert "Team" not in json.dumps(row)
        assert "Piet" not in json.dumps(row)
    with monkeypatch.context() as patch:
        patch.setattr(of_exports, "opened", None)
        assert stated(ledger, in_force, tmp_path, 1) == []
    put(tmp_path / "wa" / ANDROID_NL.file, ANDROID_NL.text(*map(ANDROID_NL.own, (ON, OFF))))
    put(tmp_path / "tg" / "result.json", TELEGRAM.replace("86400", "0"))
    for one in stated(ledger, in_force, tmp_path, 2):
        assert one["state"] == "compliant"
        assert one["at_risk"]["until"] == "2026-11-30T11:00:00Z"  # type: ignore[index]
    (tmp_path / "tg" / "result.json").unlink()
    (gone,) = stated(ledger, in_force, tmp_path, 3)
    assert (gone["subject"], gone["state"], gone["after"]) == (
        "Telegram/Piet (user 7)", "not-applicable", None,
    )  # fmt: skip
