# SPDX-License-Identifier: EUPL-1.2
"""Whose phone a backup is of, and which of its apps are in scope (docs/spec/readout.md §3).

A phone is known by its serial number, which the annex binds to a custody and a term of office; a
backup counts where it was made in that term. All else is left out, unread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from lakzegel_agent.stores import store_of
from lakzegel_agent.stores.phone import Backup, PhoneStore, backups, phone_store
from lakzegel_core.annex import Phone
from lakzegel_core.policy import Source

UNKNOWN: Final = "unknown-phone"
OUT_OF_SCOPE: Final = "not-in-scope"


@dataclass(slots=True)
class Gate:
    """Says of a path below one source's root why it is left out; each backup is looked at once."""

    store: PhoneStore
    root: bytes
    apps: frozenset[str]
    custody: str | None
    phones: tuple[Phone, ...]
    _known: dict[bytes, bool] = field(default_factory=dict)

    def __call__(self, path: bytes) -> str | None:
        """Return the reason as a slug; None where a path may count."""
        app = self.store.app_of(path)
        if app is not None and app not in self.apps:
            return OUT_OF_SCOPE
        folder = self.store.folder_of(path)
        if folder not in self._known:
            found = self.store.look(self.absolute(folder))
            self._known[folder] = is_of(found, self.custody, self.phones)
        return None if self._known[folder] else UNKNOWN

    def absolute(self, folder: bytes) -> bytes:
        """Return a backup's folder as an absolute path."""
        return self.root + b"/" + folder if folder else self.root

    def found(self) -> list[tuple[bytes, Backup, bool]]:
        """Return each backup that is there: its folder, what it says, and whether it is ours."""
        looked = [
            (folder, self.store.look(self.absolute(folder)))
            for folder in backups(self.store, self.root)
        ]
        return [(at, found, is_of(found, self.custody, self.phones)) for at, found in looked]


def gate_of(source: Source, root: bytes, phones: Sequence[Phone]) -> Gate | None:
    """Return what keeps out other phones and apps; None for a source that is of no phone."""
    store = phone_store(store_of(source.kind))
    if store is None:
        return None
    return Gate(store, root, frozenset(source.apps), source.custody, tuple(phones))


def is_of(found: Backup, custody: str | None, phones: Sequence[Phone]) -> bool:
    """Return whether a backup is of a phone of this custody, made within its term of office."""
    if found.serial is None or found.made is None or custody is None:
        return False
    return any(
        phone.serial == found.serial and phone.custody == custody and phone.is_in(found.made)
        for phone in phones
    )


def keeps_apps(kind: str, apps: Sequence[str]) -> bool:
    """Return whether a source of this kind can be narrowed to these apps."""
    store = phone_store(store_of(kind))
    return store is not None and bool(apps) and store.apps.issuperset(apps)
