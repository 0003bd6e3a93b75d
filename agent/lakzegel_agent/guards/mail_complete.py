# SPDX-License-Identifier: EUPL-1.2
"""The mail on this device beside what its server holds, as the mail programs wrote that down.

    Thunderbird   folderCache.json   beside the mbox or the files of each folder of an IMAP server
    mbsync        .mbsyncstate       beside the files of a Maildir folder
    Dovecot       dovecot-uidlist    likewise

A folder is counted once a day, and a difference counts once it was there on two days: mail that
arrives is on the server first. docs/spec/settings-guarded.md, mail-complete
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Final

from lakzegel_agent.exclusion import Narrowing, excluder
from lakzegel_agent.guards.base import (
    EVERYWHERE,
    Declaration,
    Guard,
    PlaceError,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
    Watched,
)
from lakzegel_agent.guards.of_local_counts import (
    mail_names,
    maildir_folders,
    mails_of,
    mbox_told,
)
from lakzegel_agent.guards.of_mail_counts import REASONS, Counter, Counting
from lakzegel_agent.guards.of_server_counts import Cached, dovecot, folder_cache, mbsync
from lakzegel_agent.guards.of_thunderbird import Profile, profiles

NO_SERVER_COUNT: Final = "no-server-count"
NEVER_OPENED: Final = "never-opened"
MBOX: Final = "mbox"
MAILDIR: Final = "maildir"
CACHE: Final = "folderCache.json"
MBSYNC: Final = ".mbsyncstate"
DOVECOT: Final = "dovecot-uidlist"


class MailComplete(ReportingGuard):
    """A reading a folder of mail whose server's count somebody wrote down."""

    declaration: ClassVar[Declaration] = Declaration(
        "mail-complete",
        (12,),
        EVERYWHERE,
        enforces=False,
        reasons=REASONS | {NO_SERVER_COUNT, NEVER_OPENED},
        cannot="what a server holds that the mail program has not heard of, such as in folders"
        " that were never opened; Outlook, Apple Mail,"
        " and mbsync where it keeps its state elsewhere than beside the mail",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield how each folder fares; those that a source leaves out have no reading."""
        counter = Counter(surroundings)
        for source in surroundings.sources:
            if source.kind == MAILDIR:
                yield from _maildir(surroundings, source, counter)
        yield from _thunderbird(surroundings, counter)
        surroundings.notes.only(counter.named)


# Maildir


def _maildir(surroundings: Surroundings, source: Watched, counter: Counter) -> Iterator[Reading]:
    """Yield the folders of a source of which a program wrote down what the server holds."""
    root = os.fsencode(source.root)
    left_out = excluder(
        surroundings.excluded, root, Narrowing(MAILDIR, _accounts(surroundings, source))
    )
    told = False
    try:
        for folder in maildir_folders(source.root):
            path = os.fsencode(folder.relative_to(source.root))
            if left_out((path + b"/cur/x").removeprefix(b"./")):
                continue
            counting = _compared(surroundings, folder)
            if counting is not None:
                told = True
                name = "" if path == b"." else f"/{os.fsdecode(path)}"
                yield counter.reading(source.label + name, counting)
    except PlaceError as error:
        yield Reading(source.label, State.UNKNOWN, error.reason)
        return
    if not told:
        # a source of an account is said to be a cache of a server; any other may be an archive
        of_account = bool(_accounts(surroundings, source))
        state = State.UNKNOWN if of_account else State.NOT_APPLICABLE
        yield Reading(source.label, state, NO_SERVER_COUNT if of_account else "")


def _compared(surroundings: Surroundings, folder: Path) -> Counting | None:
    """Return what compares a Maildir folder with its server; None where nobody wrote that down."""
    files = surroundings.places["file"]
    if (folder / MBSYNC).exists():
        return lambda _: _by_mbsync(files.read(str(folder / MBSYNC)) or b"", folder)
    if (folder / DOVECOT).exists():
        return lambda _: _by_dovecot(files.read(str(folder / DOVECOT)) or b"", folder)
    return None


def _by_mbsync(data: bytes, folder: Path) -> tuple[int, int]:
    paired = mbsync(data)
    names = list(mail_names(folder))
    uids = {uid for name in names if (uid := _uid(name)) is not None}
    if uids:
        return paired.server, len(paired.here & uids)
    return paired.server, min(len(paired.here), len(names))  # `AltMap`: names have no UIDs


def _by_dovecot(data: bytes, folder: Path) -> tuple[int, int]:
    listed = dovecot(data)
    names = {name.partition(b":2,")[0] for name in mail_names(folder)}
    return len(listed), len(listed & names)


def _uid(name: bytes) -> int | None:
    """Return the UID that mbsync wrote into a file's name: ``…,U=12:2,S``."""
    _, mark, rest = name.partition(b",U=")
    digits = rest.partition(b":")[0].partition(b",")[0]
    return int(digits) if mark and digits.isdigit() and len(digits) <= 10 else None  # noqa: PLR2004


# Thunderbird


def _thunderbird(surroundings: Surroundings, counter: Counter) -> Iterator[Reading]:
    """Yield the folders of IMAP servers in profiles, as far as sources hold them."""
    holders = [_Holder(surroundings, one) for one in surroundings.sources if one.kind == MBOX]
    if not holders:
        return
    files = surroundings.places["file"]
    try:
        for profile in profiles(surroundings.home, files):
            yield from _profile(surroundings, profile, holders, counter)
    except PlaceError as error:
        yield Reading("", State.UNKNOWN, error.reason)


def _profile(
    surroundings: Surroundings, profile: Profile, holders: list[_Holder], counter: Counter
) -> Iterator[Reading]:
    name = _name(surroundings, profile.root)
    try:
        data = surroundings.places["file"].read(str(profile.root / CACHE))
        cached = [] if data is None else list(folder_cache(data))
    except PlaceError as error:
        yield Reading(name, State.UNKNOWN, error.reason)
        return
    if data is None and (profile.root / "ImapMail").is_dir():
        yield Reading(name, State.UNKNOWN, NO_SERVER_COUNT)
    for one in cached:
        path = profile.root / one.path
        if not one.trash and any(holder.has(path) for holder in holders):
            yield _folder(f"{name}/{one.path}", one, path, counter)


def _folder(subject: str, one: Cached, path: Path, counter: Counter) -> Reading:
    server = one.server
    if server is None:
        return Reading(subject, State.NOT_APPLICABLE, NEVER_OPENED)
    try:
        size, mark = mbox_told(path)
    except PlaceError as error:
        return Reading(subject, State.UNKNOWN, error.reason)

    def count(known: int | None) -> tuple[int, int]:
        return server, mails_of(path) if known is None else known

    return counter.reading(subject, count, size=size, mark=mark, offline=one.offline)


def _name(surroundings: Surroundings, path: Path) -> str:
    """Return how a profile is named: as it lies below the home, else by its path."""
    home = os.path.realpath(surroundings.home)
    return str(path.relative_to(home) if path.is_relative_to(home) else path)


class _Holder:
    """What of a profile a source captures."""

    def __init__(self, surroundings: Surroundings, source: Watched) -> None:
        self._root = os.path.realpath(os.fsencode(source.root)).rstrip(b"/") + b"/"
        narrowing = Narrowing(MBOX, _accounts(surroundings, source))
        self._left_out = excluder(surroundings.excluded, self._root, narrowing)
        self._only = source.only

    def has(self, path: Path) -> bool:
        """Whether a folder of mail lies in the source and is not left out."""
        found = os.fsencode(path)
        if not found.startswith(self._root):
            return False
        below = found.removeprefix(self._root)
        return not self._left_out(below) and (self._only is None or self._only(below))


def _accounts(surroundings: Surroundings, source: Watched) -> tuple[str, ...]:
    named = (one.accounts for one in surroundings.policy.sources if one.name == source.name)
    return next(named, ())


GUARD: Final[Guard] = MailComplete()
