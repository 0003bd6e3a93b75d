# SPDX-License-Identifier: EUPL-1.2
"""Guards of stores over a real ledger: what is told once, and what the notes keep."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from lakzegel_agent.guarding import attend
from lakzegel_agent.guardtimes import Where, rows
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.policies import InForce
from lakzegel_core.annex import parse_annex

from .builders import built_by, settle
from .conftest import NOW, policy

SCHEMA = built_by("conftest").NEW_SCHEMA
ID = "whatsapp-store-timers"


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    folder = tmp_path / "phone"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "msgstore.db")) as db:
        db.executescript(SCHEMA)
    settle(folder)
    return folder


@pytest.fixture
def in_force(phone: Path) -> InForce:
    wanted = policy(
        f'[[source]]\nname = "phone"\nkind = "whatsapp-android"\npath = "{phone}"\n'
        f'[guards]\ndefault = "off"\n{ID} = "enforce"\n'
    )
    annex = parse_annex('device = "d"\n[[source]]\nname = "phone"\nlabel = "Telefoon"\n')
    return InForce(b"note", wanted, annex, None)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite", bytes(32)) as opened:
        yield opened


def test_a_timer_is_told_once_without_a_name_and_the_store_left_alone(
    ledger, in_force, phone, tmp_path, monkeypatch
) -> None:
    where = Where(tmp_path, keys=tmp_path / "keys")
    first = attend(ledger, in_force, where, NOW)
    assert first.news
    (told,) = first.problems["guard-drifted"].values()
    assert told.detail == f"{ID}: 1 (timer)"
    (row,) = rows(ledger, in_force)
    assert (row["mode"], row["state"], row["reasons"]) == ("report", "drifted", {"timer": 1})
    assert "120363" not in json.dumps(row)
    with monkeypatch.context() as patch:
        patch.setattr("lakzegel_agent.stores.opening.open_store", None)
        second = attend(ledger, in_force, where, NOW + timedelta(hours=1))
    assert not second.news
    assert set(second.problems["guard-drifted"]) == {ID}
    with closing(sqlite3.connect(phone / "msgstore.db")) as db:
        db.execute("UPDATE chat SET ephemeral_expiration = 0")
        db.commit()
    third = attend(ledger, in_force, where, NOW + timedelta(hours=2))
    assert third.news
    assert not third.problems["guard-drifted"]
