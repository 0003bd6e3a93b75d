# SPDX-License-Identifier: EUPL-1.2
"""Configuration profiles of Apple's: payloads in an envelope, the same bytes each time.

    {PayloadType: Configuration, PayloadIdentifier, PayloadUUID, PayloadContent: [payload, …]}

The identifiers of a payload are made of its name, so that a new profile replaces the old one. What
each payload may hold: `applekeys.py`, after Apple's published schemas.
"""

from __future__ import annotations

import html
import plistlib
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lakzegel_profiles.site import Site

BUNDLE: Final = "nl.lakzegel.agent"
_NAMES: Final = uuid.UUID("5d0f4f9e-6f0f-5b0a-9d53-6a5d8f0c7a11")  # under which ours are made
_NOTE: Final = "note of ours "
_NOTED: Final = re.compile(rf"(\t*)<key>{_NOTE}\d+</key>\n\t*<string>(.*?)</string>\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload; ``notes`` are comments below its keys."""

    kind: str
    name: str
    title: str
    content: Mapping[str, Any]
    notes: Sequence[str] = field(default=())


def profile(
    name: str,
    title: str,
    text: str,
    payloads: Sequence[Payload],
    site: Site,
    *,
    scope: str | None = "System",
) -> bytes:
    """A profile of these payloads, as XML; ``scope`` is for macOS alone."""
    whole: dict[str, Any] = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        **_names(f"{BUNDLE}.profile.{name}"),
        "PayloadDisplayName": title,
        "PayloadDescription": text,
        "PayloadOrganization": site.organisation,
        "PayloadRemovalDisallowed": True,
        **({} if scope is None else {"PayloadScope": scope}),
        "PayloadContent": [_payload(one, f"{BUNDLE}.profile.{name}") for one in payloads],
    }
    made = plistlib.dumps(whole, fmt=plistlib.FMT_XML, sort_keys=False).decode()
    return _NOTED.sub(_comment, made).encode()


def snippet(values: Mapping[str, Any]) -> str:
    """These values as they stand in a property list, without its frame."""
    made = plistlib.dumps(dict(values), fmt=plistlib.FMT_XML, sort_keys=False).decode()
    lines = made.split("<dict>\n", 1)[1].rsplit("</dict>", 1)[0].splitlines()
    return "\n".join(line.removeprefix("\t") for line in lines)


def _payload(one: Payload, profile_name: str) -> dict[str, Any]:
    notes = {f"{_NOTE}{number}": text for number, text in enumerate(one.notes)}
    return {
        "PayloadType": one.kind,
        "PayloadVersion": 1,
        **_names(f"{profile_name}.{one.name}"),
        "PayloadDisplayName": one.title,
        **one.content,
        **notes,
    }


def _names(identifier: str) -> dict[str, str]:
    made = str(uuid.uuid5(_NAMES, identifier)).upper()
    return {"PayloadIdentifier": identifier, "PayloadUUID": made}


def _comment(found: re.Match[str]) -> str:
    """A note as a comment of XML, in which two hyphens may not stand together."""
    indent, text = found[1], html.unescape(found[2]).replace("--", "- -")
    body = "".join(f"{indent}{line}\n" for line in text.splitlines())
    return f"{indent}<!--\n{body}{indent}-->\n"
