# SPDX-License-Identifier: EUPL-1.2
"""What a preference comes to in one installation with one profile, as libpref has it.

    defaults -> prefs.js and user.js -> AutoConfig -> policies

A default that is locked keeps its value and wins over the profile's; who locks anew unlocks first.
docs/spec/settings-guarded.md, thunderbird-retention §2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lakzegel_agent.guards.of_thunderbird import Said, Value
from lakzegel_agent.guards.of_thunderbirdprograms import Policy, Rules

OURS: Final = "ours"
THEIRS: Final = "theirs"  # MDM's, or whoever else may write beside the program


@dataclass(slots=True)
class Pref:
    """One preference: ``torn`` where two say different things and nobody can tell who wins."""

    default: Value | None = None
    user: Value | None = None
    locked: str = ""
    torn: bool = False

    @property
    def value(self) -> Value | None:
        """Return the effective value."""
        return self.default if self.locked or self.user is None else self.user

    def has(self, kind: type) -> bool:
        """Whether all of it is of one type, and can be told."""
        held = [one for one in (self.default, self.user) if one is not None]
        without = self.locked and self.default is None
        return not self.torn and not without and all(type(one) is kind for one in held)


class Layers:
    """Every preference that something was said of."""

    def __init__(self, built_in: Mapping[str, Value]) -> None:
        self._prefs = {name: Pref(default=value) for name, value in built_in.items()}
        self._by_file: set[str] = set()

    def get(self, name: str) -> Pref:
        """Return a preference; an empty one where nothing was said."""
        return self._prefs.get(name) or Pref()

    def names(self) -> list[str]:
        """Return the names of all."""
        return list(self._prefs)

    def add_defaults(self, lines: tuple[Said, ...], *, by: str) -> None:
        """Take over files of defaults; which of two is read first is not known."""
        for one in lines:
            pref = self._of(one.name)
            if one.verb == "user_pref":
                pref.user = one.value
                continue
            locked = by if one.locked or one.verb == "lockPref" else ""
            if bool(locked) == bool(pref.locked) and one.name in self._by_file:
                pref.torn |= pref.default != one.value
            elif not pref.locked:
                pref.torn = False
                self._default(pref, one.value, locked)
            self._by_file.add(one.name)

    def add_users(self, prefs: Mapping[str, Value]) -> None:
        """Take over what a profile says."""
        for name, value in prefs.items():
            self._of(name).user = value

    def add_config(self, calls: tuple[Said, ...]) -> None:
        """Take over what AutoConfig does, in its order."""
        for one in calls:
            pref = self._of(one.name)
            if one.verb == "pref":
                pref.user = one.value
            elif one.verb == "clearPref":
                pref.user = None
            elif one.verb == "defaultPref":
                self._default(pref, one.value, "")
            else:
                pref.locked = ""
                if one.verb == "lockPref":
                    self._default(pref, one.value, THEIRS)

    def add_policies(self, policies: tuple[Policy, ...]) -> None:
        """Take over what MDM's policies say; their 0 and 1 become a flag of what is no number."""
        for one in policies:
            pref = self._of(one.name)
            value = _coerced(pref, one.value)
            if one.status == "clear":
                pref.user = None
            elif one.status == "user":
                pref.user = value
            elif one.status:
                self._default(pref, value, "")
                pref.locked = pref.locked or (THEIRS if one.status == "locked" else "")
            else:  # only a value: unlocked first, and locked
                pref.locked = ""
                self._default(pref, value, THEIRS)

    def _of(self, name: str) -> Pref:
        return self._prefs.setdefault(name, Pref())

    @staticmethod
    def _default(pref: Pref, value: Value | None, locked: str) -> None:
        if not pref.locked:
            pref.default = value
            pref.locked = locked


def layers(
    built_in: Mapping[str, Value], rules: Rules, users: Mapping[str, Value], *, ours: bool
) -> Layers:
    """Return what comes of all; without this agent's own lines, if so wished."""
    found = Layers(built_in)
    if ours:
        found.add_defaults(rules.own, by=OURS)
    found.add_defaults(rules.defaults, by=THEIRS)
    found.add_users(users)
    found.add_config(rules.config)
    found.add_policies(rules.policies)
    return found


def _coerced(pref: Pref, value: Value | None) -> Value | None:
    known = pref.user if pref.user is not None else pref.default
    if type(value) is int and value in {0, 1} and type(known) is not int:
        return bool(value)
    return value
