# SPDX-License-Identifier: EUPL-1.2
"""The certificate to be read, PDF/A-2a: what its two XML files say, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib import resources
from typing import Any, Final
from xml.etree import ElementTree as ET

import typst

from lakzegel_office.destroying.deed import SPACE
from lakzegel_office.transfer.pdf import STANDARD, printed

PDF: Final = "verklaring.pdf"
_TEMPLATES: Final = resources.files("lakzegel_office.destroying") / "templates"
_IN: Final = f"{{{SPACE}}}"
_STATES: Final = {
    "withdrawn": "ingetrokken: nog niet definitief, kopieën van de sleutels kunnen nog bestaan",
    "erased": "gewist: definitief",
}
_ONE: Final = (
    "Niet aangetoond: beide handtekeningen zijn met sleutels die één wachtwoord opent, niet met"
    " die van twee personen."
)
_LINES: Final = {
    "organisatie": "Organisatie",
    "logboek": "Logboek",
    "opgemaakt": "Opgemaakt",
    "grond": "Grond",
    "wijze": "Wijze van vernietiging",
    "bijlagePersoonsgegevens": "Bijlage met persoonsgegevens (SHA-256 van de inhoud)",
}
_TABLES: Final = (
    ("Eenheden", "eenheid", ("kenmerk", "soort", "toepassing", "klasse", "datum", "bytes")),
    ("Verzegelde partijen en stukken", "partij", ("apparaat", "reeks", "nummer", "stukken")),
    ("Uittreksels van wat blijft (SHA-256 van de inhoud)", "uittreksel", ("van", "sha256")),
    ("Regels in het logboek", "sleutelbosVervangen", ("partij", "generatie", "logregel", "op")),
    ("Niet vernietigd, want van de lijst genomen", "nietVernietigd", ("kenmerk",)),
    ("Kopieën die nog bestaan", "kopie", ("waar", "tot")),
)
_WRAPPED: Final = 32  # characters after which a long word may be broken


def print_certificate(deed: bytes, execution: bytes, digest: str, at: datetime) -> bytes:
    """Return the PDF of a certificate and what became of it; the same for the same two."""
    said, done = (ET.fromstring(data) for data in (deed, execution))  # noqa: S314 - ours
    number = said.findtext(f"{_IN}nummer", "")
    page = {
        "title": printed(f"Verklaring van vernietiging {number}"),
        "rows": [[label, printed(text)] for label, text in _rows(said, done, digest)],
        "tables": list(_tables((said, done))),
    }
    made: bytes = typst.compile(
        (_TEMPLATES / "verklaring.typ").read_bytes(),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"page": json.dumps(page)},
        pdf_standards=[STANDARD],
        timestamp=int(at.timestamp()),
    )
    return made


def _rows(said: ET.Element, done: ET.Element, digest: str) -> Iterator[tuple[str, str]]:
    state = done.findtext(f"{_IN}stand", "")
    yield "Stand", f"{_STATES.get(state, state)} ({done.findtext(f'{_IN}op', '')})"
    for name, label in _LINES.items():
        yield label, said.findtext(f"{_IN}{name}", "")
    category = said.find(f"{_IN}categorie")
    if category is not None:
        texts = [category.findtext(f"{_IN}{name}", "") for name in ("waardering", "termijn")]
        about = category.findtext(f"{_IN}over", "")
        source = category.findtext(f"{_IN}bron", "")
        yield "Categorie", f"{category.get('code')}: {about}; {', '.join(texts)}; {source}"
    for role in ("voorgesteld", "goedgekeurd"):
        person = said.find(f"{_IN}personen/{_IN}{role}")
        if person is not None:
            yield role.capitalize(), f"door {person.get('door')} op {person.get('op')}"
    people = said.find(f"{_IN}personen")
    if people is not None and people.get("tweePersonen") != "ja":
        yield "Twee personen", _ONE
    extent = said.find(f"{_IN}omvang")
    if extent is not None:
        first, last = extent.get("van"), extent.get("tot")
        period = f"; van {first} tot en met {last}" if first else ""
        yield "Omvang", f"{extent.get('eenheden')} eenheden, {extent.get('bytes')} bytes{period}"
    yield "SHA-256 van verklaring.xml, zoals het logboek haar noemt", digest
    for beyond in done.findall(f"{_IN}buitenBereik"):
        yield "Buiten bereik van het programma; te verantwoorden door een mens", beyond.text or ""


def _tables(roots: Sequence[ET.Element]) -> Iterator[dict[str, Any]]:
    for title, name, columns in _TABLES:
        found = [row for root in roots for row in root.iter(f"{_IN}{name}")]
        if found:
            rows = [[_cell(row.get(column, "")) for column in columns] for row in found]
            yield {"title": title, "head": list(columns), "rows": rows}


def _cell(text: str) -> str:
    """Return a cell whose long words can be broken."""
    words = (printed(word) for word in text.split(" "))
    parts = (
        " ".join(word[i : i + _WRAPPED] for i in range(0, len(word), _WRAPPED)) for word in words
    )
    return " ".join(parts)
