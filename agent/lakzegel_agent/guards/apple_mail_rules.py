# SPDX-License-Identifier: EUPL-1.2
"""Apple Mail's rules, as far as the keys that they are kept under are known.

    ~/Library/Mail/V10/MailData/SyncedRules.plist       what each rule does
    ~/Library/Mail/V10/MailData/RulesActiveState.plist  which of them are switched on

Under which key an address lies that a rule forwards to is not published: a rule that answers,
forwards or has a key that is not known is `unknown`. docs/spec/settings-guarded.md
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from lakzegel_agent.guards.base import (
    MACOS,
    NOT_UNDERSTOOD,
    TOO_MANY,
    UNREADABLE,
    Declaration,
    Guard,
    PlaceError,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
)
from lakzegel_agent.guards.of_mailaccounts import Standing, whose
from lakzegel_agent.guards.of_names import unique
from lakzegel_agent.guards.of_plists import read_any_plist, read_plist
from lakzegel_core.encoding import JsonValue

MAIL: Final = Path("Library/Mail")
FILES: Final = ("SyncedRules.plist", "UnsyncedRules.plist", "MessageRules.plist")
ACTIVE: Final = "RulesActiveState.plist"
MAX_RULES: Final = 1_000  # of one file; docs/spec/guards.md §7
_MAX_SHOWN: Final = 1_000  # characters of a text that is stated
_VERSION: Final = re.compile(r"V([0-9]{1,4})")
_URL: Final = re.compile(r"[a-z]{1,32}://(?:([^@/]{1,1024})@)?([^@/]{1,1024})(?:/.{0,8192})?")

DELETES: Final = "deletes"
MOVES: Final = "moves-elsewhere"
COPIES: Final = "copies-elsewhere"
ANSWERS: Final = "answers-or-forwards"
SCRIPT: Final = "runs-script"
UNKNOWN_ACTION: Final = "unknown-action"
UNKNOWN_FOLDER: Final = "unknown-folder"

_SWITCHES: Final = ("Deletes", "ShouldTransferMessage", "ShouldCopyMessage")
_HARMLESS: Final = frozenset(
    """
    Active AllCriteriaMustBeSatisfied Color Criteria HighlightTextUsingColor Mailbox MarkFlagIndex
    MarkFlagged MarkRead NotifyUser RuleId RuleName SendNotification StopEvaluatingRules TimeStamp
    Version
    """.split()  # noqa: SIM905 - to be read
)
_JUDGED: Final = frozenset(
    {*_SWITCHES, "MailboxURL", "CopyToMailboxURL", "AppleScript", "AutoResponseType"}
)
_WORDS: Final = {"YES": True, "NO": False}
_WORST_FIRST: Final = (DELETES, MOVES, COPIES)
_FINE: Final = (State.COMPLIANT, "")
_WHATEVER: Final = frozenset({NOT_UNDERSTOOD, UNKNOWN_ACTION})  # unknown of a rule that is off too

Rule = Mapping[str, Any]


class AppleMailRules(ReportingGuard):
    """Reads the rules of the version of Apple Mail that was used last."""

    declaration: ClassVar[Declaration] = Declaration(
        "apple-mail-rules",
        (7, 10),
        frozenset({MACOS}),
        enforces=False,
        reasons=frozenset(
            {DELETES, MOVES, COPIES, ANSWERS, SCRIPT, UNKNOWN_ACTION, UNKNOWN_FOLDER}
        ),
        cannot="It reports a rule and does not take it away. To whom a rule forwards is kept under "
        "a key that is not published: somebody has to look at Mail, Settings, Rules.",
    )

    def look(self, surroundings: Surroundings) -> Iterator[Reading]:
        """Yield a reading a rule, and one a file that is not understood.

        Raises:
            PlaceError: whether there are rules cannot be told.
        """
        folder = _newest(surroundings.home / MAIL)
        if folder is None:
            return
        files = surroundings.places["file"]
        held = files.read(str(folder / ACTIVE))
        active: Mapping[str, Any] = {} if held is None else read_plist(held)
        for name in FILES:
            try:
                data = files.read(str(folder / name))
                rules = [] if data is None else _rules(data)
            except PlaceError as error:
                yield Reading(name, State.UNKNOWN, error.reason)
                continue
            yield from _readings(name, rules, active, surroundings.domains)


def _newest(mail: Path) -> Path | None:
    """Return the folder of rules of the newest version, None where Mail was never used.

    Raises:
        PlaceError: macOS lets nobody in without full access to the disk.
    """
    try:
        names = os.listdir(mail)  # noqa: PTH208 - names
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        raise PlaceError(UNREADABLE) from None
    versions = [int(match[1]) for name in names if (match := _VERSION.fullmatch(name))]
    return mail / f"V{max(versions)}" / "MailData" if versions else None


def _rules(data: bytes) -> list[object]:
    """Return the rules of a file: a list, in old versions below ``rules``.

    Raises:
        PlaceError: it is no such file.
    """
    found = read_any_plist(data)
    if isinstance(found, dict):
        found = found.get("rules")
    if not isinstance(found, list):
        raise PlaceError(NOT_UNDERSTOOD)
    return found


def _readings(
    name: str, rules: list[object], active: Mapping[str, Any], domains: frozenset[str]
) -> Iterator[Reading]:
    seen: set[str] = set()
    for at, rule in enumerate(rules[:MAX_RULES], 1):
        if not isinstance(rule, dict) or not isinstance(rule.get("RuleId"), str):
            yield Reading(unique(f"{name}/{at}", seen), State.UNKNOWN, NOT_UNDERSTOOD)
            continue
        state, reason, unknown = _judge(rule, domains)
        on = active.get(rule["RuleId"], rule.get("Active", True))
        if _switch(on) is False:
            state, reason = (State.UNKNOWN, unknown) if unknown in _WHATEVER else _FINE
        subject = unique(f"{name}/{rule['RuleId'][:_MAX_SHOWN]}", seen)
        yield Reading(subject, state, reason, _value(rule, on))
    if len(rules) > MAX_RULES:
        yield Reading(name, State.UNKNOWN, TOO_MANY)


def _judge(rule: Rule, domains: frozenset[str]) -> tuple[State, str, str]:
    """Return what is worst of a rule, what drifted before what is unknown; and what is unknown."""
    if any(_switch(rule.get(name, False)) is None for name in _SWITCHES):
        return State.UNKNOWN, NOT_UNDERSTOOD, NOT_UNDERSTOOD
    drifted, unknown = _actions(rule, domains)
    first = unknown[0] if unknown else ""
    for reason in _WORST_FIRST:
        if reason in drifted:
            return State.DRIFTED, reason, first
    return (State.UNKNOWN, first, first) if first else (*_FINE, "")


def _actions(rule: Rule, domains: frozenset[str]) -> tuple[list[str], list[str]]:
    """Return what a rule does that loses or leaks mail, and what of it is not known."""
    drifted = [DELETES] if _switch(rule.get("Deletes", False)) else []
    unknown = [] if rule.keys() <= _HARMLESS | _JUDGED else [UNKNOWN_ACTION]
    kind = rule.get("AutoResponseType", 0)
    if isinstance(kind, bool) or kind != 0:
        unknown.append(ANSWERS)
    if rule.get("AppleScript"):
        unknown.append(SCRIPT)
    for switch, key, reason in (
        ("ShouldTransferMessage", "MailboxURL", MOVES),
        ("ShouldCopyMessage", "CopyToMailboxURL", COPIES),
    ):
        if _switch(rule.get(switch, False)):
            of_folder = _standing(rule.get(key), domains)
            if of_folder is Standing.PRIVATE:
                drifted.append(reason)
            elif of_folder is Standing.UNKNOWN:
                unknown.append(UNKNOWN_FOLDER)
    return drifted, unknown


def _standing(url: object, domains: frozenset[str]) -> Standing:
    """Return whose the account of a folder is: newer versions name it by a number of their own."""
    match = _URL.fullmatch(url) if isinstance(url, str) else None
    if match is None or not match[1]:
        return Standing.UNKNOWN
    host = match[2].partition(":")[0]
    return whose((), unquote(match[1]), unquote(host), domains)


def _switch(value: object) -> bool | None:
    """Return what a switch says, None where it is none: older versions wrote words."""
    if isinstance(value, bool):
        return value
    return _WORDS.get(value) if isinstance(value, str) else None


def _value(rule: Rule, on: object) -> JsonValue:
    """Return what the office reads of a rule: what is known, and the names of other keys."""
    shown: dict[str, JsonValue] = {"enabled": _switch(on)}
    for name in ("RuleName", "MailboxURL", "CopyToMailboxURL", "AppleScript"):
        if isinstance(rule.get(name), str):
            shown[name] = rule[name][:_MAX_SHOWN]
    for name in _SWITCHES:
        shown[name] = _switch(rule.get(name, False))
    others = sorted(str(name)[:64] for name in rule.keys() - _HARMLESS - _JUDGED)
    shown["others"] = [*others[:64]]
    return shown


GUARD: Final[Guard] = AppleMailRules()
