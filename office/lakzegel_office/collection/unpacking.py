# SPDX-License-Identifier: EUPL-1.2
"""Members of archives, unpacked from the segments that they were cut into."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lakzegel_office.collection.parsers.zips import Whole, member_of, whole_member
from lakzegel_office.errors import DoubtError
from lakzegel_office.names import ItemId

Fetch = Callable[[ItemId], bytes]


def unpack(items: Sequence[ItemId], fetch: Fetch) -> Whole:
    """Return the member that these segments are, or what an extract has of it.

    Raises:
        DoubtError: they are none that is known whole.
        GoneError: its key was destroyed.
    """
    first, *rest = items
    data = fetch(first)
    begun = member_of(data, 1)
    if begun is None or not begun.made:  # else all that is left is in the first
        data += b"".join(fetch(item) for item in rest)
    whole = whole_member(data)
    if whole is None:
        raise DoubtError(f"{first}: not the member that the index has; delete the index")
    return whole


class Unpacker:
    """Unpacks members; the last one stays, for a chat's messages are asked for together."""

    def __init__(self, fetch: Fetch) -> None:
        """Keep what opens items."""
        self._fetch = fetch
        self._last: tuple[Sequence[ItemId], Whole] | None = None

    def of(self, items: Sequence[ItemId]) -> Whole:
        """Return the member that these segments are.

        Raises:
            DoubtError: they are none that is known whole.
            GoneError: its key was destroyed.
        """
        last = self._last
        if last is None or last[0] != items:
            last = self._last = (items, unpack(items, self._fetch))
        return last[1]
