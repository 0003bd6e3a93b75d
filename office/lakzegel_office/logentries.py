# SPDX-License-Identifier: EUPL-1.2
"""Single entries of the mirrored log, and stretches of them, few in memory at a time."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from lakzegel_core import tiles
from lakzegel_office.mirror import Mirror, read_bundle

BUNDLES: Final = 16  # bundles whose entries stay in memory


class Entries:
    """Reads single entries, and stretches of them, of a log that grows."""

    def __init__(self, mirror: Mirror, prove: Callable[[int, bytes], None]) -> None:
        """Keep the mirror; `prove` returns when an entry is the log's at its place.

        `size` is how far it may be read; entries below `remembered` were replayed by an earlier
        process, so that they are proven when they are read.
        """
        self._mirror = mirror
        self._prove = prove
        self.remembered = 0
        self._bundles: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self.size = 0

    def at(self, index: int) -> bytes:
        """Return an entry.

        Raises:
            DoubtError: its bundle is missing or none.
        """
        bundle, place = divmod(index, tiles.WIDTH)
        return self.bundle(bundle)[place]

    def since(self, first: int, upto: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield each entry from one on, up to another, with its place in the log."""
        size = self.size if upto is None else min(upto, self.size)
        for bundle in range(first // tiles.WIDTH, -(-size // tiles.WIDTH)):
            begin = bundle * tiles.WIDTH
            for index, entry in enumerate(self.bundle(bundle), begin):
                if first <= index < size:
                    yield index, entry

    def bundle(self, bundle: int) -> list[bytes]:
        """Return the entries of a bundle.

        Raises:
            DoubtError: it is missing or none.
        """
        key = bundle, min(tiles.WIDTH, self.size - bundle * tiles.WIDTH)
        if key not in self._bundles:
            entries = read_bundle(self._mirror, bundle, self.size)
            begin = bundle * tiles.WIDTH
            for index, entry in enumerate(entries[: max(0, self.remembered - begin)], begin):
                self._prove(index, entry)
            self._bundles[key] = entries
            if len(self._bundles) > BUNDLES:
                self._bundles.popitem(last=False)
        self._bundles.move_to_end(key)
        return self._bundles[key]
