# SPDX-License-Identifier: EUPL-1.2
"""What is there to be captured of a source that holds chat stores (docs/spec/conversations.md §3).

scan -> stores: surveyed, unless they are as they were -> conversations: as files are
     -> other files: held until the surveys say which of them a captured conversation shows
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple

from lakzegel_agent import surveymemory
from lakzegel_agent.correspondents import is_private
from lakzegel_agent.scan import EmptyFolder, Found, FoundFile, FoundOther
from lakzegel_agent.sealing.surveys import Survey, Surveyed, SurveyFailed, SurveyResult
from lakzegel_agent.stores import Store
from lakzegel_agent.stores.rendering import FOLDER
from lakzegel_agent.stores.sqlite import OPAQUE, Sqlite

AS_CONVERSATIONS: Final = "as-conversations"
PART: Final = "part-of-store"
OUT_OF_SCOPE: Final = "not-in-scope"
UNSEALABLE: Final = "unsealable"
REST: Final = 3 * 10**9  # ns: some file systems tell two writes apart only by whole seconds
_FAULTS: Final = ("lost", "crash")


@dataclass(slots=True)
class Shelf:
    """The stores of one source while a pass goes on."""

    store: Store
    root: bytes
    label: str
    listed: frozenset[str]  # with whom conversations are private
    gate: Callable[[bytes], str | None] | None = None  # why a path is left out
    shut: list[bytes] = field(default_factory=list)  # stores that are left out
    stores: list[FoundFile] = field(default_factory=list)
    parts: list[FoundFile] = field(default_factory=list)
    rest: list[FoundFile] = field(default_factory=list)
    waiting: int = 0
    told: list[tuple[bytes, tuple[Surveyed, ...]]] = field(default_factory=list)
    failed: dict[bytes, str] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether its stores are captured as they are, and all files beside them too."""
        return self.store.kind == Sqlite.kind

    def sort(self, found: Iterable[Found], is_excluded: Callable[[bytes], bool]) -> Iterator[Found]:
        """Yield what is decided already; keep the rest.

        Names of folders that hold nothing say which other apps there are: they are left out.
        """
        for one in found:
            if isinstance(one, EmptyFolder) and not self.is_whole:
                continue
            kept = self._gated(one)
            if not isinstance(kept, FoundFile) or is_excluded(kept.path):
                if self.store.is_store(kept.path):
                    self.shut.append(kept.path)
                yield kept
            elif self.store.is_store(kept.path):
                self.stores.append(kept)
            elif self.store.is_part(kept.path):
                self.parts.append(kept)
            else:
                self.rest.append(kept)

    def _gated(self, one: Found) -> Found:
        why = None if self.gate is None else self.gate(one.path)
        if why is None or not isinstance(one, FoundFile):
            return one
        return FoundOther(one.path, "excluded", why)

    def talks(self) -> Iterator[tuple[bytes, Surveyed]]:
        """Yield every conversation of every store that could be read."""
        for path, conversations in self.told:
            if path not in self.failed:
                yield from ((path, one) for one in conversations)

    def files(self) -> Iterator[Found]:
        """Yield stores, their parts, and the other files, each as what becomes of it."""
        opaque = {path for path, why in self.failed.items() if why == OPAQUE}
        for file in self.stores:
            why = self.failed.get(file.path)
            if file.path in opaque:
                yield file
            elif why is not None:
                yield FoundOther(file.path, "failed", UNSEALABLE if why in _FAULTS else why)
            elif not self.is_whole:
                yield FoundOther(file.path, "excluded", AS_CONVERSATIONS)
        for file in self.parts:
            of_none = file.path.rpartition(b"-")[0] in opaque
            yield file if of_none else FoundOther(file.path, "excluded", PART)
        shown = self._shown()
        for file in self.rest:
            in_scope = self.is_whole or file.path in shown
            yield file if in_scope else FoundOther(file.path, "excluded", OUT_OF_SCOPE)

    def hidden(self) -> list[bytes]:
        """Return the folders of which nothing is known, since their store is not read."""
        return [path + FOLDER[:-1] for path in (*self.failed, *self.shut)]

    def _shown(self) -> frozenset[bytes]:
        """Return the files that a conversation shows which is captured."""
        return frozenset(
            path
            for _, conversations in self.told
            for one in conversations
            if not is_private(one.people, self.listed)
            for path in one.media
        )


class _Asked(NamedTuple):
    """A survey that is out; no mark: the store changes too fast for it to be remembered."""

    shelf: Shelf
    path: bytes
    mark: bytes | None


class Surveys:
    """Which stores are to be surveyed, and what came of it."""

    def __init__(
        self, recall: Callable[[str], bytes | None], now: Callable[[], float], key: bytes
    ) -> None:
        self._recall = recall
        self._now = now
        self._key = key
        self._tickets = count()
        self._waiting: deque[Survey] = deque()
        self._asked: dict[int, _Asked] = {}
        self._out = 0
        self.learned: list[tuple[str, bytes]] = []  # what the ledger is to remember

    @property
    def waiting(self) -> bool:
        """Whether a survey is still to be asked for."""
        return bool(self._waiting)

    @property
    def out(self) -> bool:
        """Whether an answer is to come."""
        return self._out > 0

    def begin(self, shelf: Shelf, place: int) -> None:
        """Take up what is known of a source's stores; have the others surveyed."""
        for file in shelf.stores:
            state = surveymemory.state_of(shelf.root + b"/" + file.path, self._key)
            mark, newest = state if state is not None else (b"", 0)
            before, conversations = surveymemory.unpack(
                self._recall(surveymemory.name_of(shelf.label, file.path))
            )
            if before and before == mark:
                shelf.told.append((file.path, conversations))
                continue
            rests = abs(self._now() * 1e9 - newest) > REST
            ticket = next(self._tickets)
            self._asked[ticket] = _Asked(shelf, file.path, mark if rests and mark else None)
            self._waiting.append(Survey(ticket, place, file.path))
            shelf.waiting += 1

    def next(self) -> Survey | None:
        """Return the next survey to be asked for, or None where there is none."""
        if not self._waiting:
            return None
        self._out += 1
        return self._waiting.popleft()

    def answer(self, answer: SurveyResult | SurveyFailed) -> None:
        """Take an answer: what the store holds, or what it held when it could be read last."""
        asked = self._asked.pop(answer.ticket)
        shelf, path = asked.shelf, asked.path
        self._out -= 1
        shelf.waiting -= 1
        if isinstance(answer, SurveyFailed):
            shelf.failed[path] = answer.why
            _, conversations = surveymemory.unpack(
                self._recall(surveymemory.name_of(shelf.label, path))
            )
            shelf.told.append((path, conversations))
            return
        shelf.told.append((path, answer.conversations))
        kept = surveymemory.pack(asked.mark or b"", answer.conversations)
        self.learned.append((surveymemory.name_of(shelf.label, path), kept))
