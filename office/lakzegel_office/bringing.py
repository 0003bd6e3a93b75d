# SPDX-License-Identifier: EUPL-1.2
"""Steps 3 and 4 of a pull: what the log names is brought into the mirror and opened once."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from lakzegel_office.backlog import Backlog
from lakzegel_office.doubts import Doubt
from lakzegel_office.fetching import Fetcher
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.index import IndexStore
from lakzegel_office.mirror import Mirror
from lakzegel_office.opening import OpenTask, start_worker, work
from lakzegel_office.references import References
from lakzegel_office.replay import Replay, destroyed_in, keyring_of
from lakzegel_office.spread import in_turn, spread

SPREAD_FROM: Final = 1500  # items; fewer are not worth a process's start
Progress = Callable[[str], None]


class Bringing:
    """Works a backlog off."""

    def __init__(
        self,
        mirror: Mirror,
        state: Path,
        index_key: bytes,
        replay: Replay,
        backlog: Backlog,
        progress: Progress,
    ) -> None:
        """Keep the log, what is left to do of it, and where things go."""
        self.backlog = backlog
        self.missing: dict[str, Doubt] = {}
        self._lost = False  # the index of a batch that was opened before
        self._mirror = mirror
        self._state = state
        self._index_key = index_key
        self._store = IndexStore(state, index_key)
        self._replay = replay
        self._references = References(self._store, replay, self._open_again)
        self._progress = progress

    def look_again(self) -> None:
        """Let go of what was read of batches: another process may have opened them anew."""
        self._references = References(self._store, self._replay, self._open_again)

    def run(self, fetcher: Fetcher, identities: Sequence[str]) -> int:
        """Do what can be done of the backlog; return how many items were opened."""
        self.missing.clear()
        self.backlog.take(self._replay)
        self._replace_keyrings(fetcher)
        for digest in list(self.backlog.annexes):
            doubt = fetcher.annex(digest)
            if doubt is None:
                del self.backlog.annexes[digest]
            else:
                self.missing[digest] = doubt
        items = self._open(fetcher, identities)
        while self._lost:
            self._lost = False
            items += self._open(fetcher, identities)
        return items

    def _open_again(self, record: HeaderRecord) -> None:
        """Take note that what was kept of an older batch is gone, so that it is opened anew."""
        if record.index not in self.backlog.waiting:
            self.backlog.again(record)
            self._lost = True

    def _open(self, fetcher: Fetcher, identities: Sequence[str]) -> int:
        todo = [index for index in sorted(self.backlog.waiting) if not self._is_opened(index)]
        if not todo:
            return 0
        under_way: deque[HeaderRecord] = deque()
        arguments = (list(identities), self._state, self._index_key)
        run = spread if self._is_much(todo) else in_turn
        results = run(
            self._tasks(fetcher, todo, under_way), work, prepare=start_worker, arguments=arguments
        )
        items = 0
        for done, result in enumerate(results, 1):
            items += result.items
            record = under_way.popleft()
            wrong = self._references.failures(record, result)
            if wrong is not None:
                failures = (*result.failures, *wrong)
                self._store.mark(result.batch_id, result.items, failures)
                self.backlog.opened(record, failures)
            self._progress(f"opened {done}/{len(todo)} batches, {items} items")
        return items

    def _tasks(
        self, fetcher: Fetcher, todo: list[int], under_way: deque[HeaderRecord]
    ) -> Iterator[OpenTask]:
        """Yield each batch as soon as it is in the mirror."""
        for record in self._records(todo):
            doubt = fetcher.batch(record, keyring_of(self._replay, record))
            name = record.batch_id
            if doubt is not None:
                self.missing[name] = doubt
                continue
            under_way.append(record)
            batch, keyring = self._mirror.batch(name), self._mirror.keyring(name)
            yield OpenTask(name, batch, keyring, destroyed_in(self._replay, record))

    def _records(self, todo: list[int]) -> Iterator[HeaderRecord]:
        found = map(self._replay.accepted.at, todo)
        return (record for record in found if record is not None)

    def _is_much(self, todo: list[int]) -> bool:
        """Tell whether the items are worth processes of their own."""
        left = SPREAD_FROM
        for record in self._records(todo):
            left -= record.header.items
            if left <= 0:
                return True
        return False

    def _replace_keyrings(self, fetcher: Fetcher) -> None:
        """Bring in each keyring that was changed; its batch's index goes first, for its words."""
        for index in sorted(self.backlog.rings):
            record = self._replay.accepted.at(index)
            if record is None or not self._mirror.keyring(record.batch_id).exists():
                self.backlog.rings.discard(index)  # it comes with its batch
                if record is not None:
                    self.backlog.again(record)
                continue
            name, expected = record.batch_id, keyring_of(self._replay, record)
            if not fetcher.has_keyring(name, expected):
                self._store.forget(name)
                doubt = fetcher.batch(record, expected)
                if doubt is not None:
                    self.missing[name] = doubt
                    self.backlog.again(record)
                    continue
            self._references.forget(name)
            self.backlog.again(record)
            self.backlog.rings.discard(index)

    def _is_opened(self, index: int) -> bool:
        """Tell whether a batch is here and was opened, by this process or an earlier one."""
        record = self._replay.accepted.at(index)
        if record is None:
            return True
        name = record.batch_id
        if not (self._mirror.batch(name).exists() and self._mirror.keyring(name).exists()):
            return False
        failures = self._store.opened(name)
        if failures is None:
            return False
        self.backlog.opened(record, failures)
        return True
