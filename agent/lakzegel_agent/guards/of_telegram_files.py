# SPDX-License-Identifier: EUPL-1.2
"""Which files are exports of Telegram Desktop, and what each tells of its chats.

    ChatExport_2026-11-03/result.json                one chat
    DataExport_2026-11-03/result.json                all of them
    ChatExport_2026-11-03/messages.html, messages2.html, …
    DataExport_2026-11-03/chats/chat_001/messages.html, …

What lies in ``files`` below such a folder was sent by somebody and is no export.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, TOO_LARGE, PlaceError
from lakzegel_agent.guards.of_exported_timers import Event, Timer
from lakzegel_agent.guards.of_exports import MAX_EXPORT
from lakzegel_agent.guards.of_newest import Export
from lakzegel_agent.guards.of_telegram_html import PAGE, Page, moment_of, page_of
from lakzegel_agent.guards.of_telegram_json import Chat, chats_of
from lakzegel_agent.guards.of_whatsapp import HALF_WRITTEN
from lakzegel_agent.readers.telegram_export import READER
from lakzegel_agent.readers.zipseams import NotAZipError, entries, is_zip
from lakzegel_agent.view import View

LOOKED: Final = 1  # raised when the same export would be told otherwise
MAX_RESULT: Final = 256 * 2**20  # bytes of a result.json, which may hold every chat there is
ZIPPED: Final = "zipped"
_RESULT: Final = "result"  # how a file begins that is an export, whatever it holds
_SENT: Final = "files"


def is_json(path: bytes) -> bool:
    """Return whether it is named as JSON."""
    return path.lower().endswith(b".json")


def is_page(path: bytes) -> bool:
    """Return whether it is named as a page of a chat."""
    name = path.rpartition(b"/")[2].decode("utf-8", "replace")
    return PAGE.fullmatch(name) is not None


def is_wanted(path: bytes) -> bool:
    """Return whether a file may be an export, or a part of one."""
    return is_json(path) or is_page(path) or is_zip(path)


def is_result(path: str) -> bool:
    """Return whether a file says by its name that it is an export."""
    return PurePosixPath(path).name.lower().startswith(_RESULT)


def sent(paths: Iterable[bytes]) -> set[bytes]:
    """Return those of these files that somebody sent: they lie in ``files`` below an export."""
    homes = {path.rpartition(b"/")[0] for path in paths if _is_main(path)}
    found = set()
    for path in paths:
        parts = path.split(b"/")[:-1]
        for at, part in enumerate(parts):
            if part == _SENT.encode() and b"/".join(parts[:at]) in homes:
                found.add(path)
                break
    return found


def _is_main(path: bytes) -> bool:
    name = path.rpartition(b"/")[2].lower()
    return name in {b"result.json", b"messages.html"}


def look_json(path: str, view: View) -> dict[str, Any]:
    """Return what a file of JSON tells, as a note keeps it.

    Raises:
        PlaceError: too large, or too many chats.
        ChangedError: the file became shorter.
    """
    if view.size > MAX_RESULT:
        raise PlaceError(TOO_LARGE)
    chats = chats_of(view)
    why = HALF_WRITTEN if READER.incomplete(path.encode(), view) else ""
    return {"why": why, "chats": [_export(path, chat, why).packed() for chat in chats]}


def look_zip(view: View) -> dict[str, Any]:
    """Return that a zip has exports in it, as a note keeps it; they are not looked into.

    Raises:
        PlaceError: not written to its end.
        ChangedError: the file became shorter.
    """
    try:
        has = any(_is_main(member.name) for member in entries(view))
    except NotAZipError:
        raise PlaceError(HALF_WRITTEN) from None
    return {"why": ZIPPED if has else ""}


def look_page(view: View) -> dict[str, Any]:
    """Return what a page tells, as a note keeps it.

    Raises:
        PlaceError: too large.
        ChangedError: the file became shorter.
    """
    if view.size > MAX_EXPORT:
        raise PlaceError(TOO_LARGE)
    return page_of(view).packed()


def _export(path: str, chat: Chat, why: str) -> Export:
    state = chat.timer.state
    told: dict[str, Any] = {"name": chat.name, "type": chat.kind, **chat.timer.told()}
    if chat.destructs:
        told["self_destructing"] = chat.destructs
    return Export(
        path=path,
        chat=chat.key if chat.id else "",
        why=chat.why or why,
        state=state,
        at=chat.at,
        moment=chat.moment,
        since=chat.since,
        last=chat.last,
        told=told,
    )


def export_of(folder: str, pages: Mapping[int, Page]) -> Export:
    """Return what the pages of one chat tell together."""
    first = pages.get(1)
    path = f"{folder}/messages.html".removeprefix("./")
    if first is None:
        return Export(path, "", HALF_WRITTEN)
    timer, earlier = Timer(), 0
    since = last = None
    for number in sorted(pages):
        earlier += pages[number].more
        for event in pages[number].events:
            was_on = timer.on is True and not timer.why
            timer.tell(Event(event.kind, event.at, event.seconds, event.reason, event.text))
            last = moment_of(event.at)
            if timer.on is True and not timer.why and not was_on:
                since = last
    timer.count += earlier
    end = pages[max(pages)]
    return Export(
        path=path,
        chat=f"html {first.name or folder}",
        why=_why(pages),
        state=timer.state,
        at=end.at,
        moment=moment_of(end.at),
        since=since,
        last=last,
        told={"name": first.name, **timer.told()},
    )


def _why(pages: Mapping[int, Page]) -> str:
    """Return why what the pages tell is not the whole of it."""
    whys = [page.why for page in pages.values() if page.why]
    if whys:
        return NOT_UNDERSTOOD if NOT_UNDERSTOOD in whys else whys[0]
    names = {page_name(number) for number in pages}
    follow = {page.next for page in pages.values() if page.next}
    whole = sorted(pages) == list(range(1, len(pages) + 1)) and follow <= names
    return "" if whole else HALF_WRITTEN


def page_name(number: int) -> str:
    """Return the name of a page."""
    return "messages.html" if number == 1 else f"messages{number}.html"


def page_number(path: str) -> int:
    """Return which page a file is."""
    found = PAGE.fullmatch(PurePosixPath(path).name)
    return int(found[1]) if found is not None and found[1] else 1
