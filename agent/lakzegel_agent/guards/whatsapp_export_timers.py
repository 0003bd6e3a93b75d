# SPDX-License-Identifier: EUPL-1.2
"""Whether the chats of WhatsApp exports had disappearing messages on when they were exported.

One reading a chat: of several exports of it the newest decides. docs/spec/settings-guarded.md
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Final

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
from lakzegel_agent.guards.of_exported_timers import TIMER, UNKNOWN_WORDING
from lakzegel_agent.guards.of_exports import files_of, looking, noted, shown
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
    Export,
    chats_in_text,
    chats_in_zip,
    is_text,
    is_wanted,
)
from lakzegel_agent.guards.of_whatsapp_newest import LINE_GONE, decide
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
            | {NO_CHAT, HALF_WRITTEN, LINE_TOO_LONG, LINE_GONE}
        ),
        cannot=(
            "Disappearing messages are switched on the phone, in each chat, by anybody who is in"
            " it. An export tells how that was when it was made, in plain text that whoever writes"
            " in the chat can imitate: a chat that was not exported since is not known."
        ),
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield a reading a chat, and one a file that is not understood."""
        names: set[str] = set()
        for source in surroundings.sources:
            if source.kind == KIND:
                yield from _look(source, surroundings, names)
        surroundings.notes.only(names)


def _look(source: Watched, surroundings: Surroundings, names: set[str]) -> Iterator[Reading]:
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
        name = f"{source.name}/{os.fsdecode(file.path)}"  # of its note
        names.add(name)
        for export in _exports(source, surroundings, name, file):
            (chats[export.chat] if export.chat else others).append(export)
    attached: set[str] = set()
    for chat, exports in chats.items():
        attached.update(f"{one.folder}/{name}" for one in exports for name in one.attached)
        yield decide(f"{source.label}/{chat}", exports, surroundings.now)
    for export in others:
        if f"{export.folder}/{PurePosixPath(export.path).name}" not in attached:
            yield Reading(f"{source.label}/{export.path}", State.UNKNOWN, export.why)


def _exports(
    source: Watched, surroundings: Surroundings, name: str, file: FoundFile
) -> list[Export]:
    """Return the chats of one file, as they were noted or as they are found now."""
    path = Path(os.fsdecode(os.fsencode(source.root) + b"/" + file.path))
    chats_in = chats_in_text if is_text(file.path) else chats_in_zip
    written = datetime.fromtimestamp(file.mtime_ns // 10**9, UTC)
    told = shown(file.path)

    def look() -> dict[str, Any]:
        def inside(view: View) -> dict[str, Any]:
            return {"chats": [one.packed() for one in chats_in(told, view)]}

        return looking(path, inside)

    try:
        found = noted(surroundings, name, file, LOOKED, look)
    except PlaceError as error:
        return [Export.failed(told, error.reason, written)]
    return [Export.unpacked(one, written) for one in found["chats"]]


GUARD: Final[Guard] = WhatsAppExportTimers()
