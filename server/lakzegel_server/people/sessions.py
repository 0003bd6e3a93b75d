# SPDX-License-Identifier: EUPL-1.2
"""Browsers that are logged in (docs/spec/people.md §2).

The id is in the browser's cookie and nowhere else; a row is found by its SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

from lakzegel_server.accounts import Account, AccountRole, Way
from lakzegel_server.database import Database
from lakzegel_server.index.engine import Connection
from lakzegel_server.schema import row_digest

ID_SIZE: Final = 32  # bytes
IDLE_SECONDS: Final = 30 * 60
LONGEST: Final = {Way.BREAK_GLASS: 60 * 60, Way.SIGN_ON: 10 * 60 * 60}  # seconds
TOUCH_SECONDS: Final = 60  # a use is written down at most this often
_COLUMNS: Final = "id, name, role, way, proof, began, seen"
_CSRF: Final = b"lakzegel csrf"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is logged in."""

    raw: bytes = field(repr=False)  # the id itself
    account: Account
    proof: str  # by what it has the role: when that goes, so does the session
    began: int
    seen: int

    @property
    def csrf(self) -> str:
        """What every form of this session carries."""
        return _text(hmac.digest(self.raw, _CSRF, "sha256"))

    @property
    def cookie(self) -> str:
        """The cookie's value."""
        return _text(self.raw)

    @property
    def ends(self) -> int:
        """When it ends, whatever happens."""
        return self.began + LONGEST[self.account.way]

    def row(self) -> tuple[bytes, str, str, str, str, int, int]:
        """The columns but the digest."""
        who = self.account
        key = hashlib.sha256(self.raw).digest()
        return key, who.name, who.role.value, who.way.value, self.proof, self.began, self.seen


def begin(database: Database, account: Account, proof: str, *, now: float) -> Session:
    """A new session; those that are over are swept out."""
    at = int(now)
    session = Session(secrets.token_bytes(ID_SIZE), account, proof, at, at)
    row = session.row()
    with database.transaction() as change:
        for way, longest in LONGEST.items():
            change.execute(
                "DELETE FROM sessions WHERE way = ? AND (began <= ? OR seen <= ?)",
                (way.value, at - longest, at - IDLE_SECONDS),
            )
        change.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, row_digest(*row))
        )
    return session


def find(connection: Connection, cookie: str, *, now: float) -> Session | None:
    """The session of a cookie, unless it is over; whether its account stands is for others."""
    raw = _raw(cookie)
    if raw is None:
        return None
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE id = ?",  # noqa: S608 - names of ours
        (hashlib.sha256(raw).digest(),),
    ).fetchone()
    if row is None:
        return None
    _, name, role, way, proof, began, seen = row
    session = Session(raw, Account(name, AccountRole(role), Way(way)), proof, began, seen)
    over = now >= session.ends or now >= seen + IDLE_SECONDS or now < began - TOUCH_SECONDS
    return None if over else session


def touch(database: Database, session: Session, *, now: float) -> None:
    """Write down that it was used."""
    again = Session(session.raw, session.account, session.proof, session.began, int(now))
    row = again.row()
    with database.transaction() as change:
        change.execute(
            "UPDATE sessions SET seen = ?, digest = ? WHERE id = ?",
            (again.seen, row_digest(*row), row[0]),
        )


def end(database: Database, cookie: str) -> None:
    """End the session of this cookie, where there is one."""
    raw = _raw(cookie)
    if raw is None:
        return
    with database.transaction() as change:
        change.execute("DELETE FROM sessions WHERE id = ?", (hashlib.sha256(raw).digest(),))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _raw(cookie: str) -> bytes | None:
    """The id of a cookie's value, in its one spelling."""
    try:
        raw = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
    except ValueError:
        return None
    return raw if len(raw) == ID_SIZE and _text(raw) == cookie else None
