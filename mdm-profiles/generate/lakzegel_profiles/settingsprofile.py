# SPDX-License-Identifier: EUPL-1.2
"""The agent's settings as managed preferences of macOS, every key of them.

A key that nobody set stands in a comment, ready to be taken out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from lakzegel_profiles.apple import BUNDLE, Payload, snippet
from lakzegel_profiles.keys import Key, Value
from lakzegel_profiles.site import Site

PLATFORM: Final = "macos"


def settings_payload(keys: Sequence[Key], site: Site) -> Payload:
    """The payload whose domain the agent reads."""
    values = {key.name: site.value(key, PLATFORM) for key in keys}
    content = nested({name: value for name, value in values.items() if value is not None})
    notes = []
    for table, group in groupby(keys, key=lambda key: key.table):
        rows = [key for key in group if values[key.name] is None]
        inside = table in content
        parts = [[key] for key in rows] if not table or inside else [rows]
        notes += [_note(part, site, bare=inside) for part in parts if part]
    title = {"nl": "Instellingen van de agent", "en": "Settings of the agent"}[site.language]
    return Payload(BUNDLE, "settings", title, content, notes)


def nested(values: dict[str, Value]) -> dict[str, Any]:
    """Values by dotted name, in their tables."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        table, _, last = name.rpartition(".")
        (found.setdefault(table, {}) if table else found)[last] = value
    return found


def _note(keys: Sequence[Key], site: Site, *, bare: bool) -> str:
    """What could be set, each with its words, and the lines that would do it.

    ``bare`` are those whose table is there already, so that they belong in it.
    """
    told = [f"{key.name}: {key.words[site.language].text}" for key in keys]
    shown = {key.last if bare else key.name: key.shown(PLATFORM) for key in keys}
    return "\n".join([*told, snippet(nested(shown))])
