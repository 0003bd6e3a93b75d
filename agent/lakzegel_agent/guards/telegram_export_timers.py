# SPDX-License-Identifier: EUPL-1.2
"""Whether the chats of Telegram Desktop's exports had auto-delete on when they were exported.

One reading a chat: of several exports of it the newest decides. docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import ClassVar, Final

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    Declaration,
    Guard,
    PlaceError,
    Reading,
    State,
)
from lakzegel_agent.guards.of_exported_timers import TIMER, UNKNOWN_WORDING
from lakzegel_agent.guards.of_exportguards import Exports, ExportTimersGuard, written
from lakzegel_agent.guards.of_exports import TOO_SLOW, shown
from lakzegel_agent.guards.of_newest import LINE_GONE, Export, by_age, decide
from lakzegel_agent.guards.of_telegram_files import (
    LOOKED,
    ZIPPED,
    export_of,
    is_json,
    is_result,
    is_wanted,
    look_json,
    look_page,
    look_zip,
    page_number,
    sent,
)
from lakzegel_agent.guards.of_telegram_html import Page, unpacked
from lakzegel_agent.guards.of_whatsapp import HALF_WRITTEN
from lakzegel_agent.readers.zipseams import is_zip
from lakzegel_agent.scan import FoundFile

KIND: Final = "telegram-export"
NO_CHAT: Final = "no-chat"


class TelegramExportTimers(ExportTimersGuard):
    """Auto-delete of chats, by what exports tell of it."""

    declaration: ClassVar[Declaration] = Declaration(
        id="telegram-export-timers",
        rows=(15,),
        platforms=EVERYWHERE,
        enforces=False,
        reasons=frozenset(
            {TIMER, UNKNOWN_WORDING, TOO_SLOW, HALF_WRITTEN, NO_CHAT, ZIPPED, LINE_GONE}
        ),
        cannot=(
            "Auto-delete is switched in Telegram, in each chat, by anybody who may. An export tells"
            " how that was when it was made, as far back as it goes: a chat that was not exported"
            " since, a timer set before the export begins, and the account's own timer for new"
            " chats are not known."
        ),
    )

    kind = KIND
    version = LOOKED

    def wants(self, path: bytes) -> bool:
        """Return whether a path may be of an export."""
        return is_wanted(path)

    def find(self, files: tuple[FoundFile, ...], exports: Exports) -> None:
        """Take each export of these files; the pages of one folder are one."""
        left_out = sent([file.path for file in files])
        pages: defaultdict[str, dict[int, tuple[Page, datetime]]] = defaultdict(dict)
        for file in files:
            if file.path in left_out:
                continue
            path = shown(file.path)
            if is_zip(file.path):
                _take_zip(path, file, exports)
            elif is_json(file.path):
                _take_json(path, file, exports)
            else:
                one = (_page(file, exports), written(file))
                pages[str(PurePosixPath(path).parent)][page_number(path)] = one
        for folder, numbered in pages.items():
            export = export_of(folder, {number: page for number, (page, _) in numbered.items()})
            export.written = max(moment for _, moment in numbered.values())
            exports.take(export)

    def decide(self, exports: Exports) -> Iterator[Reading]:
        """Yield a reading a chat, and one a file that is not understood."""
        for chat, found in exports.chats.items():
            name = by_age(found)[-1].told.get("name", "")
            yield decide(exports.named(f"{name} ({chat})"), found, exports.now)
        for other in exports.others:
            yield Reading(exports.named(other.path), State.UNKNOWN, other.why)


def _take_json(path: str, file: FoundFile, exports: Exports) -> None:
    try:
        found = exports.looks.noted(exports.source, file, lambda view: look_json(path, view))
    except PlaceError as error:
        exports.others.append(Export(path, "", error.reason))
        return
    for one in found["chats"]:
        exports.take(Export.unpacked(one, written(file)))
    if not found["chats"] and is_result(path):
        exports.others.append(Export(path, "", found["why"] or NO_CHAT))


def _take_zip(path: str, file: FoundFile, exports: Exports) -> None:
    try:
        why = exports.looks.noted(exports.source, file, look_zip)["why"]
    except PlaceError as error:
        why = error.reason
    if why:
        exports.others.append(Export(path, "", why))


def _page(file: FoundFile, exports: Exports) -> Page:
    try:
        return unpacked(exports.looks.noted(exports.source, file, look_page))
    except PlaceError as error:
        return Page(why=error.reason)


GUARD: Final[Guard] = TelegramExportTimers()
