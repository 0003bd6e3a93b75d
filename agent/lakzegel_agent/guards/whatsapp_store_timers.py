# SPDX-License-Identifier: EUPL-1.2
"""Whether chats in WhatsApp's own databases delete their messages (docs/spec/settings-guarded.md).

Any member of a chat can set its timer, in the app alone: this guard can only report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import ClassVar, Final

from lakzegel_agent.correspondents import agreed
from lakzegel_agent.errors import StoreError
from lakzegel_agent.guards.base import (
    EVERYWHERE,
    Declaration,
    Guard,
    Reading,
    ReportingGuard,
    Surroundings,
)
from lakzegel_agent.guards.of_seen import Seen, taken
from lakzegel_agent.guards.of_stores import REASONS, UNKNOWN_SCHEMA, Looking, Place, placed
from lakzegel_agent.guards.of_timers import AFTER_READ, EVENTS_ONLY, TIMER
from lakzegel_core.encoding import JsonValue

KINDS: Final = ("whatsapp-android", "whatsapp-ios", "android-backup", "ios-backup")


class WhatsAppStoreTimers(ReportingGuard):
    """Looks into WhatsApp's databases that the policy names, and those in backups of phones."""

    declaration: ClassVar[Declaration] = Declaration(
        id="whatsapp-store-timers",
        rows=(15,),
        platforms=EVERYWHERE,
        enforces=False,
        reasons=REASONS | {TIMER, AFTER_READ, EVENTS_ONLY},
        cannot="WhatsApp lets any member set a chat's timer, in the app alone. On an iPhone the"
        " timer of a chat is known from its events only; an account's timer for new chats is not"
        " in these databases.",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield a reading a chat, and one a database that cannot be read."""
        listed = agreed(surroundings.correspondents)
        looking = Looking(surroundings)
        for place in placed(surroundings, KINDS, "whatsapp"):
            if isinstance(place, Seen):
                yield Reading(place.what, place.state, place.reason)
            else:
                yield from looking.into(place, partial(_read, listed))
        looking.end()


def _read(listed: frozenset[str], place: Place, before: JsonValue) -> tuple[list[Seen], JsonValue]:
    """Return what is seen in a store."""
    from lakzegel_agent.guards import of_timers_android, of_timers_ios  # noqa: PLC0415 - heavy
    from lakzegel_agent.stores.database import translated  # noqa: PLC0415
    from lakzegel_agent.stores.opening import open_store  # noqa: PLC0415
    from lakzegel_agent.stores.whatsapp_ios_reading import OpenChats  # noqa: PLC0415
    from lakzegel_agent.stores.whatsapp_reading import Opened  # noqa: PLC0415

    with (
        translated(),
        open_store(place.source.kind, place.root, place.path, place.given) as opened,
    ):
        inner = getattr(opened, "inner", opened)
        found: Iterator[Seen]
        if isinstance(inner, Opened):
            found = of_timers_android.timers(inner, listed)
        elif isinstance(inner, OpenChats):
            found = of_timers_ios.timers(inner, listed)
        else:
            raise StoreError(UNKNOWN_SCHEMA)
        return taken(found), before


GUARD: Final[Guard] = WhatsAppStoreTimers()
