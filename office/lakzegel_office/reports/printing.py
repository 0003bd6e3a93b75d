# SPDX-License-Identifier: EUPL-1.2
"""A report as PDF/A, by typst: the same facts and plots as on the page, in an archive's format."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import typst

from lakzegel_office.reports.completeness import judge
from lakzegel_office.reports.days import LABELS
from lakzegel_office.reports.evidence import Line
from lakzegel_office.reports.guidance import rows
from lakzegel_office.reports.model import DeviceFacts, LedgerFacts, Report
from lakzegel_office.reports.plots import PATTERNS, Plot, calendar, risks, volumes
from lakzegel_office.reports.rendering import ROW_SAYS, moment, short
from lakzegel_office.reports.words import Said, said_in
from lakzegel_office.transfer.pdf import shaped

STANDARD: Final = "a-2b"
_PRINTED: Final = """
text { font-family: "Libertinus Serif"; } .t { fill: #1c2126; font-size: 17px; }
.m { fill: #4d5761; font-size: 14px; } .l { stroke: #d3d9df; fill: none; }
.w { stroke: #9aa4ae; fill: none; } .d-whole { fill: #1f6fb5; } .d-asleep { fill: url(#p-asleep); }
.d-away { fill: url(#p-away); } .d-gap { fill: url(#p-gap); } .d-none { fill: url(#p-none); }
.b-asleep { fill: #a9cdec; } .i-asleep { fill: #1f6fb5; } .b-away { fill: #e6eaee; }
.i-away { fill: #77818b; } .b-gap { fill: #ffd9a0; } .i-gap { fill: #b25e00; }
.b-none { fill: #f6c3bf; } .i-none { stroke: #8f1a14; stroke-width: 1.4; fill: none; }
"""


def pdf(report: Report, language: str) -> bytes:
    """Return the PDF/A of a report in a language; the same bytes for the same facts."""
    say = said_in(language)
    template = files("lakzegel_office.reports") / "templates" / "report.typ"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "report.typ"
        source.write_bytes(template.read_bytes())
        made = typst.compile(
            str(source),
            format="pdf",
            ignore_system_fonts=True,
            pdf_standards=STANDARD,
            timestamp=int(report.scope.at.timestamp()),
            sys_inputs={"report": json.dumps(_shaped(_data(report, say, language)))},
        )
    return bytes(made)


def _data(report: Report, say: Said, language: str) -> dict[str, Any]:
    """Return what the template prints, each text in the language already."""
    judged, scope, log = judge(report), report.scope, report.log
    verdict = say("Proven complete for this scope.")
    if not judged.complete:
        text = "Not everything is proven complete: {count} points below say what is not, and why."
        verdict = say(text, count=len(judged.missing))
    return {
        "lang": language,
        "title": say("Report on what was secured"),
        "office": f"{say('Records office')} · {log.origin}",
        "facts": [
            [say("Period"), f"{scope.first} - {scope.last}"],
            [say("Custody"), ", ".join(scope.custodies) or say("all")],
            [say("Request"), scope.request or "-"],
            [say("As of"), f"{moment(scope.at)} UTC"],
            [say("Log"), say("{size} entries, signed at {at} UTC", size=log.size,
                             at=moment(log.signed))],
            [say("Root"), log.root.hex()],
            [say("Cosigned by"), ", ".join(log.witnesses) or say("nobody")],
            *([say("Journal {name}", name=one.name), f"{one.count}, {one.digest.hex()}"]
              for one in report.journals),
        ],
        "complete": judged.complete,
        "verdict": verdict,
        "lists": [
            [say("Completeness statement") + ": " + say("Proven"), _lines(judged.proven, say)],
            [say("Not proven, and why"), _lines(judged.missing, say)],
        ],
        "plots": [one for place, device in enumerate(report.devices)
                  for one in _plots(report, device, place, say)],
        "legend": _legend(say),
        "tables": [_ledger(report, say), _readouts(report, say), _guidance(report, say),
                   _entries(report, say)],
        "footer": say("Made from the mirror alone; the same mirror and moment give the same "
                      "report. All times are UTC."),
    }  # fmt: skip


def _shaped(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return it with the code point of each character that the fonts have no shape for."""
    if isinstance(value, str):
        return shaped(value)
    if isinstance(value, dict):
        return {name: _shaped(one) for name, one in value.items()}
    return [_shaped(one) for one in value] if isinstance(value, list) else value


def _lines(lines: Iterable[Line], say: Said) -> list[str]:
    return [say.line(line) for line in lines]


def _plots(report: Report, device: DeviceFacts, place: int, say: Said) -> Iterable[list[str]]:
    for make, name in ((calendar, "c"), (risks, "r"), (volumes, "v")):
        plot: Plot | None = make(f"{name}{place}", device, report.scope, say)
        if plot is not None:
            told = str(plot.svg).partition('-d">')[2].partition("</desc>")[0]
            yield [plot.title, _drawn(str(plot.svg)), told]


def _drawn(svg: str) -> str:
    """Return an SVG that stands alone: its patterns and its style with it."""
    head, end, rest = svg.partition("</desc>")
    return f"{head}{end}{PATTERNS}<style>{_PRINTED}</style>{rest}"


def _legend(say: Said) -> list[list[str]]:
    box = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 22 16" width="22" height="16">'
    head = f"{box}{PATTERNS}<style>{_PRINTED}</style>"
    return [
        [f'{head}<rect class="d-{state}" width="22" height="16"/></svg>', say(label)]
        for state, label in LABELS.items()
    ]


def _table(title: str, heads: list[str], found: list[list[str]]) -> dict[str, Any]:
    return {"title": title, "heads": heads, "rows": found}


def _ledger(report: Report, say: Said) -> dict[str, Any]:
    heads = ["Device", "Source", "Found", "Sealed", "Excluded", "Failed", "Adds up"]
    found = [
        [device.name, source.label, *_counted(source.ledger, say)]
        for device in report.devices
        for source in device.sources
        if source.ledger is not None
    ]
    return _table(say("Ledger"), [say(head) for head in heads], found)


def _counted(one: LedgerFacts, say: Said) -> list[str]:
    counts = (one.found, one.sealed, sum(one.excluded.values()), sum(one.failed.values()))
    return [*map(str, counts), say("yes" if one.balanced else "no")]


def _readouts(report: Report, say: Said) -> dict[str, Any]:
    heads = ["Phone", "Backup of", "Read", "Whole", "Conversations", "Messages", "Media", "Absent"]
    found = [
        [one.custody or one.source, moment(one.backup), moment(one.read),
         say("yes" if one.complete else "no"), str(one.conversations), str(one.messages),
         str(one.media), str(one.absent)]
        for device in report.devices for one in device.readouts
    ]  # fmt: skip
    return _table(say("Read-outs of phones"), [say(head) for head in heads], found)


def _guidance(report: Report, say: Said) -> dict[str, Any]:
    heads = [say(head) for head in ("No.", "What is asked", "State", "Evidence")]
    nothing = say("no evidence in this mirror")
    found = [
        [str(row.number), say(row.asks), say(ROW_SAYS[row.state]),
         "\n".join(_lines(row.lines, say)) or nothing]
        for row in rows(report)
    ]  # fmt: skip
    return _table(say("The guidance, row by row"), heads, found)


def _entries(report: Report, say: Said) -> dict[str, Any]:
    heads = [say(head) for head in ("Entry", "At", "What", "Of", "Says")]
    found = [[str(f.entry), moment(f.at), say("finding"), f.batch, f.code] for f in report.findings]
    found += [[str(m.entry), moment(m.at), say(m.kind), m.name, say(m.state)] for m in report.marks]
    found += [
        [str(d.entry), moment(d.at), say(d.reason), d.batch,
         f"{say('{count} items', count=d.items)}, {short(d.certificate)}"]
        for d in report.disposals
    ]  # fmt: skip
    return _table(say("Findings, holds, disposals, terms"), heads, found)
