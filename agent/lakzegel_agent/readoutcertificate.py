# SPDX-License-Identifier: EUPL-1.2
"""What was taken of a finished backup, as an observation that the office keeps.

    {"type":"readout","custody":"telefoon-1","backup":"2026-11-20T17:04:00Z",
     "read":"2026-11-20T17:41:12Z","complete":true,
     "apps":[{"app":"whatsapp","complete":true,"why":"","conversations":12,"private":1,"failed":0,
       "messages":3401,"media":80,"absent":2,"from":"2025-07-01","until":"2026-11-20"}],
     "left_out":48211}

Sealed after the pass that captured it, and again where a later one changes what it says.
docs/spec/readout.md §5
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from lakzegel_agent import journal
from lakzegel_agent.capturestores import AS_CONVERSATIONS, OUT_OF_SCOPE
from lakzegel_agent.correspondents import is_private
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.ledgerrows import KnownFile
from lakzegel_agent.problems import Memory
from lakzegel_agent.readoutphones import Gate
from lakzegel_agent.sealing.surveys import Surveyed
from lakzegel_agent.stores.ios_backup_encrypted import MEDIA
from lakzegel_agent.surveymemory import name_of, unpack
from lakzegel_core.encoding import JsonValue, canonical_json, format_time, parse_time

NOT_THERE: Final = "not-there"  # the backup has no database of this app
_LAST: Final = "readout-last/"
_MANY: Final = 500


@dataclass(frozen=True, slots=True)
class ReadSource:
    """A source of phones that a pass was over; ``listed``: with whom conversations are private."""

    label: str
    gate: Gate
    listed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Certified:
    """One read-out that was certified."""

    label: str
    made: datetime  # of the backup; never after the moment it was read
    complete: bool


def certify(ledger: Ledger, source: ReadSource, now: datetime) -> list[Certified]:
    """Queue a certificate for each finished backup of whose something new is to be said.

    Raises:
        UnwritableError: it is said the next time.
    """
    new = []
    for folder, found, is_ours in source.gate.found():
        if not is_ours or found.why or found.made is None:
            continue
        apps = [_app(ledger, source, folder, app) for app in sorted(source.gate.apps)]
        whole = all(app["complete"] is True for app in apps)
        said: dict[str, JsonValue] = {
            "type": "readout",
            "custody": source.gate.custody,
            "backup": format_time(found.made.replace(microsecond=0)),
            "complete": whole,
            "apps": list[JsonValue](apps),
            "left_out": _left_out(ledger, source.label),
        }
        mark = sha256(canonical_json(said)).digest()
        name = f"readout/{source.label}/{folder.hex()}"
        if ledger.recall(name) == mark:
            continue
        payload = canonical_json({**said, "read": format_time(now.replace(microsecond=0))})
        one = Certified(source.label, min(found.made, now), whole)
        named = [(name, mark), *_last(ledger, one, now)]
        ledger.files.apply(Work(observed=[(source.label, payload)], named=named))
        journal.note("read-out", "phone", result="ok" if whole else "failed")
        new.append(one)
    return new


def last_readout(ledger: Memory, label: str) -> datetime | None:
    """Return when the newest backup was made that was read out whole; None where there is none."""
    kept = ledger.recall(_LAST + label)
    return None if kept is None else parse_time(kept.decode(), what="last read-out")


def _last(ledger: Ledger, one: Certified, now: datetime) -> list[tuple[str, bytes]]:
    """Return what is to be remembered of a read-out that was whole, if it is the newest."""
    before = last_readout(ledger, one.label)
    if not one.complete or (before is not None and one.made <= before <= now):
        return []
    return [(_LAST + one.label, format_time(one.made.replace(microsecond=0)).encode())]


def _app(ledger: Ledger, source: ReadSource, folder: bytes, app: str) -> dict[str, JsonValue]:
    """Return what is said of one app of a backup."""
    databases = [path for name, path in source.gate.store.databases(folder) if name == app]
    there = [path for path in databases if _is_file(source.gate.root + b"/" + path)]
    why = "" if there else NOT_THERE
    counts, days = Counter[str](), list[int]()
    for path in there:
        row = _look(ledger, [_file(ledger, source.label, path)])
        state = next(iter(row.values()), None)
        if state is None or (state.outcome, state.reason) != ("excluded", AS_CONVERSATIONS):
            why = (state.reason or "") if state is not None else "unread"
        conversations = unpack(ledger.recall(name_of(source.label, path)))[1]
        _count(ledger, source, path, conversations, counts, days)
    names = ("conversations", "private", "failed", "messages", "media", "absent")
    return {
        "app": app,
        "complete": not why and not counts["failed"],
        "why": why or ("conversations" if counts["failed"] else ""),
        **{name: counts[name] for name in names},
        "from": _day(min(days)) if days else None,
        "until": _day(max(days)) if days else None,
    }


def _count(  # what is counted goes into the last two
    ledger: Ledger,
    source: ReadSource,
    store: bytes,
    conversations: Sequence[Surveyed],
    counts: Counter[str],
    days: list[int],
) -> None:
    """Add what became of one database's conversations, and the days that they are of."""
    label = source.label.encode()
    names = {
        ledger.keyed(b"conversation", label, store, one.key.encode()): one for one in conversations
    }
    known = _look(ledger, list(names))
    shown = set[bytes]()
    for name, one in names.items():
        if one.key.startswith(MEDIA):  # a file of an encrypted backup
            counts["media"] += _is_sealed(known.get(name))
        elif is_private(one.people, source.listed):
            counts["private"] += 1
        elif _is_sealed(known.get(name)):
            counts["conversations"] += 1
            counts["messages"] += one.messages
            days += [day for day in (one.oldest, one.mtime) if day]
            shown.update(one.media)
        else:
            counts["failed"] += 1
    media = _look(ledger, [_file(ledger, source.label, path) for path in shown])
    counts["media"] += sum(_is_sealed(row) for row in media.values())
    counts["absent"] += len(shown) - sum(_is_sealed(row) for row in media.values())


def _look(ledger: Ledger, names: Sequence[bytes]) -> Mapping[bytes, KnownFile]:
    found = dict[bytes, KnownFile]()
    for some in _some(names):
        found |= ledger.files.look(some)
    return found


def _some(names: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (names[start : start + _MANY] for start in range(0, len(names), _MANY))


def _is_sealed(row: KnownFile | None) -> bool:
    return row is not None and row.captured and row.outcome == "sealed" and not row.gone


def _file(ledger: Ledger, label: str, path: bytes) -> bytes:
    return ledger.keyed(b"file", label.encode(), path)


def _is_file(path: bytes) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _left_out(ledger: Ledger, label: str) -> int:
    """Return how many files of the source lie there that no app of it shows."""
    return sum(
        files
        for of, outcome, reason, files in ledger.present()
        if (of, outcome, reason) == (label, "excluded", OUT_OF_SCOPE)
    )


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment // 10**9, UTC).date().isoformat()
