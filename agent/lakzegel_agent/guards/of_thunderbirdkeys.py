# SPDX-License-Identifier: EUPL-1.2
"""Which of Thunderbird's preferences delete mail, and what one server's come to.

The table of docs/spec/settings-guarded.md, thunderbird-retention §1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lakzegel_agent.guards.of_thunderbird import Value
from lakzegel_agent.guards.of_thunderbirdlayers import THEIRS, Layers, Pref
from lakzegel_core.encoding import JsonValue

IMAP: Final = "imap"
POP3: Final = "pop3"
TYPES: Final = frozenset({IMAP, POP3, "none", "rss", "nntp"})
CHAT: Final = "im"  # no mail in it
RETAIN_BY: Final = "retainBy"
RETAIN_ALL: Final = 1
RETAIN: Final = {2: "by-age", 3: "by-number"}
SERVER: Final = re.compile(r"mail\.server\.(server[0-9]{1,9})\.type")
_DEFAULT: Final = "mail.server.default."


@dataclass(frozen=True, slots=True)
class Key:
    """One preference of a server's: what it is where nobody says anything, and what is good.

    ``reason`` is empty where it only says how much another one deletes. ``old``: versions of
    today know it no more, so that it is read and locked only where it is there.
    """

    name: str
    built_in: Value
    good: Value
    reason: str
    types: frozenset[str] = TYPES
    old: bool = False

    def of(self, server: str) -> str:
        """Return the preference's whole name."""
        return self.name if self.name.startswith("mail.") else f"mail.server.{server}.{self.name}"


_IMAP: Final = frozenset({IMAP})
_POP3: Final = frozenset({POP3})
_SIZED: Final = frozenset({IMAP, POP3, "nntp"})
KEYS: Final = (
    Key(RETAIN_BY, RETAIN_ALL, RETAIN_ALL, "by-age"),
    Key("daysToKeepHdrs", 0, 0, ""),
    Key("numHdrsToKeep", 0, 0, ""),
    Key("applyToFlaggedMessages", False, False, ""),
    Key("keepUnreadOnly", False, False, "keeps-unread-only", old=True),
    Key("cleanupBodies", False, False, "drops-bodies"),  # 140 ESR knows it, 153 no more
    Key("daysToKeepBodies", 0, 0, ""),
    Key("purgeSpam", False, False, "purges-spam"),
    Key("purgeSpamInterval", 14, 14, ""),
    Key("empty_trash_on_exit", False, False, "empties-trash"),
    Key("cleanup_inbox_on_exit", False, False, "cleans-inbox", _IMAP),
    Key("mail.imap.expunge_after_delete", False, False, "expunges", _IMAP),
    Key("leave_on_server", False, True, "deletes-from-server", _POP3),
    Key("delete_mail_left_on_server", False, False, "deletes-from-server", _POP3),
    Key("delete_by_age_from_server", False, False, "deletes-from-server", _POP3),
    Key("num_days_to_leave_on_server", 7, 7, "", _POP3),
    Key("offline_download", True, True, "not-offline", _IMAP),
    Key("autosync_offline_stores", True, True, "not-offline", _IMAP),
    Key("autosync_max_age_days", -1, -1, "drops-old-offline", _IMAP),
    Key("limit_offline_message_size", False, False, "limits-size", _SIZED),
)
REASONS: Final = frozenset(key.reason for key in KEYS if key.reason) | set(RETAIN.values())
_IN_DEFAULTS: Final = frozenset(  # mailnews.js names a default of these for every server
    {RETAIN_BY, "purgeSpam", "purgeSpamInterval", "empty_trash_on_exit", "leave_on_server"}
    | {"delete_mail_left_on_server", "delete_by_age_from_server", "num_days_to_leave_on_server"}
    | {"offline_download", "autosync_offline_stores", "autosync_max_age_days"}
    | {"limit_offline_message_size"}
)
BUILT_IN: Final[Mapping[str, Value]] = {
    **{_DEFAULT + key.name: key.built_in for key in KEYS if key.name in _IN_DEFAULTS},
    **{key.name: key.built_in for key in KEYS if key.name.startswith("mail.")},
}


@dataclass(slots=True)
class Judged:
    """What one server's preferences come to.

    ``free`` are the reasons that nobody locked in, ``theirs`` those that MDM did; ``wrong`` are
    preferences of another type, or of a value that is not known.
    """

    type: str
    value: dict[str, JsonValue] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)
    theirs: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    open: list[Key] = field(default_factory=list)  # for a lock of ours: not MDM's, nor wrong

    @property
    def reasons(self) -> list[str]:
        """Return all reasons, those that can be helped first, each once."""
        return list(dict.fromkeys([*self.free, *self.theirs]))


def servers(found: Layers) -> dict[str, str]:
    """Return the type of each server that there is."""
    types: dict[str, str] = {}
    for name in found.names():
        match = SERVER.fullmatch(name)
        if match is not None:
            value = found.get(name).value
            types[match[1]] = value if isinstance(value, str) else ""
    return types


def keys_of(type_: str) -> tuple[Key, ...]:
    """Return the preferences that mean something for a type; of an unknown one, what all have."""
    return tuple(key for key in KEYS if type_ in key.types or key.types == TYPES)


def judge(found: Layers, server: str, type_: str) -> Judged:
    """Return what one server's preferences come to."""
    judged = Judged(type_, {"type": type_})
    host = found.get(f"mail.server.{server}.hostname").value
    if isinstance(host, str):
        judged.value["host"] = host
    for key in keys_of(type_):
        _judge_key(judged, found, server, key)
    return judged


def _judge_key(judged: Judged, found: Layers, server: str, key: Key) -> None:
    pref, fallen = found.get(key.of(server)), found.get(_DEFAULT + key.name)
    kind = type(key.good)
    if not pref.has(kind) or not fallen.has(kind):
        judged.wrong.append(key.name)
        return
    if key.old and pref.value is None:
        return
    deciding, value = _effective(key, pref, fallen)
    judged.value[key.name] = value
    known = key.name != RETAIN_BY or value == RETAIN_ALL or value in RETAIN
    if not known:
        judged.wrong.append(key.name)
    elif key.reason and value != key.good:
        reason = RETAIN[value] if key.name == RETAIN_BY and type(value) is int else key.reason
        (judged.theirs if deciding.locked == THEIRS else judged.free).append(reason)
    by_theirs = THEIRS in {pref.locked, deciding.locked if value != key.good else ""}
    if key.reason and not by_theirs:
        judged.open.append(key)


def _effective(key: Key, pref: Pref, fallen: Pref) -> tuple[Pref, Value]:
    """Return the preference that decides, and its value."""
    for one in (pref, fallen):
        if one.value is not None:
            return one, one.value
    return pref, key.built_in
