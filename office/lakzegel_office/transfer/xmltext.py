# SPDX-License-Identifier: EUPL-1.2
"""XML that any text can be in: what XML forbids is replaced, and counted.

docs/spec/transfer.md §5. Only elements, attributes and text; every text is escaped here and
nowhere else, so that nobody writes markup by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

REPLACEMENT: Final = "\ufffd"
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
_SPECIAL: Final = re.compile('[&<>"\r]')
_BLANKS: Final = {"\t": "&#9;", "\n": "&#10;"}  # in an attribute they would become spaces
_BLANK: Final = re.compile("[\t\n]")


@dataclass(frozen=True, slots=True)
class Element:
    """One element: a text, or elements, within it."""

    name: str
    content: str | tuple[Element, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """An XML file, and how many characters were replaced because XML has no place for them."""

    data: bytes
    replaced: int


def element(name: str, *content: str | Element | None, **attributes: str) -> Element:
    """Return an element of one text, or of elements; those that are None are left out."""
    if len(content) == 1 and isinstance(content[0], str):
        return Element(name, content[0], attributes)
    inner = tuple(part for part in content if isinstance(part, Element))
    return Element(name, inner, attributes)


def document(root: Element) -> Document:
    """Return an element as a file of its own, in UTF-8."""
    replaced = [0]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', *_lines(root, 0, replaced), ""]
    return Document("\n".join(lines).encode("utf-8"), replaced[0])


def fragment(node: Element, depth: int) -> bytes:
    """Return an element as lines that stand within others; what XML forbids is replaced."""
    return ("\n".join(_lines(node, depth, [0])) + "\n").encode("utf-8")


def allowed(text: str) -> str:
    """Return a text with U+FFFD for every character that XML forbids."""
    return _FORBIDDEN.sub(REPLACEMENT, text)


def _lines(node: Element, depth: int, replaced: list[int]) -> Iterator[str]:
    indent = "  " * depth
    head = f"{indent}<{node.name}{_attributes(node, replaced)}"
    if isinstance(node.content, str):
        yield f"{head}>{_text(node.content, replaced)}</{node.name}>"
    elif node.content:
        yield f"{head}>"
        for child in node.content:
            yield from _lines(child, depth + 1, replaced)
        yield f"{indent}</{node.name}>"
    else:
        yield f"{head}/>"


def _attributes(node: Element, replaced: list[int]) -> str:
    found = []
    for name, value in node.attributes.items():
        text = _BLANK.sub(lambda match: _BLANKS[match[0]], _text(value, replaced))
        found.append(f' {name}="{text}"')
    return "".join(found)


def _text(text: str, replaced: list[int]) -> str:
    kept, count = _FORBIDDEN.subn(REPLACEMENT, text)
    replaced[0] += count
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], kept)
