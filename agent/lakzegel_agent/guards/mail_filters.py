# SPDX-License-Identifier: EUPL-1.2
"""Thunderbird's rules for mail: what they forward, answer, delete, and put into other accounts.

    profile/ImapMail/imap.example/msgFilterRules.dat -> a reading a rule

docs/spec/settings-guarded.md
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    NOT_OURS,
    NOT_UNDERSTOOD,
    TOO_MANY,
    UNREADABLE,
    Declaration,
    Guard,
    Place,
    PlaceError,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
)
from lakzegel_agent.guards.of_addresses import addresses, outside
from lakzegel_agent.guards.of_filterrules import (
    MAX_RULES,
    UNKNOWN_VERSION,
    Action,
    Rule,
    parse_rules,
)
from lakzegel_agent.guards.of_mailaccounts import (
    Account,
    Standing,
    accounts,
    of_folder,
    standing,
)
from lakzegel_agent.guards.of_names import unique
from lakzegel_agent.guards.of_thunderbird import Profile, folders, profiles
from lakzegel_agent.guards.of_thunderbirdprofile import HALF_WRITTEN, whole_preferences
from lakzegel_core.encoding import JsonValue

FILE: Final = "msgFilterRules.dat"
_MAX_SHOWN: Final = 1_000  # characters of a rule's text that are stated
_IN_PROFILE: Final = "[ProfD]"
_SERVERS: Final = ("ImapMail", "Mail", "News")

FORWARDS: Final = "forwards"
REPLIES: Final = "replies"
DELETES: Final = "deletes"
MOVES: Final = "moves-elsewhere"
COPIES: Final = "copies-elsewhere"
CUSTOM: Final = "custom-action"
UNKNOWN_ACTION: Final = "unknown-action"
UNKNOWN_FOLDER: Final = "unknown-folder"
NO_DOMAINS: Final = "no-agreed-domains"
_HARMLESS: Final = frozenset(
    {
        "AddTag",
        "Change priority",
        "Fetch body from Pop3Server",
        "Ignore subthread",
        "Ignore thread",
        "JunkScore",
        "Label",
        "Leave on Pop3 server",
        "Mark flagged",
        "Mark read",
        "Mark unread",
        "Stop execution",
        "Watch thread",
    }
)
_PLAIN: Final = {
    "Delete": (State.DRIFTED, DELETES),
    "Delete from Pop3 server": (State.DRIFTED, DELETES),
    "Reply": (State.DRIFTED, REPLIES),
    "Custom": (State.UNKNOWN, CUSTOM),
}
_FOLDERS: Final = {"Move to folder": MOVES, "Copy to folder": COPIES}
_WORST_FIRST: Final = (FORWARDS, DELETES, MOVES, COPIES, REPLIES)
_FINE: Final = (State.COMPLIANT, "")

Judged = tuple[State, str]


@dataclass(frozen=True, slots=True)
class _Agreed:
    """What a rule is held against: the domains, and whose the profile's accounts are."""

    domains: frozenset[str]
    accounts: tuple[Account, ...]


class MailFilters(ReportingGuard):
    """Reads the rules of every account of every profile."""

    declaration: ClassVar[Declaration] = Declaration(
        "mail-filters",
        (7, 10),
        EVERYWHERE,
        enforces=False,
        reasons=frozenset(
            {FORWARDS, REPLIES, DELETES, MOVES, COPIES, CUSTOM}
            | {UNKNOWN_ACTION, UNKNOWN_FOLDER, UNKNOWN_VERSION, NO_DOMAINS, HALF_WRITTEN}
        ),
        cannot="It reports a rule and does not take it away: rules are the user's. It does not see "
        "rules that a mail server applies, and not what an add-on's action does.",
    )

    def look(self, surroundings: Surroundings) -> Iterator[Reading]:
        """Yield a reading a rule, and one a file that is not understood.

        Raises:
            PlaceError: there may be more profiles.
        """
        files = surroundings.places["file"]
        for profile in profiles(surroundings.home, files):
            known: tuple[Account, ...] = ()
            try:
                known = tuple(accounts(whole_preferences(profile, files)))
                servers = _servers(profile, known)
            except (
                PlaceError
            ) as error:  # there may be other folders, and whose one is, is not known
                yield Reading(profile.name, State.UNKNOWN, error.reason)
                servers = _servers_inside(profile)
            agreed = _Agreed(surroundings.domains, known)
            for folder, path in sorted(servers.items()):
                yield from _of_server(f"{profile.name}/{folder}", path, profile, agreed, files)


def _servers_inside(profile: Profile) -> dict[str, Path]:
    """Return the folders of servers that lie in a profile as usual, by their name below it.

    Raises:
        PlaceError: one cannot be looked through.
    """
    return {
        f"{kind}/{folder.name}": folder
        for kind in _SERVERS
        for folder in folders(profile.root / kind)
    }


def _servers(profile: Profile, known: Sequence[Account]) -> dict[str, Path]:
    """Return these, and others that the preferences name, by their path where they lie outside.

    Raises:
        PlaceError: as `_servers_inside`.
    """
    found = _servers_inside(profile)
    for account in known:
        folder = account.server.folder
        if folder.startswith(_IN_PROFILE):
            place = profile.root / folder.removeprefix(_IN_PROFILE).strip("/")
        else:
            place = Path(folder)
        path = Path(os.path.normpath(place))
        if folder and path not in found.values():
            is_inside = path.is_relative_to(profile.root)
            found[str(path.relative_to(profile.root) if is_inside else path)] = path
    return found


def _of_server(
    name: str, folder: Path, profile: Profile, agreed: _Agreed, files: Place
) -> Iterator[Reading]:
    """Yield the readings of one server's rules."""
    try:
        rules = _rules(folder, profile, files)
    except PlaceError as error:
        yield Reading(name, State.UNKNOWN, error.reason)
        return
    yield from _readings(name, rules[:MAX_RULES], agreed)
    if len(rules) > MAX_RULES:
        yield Reading(name, State.UNKNOWN, TOO_MANY)


def _rules(folder: Path, profile: Profile, files: Place) -> list[Rule]:
    """Return the rules of a folder, none where it has no such file.

    Raises:
        PlaceError: they cannot be read, are another user's, or are not understood.
    """
    held = files.read(str(folder / FILE))
    if held is None:
        return []
    try:
        ours = folder.stat().st_uid == profile.root.stat().st_uid
    except OSError:
        raise PlaceError(UNREADABLE) from None
    if not ours:
        raise PlaceError(NOT_OURS)
    return parse_rules(held)


def _readings(place: str, rules: Sequence[Rule], agreed: _Agreed) -> Iterator[Reading]:
    seen: set[str] = set()
    for rule in rules:
        state, reason = _judge(rule, agreed)
        yield Reading(
            unique(f"{place}/{rule.name[:_MAX_SHOWN]}", seen), state, reason, _value(rule)
        )


def _judge(rule: Rule, agreed: _Agreed) -> Judged:
    """Return what a rule is: the worst of its actions, nothing while it is switched off."""
    if not rule.whole:
        return State.UNKNOWN, NOT_UNDERSTOOD
    found = {_judge_action(action, agreed) for action in rule.actions}
    unknown = sorted(reason for state, reason in found if state is State.UNKNOWN)
    if not rule.enabled:
        return (State.UNKNOWN, UNKNOWN_ACTION) if UNKNOWN_ACTION in unknown else _FINE
    drifted = {reason for state, reason in found if state is State.DRIFTED}
    for reason in _WORST_FIRST:
        if reason in drifted:
            return State.DRIFTED, reason
    return (State.UNKNOWN, unknown[0]) if unknown else _FINE


def _judge_action(action: Action, agreed: _Agreed) -> Judged:
    if action.kind in _HARMLESS:
        return _FINE
    if action.kind in _PLAIN:
        return _PLAIN[action.kind]
    if action.kind == "Forward":
        return _forward(action.value or "", agreed.domains)
    if action.kind in _FOLDERS:
        return _folder(action, agreed)
    return State.UNKNOWN, UNKNOWN_ACTION


def _forward(to: str, domains: frozenset[str]) -> Judged:
    found = addresses(to)
    if not found:
        return State.UNKNOWN, NOT_UNDERSTOOD
    if not domains:
        return State.UNKNOWN, NO_DOMAINS
    return (State.DRIFTED, FORWARDS) if outside(found, domains) else _FINE


def _folder(action: Action, agreed: _Agreed) -> Judged:
    """Return whether a folder lies in an account that is not an agreed one."""
    account = of_folder(action.value or "", agreed.accounts)
    if account is None:
        return State.UNKNOWN, UNKNOWN_FOLDER
    whose = standing(account, agreed.domains)
    if whose is Standing.PRIVATE:
        return State.DRIFTED, _FOLDERS[action.kind]
    if whose is Standing.UNKNOWN:
        return State.UNKNOWN, UNKNOWN_FOLDER if agreed.domains else NO_DOMAINS
    return _FINE


def _value(rule: Rule) -> JsonValue:
    """Return what the office reads of a rule."""
    actions: list[JsonValue] = [
        {
            name: value[:_MAX_SHOWN]
            for name, value in (
                ("action", one.kind),
                ("value", one.value),
                ("custom", one.custom),
            )
            if value is not None
        }
        for one in rule.actions[:_MAX_SHOWN]
    ]
    return {
        "enabled": rule.enabled,
        "type": rule.type,
        "actions": actions,
        "condition": (rule.condition or "")[:_MAX_SHOWN],
    }


GUARD: Final[Guard] = MailFilters()
