# SPDX-License-Identifier: EUPL-1.2
"""What a pass knows of sources as a whole once it has gone through them.

A source that was looked at only where it was touched says nothing here.
"""

from collections.abc import Iterable, Iterator

from lakzegel_agent.capturestill import Still
from lakzegel_agent.capturetarget import Watched


def folders(sources: Iterable[Watched]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the label and the empty folders of each source that was scanned whole."""
    for source in _scanned(sources):
        if not source.failed:
            yield source.info.label, sorted(source.empty)


def still(sources: Iterable[Watched]) -> Iterator[tuple[str, Still]]:
    """Yield the label and the unchanged stretches of each source that was scanned."""
    for source in _scanned(sources):
        yield source.info.label, source.still


def places(sources: Iterable[Watched]) -> Iterator[tuple[str, bytes]]:
    """Yield the label of each source that was scanned whole, and what lay where."""
    for source in sources:
        if source.standing.is_judged:
            yield source.info.label, source.standing.after()


def away(sources: Iterable[Watched]) -> tuple[str, ...]:
    """Return the labels of sources of which a share or disk is away."""
    return tuple(s.info.label for s in sources if s.standing.is_away())


def _scanned(sources: Iterable[Watched]) -> Iterator[Watched]:
    return (s for s in sources if s.identity is not None and s.touched is None)
