# SPDX-License-Identifier: EUPL-1.2
"""Whether the chats of WhatsApp exports had disappearing messages on when they were exported.

One reading a chat: of several exports of it the newest decides. docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    WORST_FIRST,
    Declaration,
    Guard,
    PlaceError,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
    Watched,
)
from lakzegel_agent.guards.of_exported_timers import TIMER, UNKNOWN_WORDING
from lakzegel_agent.guards.of_exports import TOO_SLOW, Looks, files_of, shown
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


class WhatsAppExportTimers(ReportingGuard):
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

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield a reading a chat, and one a file that is not understood."""
        looks = Looks(surroundings, LOOKED)
        for source in surroundings.sources:
            if source.kind == KIND:
                yield from _look(source, surroundings, looks)
        looks.end()


def _look(source: Watched, surroundings: Surroundings, looks: Looks) -> Iterator[Reading]:
    try:
        found = files_of(source, surroundings, is_wanted)
    except PlaceError as error:
        yield Reading(source.label, State.UNKNOWN, error.reason)
        return
    for path, reason in found.failed:
        yield Reading(f"{source.label}/{shown(path)}", State.UNKNOWN, reason)
    chats: defaultdict[str, list[Export]] = defaultdict(list)
    others: list[Export] = []
    for file in found.files:
        for export in _exports(source, file, looks):
            (chats[export.chat] if export.chat else others).append(export)
    attached = {
        f"{one.folder}/{name}"
        for exports in chats.values() for one in exports for name in one.attached
    }  # fmt: skip
    for chat, exports in chats.items():
        yield _reading(f"{source.label}/{chat}", exports, attached, surroundings.now)
    for export in others:
        if export.place not in attached:
            yield Reading(f"{source.label}/{export.path}", State.UNKNOWN, export.why)


def _reading(subject: str, exports: list[Export], attached: set[str], now: datetime) -> Reading:
    """Return the reading of a chat; of one that somebody sent exports of, the worst of them."""
    readings = [decide(subject, exports, now)]
    if any(one.place in attached for one in exports):
        readings += [decide(subject, [one], now) for one in exports]
    return min(readings, key=lambda one: WORST_FIRST.index(one.state))


def _exports(source: Watched, file: FoundFile, looks: Looks) -> list[Export]:
    """Return the chats of one file, as they were noted or as they are found now."""
    chats_in = chats_in_text if is_text(file.path) else chats_in_zip
    written = datetime.fromtimestamp(file.mtime_ns // 10**9, UTC)
    path = shown(file.path)

    def look(view: View) -> dict[str, Any]:
        return {"chats": [one.packed() for one in chats_in(path, view)]}

    try:
        found = looks.noted(source, file, look)
    except PlaceError as error:
        return [failed(path, error.reason, written)]
    return [Export.unpacked(one, written) for one in found["chats"]]


GUARD: Final[Guard] = WhatsAppExportTimers()
