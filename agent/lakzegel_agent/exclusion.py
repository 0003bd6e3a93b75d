# SPDX-License-Identifier: EUPL-1.2
"""What a policy and its annex keep out of a source: agreed folders, and other accounts.

    Privé                      every folder of that name, at any depth
    Archief/Privé              that folder below the source's root
    /home/minister/Mail/Privé  that folder, wherever the root is

All that lies below such a folder is excluded. Accents count the same whether a file system writes
them as one character or as two. docs/spec/ledger.md §4
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_agent import scope

REASON: Final = "excluded-folder"
MAILBOXES: Final = ("mbox",)  # kinds whose folder of mail is a file
_FORMS: Final = ("NFC", "NFD")
_BESIDE: Final = (b".sbd", b".msf", b".mozmsgs")  # what Thunderbird names after a mailbox


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a source is narrowed to besides its annex's folders.

    ``late``: histories of files in agreed folders that are captured all the same, for they were
    moved there after the term for a claim (docs/spec/sources.md §9).
    """

    kind: str = ""
    accounts: tuple[str, ...] = ()
    late: frozenset[bytes] = frozenset()
    history: Callable[[bytes], bytes] = bytes

    def rules(self) -> tuple[str, ...]:
        """Return what decides, so that a change of it is seen."""
        late = sorted(os.fsdecode(history) for history in self.late)
        return (*(f"account {name}" for name in self.accounts), *(f"late {name}" for name in late))


EVERYTHING: Final = Narrowing()


class Excluder:
    """Says of paths below a root whether, and why, they are left out."""

    def __init__(self, folders: Sequence[str], root: bytes, narrowing: Narrowing) -> None:
        written = {
            os.fsencode(unicodedata.normalize(form, folder))
            for folder in folders
            for form in _FORMS
        }
        names = {folder for folder in written if b"/" not in folder.strip(b"/")}
        self._mailboxes = narrowing.kind in MAILBOXES
        self._anywhere = frozenset(name.strip(b"/") for name in names) - {b""}
        self._anchored = tuple(_anchored(folder, root) for folder in written - names)
        self._narrowing = narrowing
        self._chosen = scope.chosen(narrowing.accounts)
        self._accounts_of = scope.accounts_of(narrowing.kind, root) if self._chosen else None

    def __call__(self, path: bytes) -> bool:
        """Return whether this path is left out."""
        return self.reason(path) is not None

    def reason(self, path: bytes) -> str | None:
        """Return why this path is left out, as a slug, or None."""
        if self._accounts_of is not None and self._chosen.isdisjoint(self._accounts_of(path)):
            return scope.REASON
        if not self.in_folder(path):
            return None
        late = self._narrowing.late
        return None if late and self._narrowing.history(path) in late else REASON

    def in_folder(self, path: bytes) -> bool:
        """Return whether one of the folders holds this path."""
        if self._mailboxes:
            path = b"/".join(_mailbox(name) for name in path.split(b"/")) + b"/"
        if self._anywhere and not self._anywhere.isdisjoint(path.split(b"/")[:-1]):
            return True
        return path.startswith(self._anchored)


def excluder(folders: Sequence[str], root: bytes, narrowing: Narrowing = EVERYTHING) -> Excluder:
    """Return what says of a path below ``root`` whether it is left out."""
    return Excluder(folders, root, narrowing)


IsExcluded = Excluder


def _mailbox(name: bytes) -> bytes:
    """Return the name of the mailbox that a file or folder of Thunderbird belongs to."""
    for ending in _BESIDE:
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name


def _anchored(folder: bytes, root: bytes) -> bytes:
    inside = root.rstrip(b"/") + b"/"
    return folder.removeprefix(inside).strip(b"/") + b"/"
