# SPDX-License-Identifier: EUPL-1.2
"""A backup of an iPhone by iTunes, Finder or libimobiledevice: two apps' chats, and nothing else.

    <udid>/Status.plist …                        part of it
    <udid>/3d/3d0d7e5fb2ce288813306e4d4636395e047a3d28    Messages, by SHA-1 of domain and path

docs/spec/readout.md §2
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import ClassVar, Final, NamedTuple

from lakzegel_agent.errors import StoreError
from lakzegel_agent.stores.appleplaces import hashed
from lakzegel_agent.stores.appleplists import read_plist
from lakzegel_agent.stores.base import OpenStore
from lakzegel_agent.stores.database import LOGS, of_bytes, opened, translated
from lakzegel_agent.stores.imessage_reading import OpenMessages
from lakzegel_agent.stores.ios_backup_encrypted import Derived, Entry, Passphrase, Vault, vault
from lakzegel_agent.stores.ios_backup_files import (
    MAX_MANIFEST,
    PARTS,
    ListedPlaces,
    Manifest,
    look,
    require_finished,
)
from lakzegel_agent.stores.ios_backup_keys import plain
from lakzegel_agent.stores.phone import Backup, PhoneStore, read_small
from lakzegel_agent.stores.whatsapp_ios_reading import OpenChats

_UDID: Final = re.compile(rb"[0-9A-Fa-f]{40}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{16}")


class App(NamedTuple):
    """One database of an app: where it lies, where its media do, and how it is read."""

    name: str
    domain: str
    path: str
    media: str  # domain of its media
    folder: str  # of the store, in that domain
    inside: bytes  # folder beside the store in which its media's names begin
    open: Callable[[sqlite3.Connection, ListedPlaces], OpenStore]


_GROUP: Final = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared"
_BUSINESS: Final = "AppDomainGroup-group.net.whatsapp.WhatsAppSMB.shared"
_SMS: Final = "Library/SMS/"
_APPS: Final = (
    App("messages", "HomeDomain", f"{_SMS}sms.db", "MediaDomain", _SMS, b"", OpenMessages),
    App("whatsapp", _GROUP, "ChatStorage.sqlite", _GROUP, "", b"Message/", OpenChats),
    App("whatsapp", _BUSINESS, "ChatStorage.sqlite", _BUSINESS, "", b"Message/", OpenChats),
)
_PLACES: Final = {hashed(app.domain, app.path): app for app in _APPS}


class IosBackup:
    """Backups of iPhones, one a folder named by the phone's UDID; the root itself may be one."""

    kind: ClassVar[str] = "ios-backup"
    apps: ClassVar[frozenset[str]] = frozenset(app.name for app in _APPS)

    def is_store(self, path: bytes) -> bool:
        """Return whether this is the database of one of the apps."""
        return self.app_of(path) is not None

    def is_part(self, path: bytes) -> bool:
        """Return whether this describes the backup."""
        folder = self.folder_of(path)
        name = path.removeprefix(folder + b"/") if folder else path
        return name in PARTS or any(name == b"Manifest.db" + end for end in LOGS)

    def app_of(self, path: bytes) -> str | None:
        """Return of which app the database at this path is."""
        app = _app(path, self.folder_of(path))
        return None if app is None else app.name

    def folder_of(self, path: bytes) -> bytes:
        """Return the folder of the backup that a path lies in; "" for the root."""
        first, slash, _ = path.partition(b"/")
        return first if slash and _UDID.fullmatch(first) else b""

    def look(self, folder: bytes) -> Backup:
        """Return what the backup in this folder says of itself."""
        return look(folder)

    def databases(self, folder: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield each app, and where below the root a database of it may lie."""
        for place, app in _PLACES.items():
            yield app.name, folder + b"/" + place if folder else place

    def open(self, root: bytes, path: bytes) -> AbstractContextManager[OpenStore]:
        """Open a database of a backup that is not encrypted."""
        return self.open_with_passphrase(root, path, _no_passphrase)

    @contextmanager
    def open_with_passphrase(
        self, root: bytes, path: bytes, passphrase: Passphrase
    ) -> Iterator[OpenStore]:
        """Open the database of one app, by what the backup's manifest says.

        Raises:
            StoreError: ``incomplete``, ``no-key``, ``no-store``, ``damaged``, ``locked``,
                ``too-large``, ``unknown-schema``.
        """
        folder = self.folder_of(path)
        app = _app(path, folder)
        if app is None:
            raise StoreError("no-store")
        backup = root + b"/" + folder if folder else root
        status = require_finished(backup)
        about = read_plist(backup + b"/Manifest.plist", MAX_MANIFEST)
        if about.get("IsEncrypted") is False:
            with _plain(root, path, backup, app) as store:
                yield store
        else:
            with translated(), _encrypted(root, path, vault(backup, about, passphrase()), app) as d:
                yield d
        if require_finished(backup) != status:
            raise StoreError("locked")


def read_file(
    backup: bytes, domain: str, path: str, most: int, passphrase: Passphrase
) -> bytes | None:
    """Return a small file of the backup in this folder; None where its manifest lists none.

    Raises:
        StoreError: ``incomplete``, ``no-key``, ``damaged``, ``locked``, ``too-large``,
            ``unknown-schema``.
    """
    place = hashed(domain, path)
    status = require_finished(backup)
    about = read_plist(backup + b"/Manifest.plist", MAX_MANIFEST)
    file = place[-40:].decode("ascii")
    data = None
    with translated():
        if about.get("IsEncrypted") is False:
            with opened(backup + b"/Manifest.db") as listing:
                if Manifest(listing).lists(file, domain, path):
                    data = _small(backup + b"/" + place, most)
        else:
            with vault(backup, about, passphrase()) as unlocked:
                if unlocked.manifest.lists(file, domain, path):
                    data = _small_secret(backup + b"/" + place, unlocked.entry(file), most)
    if require_finished(backup) != status:
        raise StoreError("locked")
    return data


def _small(path: bytes, most: int) -> bytes:
    data = read_small(path, most)
    if data is None:
        raise StoreError("damaged")
    return data


def _small_secret(path: bytes, entry: Entry, most: int) -> bytes:
    if entry.size > most:
        raise StoreError("too-large")
    return bytes(plain(path, entry.key, entry.size))


@contextmanager
def _plain(root: bytes, path: bytes, backup: bytes, app: App) -> Iterator[OpenStore]:
    with opened(backup + b"/Manifest.db") as listing, opened(root + b"/" + path) as connection:
        yield app.open(connection, _places(path, app, Manifest(listing)))


@contextmanager
def _encrypted(
    root: bytes, path: bytes, unlocking: AbstractContextManager[Vault], app: App
) -> Iterator[OpenStore]:
    with unlocking as unlocked:
        places = _places(path, app, unlocked.manifest)
        entry = unlocked.entry(path[-40:].decode("ascii"))
        with closing(of_bytes(plain(root + b"/" + path, entry.key, entry.size))) as connection:
            yield Derived(app.open(connection, places), unlocked, root)


def _places(path: bytes, app: App, manifest: Manifest) -> ListedPlaces:
    if not manifest.lists(path[-40:].decode("ascii"), app.domain, app.path):
        raise StoreError("no-store")
    return ListedPlaces(path, app.media, app.folder, app.inside, manifest)


def _no_passphrase() -> bytes:
    raise StoreError("no-key")


def _app(path: bytes, folder: bytes) -> App | None:
    return _PLACES.get(path.removeprefix(folder + b"/") if folder else path)


STORE: Final[PhoneStore] = IosBackup()
