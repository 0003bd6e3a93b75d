# SPDX-License-Identifier: EUPL-1.2
"""Thunderbird's accounts, and to whom an identity copies by itself what is sent.

    profile/accountN  whose the account is
    profile/idN       automatic copies, reply-to, where sent mail is kept
    profile/smtpN     whose the outgoing server is

docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    NOT_UNDERSTOOD,
    Declaration,
    Guard,
    PlaceError,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
)
from lakzegel_agent.guards.of_addresses import addresses, outside
from lakzegel_agent.guards.of_mailaccounts import (
    LOCAL,
    MAIL,
    Account,
    Standing,
    accounts,
    flag,
    keys,
    of_folder,
    standing,
    text,
    whose,
)
from lakzegel_agent.guards.of_thunderbird import Prefs, Profile, profiles
from lakzegel_agent.guards.of_thunderbirdprofile import (
    ACCOUNTS,
    HALF_WRITTEN,
    whole_preferences,
)
from lakzegel_core.encoding import JsonValue

PRIVATE: Final = "private-account"
COPIES: Final = "copies-out"
REPLIES: Final = "replies-out"
UNKNOWN_TYPE: Final = "unknown-type"
UNKNOWN_DOMAIN: Final = "unknown-domain"
NO_DOMAINS: Final = "no-agreed-domains"
_KEEPS: Final = (  # a switch, on unless it is off, and the folder that mail is put into
    ("fcc", "fcc_folder"),
    ("archive_enabled", "archive_folder"),
)
_OLD: Final = (("bcc_other", "bcc_other_list"), ("bcc_others", "bcc_list"))

Judged = tuple[State, str]
_FINE: Final = (State.COMPLIANT, "")


class MailAccounts(ReportingGuard):
    """Reads the accounts, identities and outgoing servers of every profile."""

    declaration: ClassVar[Declaration] = Declaration(
        "mail-accounts",
        (5, 9, 10),
        EVERYWHERE,
        enforces=False,
        reasons=frozenset(
            {PRIVATE, COPIES, REPLIES, UNKNOWN_TYPE, UNKNOWN_DOMAIN, NO_DOMAINS, HALF_WRITTEN}
        ),
        cannot="It reports an account and does not take it away. It does not see accounts in a "
        "browser, and not what a server forwards by itself.",
    )

    def look(self, surroundings: Surroundings) -> Iterator[Reading]:
        """Yield the readings of every profile.

        Raises:
            PlaceError: there may be more profiles.
        """
        for profile in profiles(surroundings.home, surroundings.places["file"]):
            try:
                prefs = whole_preferences(profile, surroundings.places["file"], ACCOUNTS)
                yield from _of_profile(profile, prefs, surroundings.domains)
            except PlaceError as error:
                yield Reading(profile.name, State.UNKNOWN, error.reason)


def _of_profile(profile: Profile, prefs: Prefs, domains: frozenset[str]) -> Iterator[Reading]:
    """Yield a reading an account, an identity, an outgoing server.

    Raises:
        PlaceError: the preferences are not understood.
    """
    found = accounts(prefs)
    for account in found:
        if account.server.type in LOCAL:
            continue
        state, reason = _judge_account(account, domains)
        yield Reading(f"{profile.name}/{account.key}", state, reason, _of_account(account))
    for key in dict.fromkeys(key for account in found for key, _ in account.identities):
        yield _identity(f"{profile.name}/{key}", prefs, key, found, domains)
    for key in keys(prefs, "mail.smtpservers"):
        yield _outgoing(f"{profile.name}/{key}", prefs, key, domains)


def _judge_account(account: Account, domains: frozenset[str]) -> Judged:
    if account.server.type not in MAIL:
        return State.UNKNOWN, UNKNOWN_TYPE
    return _judged(standing(account, domains), domains)


def _judged(whose_it_is: Standing, domains: frozenset[str]) -> Judged:
    if whose_it_is is Standing.PRIVATE:
        return State.DRIFTED, PRIVATE
    if whose_it_is is Standing.UNKNOWN:
        return State.UNKNOWN, UNKNOWN_DOMAIN if domains else NO_DOMAINS
    return _FINE


def _of_account(account: Account) -> JsonValue:
    server = account.server
    emails: list[JsonValue] = [*account.emails]
    return {"type": server.type, "host": server.host, "user": server.user, "addresses": emails}


def _outgoing(name: str, prefs: Prefs, key: str, domains: frozenset[str]) -> Reading:
    host = text(prefs, f"mail.smtpserver.{key}.hostname")
    user = text(prefs, f"mail.smtpserver.{key}.username")
    state, reason = _judged(whose((), user, host, domains), domains)
    return Reading(name, state, reason, {"host": host, "user": user})


def _identity(
    name: str, prefs: Prefs, key: str, found: Sequence[Account], domains: frozenset[str]
) -> Reading:
    """Return whom an identity writes to besides those whom its user chose."""
    copies = [*_copies(prefs, key, "Cc"), *_blind(prefs, key)]
    reply = text(prefs, _pref(prefs, key, "reply_to"))
    kept = [
        text(prefs, _pref(prefs, key, folder))
        for switch, folder in _KEEPS
        if flag(prefs, _pref(prefs, key, switch)) is not False
    ]
    judged = [
        _to(copies, COPIES, domains),
        *(_kept(uri, found, domains) for uri in kept if uri),
        _to([reply] if reply else [], REPLIES, domains),
    ]
    state, reason = min(judged, key=_badness)
    value: dict[str, JsonValue] = {
        "address": text(prefs, f"mail.identity.{key}.useremail"),
        "copies": [*copies],
        "reply_to": reply,
        "kept": [*filter(None, kept)],
    }
    return Reading(name, state, reason, value)


def _badness(judged: Judged) -> int:
    """Return 0 for what is worst."""
    return (State.DRIFTED, State.UNKNOWN, State.COMPLIANT).index(judged[0])


def _pref(prefs: Prefs, key: str, name: str) -> str:
    """Return the preference that counts: the identity's own, or that of all identities."""
    own = f"mail.identity.{key}.{name}"
    return own if own in prefs else f"mail.identity.default.{name}"


def _copies(prefs: Prefs, key: str, kind: str) -> list[str]:
    """Return the list that goes along with each mail, nothing where it is switched off."""
    listed = text(prefs, _pref(prefs, key, f"do{kind}List"))
    return [listed] if flag(prefs, _pref(prefs, key, f"do{kind}")) and listed else []


def _blind(prefs: Prefs, key: str) -> list[str]:
    """Return the blind copies, in the words of old profiles where there are no new ones."""
    switch = flag(prefs, f"mail.identity.{key}.doBcc")
    if switch is False or f"mail.identity.{key}.doBccList" in prefs:
        return _copies(prefs, key, "Bcc")
    for others, listed in _OLD:
        found = text(prefs, _pref(prefs, key, listed))
        if flag(prefs, _pref(prefs, key, others)) and found:
            return [found]
    return []


def _to(texts: Sequence[str], reason: str, domains: frozenset[str]) -> Judged:
    found = [addresses(one) for one in texts]
    if any(not one for one in found):
        return State.UNKNOWN, NOT_UNDERSTOOD
    if texts and not domains:
        return State.UNKNOWN, NO_DOMAINS
    listed = [one for part in found for one in part or ()]
    return (State.DRIFTED, reason) if outside(listed, domains) else _FINE


def _kept(uri: str, found: Sequence[Account], domains: frozenset[str]) -> Judged:
    """Return whether sent or archived mail goes into an account that is not an agreed one."""
    account = of_folder(uri, found)
    whose_it_is = Standing.UNKNOWN if account is None else standing(account, domains)
    state, reason = _judged(whose_it_is, domains)
    return (state, COPIES if state is State.DRIFTED else reason)


GUARD: Final[Guard] = MailAccounts()
