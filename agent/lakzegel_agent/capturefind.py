# SPDX-License-Identifier: EUPL-1.2
"""What is there to be captured: each source's scan against the ledger.

A file is looked at again when its size, times or inode are not those of its last capture. Nothing
is ordered by a clock. Files that are met twice under one history, and files that were not met at
all, are decided on when everything else is done (capturesecond.py).
"""

from collections.abc import Container, Iterable, Iterator, Sequence

from lakzegel_agent.beforeterm import since
from lakzegel_agent.capturesecond import Noticed, SecondLook, name_of
from lakzegel_agent.capturestill import stretches
from lakzegel_agent.capturestores import Shelf, Surveys
from lakzegel_agent.capturetalks import new_talks
from lakzegel_agent.capturetarget import (
    Target,
    Watched,
    identity,
    is_file,
    state_of,
)
from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerfiles import LedgerFiles
from lakzegel_agent.ledgerrows import FileMark, FileState, KnownFile
from lakzegel_agent.scan import EmptyFolder, Found, FoundFile, FoundOther, Outcome, look, scan
from lakzegel_agent.sealing.conversations import MODE
from lakzegel_agent.sealing.jobs import Stat


class Finder:
    """Yields what to capture, and gathers in ``noticed`` what is to be kept and told."""

    def __init__(
        self, sources: Iterable[Watched], files: LedgerFiles, key: bytes, surveys: Surveys
    ) -> None:
        self.sources = list(sources)
        self.surveys = surveys
        self._files = files
        self._cipher: Cipher = files.cipher
        self._key = key
        self.noticed = Noticed()
        self.second = SecondLook(self.sources, files, key, self.noticed)
        self.in_flight: Container[bytes] = ()

    def find(self) -> Iterator[Target]:
        """Yield every file that is new or changed."""
        for source in self.sources:
            yield from self._source(source)

    def talks(self) -> Iterator[Target]:
        """Yield conversations and media of each source whose stores were all surveyed by now."""
        self.noticed.work.named += self.surveys.learned
        self.surveys.learned = []
        for source in self.sources:
            shelf, ready = source.shelf, source.shelf is not None and not source.shelf.waiting
            if shelf is not None and ready and source.identity is not None:
                source.shelf = None  # once a pass
                yield from self._shelf(source, shelf)

    def unshelved(self) -> bool:
        """Return whether `talks` has something to yield."""
        return any(s.shelf is not None and not s.shelf.waiting and s.met for s in self.sources)

    def _source(self, source: Watched) -> Iterator[Target]:
        source.identity = identity(source.info.root)
        if source.identity is None:
            self.noticed.missing.append(source.info.label)
            return
        if source.touched is not None:
            yield from self._part(source, source.touched)
            return
        source.standing.look(source.info.root)
        source.highest = self._files.highest()
        source.met = bytearray(source.highest + 1)
        found = _since(source, scan(source.info.root, source.reader, only=source.only))
        if source.shelf is not None:
            found = source.shelf.sort(found, source.is_excluded)
        for some in stretches(found):
            yield from self._chunk(source, some)
        if source.shelf is not None:
            self.surveys.begin(source.shelf, source.place)
        source.complete = (
            b"" not in source.failed
            and identity(source.info.root) == source.identity
            and source.standing.look(source.info.root)
        )

    def _part(self, source: Watched, touched: frozenset[bytes]) -> Iterator[Target]:
        """Decide on what lies at the touched paths; that something is gone, a whole look tells."""
        source.highest = self._files.highest()
        source.met = bytearray(source.highest + 1)
        root, reader = source.info.root, source.reader
        found = _since(source, look(root, reader, sorted(touched), only=source.only))
        for some in stretches(found):
            yield from self._chunk(source, some)
        names = {name_of(self._cipher, source, reader.history(path)) for path in touched}
        known = self._files.look(list(names)).values()
        if any(
            not row.gone and row.id <= source.highest and not source.met[row.id] for row in known
        ):
            self.noticed.lacking.append(source.info.label)

    def _chunk(self, source: Watched, found: Iterable[Found]) -> Iterator[Target]:
        met: list[FoundFile] = []
        others: dict[bytes, FoundOther] = {}
        for one in found:
            if isinstance(one, FoundFile):
                met.append(one)
            elif isinstance(one, EmptyFolder):
                source.empty.append(one.path)
            else:
                self._other(source, one, others)
        files = {} if self._is_still(source, met) else self._named(source, met, others)
        known = self._files.look([*files, *others])
        self._note(source, others, known)
        same: dict[int, bytes] = {}
        yield from self._changed(source, files, known, same)
        if len(same) == len(met):
            source.still.keep(met, same)

    def _shelf(self, source: Watched, shelf: Shelf) -> Iterator[Target]:
        """Decide on conversations, media, and everything else of a source of chat stores."""
        for some in stretches(shelf.files()):
            yield from self._chunk(source, some)
        source.failed += shelf.hidden()
        label = source.info.label.encode()
        found = [
            (
                self._cipher.name(b"conversation", label, store, one.key.encode())
                if one.key
                else name_of(self._cipher, source, store),
                store,
                one,
            )
            for store, one in shelf.talks()
        ]
        self.noticed.found += len(found)

        def met(row: KnownFile) -> None:
            if row.id <= source.highest:
                source.met[row.id] = 1

        def note(name: bytes, outcome: Outcome, reason: str, path: bytes) -> None:
            self.noticed.work.marks.append(
                FileMark(name, source.info.number, outcome, reason, path)
            )

        for name, one, secret, again, talk in new_talks(
            found, self._files, shelf.listed, met, note
        ):
            told = Stat(one.size, one.mtime, 0, 0, MODE)
            yield Target(source.place, one.path, name, told, secret, again, talk=talk)

    def _is_still(self, source: Watched, files: Sequence[FoundFile]) -> bool:
        """Whether all of these are as they were captured, each met for the first time."""
        rows = source.still.rows(files)
        if not rows or any(source.met[row] for row in rows):
            return False
        self.noticed.found += len(files)
        for row in rows:
            source.met[row] = 1
        return True

    def _named(
        self, source: Watched, met: Iterable[FoundFile], others: dict[bytes, FoundOther]
    ) -> dict[bytes, FoundFile]:
        """Return the files by name; what is excluded goes to the others."""
        files: dict[bytes, FoundFile] = {}
        for file in met:
            reason = source.is_excluded.reason(file.path)
            if reason is not None:
                self._other(source, FoundOther(file.path, "excluded", reason), others)
            else:
                self._file(source, file, files)
        return files

    def _file(self, source: Watched, file: FoundFile, files: dict[bytes, FoundFile]) -> None:
        self.noticed.found += 1
        name = name_of(self._cipher, source, source.reader.history(file.path))
        if name in files or name in self.in_flight:
            source.twice.append(file)
        else:
            files[name] = file

    def _other(self, source: Watched, other: FoundOther, others: dict[bytes, FoundOther]) -> None:
        if other.outcome == "failed":
            source.failed.append(other.path)
        if other.path:
            others[name_of(self._cipher, source, other.path)] = other
        else:
            (self.noticed.missing if other.reason == "missing" else self.noticed.unread).append(
                source.info.label
            )

    def _note(
        self, source: Watched, others: dict[bytes, FoundOther], known: dict[bytes, KnownFile]
    ) -> None:
        for name, other in others.items():
            row = known.get(name)
            if row is not None and row.id <= source.highest:
                source.met[row.id] = 1
            told = (other.outcome, other.reason)
            if row is None or row.gone or (row.outcome, row.reason) != told:
                self.noticed.work.marks.append(
                    FileMark(name, source.info.number, other.outcome, other.reason, other.path)
                )

    def _changed(
        self,
        source: Watched,
        files: dict[bytes, FoundFile],
        known: dict[bytes, KnownFile],
        same: dict[int, bytes],
    ) -> Iterator[Target]:
        """Yield what is to be captured; ``same`` gets rows and marks of what is not."""
        dirty: dict[bytes, Stat] = {}
        for name, file in files.items():
            told = state_of(file)
            row = known.get(name)
            if row is not None:
                if row.id > source.highest or source.met[row.id]:
                    source.twice.append(file)
                    continue
                source.met[row.id] = 1
                if row.mark == told.mark(self._key) and not row.gone:
                    same[row.id] = row.mark
                    continue
                if source.touched is not None and row.mark == told.mark(self._key, whole=False):
                    continue
            dirty[name] = told
        secrets = self._files.secrets([name for name in dirty if name in known])
        for name, told in dirty.items():
            file, secret = files[name], secrets.get(name)
            if secret is not None and self._is_another(source, name, secret, file.path):
                source.twice.append(file)
                continue
            again = name in known and known[name].gone
            yield Target(source.place, file.path, name, told, secret, again)

    def _is_another(self, source: Watched, name: bytes, secret: bytes, path: bytes) -> bool:
        """Whether the file that has this history is still there under its own path."""
        if source.reader.history(path) == path:
            return False
        before = FileState.unpack(self._cipher.open(secret, name)).path
        return before != path and is_file(source.info.root + b"/" + before)


def _since(source: Watched, found: Iterator[Found]) -> Iterator[Found]:
    """Yield what was found, without what lay there before the term of office."""
    if not source.begins:
        return found
    is_part = None if source.shelf is None else source.shelf.store.is_part
    return since(found, source.begins, source.info.root, is_part)
