# SPDX-License-Identifier: EUPL-1.2
"""The second look of a pass: files met twice under one history, and files not met at all.

met twice  -> another path has that history now -> captured under its own, or as a copy
not met    -> renamed, and read under its new name | vanished: an observation
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lakzegel_agent import captureevents
from lakzegel_agent.capturetarget import (
    Target,
    Watched,
    below,
    is_file,
    is_there,
    stat_of,
    state_of,
)
from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerfiles import LedgerFiles, Work
from lakzegel_agent.ledgerrows import FileMark, FileState
from lakzegel_agent.scan import FoundFile, scan
from lakzegel_agent.sealing.jobs import Stat


@dataclass(slots=True)
class Noticed:
    """What a pass noticed so far: ``work`` is to be kept, the rest told at its end."""

    work: Work = field(default_factory=Work)
    missing: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    found: int = 0


class SecondLook:
    """Decides on what the first look could not, once everything else is done."""

    def __init__(
        self, sources: Sequence[Watched], files: LedgerFiles, key: bytes, noticed: Noticed
    ) -> None:
        self._sources = sources
        self._files = files
        self._cipher: Cipher = files.cipher
        self._key = key
        self._noticed = noticed

    def lose(self, target: Target) -> None:
        """Note that a file vanished before it was read; a rename may have been the reason."""
        known = self._files.look([target.name]).get(target.name)
        if known is None or not known.captured:
            self._sources[target.source].lost[target.name] = target

    def look(self) -> Iterator[Target]:
        """Yield files whose history another path had, or that were renamed meanwhile.

        Nothing may be in flight. After it, what was noticed says which files have vanished.
        """
        for source in self._sources:
            yield from self._twice(source)
            if source.touched is not None:
                self._lacks(source)
            elif source.lost or source.complete:
                yield from self._absent(source)
            source.complete = False  # once a pass

    def is_needed(self) -> bool:
        """Return whether there is something to be decided on."""
        return any(s.twice or s.lost or s.complete for s in self._sources)

    def _twice(self, source: Watched) -> Iterator[Target]:
        """Decide on files that were met under a history that another path had in this pass."""
        twice, source.twice = source.twice, []
        for file in twice:
            path = source.info.root + b"/" + file.path
            told = stat_of(path)
            if told is None:
                continue
            name = name_of(self._cipher, source, source.reader.history(file.path))
            state = self._files.state(name)
            if state is not None and state.path == file.path:
                continue
            if state is not None and is_file(source.info.root + b"/" + state.path):
                name = self._cipher.name(b"copy", source.info.label.encode(), file.path)
            yield from self._decide(source, file.path, name, told)

    def _decide(self, source: Watched, path: bytes, name: bytes, told: Stat) -> Iterator[Target]:
        row = self._files.look([name]).get(name)
        if row is not None and row.id <= source.highest:
            source.met[row.id] = 1
        if row is None or row.gone or row.mark != told.mark(self._key):
            secret = self._files.secrets([name]).get(name)
            yield Target(source.place, path, name, told, secret, row is not None and row.gone)

    def _absent(self, source: Watched) -> Iterator[Target]:
        """Decide on what vanished: it has gone, or has another name now."""
        lost, source.lost = source.lost, {}
        absent = self._unmet(source) if source.complete else {}
        if not lost and not absent:
            return
        for one in scan(source.info.root, source.reader, only=source.only):
            if not isinstance(one, FoundFile):
                continue
            name = name_of(self._cipher, source, source.reader.history(one.path))
            absent.pop(name, None)
            target = lost.pop(name, None)
            if target is not None and target.tries < 3:  # noqa: PLR2004  # renamed for ever
                yield target._replace(path=one.path, stat=state_of(one), tries=target.tries + 1)
        self._gone(source, absent)
        self._noticed.work.marks += [
            FileMark(name, source.info.number, "failed", "vanished", target.path, keep=False)
            for name, target in lost.items()
        ]

    def _lacks(self, source: Watched) -> None:
        """Leave what vanished before it was read to a whole look, which finds it renamed or not."""
        if source.lost and source.info.label not in self._noticed.lacking:
            self._noticed.lacking.append(source.info.label)
        source.lost = {}

    def _unmet(self, source: Watched) -> dict[bytes, bytes]:
        """Return name and path of the files that the scan did not meet and that are not there."""
        number, seen = source.info.number, source.met
        absent = dict(self._paths(self._files.present(number, seen, was_met=False)))
        others = source.standing.others()
        met = self._files.present(number, seen, was_met=True) if others else []
        source.failed += source.standing.judge(absent.values(), (p for _, p in self._paths(met)))
        return {
            name: path
            for name, path in absent.items()
            if not below(path, tuple(source.failed))
            and not is_there(source.info.root + b"/" + path)
        }

    def _paths(self, rows: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
        for name, secret in self._files.unopened(rows):
            yield name, FileState.unpack(self._cipher.open(secret, name)).path

    def _gone(self, source: Watched, absent: dict[bytes, bytes]) -> None:
        known = self._files.look(list(absent))
        captured = []
        for name, path in absent.items():
            row = known[name]
            if row.captured:
                captured.append((name, path))
            elif row.outcome == "sealed":  # its batch was given up, and now it has gone
                self._noticed.work.marks.append(
                    FileMark(name, source.info.number, "failed", "vanished", path, keep=False)
                )
        self._noticed.work.vanished += list(absent)
        label = source.info.label
        self._noticed.work.observed += [(label, said) for said in captureevents.vanished(captured)]


def name_of(cipher: Cipher, source: Watched, history: bytes) -> bytes:
    """Return by what name the ledger knows a file of a source with this history."""
    return cipher.name(b"file", source.info.label.encode(), history)
