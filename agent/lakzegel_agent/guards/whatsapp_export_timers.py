# SPDX-License-Identifier: EUPL-1.2
"""Whether the chats of WhatsApp exports had disappearing messages on when they were exported.

One reading a chat: of several exports of it the newest decides. docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, Final

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    WORST_FIRST,
    Declaration,
    Guard,
    PlaceError,
    Reading,
    State,
)
from lakzegel_agent.guards.of_exported_timers import TIMER, UNKNOWN_WORDING
from lakzegel_agent.guards.of_exportguards import Exports, ExportTimersGuard, written
from lakzegel_agent.guards.of_exports import TOO_SLOW, shown
from lakzegel_agent.guards.of_newest import LINE_GONE, Export, decide
from lakzegel_agent.guards.of_whatsapp import (
    HALF_WRITTEN,
    LINE_TOO_LONG,
    NO_HEADER,
    OTHER_LANGUAGE,
    OTHER_LAYOUT,
    UNSURE_SENDER,
)
from lakzegel_agent.guards.of_whatsapp_files import (
    LOOKED,
    NO_CHAT,
    chats_in_text,
    chats_in_zip,
    failed,
    is_text,
    is_wanted,
)
from lakzegel_agent.scan import FoundFile
from lakzegel_agent.view import View

KIND: Final = "whatsapp-export"


class WhatsAppExportTimers(ExportTimersGuard):
    """Disappearing messages, by what exports of chats tell of them."""

    declaration: ClassVar[Declaration] = Declaration(
        id="whatsapp-export-timers",
        rows=(15,),
        platforms=EVERYWHERE,
        enforces=False,
        reasons=frozenset(
            {TIMER, UNKNOWN_WORDING, UNSURE_SENDER, OTHER_LAYOUT, OTHER_LANGUAGE, NO_HEADER}
            | {TOO_SLOW, NO_CHAT, HALF_WRITTEN, LINE_TOO_LONG, LINE_GONE}
        ),
        cannot=(
            "Disappearing messages are switched on the phone, in each chat, by anybody who is in"
            " it. An export tells how that was when it was made, in plain text that whoever writes"
            " in the chat can imitate: a chat that was not exported since is not known."
        ),
    )

    kind = KIND
    version = LOOKED

    def wants(self, path: bytes) -> bool:
        """Return whether a path may be of an export."""
        return is_wanted(path)

    def find(self, files: tuple[FoundFile, ...], exports: Exports) -> None:
        """Take the chats of each file."""
        for file in files:
            for export in _exports(file, exports):
                exports.take(export)

    def decide(self, exports: Exports) -> Iterator[Reading]:
        """Yield a reading a chat, and one a file that is not understood, unless it was sent."""
        attached = {
            f"{one.folder}/{name}"
            for found in exports.chats.values() for one in found for name in one.attached
        }  # fmt: skip
        for chat, found in exports.chats.items():
            yield _reading(exports.named(chat), found, attached, exports.now)
        for other in exports.others:
            if other.place not in attached:
                yield Reading(exports.named(other.path), State.UNKNOWN, other.why)


def _reading(subject: str, exports: list[Export], attached: set[str], now: datetime) -> Reading:
    """Return the reading of a chat; of one that somebody sent exports of, the worst of them."""
    readings = [decide(subject, exports, now)]
    if any(one.place in attached for one in exports):
        readings += [decide(subject, [one], now) for one in exports]
    return min(readings, key=lambda one: WORST_FIRST.index(one.state))


def _exports(file: FoundFile, exports: Exports) -> list[Export]:
    """Return the chats of one file, as they were noted or as they are found now."""
    chats_in = chats_in_text if is_text(file.path) else chats_in_zip
    path = shown(file.path)

    def look(view: View) -> dict[str, Any]:
        return {"chats": [one.packed() for one in chats_in(path, view)]}

    try:
        found = exports.looks.noted(exports.source, file, look)
    except PlaceError as error:
        return [failed(path, error.reason, written(file))]
    return [Export.unpacked(one, written(file)) for one in found["chats"]]


GUARD: Final[Guard] = WhatsAppExportTimers()
