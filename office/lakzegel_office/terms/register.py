# SPDX-License-Identifier: EUPL-1.2
"""Every term that this office knows: the journal `terms`, and whose a custody is at a moment.

docs/spec/terms.md §2. A line is on disk before its note is handed out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import LakzegelError
from lakzegel_office.commands.common import Office
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.journal import Journal
from lakzegel_office.terms.model import Period, Term

OPEN: Final = "open"
CHANGE: Final = "change"
CLOSE: Final = "close"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Something that hindered a closing and was accepted: its code, and why."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Closing:
    """The certificate of a term's end: its note, and its JSON, of which the rest is made."""

    note: bytes
    said: bytes
    accepted: tuple[Accepted, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what the journal keeps of it."""
        rows = [{"code": one.code, "reason": one.reason} for one in self.accepted]
        return {"accepted": rows, "json": b64(self.said), "note": b64(self.note)}


@dataclass(frozen=True, slots=True)
class Signed:
    """One state of a term, as it was signed."""

    act: str
    term: Term
    note: bytes
    annex: bytes  # SHA-256 of the age file
    at: datetime
    closing: Closing | None = None

    @property
    def accepted(self) -> tuple[Accepted, ...]:
        """What hindered the closing, and was accepted."""
        return () if self.closing is None else self.closing.accepted

    def to_json(self) -> dict[str, Any]:
        """Return the journal's line."""
        return {
            "act": self.act,
            "annex": b64(self.annex),
            "closing": None if self.closing is None else self.closing.to_json(),
            "details": self.term.to_json(),
            "note": b64(self.note),
        }


class Terms:
    """The terms of one office."""

    def __init__(self, journal: Journal) -> None:
        """Read the journal whole.

        Raises:
            DoubtError: a line of it does not hold.
        """
        self.journal = journal
        self._known: dict[str, list[Signed]] = {}
        for entry in journal.read():
            try:
                self._take(_signed(entry.says, entry.at))
            except (KeyError, TypeError, LakzegelError) as error:
                line = f"records/terms.jsonl: line {entry.number + 1}"
                raise DoubtError(f"{line}: not a term: {error}") from None

    def add(self, signed: Signed, now: datetime) -> None:
        """Write a state down, on disk before this returns.

        Raises:
            UsageError: another command wrote one since the journal was read.
        """
        if self.journal.head().count != sum(map(len, self._known.values())):
            raise UsageError("another command changed the terms meanwhile; run this again")
        self.journal.append(signed.to_json(), now)
        self._take(signed)

    def newest(self) -> list[Signed]:
        """Return the newest state of every custody, by when they begin."""
        rows = [rows[-1] for rows in self._known.values()]
        return sorted(rows, key=lambda row: (row.term.period.begins, row.term.custody))

    def get(self, custody: str) -> Signed | None:
        """Return the newest state of a custody, None where none was opened."""
        rows = self._known.get(custody)
        return None if rows is None else rows[-1]

    def require(self, custody: str) -> Signed:
        """Return the newest state of a custody.

        Raises:
            UsageError: none was opened.
        """
        found = self.get(custody)
        if found is None:
            raise UsageError(f"--custody {custody}: no term of it was opened; see: term list")
        return found

    def history(self, custody: str) -> Sequence[Signed]:
        """Return every state of a custody, oldest first."""
        return tuple(self._known.get(custody, ()))

    def is_closed(self, custody: str) -> bool:
        """Return whether a custody was closed."""
        found = self.get(custody)
        return found is not None and found.act == CLOSE

    def person_of(self, custody: str, at: datetime) -> str | None:
        """Return whose a custody is at a moment: None where it is nobody's, as far as is known."""
        found = self.get(custody)
        return found.term.person if found is not None and found.term.period.holds(at) else None

    def custodies_of(self, person: str, period: Period | None = None) -> list[Term]:
        """Return a person's terms that overlap with a period, or all, by when they begin."""
        return [
            row.term
            for row in self.newest()
            if row.term.person == person and (period is None or row.term.period.overlaps(period))
        ]

    def persons(self) -> Iterator[str]:
        """Yield everybody who has a term."""
        yield from sorted({row.term.person for row in self.newest()})

    def _take(self, signed: Signed) -> None:
        self._known.setdefault(signed.term.custody, []).append(signed)


def terms_of(office: Office) -> Terms:
    """Return the terms of an opened office.

    Raises:
        DoubtError: their journal is broken.
    """
    return Terms(Journal(office.home.records / "terms.jsonl", office.journal_key))


def _signed(says: Any, at: datetime) -> Signed:  # noqa: ANN401 - what a journal holds
    return Signed(
        act=says["act"],
        term=Term.from_json(says["details"]),
        note=unb64(says["note"], what="note"),
        annex=unb64(says["annex"], what="annex"),
        at=at,
        closing=_closing(says["closing"]),
    )


def _closing(says: Any) -> Closing | None:  # noqa: ANN401 - what a journal holds
    if says is None:
        return None
    accepted = tuple(Accepted(row["code"], row["reason"]) for row in says["accepted"])
    said = unb64(says["json"], what="certificate")
    return Closing(unb64(says["note"], what="certificate note"), said, accepted)
