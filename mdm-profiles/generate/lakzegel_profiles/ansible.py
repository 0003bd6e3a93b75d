# SPDX-License-Identifier: EUPL-1.2
"""What of the role for Ansible is about keys: its variables, what may be in them, the template.

A variable that is not there is a key that is not set. The token goes into a file of its own, for
``agent.toml`` is open to everybody who uses the device.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from lakzegel_profiles.guide import variable
from lakzegel_profiles.keys import Key, Kind, Value
from lakzegel_profiles.site import Site

PLATFORM: Final = "linux"
ROLE: Final = "linux/ansible/roles/lakzegel_agent"
TOKEN: Final = "token"  # noqa: S105 - the name of a key
_HEAD: Final = """\
# SPDX-License-Identifier: EUPL-1.2
# Made by `make profiles` of the agent's schema; changed there, or in words.toml.
"""
_TYPES: Final = {Kind.TEXT: "str", Kind.NUMBER: "int", Kind.FLAG: "bool", Kind.LIST: "list"}
_AS: Final = {Kind.NUMBER: " | int", Kind.FLAG: " | bool"}  # a variable may come as a text
_OWN: Final = {  # variables of the role that are no key
    "lakzegel_agent_package": ("lakzegel-agent", "Package to install; empty: it is there already."),
    "lakzegel_agent_etc": ("/etc/lakzegel", "Folder of the settings; another one only to try."),
    "lakzegel_agent_service": ("lakzegel-agent.service", "Service to start; empty: none."),
    "lakzegel_agent_owner": ("root", "Whose the settings are; another one only to try."),
    "lakzegel_agent_user": ("lakzegel-agent", "User of the agent, who may read the token."),
    "lakzegel_agent_authorities": ("", "PEM of the authorities that ca_file names; empty: none."),
    "lakzegel_agent_program": ("/usr/bin/lakzegel-agent", "Program that checks the settings."),
}


def role(keys: Sequence[Key], site: Site) -> dict[str, bytes]:
    """The three files, by path."""
    return {
        f"{ROLE}/defaults/main.yml": _defaults(keys, site),
        f"{ROLE}/meta/argument_specs.yml": _specs(keys),
        f"{ROLE}/templates/agent.toml.j2": _template(keys),
    }


def _defaults(keys: Sequence[Key], site: Site) -> bytes:
    """What is set; the other variables as comments that show the default, or an example."""
    parts = [_HEAD + "---"]
    parts += [f"# {text}\n{name}: {_yaml(own)}" for name, (own, text) in _OWN.items()]
    for key in keys:
        value = site.values.get(key.name)
        words = key.words["en"]
        told = textwrap.fill(words.text, 98, initial_indent="# ", subsequent_indent="# ")
        mark, shown = ("", value) if value is not None else ("#: ", key.shown(PLATFORM))
        must = "# Must be set.\n" if key.required else ""
        parts.append(f"{told}\n{must}{mark}{variable(key)}: {_yaml(shown)}")
    return ("\n\n".join(parts) + "\n").encode()


def _specs(keys: Sequence[Key]) -> bytes:
    """What Ansible checks before the role does anything."""
    lines = [_HEAD + "---", "argument_specs:", "  main:"]
    lines += ["    short_description: The Lakzegel agent, set up and running", "    options:"]
    for name, (value, text) in _OWN.items():
        lines += [f"      {name}:", "        type: str", f"        default: {_yaml(value)}"]
        lines += [f"        description: {_yaml(text)}"]
    for key in keys:
        lines += [f"      {variable(key)}:", f"        type: {_TYPES[key.kind]}"]
        lines += ["        elements: str"] if key.kind is Kind.LIST else []
        lines += ["        required: true"] if key.required else []
        lines += [f"        choices: {_yaml(list(key.choices))}"] if key.choices else []
        lines += ["        no_log: true"] if key.secret else []
        lines += [f"        description: {_yaml(_described(key))}"]
    return ("\n".join(lines) + "\n").encode()


def _described(key: Key) -> str:
    default = "" if key.default is None else f" Default: {key.default}."
    return f"{key.name}: {key.words['en'].text}{default}"


def _template(keys: Sequence[Key]) -> bytes:
    """``agent.toml`` of the variables: JSON's texts, numbers and lists are TOML's too."""
    lines = [_HEAD.replace("Made by", "Template made by") + "# {{ ansible_managed }}"]
    for table, rows in groupby(keys, key=lambda key: key.table):
        lines += ["", f"[{table}]"] if table else [""]
        for key in rows:
            if key.name != TOKEN:
                lines += _line(key)
    return ("\n".join(lines) + "\n").encode()


def _line(key: Key) -> list[str]:
    name = variable(key)
    value = f"{name}{_AS.get(key.kind, '')} | to_json(ensure_ascii=false)"
    shown = f"{key.last} = {{{{ {value} }}}}"
    if key.required:
        return [shown]
    return [f"{{% if {name} is defined and {name} is not none %}}", shown, "{% endif %}"]


def _yaml(value: Value) -> str:
    """A value in YAML, which has JSON in it; what Ansible would take for its own, it shall not."""
    text = json.dumps(value, ensure_ascii=False)
    return f"!unsafe {text}" if "{{" in text or "{%" in text else text
