# SPDX-License-Identifier: EUPL-1.2
"""The files that a person would write: agent.toml, policy.toml and the annex with its folders."""

import json
import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from lakzegel_demo.errors import PartyError
from lakzegel_demo.parties import DEVICE
from lakzegel_demo.sources import WatchedFolder

VALIDITY = timedelta(days=365)
DOMAIN: Final = "minxyz.example"  # of the ministry in the demo's own mail


def quoted(text: str) -> str:
    """Return a text as a TOML basic string."""
    # JSON's escapes are TOML's, except that TOML also wants DEL escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _array(texts: Iterable[str]) -> str:
    return f"[{', '.join(quoted(text) for text in texts)}]"


def agent_toml(*, server: str, home: Path, log_keys: Sequence[str], policy: Sequence[str]) -> str:
    """Return what a device must know before it has a policy; MDM would deliver it."""
    return "".join(
        [
            f"server = {quoted(server)}\n",
            f"home = {quoted(str(home))}\n",
            f"log_keys = {_array(log_keys)}\n",
            f"policy_keys = {_array(policy)}\n",
            f"user_home = {quoted(str(home))}\n",  # nobody's: this machine's user is left alone
            'keystore = "plain"\n',  # what it leaves behind works on another machine, too
        ]
    )


def policy_toml(sources: Iterable[WatchedFolder], recipients: Sequence[str], today: date) -> str:
    """Return a policy that names neither folder nor person: the receiver reads it."""
    lines = [
        "serial = 1",
        f'audience = ["device:{DEVICE}"]',
        f"expires = {(today + VALIDITY).isoformat()}",
        f"recipients = {_array(recipients)}",
        'cadence = "0s"',
        'release = "held"',
    ]
    lines += ["", "[guards]", 'default = "report"']
    lines += ['apps-covered = "off"']  # which programs this machine has is not the demo's to judge
    lines += ["", "[mail]", f"domains = {_array([DOMAIN])}"]
    for source in sources:
        lines += ["", "[[source]]", f"name = {quoted(source.opaque)}"]
        lines += [f"kind = {quoted(source.kind)}", 'settle = "0s"']
    return "\n".join(lines) + "\n"


def annex_toml(sources: Iterable[WatchedFolder]) -> str:
    """Return what only the device and the office may read: names and folders."""
    lines = [f'device = "{DEVICE}"']
    for source in sources:
        lines += ["", "[[source]]", f"name = {quoted(source.opaque)}"]
        lines += [f"label = {quoted(source.name)}", f"path = {quoted(str(source.folder))}"]
    return "\n".join(lines) + "\n"


def office_keys(office_toml: Path) -> tuple[list[str], list[str]]:
    """Return the recipients and the policy keys that an office's public file names.

    Raises:
        PartyError: it does not name two of each.
    """
    read = tomllib.loads(office_toml.read_text())
    recipients = [str(text) for text in read.get("recipients", {}).values()]
    keys = read.get("keys", {})
    policy = [str(keys[name]) for name in ("policy-records", "policy-privacy") if name in keys]
    if len(recipients) < 2 or len(policy) < 2:  # noqa: PLR2004 - two of each
        raise PartyError(f"{office_toml}: names no two recipients and two policy keys")
    return recipients, policy


def today() -> date:
    """Return the day, in UTC."""
    return datetime.now(UTC).date()
