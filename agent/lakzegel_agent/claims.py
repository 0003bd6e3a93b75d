# SPDX-License-Identifier: EUPL-1.2
"""Captured mails that were moved to an agreed folder: claims (docs/spec/sources.md §9).

    {"type":"claim","class":"prive",
     "files":[{"file":"<32 hex>","from":"INBOX/cur/1","path":"Privé/cur/1","versions":2}]}

The office decides on them. A mail that was first met there is left out, and there is no claim.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from lakzegel_agent.captureevents import MANY, path_value
from lakzegel_agent.capturetarget import stat_of
from lakzegel_agent.exclusion import REASON, Excluder
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgercipher import NAME
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.ledgerrows import SEGMENT, FileState
from lakzegel_agent.readers import reader_of
from lakzegel_agent.sealing.reading import MissedError, read_file
from lakzegel_core.encoding import JsonValue, b64, canonical_json, unb64
from lakzegel_core.errors import FormatError

KINDS: Final = ("maildir", "eml")  # a file is one mail
MAX_MAIL: Final = 16 * 2**20  # bytes of a file that is compared: one segment
MAX_CLAIMED: Final = 50_000  # claims of a source that are remembered, so that none is made twice
MAX_LATE: Final = 10_000  # files of a source that are captured in an agreed folder
_NANO: Final = 10**9


@dataclass(frozen=True, slots=True)
class Agreed:
    """One source and its agreed folders, by class; ``term`` in seconds."""

    label: str
    kind: str
    root: bytes
    classes: tuple[tuple[str, Excluder], ...]
    term: float


class _Moved(NamedTuple):
    """A file in an agreed folder, and the captured file with the same bytes."""

    path: bytes
    name: bytes
    captured: FileState


def claim(ledger: Ledger, agreed: Agreed, now: datetime) -> bool:
    """Queue the claims of a source for what was first met in its folders since the last look.

    Whether there is news: claims, or files that are to be captured after all.

    Raises:
        UnwritableError: the next look finds the same.
    """
    if agreed.kind not in KINDS:
        return False
    number = ledger.files.source(agreed.label)
    last = _last(ledger, agreed.label)
    highest = ledger.files.highest()
    met = [path for _, path in ledger.files.noticed(number, "excluded", REASON, after=last)]
    if highest == last:
        return False
    moved = list(_moved(ledger, number, dict(_digests(ledger, agreed.root, met))))
    limit = now.timestamp() * _NANO - agreed.term * _NANO
    history = reader_of(agreed.kind).history
    late = {history(one.path) for one in moved if one.captured.mtime < limit}
    before = _claimed(ledger, agreed.label)
    timely = {
        ledger.files.cipher.name(b"claim", one.name, history(one.path)): one
        for one in moved
        if one.captured.mtime >= limit
    }
    new = {key: one for key, one in timely.items() if key not in before}
    work = Work(named=[(f"claims/{agreed.label}", str(highest).encode())])
    work.observed = [(agreed.label, said) for said in _payloads(agreed, list(new.values()))]
    if new:
        work.named.append((f"claimed/{agreed.label}", b"".join([*before, *new][-MAX_CLAIMED:])))
    if late:
        kept = sorted(recall_late(ledger, agreed.label) | late)[:MAX_LATE]
        packed = json.dumps([b64(path) for path in kept]).encode()
        work.named.append((f"late/{agreed.label}", packed))
    ledger.files.apply(work)
    return bool(new or late)


def recall_late(ledger: Ledger, label: str) -> frozenset[bytes]:
    """Return the histories in agreed folders that are captured: they were moved too late."""
    data = ledger.recall(f"late/{label}")
    if data is None:
        return frozenset()
    try:
        return frozenset(unb64(text, what="late") for text in json.loads(data))
    except (ValueError, TypeError, FormatError):
        return frozenset()


def _last(ledger: Ledger, label: str) -> int:
    """Return the highest row that was looked at."""
    data = ledger.recall(f"claims/{label}") or b"0"
    return int(data) if data.isdigit() else 0


def _claimed(ledger: Ledger, label: str) -> dict[bytes, None]:
    """Return by their keyed names the claims that were made."""
    data = ledger.recall(f"claimed/{label}") or b""
    return dict.fromkeys(data[at : at + NAME] for at in range(0, len(data), NAME))


def _digests(ledger: Ledger, root: bytes, paths: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield keyed hash and path of each file that can be read now."""
    for path in paths:
        told = stat_of(root + b"/" + path)
        if told is None or not 0 < told.size <= MAX_MAIL:
            continue
        try:
            _, data, _ = read_file(root + b"/" + path, told, lenient=False, most=MAX_MAIL)
        except MissedError:
            continue
        yield ledger.files.cipher.segment(sha256(data).digest()), path


def _moved(ledger: Ledger, number: int, wanted: dict[bytes, bytes]) -> Iterator[_Moved]:
    """Yield the captured files of this source that are one segment with one of these hashes."""
    if not wanted:
        return
    for name, secret in ledger.files.captured(number):
        state = FileState.unpack(ledger.files.cipher.open(secret, name))
        if len(state.segments) != SEGMENT.size:
            continue
        path = wanted.get(SEGMENT.unpack(state.segments)[-1])
        if path is not None and path != state.path:
            yield _Moved(path, name, state)


def _payloads(agreed: Agreed, moved: Sequence[_Moved]) -> Iterator[bytes]:
    """Yield the observations, one a class and some files."""
    classes: defaultdict[str, list[_Moved]] = defaultdict(list)
    for one in moved:
        for class_, is_in in agreed.classes:
            if is_in.in_folder(one.path):
                classes[class_].append(one)
                break
    for class_, some in sorted(classes.items()):
        for start in range(0, len(some), MANY):
            files: list[JsonValue] = [
                {
                    "file": one.name.hex(),
                    "from": path_value(one.captured.path),
                    "path": path_value(one.path),
                    "versions": one.captured.version + 1,
                }
                for one in some[start : start + MANY]
            ]
            yield canonical_json({"type": "claim", "class": class_, "files": files})
