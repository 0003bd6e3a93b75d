# SPDX-License-Identifier: EUPL-1.2
"""What a reader is, and the cuts that all of them share.

A reader finds the seams of one source's files. It never changes a byte, and no bytes make it fail:
what it does not recognise is cut in blocks. docs/spec/sources.md
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final, Protocol

from lakzegel_agent.view import View

BLOCK: Final = 256 * 2**10  # bytes of one segment of an opaque file
SMALL: Final = 2**20  # bytes up to which an opaque file is one segment
MAX_SEGMENT_CUT: Final = 16 * 2**20  # bytes of one segment; a longer mail or day is cut in pieces
MAX_SEAMS: Final = 2**20  # seams taken from one file; a capture of so many has about 90 MB


class Reader(Protocol):
    """Knows one kind of source. One object serves all files and threads: it keeps no state."""

    kind: ClassVar[str]
    appends: ClassVar[bool]  # programs add to the end of its files, and `cut_on` finds the seams

    def exclude(self, path: bytes) -> str | None:
        """Return why the file at this path below the source is not captured, as a slug, or None."""

    def history(self, path: bytes) -> bytes:
        """Return what stays the same where the format itself renames a file; else the path."""

    def incomplete(self, path: bytes, view: View) -> str | None:
        """Return why the file is not complete yet, as a slug, or None.

        A hint only: a file that stays so is captured as it is.

        Raises:
            ChangedError: the file became shorter while it was looked at.
        """

    def cut(self, path: bytes, view: View) -> Iterator[int]:
        """Yield where segments end: strictly increasing, the last one the view's size.

        Nothing for an empty file; no segment is longer than ``MAX_SEGMENT_CUT``.

        Raises:
            ChangedError: the file became shorter while it was looked at.
        """

    def cut_on(self, path: bytes, view: View, start: int) -> Iterator[int] | None:
        """Yield where segments end from ``start`` on, which is where one begins.

        What `cut` would yield of them, whatever lies before; None where that cannot be said.

        Raises:
            ChangedError: the file became shorter while it was looked at.
        """


class OpaqueReader:
    """Any file below the folder, in fixed blocks; what the other readers are made from."""

    kind: ClassVar[str] = "folder"
    appends: ClassVar[bool] = False

    def exclude(self, path: bytes) -> str | None:  # noqa: ARG002  # nothing is excluded by itself
        """Return None: every file is captured."""
        return None

    def history(self, path: bytes) -> bytes:
        """Return the path: the format renames nothing."""
        return path

    def incomplete(self, path: bytes, view: View) -> str | None:  # noqa: ARG002  # no format, no end
        """Return None: without a format nothing tells."""
        return None

    def cut(self, path: bytes, view: View) -> Iterator[int]:  # noqa: ARG002  # the same for any name
        """Yield the ends of fixed blocks, or of one segment when the file is small."""
        return opaque(view.size)

    def cut_on(self, path: bytes, view: View, start: int) -> Iterator[int] | None:  # noqa: ARG002
        """Return None: a reader that does not say so knows nothing of the end alone."""
        return None


def opaque(size: int) -> Iterator[int]:
    """Yield the cuts of a file of this size that has no seams."""
    if 0 < size <= SMALL:
        return iter((size,))
    return bounded(range(BLOCK, size, BLOCK), size)


def blocks(start: int, end: int) -> Iterator[int]:
    """Yield the inner cuts of a stretch without seams, nothing when it is small."""
    if end - start > SMALL:
        yield from range(start + BLOCK, end, BLOCK)


def bounded(seams: Iterable[int], size: int, start: int = 0) -> Iterator[int]:
    """Yield these seams as cuts of a file of this size, from ``start`` on, whatever they are.

    Seams that go back, lie outside or come after ``MAX_SEAMS`` others are passed over; longer
    stretches are cut at ``MAX_SEGMENT_CUT`` from where they begin, so that appending moves nothing.
    """
    last, count = start, 0
    for seam in seams:
        if count >= MAX_SEAMS or seam >= size:
            break
        if seam > last:
            yield from range(last + MAX_SEGMENT_CUT, seam, MAX_SEGMENT_CUT)
            yield seam
            last = seam
            count += 1
    yield from range(last + MAX_SEGMENT_CUT, size, MAX_SEGMENT_CUT)
    if size:
        yield size
