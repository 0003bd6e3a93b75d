# SPDX-License-Identifier: EUPL-1.2
"""People and their roles, which do not overlap (docs/spec/http.md §2).

A token is ``name.secret`` with 256 random bits; only its SHA-256 is kept. A slow hash would guard a
chosen password, and nobody chooses these.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError, DeniedError
from lakzegel_server.schema import row_digest
from lakzegel_server.words import text

SECRET_SIZE: Final = 32
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\Z")
_MAX_TOKEN: Final = 128
ASKS_LOGIN: Final = text("log in; a program does with 'Authorization: Bearer NAME.SECRET'")


class AccountRole(StrEnum):
    """What a person may do."""

    IT = "it"
    RECORDS = "records"
    ADMIN = "admin"
    AUDIT = "audit"


class Way(StrEnum):
    """How a person came in."""

    TOKEN = "token"  # noqa: S105 - a word, no secret
    BREAK_GLASS = "break-glass"
    SIGN_ON = "single-sign-on"


@dataclass(frozen=True, slots=True)
class Account:
    """Who is asking."""

    name: str
    role: AccountRole
    way: Way = Way.TOKEN


def add(database: Database, name: str, role: AccountRole, *, secret: bytes, now: str) -> str:
    """The token of a new account; it is shown once and kept nowhere.

    Raises:
        ConfigError: the name is taken or not allowed.
    """
    check_free(database, name)
    hashed = hashlib.sha256(secret).digest()
    with database.transaction() as change:
        change.execute(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?)",
            (name, role.value, hashed, now, row_digest(name, role.value, hashed, now)),
        )
    return token_of(name, secret)


def renew(database: Database, name: str, *, secret: bytes, now: str) -> AccountRole:
    """The role of an account that has another token from now on; the old is worth nothing.

    Raises:
        ConfigError: nobody has this name, or he comes in another way.
    """
    hashed = hashlib.sha256(secret).digest()
    with database.transaction() as change:
        found = change.execute("SELECT role FROM accounts WHERE name = ?", (name,)).fetchone()
        if found is None:
            raise ConfigError(f"account {name}: has no token; make it with 'account add'")
        role = AccountRole(found[0])
        digest = row_digest(name, role.value, hashed, now)
        change.execute(
            "UPDATE accounts SET secret = ?, created = ?, digest = ? WHERE name = ?",
            (hashed, now, digest, name),
        )
    return role


def token_of(name: str, secret: bytes) -> str:
    """What whoever has the account shows."""
    return f"{name}.{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def check_free(database: Database, name: str) -> None:
    """Return when an account may have this name.

    Raises:
        ConfigError: the name is taken or not allowed.
    """
    if not _NAME.match(name):
        raise ConfigError(f"account {name!r}: use 1 to 63 of a-z, 0-9, inner - and _")
    if any(account.name == name for account in listing(database)):
        raise ConfigError(f"account {name}: exists already; remove it first")


def listing(database: Database) -> list[Account]:
    """Every account that the receiver keeps itself."""
    rows = database.connection.execute(
        "SELECT name, role, ? FROM accounts UNION ALL SELECT name, role, ? FROM locals"
        " ORDER BY name",
        (Way.TOKEN, Way.BREAK_GLASS),
    )
    return [Account(name, AccountRole(role), Way(way)) for name, role, way in rows]


def remove(database: Database, name: str) -> None:
    """Take an account away; its token or password is worth nothing from now on.

    Raises:
        ConfigError: nobody has this name.
    """
    with database.transaction() as change:
        tables = ("accounts", "locals")
        gone = [change.execute(f"DELETE FROM {t} WHERE name = ?", (name,)) for t in tables]  # noqa: S608 - names of ours
        if sum(done.rowcount for done in gone) != 1:
            raise ConfigError(f"account {name}: does not exist")


def authenticate(database: Database, authorization: str | None) -> Account:
    """The account of an ``Authorization: Bearer name.secret`` header.

    Raises:
        DeniedError: no header, or not a token that is known.
    """
    scheme, _, token = (authorization or "").partition(" ")
    name, dot, encoded = token.partition(".")
    if scheme.lower() != "bearer" or not dot or len(token) > _MAX_TOKEN:
        raise DeniedError(ASKS_LOGIN, known=False)
    try:
        secret = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        secret = b""
    row = database.connection.execute(
        "SELECT role, secret FROM accounts WHERE name = ?", (name,)
    ).fetchone()
    stored = row[1] if row else bytes(32)
    if not hmac.compare_digest(hashlib.sha256(secret).digest(), stored) or not row:
        raise DeniedError(text("this token is not known"), known=False)
    return Account(name, AccountRole(row[0]))
