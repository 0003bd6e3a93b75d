# SPDX-License-Identifier: EUPL-1.2
"""One policy of Windows that switches off what classic Outlook deletes by itself.

On: each value that the guard `outlook-retention` reads is 0, below the user's policies, of each
version of Outlook. Off: they are taken away. The names are the guard's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from lakzegel_agent.guards.of_outlook import AGING, EMPTY_TRASH, OFF, POLICY, VERSIONS
from lakzegel_profiles.admx import CULTURES, SPACE, VERSION, written
from lakzegel_profiles.site import Site

APP: Final = "LakzegelCompanions"
NAME: Final = "OutlookKeeps"
ROOT: Final = "./User/Vendor/MSFT/Policy"
INSTALL: Final = f"./Device/Vendor/MSFT/Policy/ConfigOperations/ADMXInstall/{APP}/Policy/{APP}Admx"
_SUPPORTED: Final = "SUPPORTED_Outlook"
_WORDS: Final = {
    "nl": {
        APP: "Lakzegel: andere programma's",
        _SUPPORTED: "Outlook 2010 en nieuwer, de klassieke",
        NAME: "Outlook verwijdert niets uit zichzelf",
        f"{NAME}_Help": "Zet AutoArchiveren uit, en het legen van Verwijderde items bij afsluiten. "
        "Het nieuwe Outlook leest deze instellingen niet; bewaartermijnen van de server ook niet.",
    },
    "en": {
        APP: "Lakzegel: other programs",
        _SUPPORTED: "Outlook 2010 and newer, the classic one",
        NAME: "Outlook deletes nothing by itself",
        f"{NAME}_Help": "Switches AutoArchive off, and emptying Deleted Items on closing. "
        "The new Outlook does not read these settings; nor does retention by the server.",
    },
}


def files(site: Site) -> dict[str, bytes]:
    """The template, its words, and the rows for Intune."""
    folder = "companions/windows/PolicyDefinitions"
    return {
        f"{folder}/{APP}.admx": admx(),
        **{f"{folder}/{CULTURES[one]}/{APP}.adml": adml(one) for one in ("nl", "en")},
        "companions/intune/outlook.json": custom_policy(site),
    }


def admx() -> bytes:
    """The definition."""
    root = Element("policyDefinitions", {"xmlns": SPACE, **VERSION})
    spaces = SubElement(root, "policyNamespaces")
    SubElement(spaces, "target", prefix="companions", namespace="Lakzegel.Policies.Companions")
    SubElement(root, "resources", minRequiredRevision="1.0", fallbackCulture="en-US")
    definitions = SubElement(SubElement(root, "supportedOn"), "definitions")
    SubElement(definitions, "definition", name=_SUPPORTED, displayName=f"$(string.{_SUPPORTED})")
    categories = SubElement(root, "categories")
    SubElement(categories, "category", name=APP, displayName=f"$(string.{APP})")
    policy = SubElement(
        SubElement(root, "policies"),
        "policy",
        {
            "name": NAME,
            "class": "User",
            "displayName": f"$(string.{NAME})",
            "explainText": f"$(string.{NAME}_Help)",
            "key": _below(VERSIONS[-1]),
        },
    )
    SubElement(policy, "parentCategory", ref=APP)
    SubElement(policy, "supportedOn", ref=_SUPPORTED)
    _items(SubElement(policy, "enabledList"), _zero)
    _items(SubElement(policy, "disabledList"), lambda value: SubElement(value, "delete"))
    return written(root)


def adml(language: str) -> bytes:
    """Its words."""
    words = _WORDS[language]
    root = Element("policyDefinitionResources", {"xmlns": SPACE, **VERSION})
    SubElement(root, "displayName").text = words[APP]
    SubElement(root, "description").text = words[f"{NAME}_Help"]
    strings = SubElement(SubElement(root, "resources"), "stringTable")
    for name, text in words.items():
        SubElement(strings, "string", id=name).text = text
    return written(root)


def custom_policy(site: Site) -> bytes:
    """The template and the policy switched on, as Microsoft Graph takes them."""
    words = _WORDS[site.language]
    rows = [
        (f"{APP}.admx", INSTALL, admx().decode()),
        (words[NAME], f"{ROOT}/Config/{APP}~Policy~{APP}/{NAME}", "<enabled/>"),
    ]
    whole = {
        "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
        "displayName": words[NAME],
        "description": words[f"{NAME}_Help"],
        "omaSettings": [
            {
                "@odata.type": "#microsoft.graph.omaSettingString",
                "displayName": name,
                "omaUri": place,
                "value": value,
            }
            for name, place, value in rows
        ],
    }
    return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def _below(version: str) -> str:
    return POLICY.format(version).partition("\\")[2]


def _items(parent: Element, fill: Callable[[Element], Element]) -> None:
    """An item for each value of each version."""
    for version in VERSIONS:
        for name in (*AGING, EMPTY_TRASH):
            key, _, value_name = rf"{_below(version)}\{name}".rpartition("\\")
            item = SubElement(parent, "item", key=key, valueName=value_name)
            fill(SubElement(item, "value"))


def _zero(value: Element) -> Element:
    return SubElement(value, "decimal", value=str(OFF))
