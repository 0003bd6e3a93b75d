# SPDX-License-Identifier: EUPL-1.2
"""Whose mail a file is, where its kind can tell: the allow-list of accounts.

    maildir  minister@minxyz.example/INBOX/cur/1        the folder below the root
    mbox     abcd.default/ImapMail/imap.example/INBOX   the server's folder, by prefs.js

What is not shown to be on the list is left out, unread: ``other-account``. docs/spec/sources.md §8
"""

from __future__ import annotations

import os
import re
import stat
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from lakzegel_agent.platforms import system

REASON: Final = "other-account"
MAX_PREFS: Final = 8 * 2**20  # bytes of a prefs.js
MAX_PROFILES: Final = 64  # profiles below one source
_SERVERS: Final = frozenset({b"Mail", b"ImapMail", b"News"})  # a profile's folders of servers
_PREF: Final = re.compile(
    r'^user_pref\("mail\.(account|server|identity)\.([A-Za-z0-9_]{1,64})\.([A-Za-z-]{1,64})",'
    r' ?"([^"\\\r\n]{0,1024})"\);',
    re.MULTILINE,
)
_IN_PROFILE: Final = "[ProfD]"

AccountsOf = Callable[[bytes], frozenset[str]]
"""The names of the account that a path below the root belongs to, lower case; none if unknown."""


def tells_accounts(kind: str) -> bool:
    """Return whether a source of this kind can be narrowed to accounts."""
    return kind in _KINDS


def accounts_of(kind: str, root: bytes) -> AccountsOf:
    """Return what tells whose a path below ``root`` is, as it is now.

    Raises:
        KeyError: this kind cannot tell.
    """
    return _KINDS[kind](root)


def chosen(accounts: tuple[str, ...]) -> frozenset[str]:
    """Return the names of a policy's list as they are compared."""
    return frozenset(name.casefold() for name in accounts)


def _by_folder(root: bytes) -> AccountsOf:
    """Return that the first folder below the root is named by the account."""
    del root

    def accounts(path: bytes) -> frozenset[str]:
        first, slash, _ = path.partition(b"/")
        return frozenset({os.fsdecode(first).casefold()}) if slash else frozenset()

    return accounts


def _by_profile(root: bytes) -> AccountsOf:
    """Return what Thunderbird's profiles say of their servers' folders; each is read once."""
    above = root.strip(b"/").split(b"/")
    profiles: dict[bytes, Mapping[str, frozenset[str]]] = {}

    def accounts(path: bytes) -> frozenset[str]:
        names = [*above, *path.split(b"/")]
        for at in range(len(names) - 2):
            if names[at] not in _SERVERS:
                continue
            profile = system.rooted(names[:at])
            if profile not in profiles and len(profiles) < MAX_PROFILES:
                profiles[profile] = servers(_prefs(profile + b"/prefs.js"))
            found = profiles.get(profile)
            if found:
                folder = os.fsdecode(names[at] + b"/" + names[at + 1])
                return found.get(folder, frozenset()) | {os.fsdecode(names[at + 1]).casefold()}
        return frozenset()

    return accounts


def servers(prefs: str) -> dict[str, frozenset[str]]:
    """Return by folder below the profile, as ``ImapMail/imap.example``, the accounts' names.

    A name is an identity's address or the server's user name. Lines that are not understood are
    passed over.
    """
    values: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for kind, key, name, value in _PREF.findall(prefs):
        values[(kind, key)][name] = value
    found: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for (kind, _), account in list(values.items()):
        if kind != "account":
            continue
        server = values.get(("server", account.get("server", "")), {})
        folder = server.get("directory-rel", "")
        if not folder.startswith(_IN_PROFILE):
            continue
        names = {
            values.get(("identity", key.strip()), {}).get("useremail", "")
            for key in account.get("identities", "").split(",")
        }
        names.add(server.get("userName", ""))
        found[folder.removeprefix(_IN_PROFILE).strip("/")] |= {n.casefold() for n in names if n}
    return dict(found)


def _prefs(path: bytes) -> str:
    """Return the text of a regular prefs.js, "" where there is none within the limit."""
    try:
        descriptor = system.open_to_read(path)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        try:
            told = os.fstat(descriptor)
            if not stat.S_ISREG(told.st_mode) or told.st_size > MAX_PREFS:
                return ""
            return file.read(MAX_PREFS).decode("utf-8", "replace")
        except OSError:
            return ""


_KINDS: Final[Mapping[str, Callable[[bytes], AccountsOf]]] = {
    "maildir": _by_folder,
    "mbox": _by_profile,
}
