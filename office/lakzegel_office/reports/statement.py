# SPDX-License-Identifier: EUPL-1.2
"""A completeness statement: a note of the office over a report's facts (docs/spec/report.md §4).

lakzegel.nl/completeness/v1
log log.example/lakzegel
size 4711
root <base64>
at 2026-11-30T10:00:00Z
custody minister-1
from 2026-09-01
until 2026-11-30
request woo-2026-17
subject stikstof
units 9 = 7 + 1 + 1 + 0
facts <base64 SHA-256 of the report as canonical JSON>
journal audit 17 <base64 SHA-256 of its last line>
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lakzegel_core import fields, note
from lakzegel_core.encoding import b64, canonical_json, format_time
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_office.errors import DoubtError
from lakzegel_office.reports.completeness import Completeness, judge
from lakzegel_office.reports.model import Report, UnitFacts

KIND: Final = "completeness"
NONE: Final = "-"
COUNTED: Final = ("found", "exported", "left-out", "gone", "failed")


def facts_of(report: Report) -> bytes:
    """Return everything that a report says, as canonical JSON: what the statement is over."""
    return canonical_json({**report.to_json(), "completeness": _as_json(judge(report))})


def state(report: Report, key: SigningKey) -> bytes:
    """Return the signed statement."""
    scope, log = report.scope, report.log
    lines = [
        ("size", str(log.size)),
        ("root", b64(log.root)),
        ("at", format_time(scope.at)),
        ("custody", ",".join(scope.custodies) or NONE),
        ("from", scope.first.isoformat()),
        ("until", scope.last.isoformat()),
        ("request", scope.request or NONE),
        *_units(report.units),
        ("facts", b64(hashlib.sha256(facts_of(report)).digest())),
        *(("journal", f"{one.name} {one.count} {b64(one.digest)}") for one in report.journals),
    ]
    return note.sign(fields.encode(KIND, log.origin, lines), [key])


def _units(units: UnitFacts | None) -> Iterator[tuple[str, str]]:
    """Yield what was searched by, and what was found, may leave, stays, is gone, does not open."""
    if units is not None:
        found, *rest = (units.counts[name] for name in COUNTED)
        yield "subject", units.subject or NONE
        yield "units", f"{found} = {' + '.join(map(str, rest))}"


def check(statement: bytes, facts: bytes, key: VerifierKey) -> str:
    """Return the statement's text, when the office's key signed it over exactly these facts.

    Raises:
        DoubtError: it did not, or these are other facts.
    """
    try:
        text = note.open_exact(statement, [key]).text.decode()
    except LakzegelError as error:
        raise DoubtError(f"statement: {error}") from error
    lines = text.splitlines()
    if lines[0] != f"lakzegel.nl/{KIND}/v1":
        raise DoubtError("statement: a note of another kind")
    if f"facts {b64(hashlib.sha256(facts).digest())}" not in lines:
        raise DoubtError("statement: it is over other facts than these")
    return text


def _as_json(found: Completeness) -> Mapping[str, Any]:
    return {
        "complete": found.complete,
        "proven": [line.text.format(**line.holes) for line in found.proven],
        "missing": [line.text.format(**line.holes) for line in found.missing],
    }
