# SPDX-License-Identifier: EUPL-1.2
r"""Rules of Thunderbird's ``msgFilterRules.dat``, whole or not at all.

    version="9"
    logging="no"
    name="To \"home\""
    enabled="yes"
    type="17"
    action="Forward"
    actionValue="jan@example.org"
    condition="ALL"

Each line ends in LF or CRLF. A rule begins with its name and ends with its condition: what is cut
off, or not of this form, is a rule that is not understood. docs/spec/settings-guarded.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, PlaceError

VERSION: Final = "9"
UNKNOWN_VERSION: Final = "unknown-version"
MAX_RULES: Final = 1_000  # of one file, docs/spec/guards.md §7; one more tells that there are more
MAX_ACTIONS: Final = 1_000
TYPES: Final = 0x1FF  # every context in which a rule can run
_SCRIPTS: Final = 0x2 | 0x8  # contexts of rules that are a script
# As Thunderbird reads a value: `\"` is a quote, `\\` a backslash and whatever follows it, and of
# any other `\` nothing becomes something else.
_LINE: Final = re.compile(
    rb"[ \t]{0,64}+([A-Za-z]{1,64}+)=\""
    rb"((?:[^\"\\\r\n]|\\\\[^\r\n]|\\[^\\\r\n]){0,1048576}+)\"[ \t]{0,64}+(?:\r\n|\n|\r)"
)
_ESCAPE: Final = re.compile(rb"\\\\([^\r\n])|\\\"")
_NEXT: Final = re.compile(rb"[\r\n]{1,64}+")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


@dataclass(slots=True)
class Action:
    """What a rule does: the kind as it is filed, and with what."""

    kind: str
    value: str | None = None
    custom: str | None = None


@dataclass(slots=True)
class Rule:
    """One rule; ``whole`` is false for one that is not understood, whatever else is known of it."""

    name: str
    enabled: bool | None = None
    type: int | None = None
    condition: str | None = None
    actions: list[Action] = field(default_factory=list)
    whole: bool = True

    def close(self) -> Rule:
        """Return it, not whole where a line is missing."""
        parts = (self.enabled, self.type, self.condition)
        self.whole = self.whole and bool(self.actions) and None not in parts
        return self


def parse_rules(data: bytes) -> list[Rule]:
    """Return the rules of a file in their order, at most one more than `MAX_RULES`.

    Raises:
        PlaceError: ``unknown-version``, or ``not-understood`` before the first rule.
    """
    lines = _lines(data)
    rules = [Rule(name) for name in _first(lines)]
    for name, value in lines:
        if len(rules) > MAX_RULES:
            break
        _take(rules, name, value)
    if rules:
        rules[-1].close()
    return rules


def _first(lines: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Yield the name of the first rule, behind the lines that begin a file.

    Raises:
        PlaceError: they are other ones.
    """
    versioned = None
    for name, value in lines:
        if name == "version" and versioned is None:
            versioned = _is_known(value)
        elif name == "name" and versioned:
            yield value
            return
        elif name != "logging" or not versioned:
            raise PlaceError(NOT_UNDERSTOOD)


def _lines(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each line; an empty name for a line that is none."""
    at = 0
    while at < len(data):
        match = _LINE.match(data, at)
        if match is not None:
            at = match.end()
            value = _ESCAPE.sub(_unescaped, match[2]) if b"\\" in match[2] else match[2]
            yield match[1].decode().lower(), value.decode("utf-8", "replace")
            continue
        end = _NEXT.search(data, at)
        line = data[at : len(data) if end is None else end.start()]
        at = len(data) if end is None else end.end()
        if line.strip():
            yield "", ""


def _is_known(version: str) -> bool:
    """Return True for the version that is known.

    Raises:
        PlaceError: it is another one, or no number.
    """
    if version == VERSION:
        return True
    raise PlaceError(UNKNOWN_VERSION if _NUMBER.fullmatch(version) else NOT_UNDERSTOOD)


def _take(rules: list[Rule], name: str, value: str) -> None:
    """Put a line into the rule that it belongs to; the last line of a rule is its condition."""
    rule = rules[-1]
    if name == "name" or (not name and rule.condition is not None):
        rule.close()
        rules.append(Rule(value, whole=bool(name)))
        return
    take = _ATTRIBUTES.get(name)
    if take is None or rule.condition is not None or not take(rule, value):
        rule.whole = False


def _enabled(rule: Rule, value: str) -> bool:
    first = rule.enabled is None
    rule.enabled = value == "yes"
    return first and value in {"yes", "no"}


def _type(rule: Rule, value: str) -> bool:
    first = rule.type is None
    rule.type = int(value) if _NUMBER.fullmatch(value) else -1
    return first and rule.type & ~TYPES == 0 and rule.type & _SCRIPTS == 0


def _action(rule: Rule, value: str) -> bool:
    rule.actions.append(Action(value))
    return len(rule.actions) <= MAX_ACTIONS


def _value(rule: Rule, value: str) -> bool:
    if not rule.actions or rule.actions[-1].value is not None:
        return False
    rule.actions[-1].value = value
    return True


def _custom(rule: Rule, value: str) -> bool:
    if not rule.actions or rule.actions[-1].custom is not None:
        return False
    rule.actions[-1].custom = value
    return True


def _condition(rule: Rule, value: str) -> bool:
    rule.condition = value
    return True


def _unescaped(match: re.Match[bytes]) -> bytes:
    return b'"' if match[1] is None else b"\\" + match[1]


_ATTRIBUTES: Final[Mapping[str, Callable[[Rule, str], bool]]] = {
    "enabled": _enabled,
    "description": lambda _rule, _value: True,
    "type": _type,
    "action": _action,
    "actionvalue": _value,
    "customid": _custom,
    "condition": _condition,
}
