# SPDX-License-Identifier: EUPL-1.2
"""`/etc/lakzegel/agent.toml`: what is set, and every other key as a comment."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from lakzegel_profiles.keys import Key, Value
from lakzegel_profiles.site import Site

PLATFORM: Final = "linux"
_HEAD: Final = """\
# SPDX-License-Identifier: EUPL-1.2
# Settings of the agent, as MDM delivers them: /etc/lakzegel/agent.toml, owned by root, and neither
# it nor its folder writable for anybody else. Made by `make profiles`; every key is here.
# A line that begins with "#:" is one that you may set; it shows the default, or an example.
"""


def agent_toml(keys: Sequence[Key], site: Site) -> bytes:
    """The file, with every key."""
    parts = [_HEAD]
    for table, rows in groupby(keys, key=lambda key: key.table):
        lines = [_lines(key, site) for key in rows]
        is_set = any(not line.startswith("#:") for text in lines for line in _settings(text))
        head = f"[{table}]" if is_set else f"#: [{table}]"
        parts += [head + "\n"] if table else []
        parts += lines
    return "\n".join(parts).encode()


def literal(value: Value) -> str:
    """A value as TOML has it, which of texts, numbers, truths and lists is as JSON has it."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _lines(key: Key, site: Site) -> str:
    words = key.words[site.language]
    value = site.value(key, PLATFORM)
    comment = textwrap.fill(
        f"{words.title}. {words.text}", 98, initial_indent="# ", subsequent_indent="# "
    )
    if value is not None:
        return f"{comment}\n{key.last} = {literal(value)}\n"
    return f"{comment}\n#: {key.last} = {literal(key.shown(PLATFORM))}\n"


def _settings(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("# ")]
