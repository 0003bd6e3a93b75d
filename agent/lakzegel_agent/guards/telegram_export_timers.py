# SPDX-License-Identifier: EUPL-1.2
"""Whether the chats of Telegram Desktop's exports had auto-delete on when they were exported.

One reading a chat: of several exports of it the newest decides. docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import ClassVar, Final

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
from lakzegel_agent.guards.of_exports import TOO_SLOW, Looks, files_of, shown
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


class TelegramExportTimers(ReportingGuard):
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

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield a reading a chat, and one a file that is not understood."""
        looks = Looks(surroundings, LOOKED)
        for source in surroundings.sources:
            if source.kind == KIND:
                yield from _Source(source, surroundings, looks).readings()
        looks.end()


class _Source:
    """One source while it is looked through."""

    def __init__(self, source: Watched, surroundings: Surroundings, looks: Looks) -> None:
        self._source = source
        self._surroundings = surroundings
        self._looks = looks
        self._chats: defaultdict[str, list[Export]] = defaultdict(list)
        self._others: list[Export] = []

    def readings(self) -> Iterator[Reading]:
        """Yield what is found of each chat."""
        label = self._source.label
        try:
            found = files_of(self._source, self._surroundings, is_wanted)
        except PlaceError as error:
            yield Reading(label, State.UNKNOWN, error.reason)
            return
        for path, reason in found.failed:
            yield Reading(f"{label}/{shown(path)}", State.UNKNOWN, reason)
        self._find(found.files)
        for chat, exports in self._chats.items():
            name = by_age(exports)[-1].told.get("name", "")
            yield decide(f"{label}/{name} ({chat})", exports, self._surroundings.now)
        for other in self._others:
            yield Reading(f"{label}/{other.path}", State.UNKNOWN, other.why)

    def _find(self, files: tuple[FoundFile, ...]) -> None:
        left_out = sent([file.path for file in files])
        pages: defaultdict[str, dict[int, tuple[Page, datetime]]] = defaultdict(dict)
        for file in files:
            if file.path in left_out:
                continue
            path = shown(file.path)
            written = datetime.fromtimestamp(file.mtime_ns // 10**9, UTC)
            if is_zip(file.path):
                self._take_zip(path, file)
            elif is_json(file.path):
                self._take_json(path, file, written)
            else:
                page = self._page(file)
                pages[str(PurePosixPath(path).parent)][page_number(path)] = (page, written)
        for folder, numbered in pages.items():
            export = export_of(folder, {number: page for number, (page, _) in numbered.items()})
            export.written = max(written for _, written in numbered.values())
            self._take(export)

    def _take_json(self, path: str, file: FoundFile, written: datetime) -> None:
        try:
            found = self._looks.noted(self._source, file, lambda view: look_json(path, view))
        except PlaceError as error:
            self._others.append(Export(path, "", error.reason))
            return
        for one in found["chats"]:
            self._take(Export.unpacked(one, written))
        if not found["chats"] and is_result(path):
            self._others.append(Export(path, "", found["why"] or NO_CHAT))

    def _take_zip(self, path: str, file: FoundFile) -> None:
        try:
            why = self._looks.noted(self._source, file, look_zip)["why"]
        except PlaceError as error:
            why = error.reason
        if why:
            self._others.append(Export(path, "", why))

    def _page(self, file: FoundFile) -> Page:
        try:
            return unpacked(self._looks.noted(self._source, file, look_page))
        except PlaceError as error:
            return Page(why=error.reason)

    def _take(self, export: Export) -> None:
        (self._chats[export.chat] if export.chat else self._others).append(export)


GUARD: Final[Guard] = TelegramExportTimers()
