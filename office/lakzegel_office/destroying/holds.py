# SPDX-License-Identifier: EUPL-1.2
"""Legal holds: what they cover, and which are on. docs/spec/disposal.md §1.

The journal `holds` has what this office signed; the log what anybody signed whom it trusts. A hold
that either of them knows as on is on, until a release that is later than it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lakzegel_core import age
from lakzegel_core.encoding import b64, canonical_json, parse_canonical_json
from lakzegel_core.errors import LakzegelError
from lakzegel_core.hold import HOLD, Mark, sign_mark
from lakzegel_core.limits import MAX_ANNEX
from lakzegel_office.annexes import keep_annex, own_annex
from lakzegel_office.collection.model import Collection
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import identities
from lakzegel_office.config import RECIPIENTS
from lakzegel_office.destroying.approvers import approver_key
from lakzegel_office.destroying.queries import from_row
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.journal import Journal
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.replay import Replay

JOURNAL: Final = "holds"
MAX_UNITS: Final = 30_000  # ids in an annex of at most 1 MiB
ON: Final = "on"
OFF: Final = "off"
_KIND: Final = "lakzegel.nl/hold-annex/v1"
_BLIND: Final = 16
_ASKED: Final = 500  # ids of one question
_SLACK: Final = 65_536  # bytes of an age header
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Hold:
    """What a hold covers, and why; `query` is none where it names units alone."""

    name: str
    reason: str
    query: Mapping[str, Any] | None
    units: tuple[str, ...]
    at: datetime

    def covered(self, collection: Collection, units: Sequence[str]) -> set[str]:
        """Return which of these units it covers: those that it names, or that it asks for."""
        found = set(units) & set(self.units)
        if self.query is None:
            return found
        for start in range(0, len(units), _ASKED):
            some = units[start : start + _ASKED]
            found |= {unit.id for unit in collection.units(from_row(self.query, some))}
        return found

    def to_annex(self, random: Callable[[int], bytes]) -> bytes:
        """Return what the annex says."""
        covers: Any = {"query": self.query, "units": list(self.units)}
        row = {"blind": b64(random(_BLIND)), "covers": covers, "hold": self.name, "kind": _KIND}
        return canonical_json({**row, "reason": self.reason})

    @classmethod
    def from_annex(cls, data: bytes, mark: Mark) -> Hold:
        """Return what an opened annex says.

        Raises:
            DoubtError: it is not that of the hold that names it.
        """
        try:
            row: Any = parse_canonical_json(data, what="hold annex", max_size=MAX_ANNEX)
            if (row["kind"], row["hold"]) != (_KIND, mark.name):
                raise DoubtError(f"hold {mark.name}: its annex is another's")
            covers = row["covers"]
            if covers["query"] is not None:
                from_row(covers["query"])
            units = tuple(covers["units"])
            return cls(mark.name, row["reason"], covers["query"], units, mark.at)
        except (LakzegelError, KeyError, TypeError) as error:
            raise DoubtError(f"hold {mark.name}: its annex cannot be read: {error!r}") from error


class Holds:
    """The holds of one office."""

    def __init__(self, office: Office, replay: Replay) -> None:
        """Keep the office and the mirrored log."""
        self._office = office
        self._replay = replay
        path = office.home.records / f"{JOURNAL}.jsonl"
        self._journal = Journal(path, office.journal_key)

    def on(self) -> list[Hold]:
        """Return every hold that is on, by name.

        Raises:
            DoubtError: one is on of which this office cannot tell what it covers.
        """
        last: dict[str, tuple[datetime, Hold | None]] = {}
        for entry in self._journal.read():
            found = _of_row(entry.says)
            last[found.name] = (found.at, found if entry.says["act"] == ON else None)
        for _, mark in self._replay.marks:
            known = last.get(mark.name)
            if mark.kind == HOLD and (known is None or known[0] < mark.at):
                last[mark.name] = (mark.at, self._opened(mark) if mark.state == ON else None)
        return [hold for _, (_, hold) in sorted(last.items()) if hold is not None]

    def set(self, hold: Hold, now: datetime, random: Callable[[int], bytes]) -> bytes:
        """Put a hold on, or another in its place; return the signed note.

        Raises:
            UsageError: it names too many units.
        """
        if len(hold.units) > MAX_UNITS:
            raise UsageError(f"hold {hold.name}: {len(hold.units)} units; name them by a query")
        recipients = [self._office.config.recipients[name] for name in RECIPIENTS]
        sealed = age.encrypt(hold.to_annex(random), recipients, random=random)
        if len(sealed) > MAX_ANNEX:
            raise UsageError(f"hold {hold.name}: names more than an annex may")
        keep_annex(self._office.home, sealed)
        return self._sign(ON, hold, hashlib.sha256(sealed).digest(), now)

    def release(self, name: str, reason: str, now: datetime) -> bytes:
        """Take a hold off; return the signed note.

        Raises:
            UsageError: none of that name is on.
        """
        if name not in {hold.name for hold in self.on()}:
            raise UsageError(f"hold {name}: is not on; see: lakzegel-office hold list")
        return self._sign(OFF, Hold(name, reason, None, (), now), None, now)

    def is_public(self, name: str) -> bool:
        """Tell whether the mirrored log has the hold as on."""
        states = [m.state for _, m in self._replay.marks if (m.kind, m.name) == (HOLD, name)]
        return states[-1:] == [ON]

    def _sign(self, act: str, hold: Hold, annex: bytes | None, now: datetime) -> bytes:
        at = max([now, *(known + _SECOND for known in self._times(hold.name))])
        key = approver_key(self._office, self._replay)
        mark = Mark(HOLD, self._office.config.origin, hold.name, act, annex, at)
        row = {
            "act": act,
            "annex": b64(annex) if annex is not None else "",
            "at": int(at.timestamp()),
            "hold": hold.name,
            "query": hold.query,
            "reason": hold.reason,
            "units": list(hold.units),
        }
        note = sign_mark(mark, key)
        self._journal.append(row, now)
        return note

    def _times(self, name: str) -> Iterable[datetime]:
        rows = (_of_row(entry.says) for entry in self._journal.read())
        yield from (row.at for row in rows if row.name == name)
        yield from (m.at for _, m in self._replay.marks if (m.kind, m.name) == (HOLD, name))

    def _opened(self, mark: Mark) -> Hold:
        digest = (mark.annex or b"").hex()
        sealed = own_annex(self._office.home, digest) if digest else None
        try:
            path = Mirror(self._office.home.mirror).annex(digest)
            data = sealed or read_limited(path, MAX_ANNEX)
            if hashlib.sha256(data).hexdigest() != digest:  # anybody can seal another one
                raise DoubtError(f"{path}: not the annex that the log names")
            plain = age.decrypt(data, identities(self._office), max_size=MAX_ANNEX + _SLACK)
        except (OSError, LakzegelError) as error:
            text = f"hold {mark.name}: is on, and what it covers cannot be read here; run pull"
            raise DoubtError(text) from error
        return Hold.from_annex(plain, mark)


def held_by(holds: Iterable[Hold], collection: Collection, units: Sequence[str]) -> dict[str, str]:
    """Return which of these units a hold covers, and the name of one."""
    found: dict[str, str] = {}
    for hold in holds:
        found.update(dict.fromkeys(hold.covered(collection, units) - set(found), hold.name))
    return found


def _of_row(says: Mapping[str, Any]) -> Hold:
    at = datetime.fromtimestamp(says["at"], UTC)
    return Hold(says["hold"], says["reason"], says["query"], tuple(says["units"]), at)
