# SPDX-License-Identifier: EUPL-1.2
"""Rules of Intune's custom compliance, for what the discovery scripts print.

    {"Rules": [{"SettingName": "running", "Operator": "IsEquals", "DataType": "Boolean",
                "Operand": true, "MoreInfoUrl": …, "RemediationStrings": [{…}]}]}

Only of what says that an agent looks after this device (docs/spec/health.md §7).
"""

from __future__ import annotations

import json
from typing import Any, Final

from lakzegel_profiles.site import Site

MAX_DAYS: Final = (
    7  # without a receipt: longer than a week's leave is told by the office, not by this
)
_RULES: Final = (
    (
        ("running", "IsEquals", "Boolean", True),
        ("De archiefagent draait niet", "Start dit apparaat opnieuw op; bel anders IT-support."),
        ("The archive agent does not run", "Restart this device; else call IT support."),
    ),
    (
        ("enrolled", "IsEquals", "Boolean", True),
        (
            "De archiefagent is niet aangemeld",
            "Houd dit apparaat aan en op internet, een uur lang.",
        ),
        ("The archive agent is not enrolled", "Keep this device on and online, for an hour."),
    ),
    (
        ("days_since_receipt", "LessEquals", "Int64", MAX_DAYS),
        (
            "De archiefagent heeft al een week niets afgeleverd",
            "Laat dit apparaat een uur aan en op internet; bel anders IT-support.",
        ),
        (
            "The archive agent delivered nothing for a week",
            "Keep this device on and online, for an hour; else call IT support.",
        ),
    ),
)


def rules(site: Site) -> bytes:
    """The file that goes with either script."""
    whole = {"Rules": [_rule(*row, site.help) for row in _RULES]}
    return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def _rule(
    asked: tuple[str, str, str, object], dutch: tuple[str, str], english: tuple[str, str], url: str
) -> dict[str, Any]:
    name, operator, kind, operand = asked
    words = (("en_US", english), ("nl_NL", dutch))
    return {
        "SettingName": name,
        "Operator": operator,
        "DataType": kind,
        "Operand": operand,
        "MoreInfoUrl": url,
        "RemediationStrings": [
            {"Language": language, "Title": title, "Description": text}
            for language, (title, text) in words
        ],
    }
