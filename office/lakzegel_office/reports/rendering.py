# SPDX-License-Identifier: EUPL-1.2
"""A report as one page: no script, nothing from elsewhere, the same bytes for the same facts."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Final

import jinja2
from markupsafe import Markup

from lakzegel_office.reports.completeness import judge
from lakzegel_office.reports.days import LABELS
from lakzegel_office.reports.guidance import ATTENTION, NOTHING, SHOWN, rows
from lakzegel_office.reports.model import Report
from lakzegel_office.reports.plots import PATTERNS, Plot, calendar, risks, volumes
from lakzegel_office.reports.words import Said, said_in

ROW_SAYS: Final = {SHOWN: "evidence", ATTENTION: "look here", NOTHING: "no evidence"}
_MIB: Final = 1_000_000


@cache
def _environment() -> jinja2.Environment:
    """Where templates come from; everything that they are given is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("lakzegel_office.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def style() -> str:
    """Return the report's style sheet."""
    folder = files("lakzegel_office.reports") / "templates"
    return (folder / "report.css").read_text(encoding="utf-8")


def page(report: Report, language: str) -> str:
    """Return the HTML of a report in a language."""
    say = said_in(language)
    sheet = style()
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    template = _environment().get_template("report.html")
    return template.render(
        _=say,
        lang=language,
        report=report,
        judged=judge(report),
        rows=rows(report),
        plots=_plots(report, say),
        patterns=PATTERNS,
        states=LABELS,
        row_says=ROW_SAYS,
        sheet=Markup(sheet),  # noqa: S704 - our own file
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'",
        moment=moment,
        short=short,
        size=_size,
        number=_number,
    )


def _plots(report: Report, say: Said) -> list[dict[str, Plot | None]]:
    """Return each device's plots."""
    scope = report.scope
    return [
        {
            "days": calendar(f"c{place}", device, scope, say),
            "risks": risks(f"r{place}", device, scope, say),
            "weeks": volumes(f"v{place}", device, scope, say),
        }
        for place, device in enumerate(report.devices)
    ]


def moment(value: datetime | str | None) -> str:
    """Return a moment as people read it, in UTC, which the page says once."""
    if value is None or not value:
        return "-"
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{at:%Y-%m-%d %H:%M}"


def short(digest: str | bytes) -> str:
    """Return the begin of a digest."""
    text = digest.hex() if isinstance(digest, bytes) else digest
    return f"{text[:16]}…" if len(text) > 16 else text or "-"  # noqa: PLR2004


def _number(count: int) -> str:
    """Return a count with thin spaces between its thousands, as both languages read it."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _size(count: int) -> str:
    return f"{count / _MIB:.1f} MB"
