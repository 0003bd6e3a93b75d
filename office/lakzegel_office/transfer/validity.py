# SPDX-License-Identifier: EUPL-1.2
"""Whether documents are valid by a schema, each shape of document asked about once.

docs/spec/transfer.md §8. In XML Schema 1.0 without identity constraints an element that has text
alone is valid by that text, whatever stands around it, and a document's other elements are valid by
their order, attributes and mixed text. So two documents that differ only in valid texts of such
elements are both valid or neither is; a delivery has tens of thousands, of some dozens of shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import xmlschema
from xmlschema.validators import XsdElement

from lakzegel_office.errors import UsageError

Shape = tuple[object, ...]
MOST_KNOWN: Final = 10_000  # shapes, texts: what is beyond is asked about each time


class Official:
    """A schema, and the shapes and texts that it was found to allow."""

    def __init__(self, schema: xmlschema.XMLSchema) -> None:
        """Take the schema; one with identity constraints is asked about every document."""
        self._schema = schema
        self._types = _plain_texts(schema)
        self._shapes: set[Shape] = set()
        self._texts: set[tuple[str, str]] = set()

    @classmethod
    def read(cls, path: Path) -> Official:
        """Return the schema that a file holds; nothing is fetched.

        Raises:
            UsageError: it holds none.
        """
        try:
            return cls(xmlschema.XMLSchema(str(path), allow="local"))
        except (OSError, xmlschema.XMLSchemaException, ET.ParseError) as error:
            raise UsageError(f"{path}: not an XML schema that can be used: {error}") from error

    def fault(self, tree: ET.ElementTree[Any]) -> str:
        """Return the first reason why a document is not valid, nothing where it is."""
        shape = tuple(part for node in tree.iter() for part in self._parts(node))
        if self._types and shape in self._shapes:
            return ""
        reason = next((str(error.reason) for error in self._schema.iter_errors(tree)), "")
        if not reason and len(self._shapes) < MOST_KNOWN:
            self._shapes.add(shape)
        return reason

    def _parts(self, node: ET.Element) -> Iterator[object]:
        """Yield what of an element is of the document's shape; of a valid text, that it is."""
        text = node.text or ""
        if not len(node) and not node.attrib and self._is_valid(node.tag, text):
            yield from (node.tag, node.tail or "")
        else:
            yield from (node.tag, len(node), *node.attrib.items(), text, node.tail or "")

    def _is_valid(self, name: str, text: str) -> bool:
        kind = self._types.get(name)
        if kind is None or kind is _ANY_TEXT:
            return kind is not None
        known = (name, text) in self._texts
        if not known and kind.is_valid(text):
            known = True
            if len(self._texts) < MOST_KNOWN:
                self._texts.add((name, text))
        return known


_ANY_TEXT: Final = object()


def _plain_texts(schema: xmlschema.XMLSchema) -> Mapping[str, Any]:
    """Return the type of each element that is everywhere one simple type and nothing more."""
    found: dict[str, Any] = {}
    unlike: set[str] = set()
    for one in schema.iter_components(XsdElement):
        if not isinstance(one, XsdElement) or one.identities:
            return {}
        name, kind = str(one.name), _kind(one)
        if kind is None or found.setdefault(name, kind) is not kind:
            unlike.add(name)
    return {name: kind for name, kind in found.items() if name not in unlike}


def _kind(one: XsdElement) -> Any:  # noqa: ANN401  # the library's classes of types
    plain = one.type.is_simple() and one.fixed is None and one.default is None
    if not plain or one.nillable or one.substitution_group or one.abstract:
        return None
    if one.type.name == "{http://www.w3.org/2001/XMLSchema}string":
        return _ANY_TEXT
    return None if one.type.is_key() or one.type.is_notation() else one.type
