# SPDX-License-Identifier: EUPL-1.2
"""Looks through one segment's text; no bytes make it fail (docs/spec/guards.md §8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lakzegel_agent.content import CITIZEN_NUMBER, CLASSIFIED, NOT_WHOLE, SCAN_FAILED
from lakzegel_agent.content.mailtext import MAX_TEXT, MailText, is_mail
from lakzegel_agent.content.markings import is_marked
from lakzegel_agent.content.numbers import numbers

MAILS: Final = frozenset({"maildir", "eml", "emlx", "mbox"})  # readers whose segments are mails
_BREAKS: Final = ("\\n", "\\r", "\\t")  # as JSON writes them
_MARK_16: Final = b"\xff\xfe"  # before text in UTF-16


class Seen(NamedTuple):
    """What a segment's text came to: its labels, and whether a number passed without a word."""

    labels: tuple[str, ...]
    bare: bool = False


NOTHING: Final = Seen(())


class Scanner:
    """Looks for what the policy asks for."""

    def __init__(self, asked: Iterable[str]) -> None:
        wanted = frozenset(asked)
        self._marked = CLASSIFIED in wanted
        self._numbered = CITIZEN_NUMBER in wanted

    def look(self, data: bytes, reader: str) -> Seen:
        """Return a segment's labels in their order; a fault of the look itself is one of them."""
        try:
            look = _Look(data, reader)
            return self._through(look)
        except Exception:  # noqa: BLE001  # docs/spec/guards.md §8: it is sealed all the same
            return Seen((SCAN_FAILED,))

    def _through(self, look: _Look) -> Seen:
        marked = named = bare = False
        for text in look.texts():
            marked = marked or (self._marked and is_marked(text))
            if self._numbered and not named:
                found = numbers(text)
                named, bare = found.named, bare or found.bare
            if marked >= self._marked and named >= self._numbered:
                break  # there is no more to find
        else:
            if not look.whole:
                return Seen(_labels(marked=marked, named=named, cut=True), bare and not named)
        return Seen(_labels(marked=marked, named=named, cut=False), bare and not named)


class _Look:
    """The texts of one segment: its bytes, and of a mail what its parts say."""

    def __init__(self, data: bytes, reader: str) -> None:
        self._data = data
        self._mail = MailText(data) if reader in MAILS and is_mail(data) else None

    @property
    def whole(self) -> bool:
        """Whether no text was left out."""
        return len(self._data) <= MAX_TEXT if self._mail is None else self._mail.whole

    def texts(self) -> Iterator[str]:
        raw = self._data[:MAX_TEXT]
        if b"\0" in raw:
            yield _raw(raw.replace(_MARK_16, b"\n").replace(b"\0", b""))  # UTF-16 of Latin letters
            raw = raw.replace(b"\0", b"\n")
        text = _raw(raw)
        if self._mail is not None:
            yield text
            yield from self._mail.texts()
            return
        for written in _BREAKS:
            text = text.replace(written, "\n")
        yield text


def _raw(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _labels(*, marked: bool, named: bool, cut: bool) -> tuple[str, ...]:
    found = ((CITIZEN_NUMBER, named), (CLASSIFIED, marked), (NOT_WHOLE, cut))
    return tuple(label for label, is_so in found if is_so)
