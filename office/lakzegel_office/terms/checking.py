# SPDX-License-Identifier: EUPL-1.2
"""Whether a certificate is the one that the log names (docs/spec/terms.md §5).

Without an office it is held against one approval key; with one, against the mirrored log.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lakzegel_core import tiles
from lakzegel_core.delegation import KIND, peek_delegation
from lakzegel_core.encoding import format_time, parse_canonical_json
from lakzegel_core.entries import kind_of
from lakzegel_core.errors import LakzegelError, UnknownKeyError
from lakzegel_core.hold import TERM, Mark, open_mark
from lakzegel_core.keys import VerifierKey
from lakzegel_core.limits import MAX_NOTE
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.config import Config
from lakzegel_office.errors import DoubtError
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror, read_bundle, read_limited
from lakzegel_office.replay import TERM_CODE, Replay
from lakzegel_office.terms import certificate
from lakzegel_office.terms.certificate import Sealed
from lakzegel_office.terms.model import Term


@dataclass(slots=True)
class Checked:
    """What a certificate says, and what does not fit."""

    lines: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def check_alone(folder: Path, key: VerifierKey) -> Checked:
    """Return what is proven by one approval key: that these files are what it signed."""
    found = Checked()
    try:
        mark, _ = _read(folder, [key], found)
    except (LakzegelError, DoubtError, OSError) as error:
        found.doubts.append(f"{folder}: {error}")
        return found
    found.lines.append(f"signed by {key.name}; whether the log has it, an office can tell")
    del mark
    return found


def check_in_log(folder: Path, home: Home, config: Config) -> Checked:
    """Return what the mirrored log proves of a certificate."""
    found, mirror = Checked(), Mirror(home.mirror)
    try:
        replay = replay_mirror(mirror, config)
        keys = [key for entry in _delegations(mirror, replay) for key in entry]
        mark, data = _read(folder, keys, found)
    except (LakzegelError, DoubtError, OSError) as error:
        found.doubts.append(f"{folder}: {error}")
        return found
    places = [i for i, one in replay.marks if one == mark and _entry(mirror, replay, i) == data]
    if not places:
        found.doubts.append(f"{certificate.TERM_NOTE}: is not in the mirrored log; publish, pull")
        return found
    found.lines.append(f"entry {places[0]} of the log names it")
    found.doubts += _after(replay, mark, places[0])
    return found


def _read(folder: Path, keys: list[VerifierKey], found: Checked) -> tuple[Mark, bytes]:
    """Return the term's end, and its note: signed by the key that signed the certificate.

    Raises:
        LakzegelError, DoubtError: something does not fit.
    """
    note = read_limited(folder / certificate.NOTE, MAX_NOTE)
    data = read_limited(folder / certificate.TERM_NOTE, MAX_NOTE)
    mark, key = _opened(data, keys)
    sealed = Sealed.open(note, key)
    if mark.certificate != hashlib.sha256(note).digest():
        raise DoubtError(f"{certificate.TERM_NOTE} names another certificate")
    if (mark.origin, mark.name) != (sealed.origin, sealed.custody):
        raise DoubtError(f"{certificate.NOTE} is of another custody")
    plain = b""
    for name, digest in (
        (certificate.XML, sealed.xml),
        (certificate.PDF, sealed.pdf),
        (certificate.JSON, sealed.json),
    ):
        plain = read_limited(folder / name, certificate.MAX_CERTIFICATE)
        if hashlib.sha256(plain).digest() != digest:
            raise DoubtError(f"{name}: not the file that was signed")
    said = parse_canonical_json(plain, what="certificate", max_size=certificate.MAX_CERTIFICATE)
    if not isinstance(said, dict) or not isinstance(said.get("term"), dict):
        raise DoubtError(f"{certificate.JSON}: not a certificate")
    term = Term.from_json(said["term"])
    if term.custody != sealed.custody or term.period.ends is None:
        raise DoubtError(f"{certificate.JSON}: of another custody")
    found.lines.append(f"custody {term.custody}, closed as of {format_time(term.period.ends)}")
    return mark, data


def _opened(data: bytes, keys: list[VerifierKey]) -> tuple[Mark, VerifierKey]:
    for key in keys:
        try:
            return open_mark(data, TERM, key), key
        except UnknownKeyError:
            continue
    raise DoubtError(f"{certificate.TERM_NOTE}: signed by no approval key that is known")


def _delegations(mirror: Mirror, replay: Replay) -> Iterator[tuple[VerifierKey, ...]]:
    refused = {problem.index for problem in replay.problems if problem.refused}
    for bundle in range(-(-replay.size // tiles.WIDTH)):
        entries = read_bundle(mirror, bundle, replay.size)
        for index, data in enumerate(entries, bundle * tiles.WIDTH):
            if index not in refused and kind_of(data) == KIND:
                yield peek_delegation(data).approval


def _entry(mirror: Mirror, replay: Replay, index: int) -> bytes:
    bundle, place = divmod(index, tiles.WIDTH)
    return read_bundle(mirror, bundle, replay.size)[place]


def _after(replay: Replay, mark: Mark, index: int) -> Iterator[str]:
    """Yield what the log has of the custody after its end, and is no finding."""
    for later, other in replay.marks:
        if later > index and (other.kind, other.name) == (TERM, mark.name):
            yield f"entry {later}: another state of the custody"
    for record in replay.accepted:
        whose = replay.custody.devices[record.header.device].custody
        if record.index > index and whose == mark.name:
            known = replay.excepted_at(record.batch_id, TERM_CODE)
            if known is None:
                yield f"entry {record.index}: {record.name} came after the end; run pull"
