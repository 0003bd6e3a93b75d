# SPDX-License-Identifier: EUPL-1.2
"""Which machine is which device: the journal `rosters`, and nowhere else.

    {"act":"admit","expires":"…Z","roster":"0badcafe","rows":[{"admission":"<b64>","custody":"…",
     "device":"d-…","group":"…","person":"…","serial":"…","token":"<vkey>"}]}

A line has at most 500 rows. It is on disk before a note of it is handed out.
docs/spec/journal.md §5
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from lakzegel_core.encoding import format_time, parse_time
from lakzegel_core.errors import LakzegelError
from lakzegel_office.commands.common import Office
from lakzegel_office.errors import DoubtError
from lakzegel_office.journal import Journal

ADMIT: Final = "admit"
MOST: Final = 500  # rows of a line


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of a roster, and the admission that lets it in."""

    serial: str
    device: str
    group: str
    custody: str
    person: str
    token: str  # its verifier key
    admission: str  # base64 of the note's id


@dataclass(frozen=True, slots=True)
class Listed:
    """A machine as the book has it: of which roster, until when it may come in."""

    roster: str
    expires: datetime
    machine: Machine


class Book:
    """The rosters of one office."""

    def __init__(self, journal: Journal) -> None:
        """Keep the journal."""
        self._journal = journal

    def add(
        self, roster: str, expires: datetime, machines: Sequence[Machine], now: datetime
    ) -> None:
        """Write machines down, on disk before this returns."""
        said = {"act": ADMIT, "expires": format_time(expires), "roster": roster}
        lines = [
            {**said, "rows": [asdict(one) for one in machines[first : first + MOST]]}
            for first in range(0, len(machines), MOST)
        ]
        self._journal.append_all(lines, now)

    def listed(self) -> Iterator[Listed]:
        """Yield every machine, in the order in which they were written down.

        Raises:
            DoubtError: the journal is broken.
        """
        for entry in self._journal.read():
            try:
                yield from _listed(entry.says)
            except (KeyError, TypeError, LakzegelError) as error:
                line = f"records/rosters.jsonl: line {entry.number + 1}"
                raise DoubtError(f"{line}: no machines of a roster: {error}") from None


def book_of(office: Office) -> Book:
    """Return the rosters of an opened office."""
    return Book(Journal(office.home.records / "rosters.jsonl", office.journal_key))


def _listed(says: Any) -> Iterator[Listed]:  # noqa: ANN401 - what a journal holds
    expires = parse_time(says["expires"], what="expires")
    for row in says["rows"]:
        yield Listed(says["roster"], expires, Machine(**row))
