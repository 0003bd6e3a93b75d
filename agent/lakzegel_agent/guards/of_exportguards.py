# SPDX-License-Identifier: EUPL-1.2
"""What the guards of exported chats share: how a source is looked through, and what is a reading.

    files of the source -> exports, by chat or of none -> a reading a chat, and one a file that is
    not understood

docs/spec/settings-guarded.md
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from lakzegel_agent.guards.base import (
    PlaceError,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
    Watched,
)
from lakzegel_agent.guards.of_exports import Looks, files_of, shown
from lakzegel_agent.guards.of_newest import Export
from lakzegel_agent.scan import FoundFile


@dataclass(slots=True)
class Exports:
    """The exports of one source: by chat, and those of which the chat is not known."""

    source: Watched
    looks: Looks
    now: datetime
    chats: defaultdict[str, list[Export]] = field(default_factory=lambda: defaultdict(list))
    others: list[Export] = field(default_factory=list)

    def take(self, export: Export) -> None:
        """Put one where it belongs."""
        (self.chats[export.chat] if export.chat else self.others).append(export)

    def named(self, what: str) -> str:
        """Return the subject that something of this source is."""
        return f"{self.source.label}/{what}"


class ExportTimersGuard(ReportingGuard):
    """Looks through each source of one kind; which file is which, the guard says."""

    kind: ClassVar[str]
    version: ClassVar[int]  # of what is noted

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield a reading a chat, and one a file that is not understood."""
        looks = Looks(surroundings, self.version)
        for source in surroundings.sources:
            if source.kind == self.kind:
                yield from self._of_source(source, surroundings, looks)
        looks.end()

    @abstractmethod
    def wants(self, path: bytes) -> bool:
        """Return whether a path may be of an export."""

    @abstractmethod
    def find(self, files: tuple[FoundFile, ...], exports: Exports) -> None:
        """Take each export of these files."""

    @abstractmethod
    def decide(self, exports: Exports) -> Iterator[Reading]:
        """Yield the readings of what was taken."""

    def _of_source(
        self, source: Watched, surroundings: Surroundings, looks: Looks
    ) -> Iterator[Reading]:
        try:
            found = files_of(source, surroundings, self.wants)
        except PlaceError as error:
            yield Reading(source.label, State.UNKNOWN, error.reason)
            return
        exports = Exports(source, looks, surroundings.now)
        for path, reason in found.failed:
            yield Reading(exports.named(shown(path)), State.UNKNOWN, reason)
        self.find(found.files, exports)
        yield from self.decide(exports)


def written(file: FoundFile) -> datetime:
    """Return when a file was written, as exports are compared."""
    return datetime.fromtimestamp(file.mtime_ns // 10**9, UTC)
