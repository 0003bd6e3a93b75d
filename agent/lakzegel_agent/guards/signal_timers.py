# SPDX-License-Identifier: EUPL-1.2
"""Whether conversations of Signal delete their messages (docs/spec/settings-guarded.md).

Anybody in a conversation can set its timer, in the app alone: this guard can only report.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from typing import ClassVar, Final

from lakzegel_agent.correspondents import agreed
from lakzegel_agent.errors import StoreError
from lakzegel_agent.exclusion import Excluder, Narrowing
from lakzegel_agent.guards.base import (
    EVERYWHERE,
    Declaration,
    Guard,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
    Watched,
)
from lakzegel_agent.guards.of_seen import Seen, plain
from lakzegel_agent.guards.of_stores import NO_KEY, REASONS, UNKNOWN_SCHEMA, Looking, Place, placed
from lakzegel_agent.guards.of_timers import TIMER
from lakzegel_agent.guards.of_walks import walk
from lakzegel_core.encoding import JsonValue

KIND: Final = "signal-desktop"
BACKUP: Final = "signal-android-backup"


class SignalTimers(ReportingGuard):
    """Looks into Signal Desktop's database, and says of phones' backups that they are closed."""

    declaration: ClassVar[Declaration] = Declaration(
        id="signal-timers",
        rows=(15,),
        platforms=EVERYWHERE,
        enforces=False,
        reasons=REASONS | {TIMER},
        cannot="Signal lets anybody in a conversation set its timer, in the app alone. A backup of"
        " Signal on Android cannot be read without its owner's passphrase.",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield a reading a conversation, one of the account's default, one a closed backup."""
        listed = agreed(surroundings.correspondents)
        looking = Looking(surroundings)
        for place in placed(surroundings, (KIND,), ""):
            if isinstance(place, Seen):
                yield Reading(place.what, place.state, place.reason)
            else:
                yield from looking.into(place, partial(_read, listed))
        looking.end()
        for source in surroundings.sources:
            why = _backup(surroundings, source) if source.kind == BACKUP else ""
            if why:
                yield Reading(plain(source.label), State.UNKNOWN, why)


def _read(listed: frozenset[str], place: Place, before: JsonValue) -> tuple[list[Seen], JsonValue]:
    """Return what is seen in a store, and what the next look goes on from."""
    from lakzegel_agent.guards.of_timers_signal import timers  # noqa: PLC0415 - heavy
    from lakzegel_agent.stores.database import translated  # noqa: PLC0415
    from lakzegel_agent.stores.opening import open_store  # noqa: PLC0415
    from lakzegel_agent.stores.signal_reading import OpenSignal  # noqa: PLC0415

    with (
        translated(),
        open_store(place.source.kind, place.root, place.path, place.given) as opened,
    ):
        if not isinstance(opened, OpenSignal) or "json" not in opened.chats.names:
            raise StoreError(UNKNOWN_SCHEMA)
        return timers(opened, listed, before)


def _backup(surroundings: Surroundings, source: Watched) -> str:
    """Return why nothing is known of a phone's backups, nothing where there are none."""
    from lakzegel_agent.readers.signal_android_backup import NAME  # noqa: PLC0415 - heavy

    root = os.fsencode(source.root)
    folders = Excluder(surroundings.excluded, root, Narrowing(kind=source.kind))
    for path in walk(root, only=source.only):
        if isinstance(path, str):  # there may be some where nobody could look
            return path
        if (
            NAME.fullmatch(path) is not None
            and not folders.in_folder(path)
            and (source.only is None or source.only(path))
        ):
            return NO_KEY
    return ""


GUARD: Final[Guard] = SignalTimers()
