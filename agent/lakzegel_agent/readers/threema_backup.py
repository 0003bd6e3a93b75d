# SPDX-License-Identifier: EUPL-1.2
"""A data backup of Threema: a zip of encrypted tables, one conversation a member, one segment.

Its directory is not encrypted. docs/spec/sources.md §5
"""

from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.readers.base import OpaqueReader, Reader, bounded, opaque
from lakzegel_agent.readers.zipseams import is_zip, members_of
from lakzegel_agent.view import View


class ThreemaReader(OpaqueReader):
    """Zips are cut by member; all else is opaque."""

    kind: ClassVar[str] = "threema-backup"

    def incomplete(self, path: bytes, view: View) -> str | None:
        """Return ``zip-open`` for a zip without its directory."""
        return "zip-open" if is_zip(path) and members_of(view) is None else None

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield the end of each member."""
        members = members_of(view) if is_zip(path) else None
        return bounded(members, view.size) if members else opaque(view.size)


READER: Final[Reader] = ThreemaReader()
