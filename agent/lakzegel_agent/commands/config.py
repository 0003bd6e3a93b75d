# SPDX-License-Identifier: EUPL-1.2
"""`config`: the effective settings, and where each came from."""

from __future__ import annotations

import argparse

from lakzegel_agent.commands.common import Commands, answer, command

_MORE = """\
The file comes from MDM. LAKZEGEL_AGENT_SERVER, _HOME, _CA_FILE, _WORKERS and _USER_HOME in the
environment win over it; whom the device trusts comes from the file alone.

exit: 0 the configuration can be used; 2 it cannot, and why

example: lakzegel-agent config --config /etc/lakzegel/agent.toml
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "show the effective settings and where each came from"
    parser = command(commands, "config", run, text=text, more=_MORE)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the settings."""
    from lakzegel_agent.settings import load_config  # noqa: PLC0415 - starts fast

    config = load_config(arguments.config)
    pins = config.pins
    values: dict[str, object] = {
        "server": config.server,
        "home": str(config.home),
        "log_keys": [pins.log.ed25519.to_text(), pins.log.mldsa.to_text()],
        "policy_keys": [key.to_text() for key in pins.policy],
        "threshold": pins.threshold,
        "ca_file": None if config.ca_file is None else str(config.ca_file),
        "workers": config.workers,
        "user_home": str(config.user_home),
    }
    if arguments.json:
        answer({k: {"value": v, "from": config.origins[k]} for k, v in values.items()})
        return 0
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            print(f"{name:12} {_short(str(one)):60} {config.origins[name]}")
    return 0


def _short(text: str) -> str:
    """Enough of a long key to compare with another list: its name and id."""
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004 - a column's width
