# SPDX-License-Identifier: EUPL-1.2
"""The programs that may make backups, as `config` shows them (docs/spec/settings.md §6)."""

from __future__ import annotations

from lakzegel_agent.errors import UsageError
from lakzegel_agent.platforms import system
from lakzegel_agent.readoutcommand import load_programs, settings_beside
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.settingslayers import Provenance
from lakzegel_agent.settingsshown import Shown

PREFIX = "readout"


def programs_shown(config: Config) -> tuple[list[Shown], UsageError | None]:
    """A row for each name that a policy may use, and what is wrong with the file that says so.

    The program alone: what follows it may be a password. A file that is of no use is one row
    without a value: the agent then starts none of its programs.
    """
    path = settings_beside(config.path)
    said = Provenance("file", str(path), locked=False, overridden=())
    try:
        found = load_programs(path, agent=_agent(config))
    except UsageError as error:
        return [Shown(PREFIX, None, said)], error
    return [Shown(f"{PREFIX}.{name}", found[name][0], said) for name in sorted(found)], None


def _agent(config: Config) -> int:
    """The user that the agent runs as: whoever owns its home."""
    try:
        return config.home.stat().st_uid
    except OSError:
        return system.me()
