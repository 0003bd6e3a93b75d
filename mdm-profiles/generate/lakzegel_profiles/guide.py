# SPDX-License-Identifier: EUPL-1.2
"""`docs/guides/mdm-keys.md`: every key, with what it is called on each platform."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Final

from lakzegel_agent.managedregistry import KEY
from lakzegel_profiles.admx import element_id
from lakzegel_profiles.keys import Key, Kind
from lakzegel_profiles.omauri import data, uri

_TEMPLATE: Final = Path(__file__).with_name("guide.template.md")
_APPLE: Final = {
    Kind.TEXT: "string",
    Kind.NUMBER: "integer",
    Kind.FLAG: "true, false",
    Kind.LIST: "array of strings",
}
_REGISTRY: Final = {
    Kind.TEXT: "REG_SZ",
    Kind.NUMBER: "REG_DWORD",
    Kind.FLAG: "REG_DWORD 0, 1",
    Kind.LIST: "REG_MULTI_SZ",
}


def guide(keys: Sequence[Key]) -> bytes:
    """The page."""
    rows = {
        "must": [_row(key) for key in keys if key.required],
        "may": [_row(key) for key in keys if not key.required],
        "forms": [_form(key) for key in keys],
        "oma": [_oma(key) for key in keys],
    }
    told = {name: "\n".join(lines) for name, lines in rows.items()}
    template = Template(_TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(told, registry=KEY).encode()


def variable(key: Key) -> str:
    """What the role of Ansible calls it."""
    return "lakzegel_agent_" + key.name.replace(".", "_")


def _row(key: Key) -> str:
    default = "" if key.default is None else f"`{key.default}`"
    if key.default is None and not key.required:
        default = "none"
    return f"| `{key.name}` | {_type(key)} | {default} | {key.words['en'].text} |"


def _type(key: Key) -> str:
    if key.choices:
        return "one of " + ", ".join(f"`{choice}`" for choice in key.choices)
    if key.kind is Kind.NUMBER and key.least is not None:
        return f"number, {key.least} to {key.most}" if key.most else f"number from {key.least}"
    return {Kind.LIST: "list of texts", Kind.FLAG: "true or false"}.get(key.kind, key.kind.value)


def _form(key: Key) -> str:
    return (
        f"| `{key.name}` | {_APPLE[key.kind]} | `{_REGISTRY[key.kind]}`"
        f" | `{key.camel}`, `{element_id(key)}` | `{variable(key)}` |"
    )


def _oma(key: Key) -> str:
    shown = ["FIRST", "SECOND"] if key.kind is Kind.LIST else key.shown("windows")
    return f"| `{key.name}` | `{uri(key)}` | `{data(key, shown)}` |"
