# SPDX-License-Identifier: EUPL-1.2
"""Whether `disposals/` is what the log says of it, without a key: docs/spec/disposal.md §8."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from lakzegel_core import limits, note, tiles
from lakzegel_core.encoding import b64, format_time
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_office import durable
from lakzegel_office.destroying.deed import SPACE
from lakzegel_office.destroying.drafting import NAME as DRAFT
from lakzegel_office.destroying.erasing import REWRAP
from lakzegel_office.destroying.lists import JOURNAL
from lakzegel_office.destroying.printing import PDF
from lakzegel_office.destroying.staging import ANNEX
from lakzegel_office.destroying.withdrawing import EXECUTION
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError
from lakzegel_office.extracted import DEED
from lakzegel_office.home import Home
from lakzegel_office.journal import Journal
from lakzegel_office.mirror import Mirror, read_bundle, read_limited
from lakzegel_office.places import BatchPlace
from lakzegel_office.replay import Replay

_IN: Final = f"{{{SPACE}}}"
_FOLDER: Final = re.compile(rf"([1-9][0-9]*)-([1-9][0-9]*|draft)|{REWRAP}-[a-z0-9-]+")
_FILE: Final = re.compile(
    rf"{DEED}|{EXECUTION}|{PDF}|{ANNEX}|{DRAFT}|extract-[^/]+\.age"
    r"|[0-9a-f]{64}\.(keyring|note|signed)"
)
_NO_KEY: Final = bytes(32)
CODE: Final = "disposal"

Row = tuple[str, str, str, str, str]  # of one replaced keyring, as `uitvoering.xml` has it


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says that the log can be held against."""

    folder: Path
    digest: bytes
    number: str
    units: tuple[str, ...]
    items: Mapping[BatchPlace, tuple[int, ...]]
    extracts: Mapping[str, str]
    annex: str

    @classmethod
    def read(cls, folder: Path) -> Certificate:
        """Return the certificate of a folder.

        Raises:
            OSError: it is not there.
            DoubtError: it is none.
        """
        data = read_limited(folder / DEED, limits.MAX_BATCH)
        try:
            root = ET.fromstring(data)  # noqa: S314 - expat bounds what entities may grow to
            parts = dict(map(_batch, root.iter(f"{_IN}partij")))
            extracts = {r.attrib["van"]: r.attrib["sha256"] for r in root.iter(f"{_IN}uittreksel")}
            units = tuple(row.attrib["kenmerk"] for row in root.iter(f"{_IN}eenheid"))
        except (ET.ParseError, KeyError, ValueError) as error:
            raise DoubtError(f"not a certificate: {type(error).__name__}") from error
        number = root.findtext(f"{_IN}nummer", "")
        annex = root.findtext(f"{_IN}bijlagePersoonsgegevens", "")
        return cls(folder, hashlib.sha256(data).digest(), number, units, parts, extracts, annex)


class DisposalCheck:
    """Holds what lies in a home's `disposals/` against its mirrored log."""

    def __init__(self, home: Home, replay: Replay) -> None:
        """Keep both; `certificates` are those that could be read."""
        self._home = home
        self._replay = replay
        self._size = replay.size
        self._mirror = Mirror(home.mirror)
        self.certificates: list[Certificate] = []
        self._logged: dict[bytes, dict[BatchPlace, tuple[int, KeyringChange]]] = defaultdict(dict)
        self._newest: dict[str, bytes | None] = {}
        for row in replay.changes:
            change = row.change
            place = (change.device, change.epoch, change.batch)
            self._logged[change.certificate or b""][place] = (row.index, change)
            for index in change.destroyed:
                self._newest["/".join(map(str, (*place, index)))] = change.certificate

    def run(self) -> Iterator[Doubt]:
        """Yield what does not fit."""
        folders = sorted(self._home.disposals.iterdir()) if self._home.disposals.is_dir() else []
        for folder in folders:
            found = _FOLDER.fullmatch(folder.name)
            if folder.name.endswith(durable.TEMPORARY):
                continue
            if found is None or not folder.is_dir():
                yield doubt_of(folder, "does not belong in disposals")
                continue
            yield from self._files(folder)
            if found[2] not in {None, "draft"}:
                yield from self._approval(folder, found[1])
        yield from self._journal()

    def _files(self, folder: Path) -> Iterator[Doubt]:
        for path in sorted(folder.iterdir()):
            if not _FILE.fullmatch(path.name) and not path.name.endswith(durable.TEMPORARY):
                yield doubt_of(path, "does not belong in disposals")
        for path in sorted(folder.glob("*.signed")):
            yield from self._signed(path)
        for stem in sorted({path.stem for path in folder.glob("*.[ns]*") if path.stem != DRAFT}):
            yield from self._pair(folder / f"{stem}.note", folder / f"{stem}.signed")

    def _pair(self, first: Path, both: Path) -> Iterator[Doubt]:
        """What the log has lies here with one signature and with both."""
        read = {}
        for path in (first, both):
            with suppress(LakzegelError, DoubtError, OSError):  # named elsewhere, or missing
                read[path] = note.parse(read_limited(path, limits.MAX_NOTE))
        if len(read) == len((first, both)):
            one, two = read[first], read[both]
            if one.text != two.text or all(one.signatures != (line,) for line in two.signatures):
                yield doubt_of(first, f"not {both.name} as its first signer left it")
            return
        for parsed in read.values():
            with suppress(LakzegelError):
                change = KeyringChange.from_text(parsed.text)
                if any(row.change == change for row in self._replay.changes):
                    for path in {first, both} - set(read):
                        yield doubt_of(path, "is missing, or no note")

    def _signed(self, path: Path) -> Iterator[Doubt]:
        """The entry with both signatures is the log's, where the log has the change."""
        try:
            data = read_limited(path, limits.MAX_NOTE)
            change = KeyringChange.from_text(note.parse(data).text)
        except LakzegelError as error:
            yield doubt_of(path, f"not an entry: {error}")
            return
        for row in self._replay.changes:
            if row.change == change:
                if self._entry(row.index) != data:
                    yield doubt_of(path, f"not the log's entry {row.index}")
                return
        if path.with_suffix(".keyring").exists():
            return  # not sent yet
        yield doubt_of(path, "no entry of the log says that")

    def _approval(self, folder: Path, number: str) -> Iterator[Doubt]:
        try:
            found = Certificate.read(folder)
        except (OSError, DoubtError) as error:
            text = str(error) if isinstance(error, DoubtError) else "is missing"
            yield doubt_of(folder / DEED, text)
            return
        if found.number != number:
            yield doubt_of(folder / DEED, f"is of list {found.number}")
        self.certificates.append(found)
        yield from self._named(found)
        yield from self._extracts(found)
        if (folder / EXECUTION).exists():
            yield from self._executed(found)

    def _named(self, found: Certificate) -> Iterator[Doubt]:
        """Each change that names it is one that it names."""
        logged = self._logged[found.digest]
        for path in sorted(found.folder.glob("*.note")):
            try:
                data = read_limited(path, limits.MAX_NOTE)
                change = KeyringChange.from_text(note.parse(data).text)
            except LakzegelError as error:
                yield doubt_of(path, f"not a change: {error}")
                continue
            index, known = logged.get((change.device, change.epoch, change.batch), (0, change))
            if change.certificate != found.digest:
                yield doubt_of(found.folder / DEED, f"not the certificate that {path.name} names")
            elif change != known:
                yield doubt_of(path, f"not what entry {index} of the log says")
        for place, (index, done) in logged.items():
            if found.items.get(place) != done.destroyed:
                what = f"entry {index} of the log destroyed other items under it"
                yield doubt_of(found.folder / DEED, what)

    def _extracts(self, found: Certificate) -> Iterator[Doubt]:
        there = {path.name for path in found.folder.glob("extract-*.age")}
        named = {f"extract-{item.replace('/', '-')}.age": item for item in found.extracts}
        for name in sorted(there - set(named)):
            yield doubt_of(found.folder / name, "the certificate does not name it")
        files = {
            name for name in there if (found.folder / name).is_file()
        }  # a link may lead nowhere
        for name in sorted(set(named) - files):
            if self._newest.get(named[name]) == found.digest:
                yield doubt_of(found.folder / name, "is missing: of what stays nothing is left")
        if not (found.folder / ANNEX).exists():
            yield doubt_of(found.folder / ANNEX, "is missing")

    def _executed(self, found: Certificate) -> Iterator[Doubt]:
        """What became of it is what the log has of it, all of it and no more."""
        path = found.folder / EXECUTION
        try:
            root = ET.fromstring(read_limited(path, limits.MAX_BATCH))  # noqa: S314 - as above
            rows = sorted(map(_row, root.iter(f"{_IN}sleutelbosVervangen")))
        except (ET.ParseError, KeyError) as error:
            yield doubt_of(path, f"cannot be read: {type(error).__name__}")
            return
        said = (root.findtext(f"{_IN}nummer"), root.findtext(f"{_IN}verklaring"))
        if said != (found.number, b64(found.digest)):
            yield doubt_of(found.folder / DEED, f"not the certificate that {EXECUTION} names")
            return
        logged = self._logged[found.digest]
        cut_off = root.find(f"{_IN}nietVernietigd") is not None
        if set(logged) != set(found.items) and not (cut_off and set(logged) < set(found.items)):
            text = f"names {len(found.items)} batches; the log has changes of {len(logged)} by it"
            yield doubt_of(found.folder / DEED, text)
        if rows != sorted(self._expected(logged)):
            yield doubt_of(path, "its rows are not what the log has")
        if not (found.folder / PDF).exists():
            yield doubt_of(found.folder / PDF, "is missing")

    def _expected(self, logged: Mapping[BatchPlace, tuple[int, KeyringChange]]) -> Iterator[Row]:
        for (device, epoch, number), (index, change) in logged.items():
            digest = hashlib.sha256(self._entry(index)).hexdigest()
            name = f"{device}/{epoch}/{number}"
            yield name, str(change.generation), str(index), digest, format_time(change.at)

    def _entry(self, index: int) -> bytes:
        bundle, place = divmod(index, tiles.WIDTH)
        return read_bundle(self._mirror, bundle, self._size)[place]

    def _journal(self) -> Iterator[Doubt]:
        """Where this office destroys, each certificate that the log names is here."""
        path = self._home.records / f"{JOURNAL}.jsonl"
        if not path.exists():
            return
        try:
            Journal(path, _NO_KEY).head()
        except DoubtError as error:
            yield Doubt(f"records/{path.name}", str(error).rpartition(": ")[2], CODE)
        here = {found.digest for found in self.certificates}
        for digest in set(self._logged) - here - {b""}:
            index = min(index for index, _ in self._logged[digest].values())
            text = f"certificate {digest.hex()} of entry {index} of the log is missing"
            yield Doubt("disposals", text, CODE)


def _batch(row: ET.Element) -> tuple[BatchPlace, tuple[int, ...]]:
    place = (row.attrib["apparaat"], int(row.attrib["reeks"]), int(row.attrib["nummer"]))
    return place, tuple(map(int, row.attrib["stukken"].split()))


def _row(row: ET.Element) -> Row:
    partij, generatie, logregel, sha256, op = (
        row.attrib[name] for name in ("partij", "generatie", "logregel", "sha256", "op")
    )
    return partij, generatie, logregel, sha256, op


def doubt_of(path: Path, what: str) -> Doubt:
    """Return a doubt about a file below `disposals/`."""
    name = path.name if path.parent.name == "disposals" else f"{path.parent.name}/{path.name}"
    return Doubt(f"disposals/{name}", what, CODE)


def check_disposals(home: Home, replay: Replay) -> tuple[list[Doubt], list[Certificate]]:
    """Return what does not fit of a home's disposals, and the certificates that could be read."""
    check = DisposalCheck(home, replay)
    try:
        return list(check.run()), check.certificates
    except DoubtError as error:
        return [Doubt("disposals", str(error), CODE)], check.certificates
