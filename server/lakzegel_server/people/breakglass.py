# SPDX-License-Identifier: EUPL-1.2
"""The account for the day that single sign-on is away: a password and a second factor.

docs/spec/people.md §3. Argon2id by RFC 9106, TOTP by RFC 6238, both by libraries of their own.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import Final

import argon2
import pyotp

from lakzegel_server.accounts import AccountRole, check_free
from lakzegel_server.database import Database
from lakzegel_server.schema import row_digest

STEP_SECONDS: Final = 30  # of TOTP
ISSUER: Final = "Lakzegel"
MAX_TYPED: Final = 256  # characters of a name, a password or a code
_PASSWORD: Final = 20  # characters of base32: 100 bits
_GROUP: Final = 5
_SECRET: Final = 20  # bytes: what RFC 4226 recommends
_HASHER: Final = argon2.PasswordHasher.from_parameters(argon2.profiles.RFC_9106_LOW_MEMORY)


@dataclass(frozen=True, slots=True)
class Local:
    """An account as it is stored; the password as its hash."""

    name: str
    role: AccountRole
    password: str
    secret: str
    used: int  # the step of the newest code that was taken
    created: str

    def row(self) -> tuple[str, str, str, str, int, str]:
        """The columns but the digest."""
        return self.name, self.role.value, self.password, self.secret, self.used, self.created


_NOBODY: Final = Local("", AccountRole.IT, "", base64.b32encode(bytes(_SECRET)).decode(), 0, "")


@dataclass(frozen=True, slots=True)
class Shown:
    """What its owner is told, once."""

    password: str
    address: str  # otpauth://, for an authenticator


def add(database: Database, name: str, role: AccountRole, *, now: str) -> Shown:
    """Make the account; what it is opened with is returned and kept nowhere.

    Raises:
        ConfigError: the name is taken or not allowed.
    """
    check_free(database, name)
    password = _new_password()
    secret = base64.b32encode(secrets.token_bytes(_SECRET)).decode()
    local = Local(name, role, _HASHER.hash(_typed(password)), secret, 0, now)
    row = local.row()
    with database.transaction() as change:
        change.execute("INSERT INTO locals VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, row_digest(*row)))
    return Shown(password, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))


def find(database: Database, name: str) -> Local | None:
    """The account of this name."""
    row = database.connection.execute(
        "SELECT name, role, password, secret, used, created FROM locals WHERE name = ?", (name,)
    ).fetchone()
    return None if row is None else Local(row[0], AccountRole(row[1]), *row[2:])


def verify(local: Local | None, password: str, code: str, *, now: float) -> int | None:
    """The step of the code, when password and code are right; the same work whatever is wrong."""
    right = _password_is(local.password if local else _nobodys(), password)
    step = _step(local or _NOBODY, code, now)
    return step if right and local else None


def spend(database: Database, local: Local, step: int) -> bool:
    """Note that the code of this step was taken; False when another login was first."""
    row = Local(local.name, local.role, local.password, local.secret, step, local.created).row()
    with database.transaction() as change:
        done = change.execute(
            "UPDATE locals SET used = ?, digest = ? WHERE name = ? AND created = ? AND used < ?",
            (step, row_digest(*row), local.name, local.created, step),
        )
        return done.rowcount == 1


def _new_password() -> str:
    text = base64.b32encode(secrets.token_bytes(_PASSWORD)).decode().lower()[:_PASSWORD]
    return "-".join(text[at : at + _GROUP] for at in range(0, _PASSWORD, _GROUP))


def _typed(password: str) -> str:
    """What was meant: a person may leave hyphens out, add spaces, or shout."""
    return "".join(c for c in password.lower() if c.isalnum())


def _password_is(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, _typed(password))
    except argon2.exceptions.VerificationError:
        return False


def _nobodys() -> str:
    """A hash that costs as much to compare with as any, and that no password has."""
    salt, tag = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (_HASHER.salt_len, _HASHER.hash_len)
    )
    of = _HASHER
    return f"$argon2id$v=19$m={of.memory_cost},t={of.time_cost},p={of.parallelism}${salt}${tag}"


def _step(local: Local, code: str, now: float) -> int | None:
    """The step whose code this is: now, one before or one after, and none that was taken."""
    current, totp = int(now) // STEP_SECONDS, pyotp.TOTP(local.secret)
    typed = "".join(code.split())
    for step in (current - 1, current, current + 1):
        if step > local.used and pyotp.utils.strings_equal(typed, totp.generate_otp(step)):
            return step
    return None
