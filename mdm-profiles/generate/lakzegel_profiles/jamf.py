# SPDX-License-Identifier: EUPL-1.2
"""A manifest for Jamf Pro's *Application & Custom Settings*: a form of every key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from lakzegel_profiles.apple import BUNDLE
from lakzegel_profiles.keys import Key, Kind

_TYPES: Final = {Kind.TEXT: "string", Kind.NUMBER: "integer", Kind.FLAG: "boolean"}
_HEAD: Final = {
    "nl": ("Lakzegel: instellingen van de agent", "Voor het beheerde voorkeurendomein"),
    "en": ("Lakzegel: settings of the agent", "For the managed preferences domain"),
}
_TABLES: Final = {
    "limits": {"nl": "Grenzen", "en": "Limits"},
    "shipping": {"nl": "Verzending", "en": "Shipping"},
}


def manifest(keys: Sequence[Key], language: str) -> bytes:
    """The schema, with what is required first."""
    title, text = _HEAD[language]
    properties: dict[str, Any] = {}
    for order, key in enumerate(keys, start=1):
        row = _property(key, language, order)
        if not key.table:
            properties[key.last] = row
            continue
        words = _TABLES.get(key.table, {}).get(language, key.table)
        table = properties.setdefault(
            key.table,
            {"type": "object", "title": words, "property_order": order, "properties": {}},
        )
        table["properties"][key.last] = row
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "description": f"{text} {BUNDLE}.",
        "__preferencedomain": BUNDLE,
        "type": "object",
        "options": {"remove_empty_properties": True},
        "required": [key.name for key in keys if key.required],
        "properties": properties,
    }
    return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def _property(key: Key, language: str, order: int) -> dict[str, Any]:
    words = key.words[language]
    row: dict[str, Any] = {
        "title": words.title,
        "description": words.text,
        "property_order": order,
        **_limits(key),
    }
    if key.default is not None:
        told = {"nl": "Standaard", "en": "Default"}[language]
        row["description"] += f" {told}: {key.default}."
    shown = key.shown("macos")
    placeholder = ", ".join(shown) if isinstance(shown, list) else str(shown)
    row["options"] = {"inputAttributes": {"placeholder": placeholder}}
    return row


def _limits(key: Key) -> dict[str, Any]:
    """Type and limits, as the schema of the settings has them."""
    if key.kind is Kind.LIST:
        return {"type": "array", "items": {"type": "string"}, "minItems": 1}
    found: dict[str, Any] = {"type": _TYPES[key.kind]}
    if key.choices:
        found["enum"] = list(key.choices)
    if key.least is not None:
        found["minimum"] = key.least
    if key.most is not None:
        found["maximum"] = key.most
    return found
