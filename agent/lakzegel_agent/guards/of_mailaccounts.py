# SPDX-License-Identifier: EUPL-1.2
"""Whose accounts Thunderbird has, as its preferences say, and whether they are agreed ones.

    mail.accountmanager.accounts -> mail.account.N.{server,identities}
    mail.server.N.{type,hostname,userName,directory-rel,directory}   mail.identity.N.*
    mail.smtpservers -> mail.smtpserver.N.{hostname,username}

docs/spec/settings-guarded.md
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, TOO_MANY, PlaceError
from lakzegel_agent.guards.of_addresses import addresses, domain_of
from lakzegel_agent.guards.of_providers import is_private_host
from lakzegel_agent.guards.of_thunderbird import Prefs

MAX_ACCOUNTS: Final = 1_000  # of accounts, identities, outgoing servers; docs/spec/guards.md §7
LOCAL: Final = frozenset({"none", "rss"})  # on this device alone: local folders, feeds
MAIL: Final = frozenset({"imap", "pop3", "nntp", "ews"})
_URI: Final = re.compile(r"[a-z0-9+.-]{1,32}://(?:([^@/]{0,1024})@)?([^@/]{1,1024})(?:/.{0,8192})?")
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Standing(enum.Enum):
    """Whose an account is."""

    AGREED = "agreed"
    PRIVATE = "private"
    LOCAL = "local"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Server:
    """An incoming server; ``user`` is a name or an address, empty where there is none.

    ``folder`` is where its mail lies: ``[ProfD]`` and a path below the profile, or a path.
    """

    key: str
    type: str
    host: str
    user: str
    folder: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account: its server, and its identities' keys and addresses."""

    key: str
    server: Server
    identities: tuple[tuple[str, str], ...]

    @property
    def emails(self) -> tuple[str, ...]:
        """Return the addresses of its identities."""
        return tuple(email for _, email in self.identities if email)


def text(prefs: Prefs, name: str) -> str:
    """Return a preference that is a text, empty where there is none.

    Raises:
        PlaceError: it is of another type.
    """
    value = prefs.get(name, "")
    if not isinstance(value, str):
        raise PlaceError(NOT_UNDERSTOOD)
    return value


def flag(prefs: Prefs, name: str) -> bool | None:
    """Return a preference that is a switch, None where there is none.

    Raises:
        PlaceError: it is of another type.
    """
    value = prefs.get(name)
    if value is not None and not isinstance(value, bool):
        raise PlaceError(NOT_UNDERSTOOD)
    return value


def keys(prefs: Prefs, name: str) -> list[str]:
    """Return a preference that is a list of keys, each once.

    Raises:
        PlaceError: it is none, or of too many.
    """
    found = list(dict.fromkeys(key.strip() for key in text(prefs, name).split(",") if key.strip()))
    if not all(_KEY.fullmatch(key) for key in found):
        raise PlaceError(NOT_UNDERSTOOD)
    if len(found) > MAX_ACCOUNTS:
        raise PlaceError(TOO_MANY)
    return found


def accounts(prefs: Prefs) -> list[Account]:
    """Return the accounts in their order.

    Raises:
        PlaceError: one refers to a server that is not there, or there are servers without accounts.
    """
    found = [_account(prefs, key) for key in keys(prefs, "mail.accountmanager.accounts")]
    if not found and any(name.startswith("mail.server.server") for name in prefs):
        raise PlaceError(NOT_UNDERSTOOD)
    return found


def _account(prefs: Prefs, key: str) -> Account:
    server = text(prefs, f"mail.account.{key}.server")
    of_server = f"mail.server.{server}"
    one = Server(
        key=server,
        type=text(prefs, f"{of_server}.type"),
        host=text(prefs, f"{of_server}.hostname"),
        user=text(prefs, f"{of_server}.userName"),
        folder=text(prefs, f"{of_server}.directory-rel") or text(prefs, f"{of_server}.directory"),
    )
    if not one.type or not one.host:
        raise PlaceError(NOT_UNDERSTOOD)
    identities = tuple(
        (name, text(prefs, f"mail.identity.{name}.useremail"))
        for name in keys(prefs, f"mail.account.{key}.identities")
    )
    return Account(key, one, identities)


def standing(account: Account, domains: frozenset[str]) -> Standing:
    """Return whose an account is, by its addresses, its user's name and its server's."""
    if account.server.type in LOCAL:
        return Standing.LOCAL
    if account.server.type not in MAIL:
        return Standing.UNKNOWN
    return whose(account.emails, account.server.user, account.server.host, domains)


def whose(emails: Iterable[str], user: str, host: str, domains: frozenset[str]) -> Standing:
    """Return whose what has these addresses, this user's name and this server is."""
    names = [*emails, *([user] if "@" in user else [])]
    found = [addresses(name) for name in names]
    if not domains or any(one is None for one in found):
        return Standing.UNKNOWN
    known = {domain_of(name) for one in found for name in one or ()}
    if known - domains:
        return Standing.PRIVATE
    if known and ("@" in user or not is_private_host(host)):
        return Standing.AGREED
    if is_private_host(host):
        return Standing.PRIVATE
    within = any(f".{host.lower()}".endswith(f".{domain}") for domain in domains)
    return Standing.AGREED if within else Standing.UNKNOWN


def of_folder(uri: str, found: Sequence[Account]) -> Account | None:
    """Return the account in which a folder lies, None where that cannot be told."""
    match = _URI.fullmatch(uri)
    if match is None:
        return None
    user, host = unquote(match[1] or ""), unquote(match[2]).lower()
    for account in found:
        if (account.server.user, account.server.host.lower()) == (user, host):
            return account
    return None
