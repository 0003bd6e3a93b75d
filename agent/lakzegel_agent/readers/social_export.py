# SPDX-License-Identifier: EUPL-1.2
"""What social networks hand out: archives of X, Facebook, Instagram, LinkedIn and Mastodon.

Zips are cut by member. Of what was unpacked, posts and messages are cut by entry, day and
conversation; which network it is, name and first bytes tell. docs/spec/sources.md §5
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.readers import social_csv, social_json
from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.readers.zipseams import is_zip, members_of
from lakzegel_agent.view import View

_META: Final = re.compile(rb"(?s)(?:.*/)?message_[0-9]{1,9}\.json", re.IGNORECASE)
_OUTBOX: Final = re.compile(rb"(?s)(?:.*/)?outbox\.json", re.IGNORECASE)


class SocialReader(OpaqueReader):
    """Zips, and the unpacked files that hold posts and messages; all else is opaque."""

    kind: ClassVar[str] = "social-export"

    def incomplete(self, path: bytes, view: View) -> str | None:
        """Return ``zip-open``, ``json-open`` or ``line-open`` for what is not whole."""
        if is_zip(path):
            return "zip-open" if members_of(view) is None else None
        if _table(path, view):
            return None if view.read(view.size - 1, view.size) == b"\n" else "line-open"
        if _json_seams(path, view) is not None and not social_json.is_closed(view):
            return "json-open"
        return None

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield the end of each member, entry or day."""
        seams = _seams(path, view)
        return opaque(view.size) if seams is None else bounded(seams, view.size)


def _seams(path: bytes, view: View) -> Iterator[int] | None:
    """Return where a recognised file may be cut, or None."""
    if is_zip(path):
        members = members_of(view)
        return iter(members) if members else None
    column = _table(path, view)
    return social_csv.rows(view, column) if column else _json_seams(path, view)


def _json_seams(path: bytes, view: View) -> Iterator[int] | None:
    if path.lower().endswith(b".js"):
        return social_json.of_x(view)
    if _META.fullmatch(path):
        return social_json.of_meta(view)
    return social_json.of_mastodon(view) if _OUTBOX.fullmatch(path) else None


def _table(path: bytes, view: View) -> int:
    """Return the column of the date in LinkedIn's table of messages; 0 for another file."""
    return social_csv.date_column(view) if path.lower().endswith(b".csv") else 0


READER: Final[Reader] = SocialReader()
