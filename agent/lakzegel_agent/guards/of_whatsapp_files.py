# SPDX-License-Identifier: EUPL-1.2
"""Which files are WhatsApp exports, and of which chat.

    WhatsApp-chat met Jan.txt      Android, Dutch; (1) behind it for a second one
    WhatsApp Chat with Jan.txt     Android, English
    WhatsApp Chat - Jan.zip        iPhone: _chat.txt in a zip, or in a folder of that name

Other texts are one where they begin as one does; else they are attachments, or not understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import PurePosixPath
from typing import Final

from lakzegel_agent.guards.base import TOO_LARGE, TOO_MANY, PlaceError
from lakzegel_agent.guards.of_exports import MAX_EXPORT, Lines, pieces, unpacked
from lakzegel_agent.guards.of_newest import Export
from lakzegel_agent.guards.of_whatsapp import HALF_WRITTEN, NO_HEADER, Talk, look_through
from lakzegel_agent.guards.of_whatsapp_moments import instant_of
from lakzegel_agent.readers.whatsapp_heads import LONGEST, layout_of
from lakzegel_agent.readers.zipseams import Member, NotAZipError, entries, is_zip
from lakzegel_agent.view import View

LOOKED: Final = 1  # raised when the same export would be told otherwise
NO_CHAT: Final = "no-chat"
MAX_TEXTS: Final = 1_000  # texts in one zip
_IN_FOLDER: Final = "_chat.txt"
_NAMED: Final = re.compile(
    r"WhatsApp(?: Chat with | Chat - |-chat met | Chat met )(?P<chat>.{1,250})", re.DOTALL
)
_COPY: Final = re.compile(r" ?\([0-9]{1,4}\)\Z")


def failed(path: str, why: str, written: datetime) -> Export:
    """Return what is known of an export that could not be read: its chat by its name."""
    return Export(path, chat_of(path), why, written)


def _export(path: str, talk: Talk) -> Export:
    """Return what was found in one; when it was written is not known here."""
    chat = chat_of(path) or talk.chat
    return Export(
        path=path,
        chat=chat or (path if talk.why != NO_HEADER else ""),
        why=talk.why,
        state=talk.timer.state,
        at=talk.at,
        moment=talk.moment,
        since=instant_of(talk.since),
        last=talk.last,
        told=talk.timer.told(),
        attached=talk.attached,
    )


def is_text(path: bytes) -> bool:
    """Return whether it is named as a text."""
    return path.lower().endswith(b".txt")


def is_wanted(path: bytes) -> bool:
    """Return whether a file may be an export."""
    return is_text(path) or is_zip(path)


def chat_of(path: str) -> str:
    """Return the chat's name by the name of its export, empty where that does not say it."""
    place = PurePosixPath(path)
    name = place.parent.name if place.name.lower() == _IN_FOLDER else place.name
    if name.lower().endswith((".txt", ".zip")):
        name = name[:-4]
    named = _NAMED.fullmatch(_COPY.sub("", name))
    return named["chat"].strip() if named else ""


def chats_in_text(path: str, view: View) -> Iterator[Export]:
    """Yield the export that a text is, or why it is none.

    Raises:
        PlaceError: too large.
        ChangedError: the file became shorter.
    """
    if view.size > MAX_EXPORT:
        raise PlaceError(TOO_LARGE)
    yield _export(path, look_through(Lines(pieces(view)), chat_of(path)))


def chats_in_zip(path: str, view: View) -> Iterator[Export]:
    """Yield the exports in a zip, or why it has none; no more is unpacked than one may hold.

    Raises:
        PlaceError: not written to its end, encrypted, damaged, or too large.
        ChangedError: the file became shorter.
    """
    try:
        texts = [member for member in entries(view) if is_text(member.name)]
    except NotAZipError:
        raise PlaceError(HALF_WRITTEN) from None
    if len(texts) > MAX_TEXTS:
        raise PlaceError(TOO_MANY)
    left = MAX_EXPORT
    found = False
    for member in texts:
        inside = f"{path}/{_name(member)}"
        export = _in_zip(inside, view, member, left)
        if export is not None:
            found = True
            left -= member.size
            yield export
    if not found:
        yield Export(path, chat_of(path), NO_CHAT)


def _in_zip(inside: str, view: View, member: Member, left: int) -> Export | None:
    """Return the export that a text in a zip is; None: an attachment."""
    named = chat_of(inside)
    source = unpacked(view, member, left)
    first = next(source, b"")
    if not named and layout_of(first[:LONGEST]) is None:
        return None
    return _export(inside, look_through(Lines(chain((first,), source)), named))


def _name(member: Member) -> str:
    """Return a member's name, as far as it can be read."""
    return member.name.decode("utf-8", "replace")
