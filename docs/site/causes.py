# SPDX-License-Identifier: EUPL-1.2
"""Writes into the guide for IT support what the receiver knows of every problem, in both languages.

The tables stand between two comments of that page; run this after a change of the causes, in the
environment of the tests. `tests/house/test_guides.py` fails where a page is older than the causes.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lakzegel_server.fleet.cause import OWNERS, Cause, Severity
from lakzegel_server.fleet.causes import CAUSES
from lakzegel_server.pages.conditions import CONDITIONS, ORDER, Tone
from lakzegel_server.pages.problems import OF_DEVICES

ROOT: Final = Path(__file__).resolve().parents[2]
LOCALE: Final = ROOT / "server" / "lakzegel_server" / "locale"
PAGES: Final = {name: ROOT / "docs" / "guides" / name / "support.md" for name in ("nl", "en")}
BETWEEN: Final = r"(?<=<!-- {0} -->\n\n).*?(?=\n\n<!-- /{0} -->)"
HEADS: Final = {
    "nl": {
        "conditions": ("Stand", "Wat het betekent", "Actie"),
        "causes": ("Melding", "Wat er aan de hand is", "Aan zet", "Eerste stap"),
    },
    "en": {
        "conditions": ("State", "What it means", "Action"),
        "causes": ("Problem", "What is the matter", "Who acts", "First step"),
    },
}
ACTION: Final = {
    "nl": {
        Tone.BAD: "vandaag: er kan iets verloren gaan",
        Tone.WARN: "deze week",
        Tone.GOOD: "geen",
        Tone.CALM: "geen; er wordt niets vastgelegd",
    },
    "en": {
        Tone.BAD: "today: something may be lost",
        Tone.WARN: "this week",
        Tone.GOOD: "none",
        Tone.CALM: "none; nothing is captured",
    },
}
SOON: Final = {
    "nl": {
        Severity.CRITICAL: "vandaag",
        Severity.WARNING: "deze week",
        Severity.NOTICE: "niets dringends",
    },
    "en": {
        Severity.CRITICAL: "today",
        Severity.WARNING: "this week",
        Severity.NOTICE: "nothing urgent",
    },
}


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in lines)


def _said(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation("lakzegel_server", LOCALE, [language])


def conditions(language: str) -> str:
    """The table of a device's states, the worst first."""
    said, action = _said(language).gettext, ACTION[language]
    rows = (
        (f"**{said(one.label)}**", said(one.meaning), action[one.tone])
        for one in (
            CONDITIONS[condition] for condition in sorted(CONDITIONS, key=ORDER.__getitem__)
        )
    )
    return _table(HEADS[language]["conditions"], rows)


def causes(language: str, found: Iterable[Cause]) -> str:
    """The table of these problems, the most urgent first."""
    said, grave = _said(language).gettext, list(Severity)
    rows = (
        (
            f"**{said(one.title)}** [`{one.code}`](../runbooks.md#{one.code})",
            said(one.why),
            f"{said(OWNERS[one.owner])}; {SOON[language][one.severity]}",
            said(one.step),
        )
        for one in sorted(found, key=lambda one: (grave.index(one.severity), one.code))
    )
    return _table(HEADS[language]["causes"], rows)


def written(language: str, text: str) -> str:
    """The page with its tables as they are to be."""
    tables = {
        "conditions": conditions(language),
        "of-devices": causes(language, (one for one in CAUSES.values() if one.code in OF_DEVICES)),
        "of-receiver": causes(
            language, (one for one in CAUSES.values() if one.code not in OF_DEVICES)
        ),
    }
    for name, table in tables.items():
        pattern = re.compile(BETWEEN.format(name), re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"support.md ({language}): no place for the table {name}")
        text = pattern.sub(table.replace("\\", r"\\"), text)
    return text


if __name__ == "__main__":
    for name, page in PAGES.items():
        page.write_text(written(name, page.read_text("utf-8")), "utf-8")
