# SPDX-License-Identifier: EUPL-1.2
"""The mirror, replayed and ready to be looked through."""

from collections.abc import Callable
from functools import partial

from lakzegel_core.age import Identity
from lakzegel_office.audit import AuditTrail
from lakzegel_office.catalog import Catalog
from lakzegel_office.commands.common import Office
from lakzegel_office.errors import UsageError
from lakzegel_office.extracted import numbers
from lakzegel_office.index import IndexStore
from lakzegel_office.keys.people import Duty
from lakzegel_office.keys.periodkeys import period_keys
from lakzegel_office.mirror import Mirror
from lakzegel_office.names import ItemId
from lakzegel_office.replay import Replay, destroyed_in, gone
from lakzegel_office.replaying import replay_home
from lakzegel_office.vault import INDEX


def identities(office: Office) -> list[Identity]:
    """Return the recipients' private halves that are kept here, of the newest period first.

    Those of the escrow may be elsewhere, those of an erased period are nowhere.

    Raises:
        UsageError: none is here.
    """
    found = [key.identity for key in period_keys(office.vault, office.config.periods)]
    if not found and office.staff is not None and not office.staff.person.may(Duty.ARCHIVIST):
        raise UsageError(f"{office.staff.person.name}: only the role archivist opens anything")
    if not found:
        raise UsageError(f"{office.home.keys}: no recipient's key here; nothing can be opened")
    return found


def index_store(office: Office) -> IndexStore:
    """Return the encrypted index below `state/`."""
    store = IndexStore(office.home.state, office.vault.load(INDEX))
    store.make_folders()
    return store


def catalog_of(office: Office) -> Catalog:
    """Return the items of the mirror, its log replayed and verified.

    Raises:
        UsageError: there is no mirror yet.
        DoubtError: the log in it does not verify.
    """
    return catalog_from(office, replay_home(office))


def catalog_from(office: Office, replay: Replay) -> Catalog:
    """Return the items of a mirror whose log was replayed already."""
    mirror = Mirror(office.home.mirror)
    store, keys = index_store(office), identities(office)
    told, lost = _told(office, replay), partial(destroyed_in, replay)
    return Catalog(mirror, replay.accepted, store, keys, told, lost)


def _told(office: Office, replay: Replay) -> Callable[[ItemId], str]:
    """Return what tells by which certificate an item went, by number where it was drawn here."""
    known = numbers(office.home)

    def told(item: ItemId) -> str:
        text = gone(replay, item)
        first, name, *rest = text.split(" ")
        digest = name.rstrip(",")
        if digest not in known:
            return text
        return " ".join([first, f"{known[digest]},", name, *rest])

    return told


def trail_of(office: Office) -> AuditTrail:
    """Return the office's audit trail, to which this person's acts are added."""
    return AuditTrail(office.home, office.journal_key, office.actor)
