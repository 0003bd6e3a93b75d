# SPDX-License-Identifier: EUPL-1.2
"""Personal links: who holds one sees what was taken of one device (docs/spec/dashboard.md §9).

A token has 256 random bits; only its SHA-256 is kept. Whether it was read that one is informed is
kept per device, once.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lakzegel_core.encoding import format_time, parse_time
from lakzegel_core.errors import LakzegelError
from lakzegel_core.fields import slug
from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError
from lakzegel_server.schema import row_digest

SECRET_SIZE: Final = 32
NOTICE: Final = 1  # of the notice that the page has; another text is another number
_ID: Final = 8  # hexadecimal digits of the token's SHA-256 that name a link
_TOKEN: Final = 43  # characters
_NEVER: Final = ""


@dataclass(frozen=True, slots=True)
class Link:
    """One link, without its token."""

    id: str
    device: str
    created: datetime
    expires: datetime | None
    revoked: datetime | None

    def opens(self, now: datetime) -> bool:
        """Whether it still leads somewhere."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def make(
    database: Database, device: str, *, secret: bytes, now: datetime, expires: datetime | None
) -> str:
    """The token of a new link; it is shown once and kept nowhere.

    Raises:
        ConfigError: no device can have this name, or it would never open anything.
    """
    try:
        slug(device, what="device")
    except LakzegelError as error:
        raise ConfigError(f"--device {device}: {error}") from None
    if expires is not None and expires <= now:
        raise ConfigError("--expires: is over already")
    hashed = hashlib.sha256(secret).digest()
    until = _NEVER if expires is None else format_time(expires)
    row = (hashed, device, format_time(now), until, _NEVER)
    with database.transaction() as change:
        change.execute("INSERT INTO links VALUES (?, ?, ?, ?, ?, ?)", (*row, row_digest(*row)))
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")


def listing(database: Database) -> list[Link]:
    """Every link, by device."""
    rows = database.connection.execute(
        "SELECT token, device, created, expires, revoked FROM links ORDER BY device, created"
    )
    return [_link(*row) for row in rows]


def revoke(database: Database, name: str, now: datetime) -> Link:
    """The link of this id, which opens nothing from now on.

    Raises:
        ConfigError: there is no such link.
    """
    known = [one for one in listing(database) if one.id == name]
    if len(known) != 1:
        raise ConfigError(f"--revoke {name}: there is no such link; see --list")
    with database.transaction() as change:
        rows = change.execute("SELECT token, device, created, expires FROM links").fetchall()
        row = next(one for one in rows if one[0].hex().startswith(name))
        new = (*row, format_time(now))
        change.execute(
            "UPDATE links SET revoked = ?, digest = ? WHERE token = ?",
            (new[-1], row_digest(*new), row[0]),
        )
    return known[0]


def find(database: Database, token: str, now: datetime) -> Link | None:
    """The link of a token, while it opens something."""
    if len(token) != _TOKEN or not token.isascii():
        return None
    try:
        secret = base64.urlsafe_b64decode(token + "=")
    except ValueError:
        return None
    row = database.connection.execute(
        "SELECT token, device, created, expires, revoked FROM links WHERE token = ?",
        (hashlib.sha256(secret).digest(),),
    ).fetchone()
    link = None if row is None else _link(*row)
    return link if link is not None and link.opens(now) else None


def acknowledged(database: Database, device: str) -> datetime | None:
    """When somebody said for the first time that he had read the notice of today."""
    row = database.connection.execute(
        "SELECT at FROM notices WHERE device = ? AND notice = ?", (device, NOTICE)
    ).fetchone()
    return None if row is None else parse_time(row[0], what="notice")


def acknowledge(database: Database, link: Link, now: datetime) -> None:
    """Keep that the notice was read, when that is not kept yet."""
    row = (link.device, NOTICE, format_time(now), link.id)
    with database.transaction() as change:
        change.execute(
            "INSERT INTO notices VALUES (?, ?, ?, ?, ?) ON CONFLICT (device, notice) DO NOTHING",
            (*row, row_digest(*row)),
        )


def _link(token: bytes, device: str, created: str, expires: str, revoked: str) -> Link:
    return Link(
        token.hex()[:_ID],
        device,
        parse_time(created, what="created"),
        None if expires == _NEVER else parse_time(expires, what="expires"),
        None if revoked == _NEVER else parse_time(revoked, what="revoked"),
    )
