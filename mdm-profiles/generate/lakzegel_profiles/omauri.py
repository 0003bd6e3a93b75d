# SPDX-License-Identifier: EUPL-1.2
r"""A custom policy for Intune: the administrative template, and a row for each of its keys.

    {"omaUri": "./Device/Vendor/MSFT/Policy/Config/Lakzegel~Policy~Lakzegel/Server",
     "value": "<enabled/><data id=\"Server_Value\" value=\"https://receiver.example\"/>"}

The file is what Microsoft Graph takes for ``deviceManagement/deviceConfigurations``; in the portal
each row is added by hand. A key that nobody set is ``<disabled/>``: no value, the default holds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from lakzegel_profiles.admx import CATEGORY, admx, element_id
from lakzegel_profiles.keys import Key, Value
from lakzegel_profiles.site import Site

PLATFORM: Final = "windows"
APP: Final = "Lakzegel"
ROOT: Final = "./Device/Vendor/MSFT/Policy"
INSTALL: Final = f"{ROOT}/ConfigOperations/ADMXInstall/{APP}/Policy/LakzegelAdmx"
BETWEEN: Final = "\uf000"  # of the texts of a multiText


def uri(key: Key) -> str:
    """Where this key is set."""
    return f"{ROOT}/Config/{APP}~Policy~{CATEGORY}/{key.camel}"


def data(key: Key, value: Value | None) -> str:
    """What is put there: for this value, or for none."""
    if value is None:
        return "<disabled/>"
    if isinstance(value, bool):
        text = str(value).lower()
    else:
        text = BETWEEN.join(value) if isinstance(value, list) else str(value)
    attribute = quoteattr(text).replace(BETWEEN, "&#xF000;")
    return f'<enabled/><data id="{element_id(key)}" value={attribute}/>'


def custom_policy(keys: Sequence[Key], site: Site) -> bytes:
    """The policy, with the template first."""
    name = {"nl": "Sjabloon van Lakzegel", "en": "Lakzegel's template"}[site.language]
    rows = [_row(name, "Lakzegel.admx", INSTALL, admx(keys).decode())]
    for key in keys:
        words = key.words[site.language]
        value = site.value(key, PLATFORM)
        rows.append(_row(words.title, f"{key.name}: {words.text}", uri(key), data(key, value)))
    whole = {
        "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
        "displayName": "Lakzegel",
        "description": {
            "nl": "Instellingen van de agent, door een beheersjabloon.",
            "en": "Settings of the agent, by an administrative template.",
        }[site.language],
        "omaSettings": rows,
    }
    return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def _row(name: str, text: str, place: str, value: str) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.omaSettingString",
        "displayName": name,
        "description": text,
        "omaUri": place,
        "value": value,
    }
