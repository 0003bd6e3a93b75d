# SPDX-License-Identifier: EUPL-1.2
"""A share as a sheet of paper: what it is, what to do with it, in Dutch and English, and 33 words.

    # LAKZEGEL … (lines with # are for people)
     1. academic    2. …

docs/spec/office-keys.md §6.
"""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from lakzegel_office.errors import UsageError
from lakzegel_office.keys.shares import OneShare, parse

MAX_SHEET: Final = 65_536  # bytes
COLUMNS: Final = 3
_NUMBERED: Final = re.compile(r"\b(\d{1,2})\.\s+([a-z]+)")

_NL: Final = """\
DEEL {number} VAN {count} VAN EEN RESERVESLEUTEL
van {org}, periode {period}, reeks {set}, gemaakt op {day}

Nodig om de sleutel te herstellen: {rule}.
Die sleutel opent alles wat in deze periode is veiliggesteld. Met minder delen is
er niets mee te doen.

Print dit blad, vernietig het bestand, bewaar het blad in een gesloten envelop op
een andere plaats dan de andere delen. Geef het niemand, fotografeer het niet.
Eens per kwartaal vraagt het archief erom voor de proef: typ de 33 woorden dan in
een bestand, in deze volgorde, en vernietig dat bestand na de proef. Is dit blad
kwijt of door een ander gezien: meld het, dan komen er nieuwe delen.
Elk programma dat SLIP-0039 kent, voegt de delen samen.
"""
_EN: Final = """\
SHARE {number} OF {count} OF AN ESCROW KEY
of {org}, period {period}, set {set}, made on {day}

Needed to restore the key: {rule_en}.
That key opens all that was sealed in this period. Fewer shares tell nothing.

Print this sheet, destroy the file, keep the sheet in a closed envelope in another
place than the other shares. Give it to nobody, take no photograph. Once a quarter
the records office asks for it, for the rehearsal: type the 33 words into a file,
in this order, and destroy that file afterwards. If the sheet is lost or was seen
by somebody else, say so; then there will be new shares.
Every program that knows SLIP-0039 combines them.
"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is on the paper besides the words."""

    org: str
    period: str
    recipient: str  # base64 SHA-256 of the escrow recipient's text
    number: int
    count: int
    groups: int
    day: date

    def text(self, share: OneShare) -> str:
        """Return the whole sheet."""
        own, own_en = f"{share.needed} delen", f"{share.needed} shares"
        if self.groups > 1:
            own += f" van groep {share.group + 1}, waar dit er een van is; zo van"
            own += f" {share.groups_needed} van de {self.groups} groepen"
            own_en += f" of group {share.group + 1}, of which this is one; and so of"
            own_en += f" {share.groups_needed} of the {self.groups} groups"
        facts = {
            "number": self.number,
            "count": self.count,
            "org": self.org,
            "period": self.period,
            "set": f"{share.set_id:05d}",
            "day": self.day.isoformat(),
            "rule": own,
            "rule_en": own_en,
        }
        texts = (_NL.format(**facts), _EN.format(**facts), f"escrow {self.recipient}\n")
        head = "\n".join(_commented(text) for text in texts)
        return f"{head}\n{_table(share.words)}"


def read_sheet(path: Path) -> OneShare:
    """Return the share of a file: a sheet as it was made, or the words alone.

    Raises:
        UsageError: it cannot be read, or is no share.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_SHEET).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the share: {type(error).__name__}") from error
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    numbered = _NUMBERED.findall("\n".join(lines))
    words = [word for _, word in sorted(numbered, key=lambda each: int(each[0]))]
    try:
        return parse(words or " ".join(lines).lower().split())
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _commented(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())


def _table(words: tuple[str, ...]) -> str:
    cells = [f"{number:2}. {word:<12}" for number, word in enumerate(words, 1)]
    rows = [cells[start : start + COLUMNS] for start in range(0, len(cells), COLUMNS)]
    return "".join("".join(row).rstrip() + "\n" for row in rows)
