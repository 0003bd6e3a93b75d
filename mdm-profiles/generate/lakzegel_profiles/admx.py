# SPDX-License-Identifier: EUPL-1.2
"""Administrative templates of Windows: `Lakzegel.admx` and its words, one policy a key.

Each policy writes one value below the key that the agent reads, of the type that it takes it for:

| key is | element | registry |
| --- | --- | --- |
| a text | ``text`` | ``REG_SZ`` |
| one of a list | ``enum`` of strings | ``REG_SZ`` |
| a list | ``multiText`` | ``REG_MULTI_SZ`` |
| a number, a truth | ``decimal``, ``boolean`` | ``REG_DWORD`` |

No namespace of others is used, so that it can be taken in by itself. Not run on a real device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lakzegel_agent.managedregistry import KEY
from lakzegel_profiles.keys import Key, Kind

SPACE: Final = "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions"
CATEGORY: Final = "Lakzegel"
MAX_TEXT: Final = 8192  # characters; the schema's own 1023 is less than a key of ML-DSA-44
CULTURES: Final = {"nl": "nl-NL", "en": "en-US"}
VERSION: Final = {"revision": "1.0", "schemaVersion": "1.0"}
_SUPPORTED: Final = "SUPPORTED_Lakzegel"
_WORDS: Final = {
    "nl": {
        "name": "Lakzegel",
        "text": "De agent die zakelijke mail en chats voor de archiefdienst verzegelt.",
        "supported": "Windows 10 en nieuwer, 64-bits",
        "default": "Standaard: {default}.",
        "required": "Moet worden ingesteld.",
    },
    "en": {
        "name": "Lakzegel",
        "text": "The agent that seals business mail and chats for the records office.",
        "supported": "Windows 10 and newer, 64-bit",
        "default": "Default: {default}.",
        "required": "Must be set.",
    },
}


def admx(keys: Sequence[Key]) -> bytes:
    """The definitions."""
    root = Element("policyDefinitions", {"xmlns": SPACE, **VERSION})
    spaces = SubElement(root, "policyNamespaces")
    SubElement(spaces, "target", prefix="lakzegel", namespace="Lakzegel.Policies.Agent")
    SubElement(root, "resources", minRequiredRevision="1.0", fallbackCulture="en-US")
    definitions = SubElement(SubElement(root, "supportedOn"), "definitions")
    SubElement(definitions, "definition", name=_SUPPORTED, displayName=f"$(string.{_SUPPORTED})")
    categories = SubElement(root, "categories")
    SubElement(
        categories,
        "category",
        name=CATEGORY,
        displayName=f"$(string.{CATEGORY})",
        explainText=f"$(string.{CATEGORY}_Help)",
    )
    policies = SubElement(root, "policies")
    for key in keys:
        _policy(policies, key)
    return written(root)


def adml(keys: Sequence[Key], language: str) -> bytes:
    """Their words, in one language."""
    words = _WORDS[language]
    root = Element("policyDefinitionResources", {"xmlns": SPACE, **VERSION})
    SubElement(root, "displayName").text = words["name"]
    SubElement(root, "description").text = words["text"]
    resources = SubElement(root, "resources")
    strings = SubElement(resources, "stringTable")
    for name, text in _strings(keys, language):
        SubElement(strings, "string", id=name).text = text
    presentations = SubElement(resources, "presentationTable")
    for key in keys:
        _presentation(SubElement(presentations, "presentation", id=key.camel), key, language)
    return written(root)


def element_id(key: Key) -> str:
    """The name by which a policy's value is given over OMA-URI."""
    return f"{key.camel}_Value"


def _policy(policies: Element, key: Key) -> None:
    policy = SubElement(
        policies,
        "policy",
        {
            "name": key.camel,
            "class": "Machine",
            "displayName": f"$(string.{key.camel})",
            "explainText": f"$(string.{key.camel}_Help)",
            "presentation": f"$(presentation.{key.camel})",
            "key": "\\".join(part for part in (KEY, key.table) if part),
        },
    )
    SubElement(policy, "parentCategory", ref=CATEGORY)
    SubElement(policy, "supportedOn", ref=_SUPPORTED)
    _element(SubElement(policy, "elements"), key)


def _element(elements: Element, key: Key) -> None:
    named = {"id": element_id(key), "valueName": key.last}
    if key.kind is Kind.FLAG:
        flag = SubElement(elements, "boolean", named)
        SubElement(SubElement(flag, "trueValue"), "decimal", value="1")
        SubElement(SubElement(flag, "falseValue"), "decimal", value="0")
    elif key.kind is Kind.NUMBER:
        limits = {"minValue": key.least, "maxValue": key.most}
        told = {name: str(value) for name, value in limits.items() if value is not None}
        SubElement(elements, "decimal", {**named, "required": "true", **told})
    elif key.kind is Kind.LIST:
        SubElement(elements, "multiText", {**named, "required": "true", "maxLength": str(MAX_TEXT)})
    elif key.choices:
        items = SubElement(elements, "enum", {**named, "required": "true"})
        for choice in key.choices:
            item = SubElement(items, "item", displayName=f"$(string.{key.camel}_{choice})")
            SubElement(SubElement(item, "value"), "string").text = choice
    else:
        SubElement(elements, "text", {**named, "required": "true", "maxLength": str(MAX_TEXT)})


def _strings(keys: Sequence[Key], language: str) -> Iterator[tuple[str, str]]:
    words = _WORDS[language]
    yield _SUPPORTED, words["supported"]
    yield CATEGORY, words["name"]
    yield f"{CATEGORY}_Help", words["text"]
    for key in keys:
        own = key.words[language]
        more = words["required"] if key.required else ""
        if key.default is not None:
            more = words["default"].format(default=key.default)
        yield key.camel, own.title
        yield f"{key.camel}_Help", "\n\n".join(part for part in (own.text, more, key.name) if part)
        for choice in key.choices:
            yield f"{key.camel}_{choice}", choice


def _presentation(presentation: Element, key: Key, language: str) -> None:
    """The field in which the value is given."""
    title = key.words[language].title
    refers = {"refId": element_id(key)}
    if key.kind is Kind.LIST:  # has no label of its own
        SubElement(presentation, "text").text = title
        SubElement(presentation, "multiTextBox", {**refers, "defaultHeight": "5"})
    elif key.kind is Kind.NUMBER:
        shown = {} if key.default is None else {"defaultValue": str(key.default)}
        SubElement(presentation, "decimalTextBox", {**refers, **shown}).text = title
    elif key.kind is Kind.FLAG:
        shown = {"defaultChecked": str(bool(key.default)).lower()}
        SubElement(presentation, "checkBox", {**refers, **shown}).text = title
    elif key.choices:
        at = key.choices.index(str(key.default)) if key.default in key.choices else 0
        more = {"defaultItem": str(at), "noSort": "true"}
        SubElement(presentation, "dropdownList", {**refers, **more}).text = title
    else:
        box = SubElement(presentation, "textBox", refers)
        SubElement(box, "label").text = title
        if key.default is not None:
            SubElement(box, "defaultValue").text = str(key.default)


def written(root: Element) -> bytes:
    """The file, as XML that people can read."""
    indent(root)
    text = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()
