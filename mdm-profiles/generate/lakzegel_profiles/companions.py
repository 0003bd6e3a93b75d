# SPDX-License-Identifier: EUPL-1.2
"""Profiles for other programs: what they delete by themselves, switched off where MDM can.

What is set here is what the guards of the agent look at, taken from their own tables, so that a
device with these profiles is what a guard calls compliant. docs/spec/settings-guarded.md
"""

from __future__ import annotations

import json
from typing import Final

from lakzegel_agent.guards.messages_retention import FOREVER, ICHAT, MOBILE
from lakzegel_agent.guards.messages_retention import KEYS as MESSAGES
from lakzegel_agent.guards.of_thunderbird import Value
from lakzegel_agent.guards.of_thunderbirdkeys import BUILT_IN
from lakzegel_agent.guards.of_thunderbirdkeys import KEYS as THUNDERBIRD
from lakzegel_agent.guards.of_thunderbirdlocks import BEGIN, END, merged
from lakzegel_profiles import outlook
from lakzegel_profiles.apple import Payload, profile
from lakzegel_profiles.site import Site

SERVERS: Final = 32  # accounts of a profile are numbered, and numbers are not used again
_DEFAULT: Final = "mail.server.default."
_JS: Final = """\
// Thunderbird deletes nothing by itself: to be put into defaults/pref of the installation, beside
// the files that are there. For the first {servers} accounts of every profile; made by
// `make profiles` of the table of the guard thunderbird-retention. Take the file away, and what
// users chose holds again.
"""


def files(site: Site) -> dict[str, bytes]:
    """Every companion, by path."""
    folder = "companions/thunderbird"
    return {
        f"{folder}/lakzegel-mdm.js": thunderbird_defaults(),
        f"{folder}/policies.json": thunderbird_policies(),
        "companions/macos/messages.mobileconfig": messages(site),
        **outlook.files(site),
    }


def thunderbird_defaults() -> bytes:
    """Locks of each account that there may be, with the type that Thunderbird has for it."""
    locks: dict[str, Value] = {}
    for key in THUNDERBIRD:
        if key.reason and not key.old:
            locks |= {key.of(f"server{one}"): key.good for one in range(1, SERVERS + 1)}
    lines = (merged(None, locks) or b"").removeprefix(BEGIN).removesuffix(END)
    return _JS.format(servers=SERVERS).encode() + lines


def thunderbird_policies() -> bytes:
    """What accounts begin with that are made later, in the form of policies.json.

    Only preferences that Thunderbird has a value of: of others it makes a flag of 0 and 1.
    """
    good = {_DEFAULT + key.name: key.good for key in THUNDERBIRD if key.reason}
    good |= {key.name: key.good for key in THUNDERBIRD if key.name.startswith("mail.")}
    preferences = {
        name: {"Value": value, "Status": "locked"}
        for name, value in sorted(good.items())
        if name in BUILT_IN
    }
    whole = {"policies": {"Preferences": preferences}}
    return (json.dumps(whole, indent=2) + "\n").encode()


def messages(site: Site) -> bytes:
    """Messages keeps for ever, by the keys that each version of macOS is known to have."""
    title = {"nl": "Berichten bewaart alles", "en": "Messages keeps everything"}[site.language]
    payloads = []
    for domain, name in ((MOBILE, "messages"), (ICHAT, "ichat")):
        content = {key: FOREVER for where, key in MESSAGES if where == domain}
        payloads.append(Payload(domain, name, title, content))
    return profile("messages", f"Lakzegel: {title}", title, payloads, site)
