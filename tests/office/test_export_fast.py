# SPDX-License-Identifier: EUPL-1.2
"""What an export works out once says of each file what looking at that file alone would."""

from xml.etree import ElementTree as ET

import pytest

from lakzegel_core.errors import InclusionError
from lakzegel_core.merkle import levels_of, path_in, root_of, verify_inclusion
from lakzegel_office.errors import UsageError
from lakzegel_office.transfer.validity import Official

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
SCHEMA = f"""\
<xs:schema {XS}><xs:element name="a"><xs:complexType><xs:sequence>
<xs:element name="text" type="xs:string"/>
<xs:element name="at" type="xs:date" maxOccurs="unbounded"/>
<xs:element name="kind" type="xs:string" fixed="x" minOccurs="0"/>
</xs:sequence></xs:complexType></xs:element></xs:schema>"""
VALID = [
    "<a><text>een</text><at>2026-11-30</at></a>",
    "<a><text>twee</text><at>2026-12-01</at></a>",
    "<a><text/><at>2026-12-01</at><at>2026-12-02</at></a>",
    "<a><text>een</text><at>2026-11-30</at><kind>x</kind></a>",
]
NOT_VALID = [
    "<a><text>een</text><at>gisteren</at></a>",
    "<a><at>2026-11-30</at><text>een</text></a>",
    "<a><text>een</text></a>",
    "<a><text kleur='rood'>een</text><at>2026-11-30</at></a>",
    "<a><text>een</text>los<at>2026-11-30</at></a>",
    "<a><text>een<b/></text><at>2026-11-30</at></a>",
    "<a><text>een</text><at>2026-11-30</at><kind>y</kind></a>",
]


def test_a_document_is_valid_by_its_own_texts_whatever_was_valid_before(tmp_path):
    file = tmp_path / "schema.xsd"
    file.write_text(SCHEMA)
    official = Official.read(file)
    for text in [*VALID, *NOT_VALID, *VALID, *NOT_VALID]:
        fault = official.fault(ET.ElementTree(ET.fromstring(text)))
        assert bool(fault) == (text in NOT_VALID), (text, fault)
    file.write_text("<a/>")
    with pytest.raises(UsageError):
        Official.read(file)


def test_a_schema_with_keys_is_asked_about_every_document(tmp_path):
    unique = '<xs:unique name="u"><xs:selector xpath="at"/><xs:field xpath="."/></xs:unique>'
    file = tmp_path / "schema.xsd"
    file.write_text(
        SCHEMA.replace("</xs:element></xs:schema>", f"{unique}</xs:element></xs:schema>")
    )
    official = Official.read(file)
    for second, valid in (("2026-12-02", True), ("2026-12-01", False)):
        text = f"<a><text/><at>2026-12-01</at><at>{second}</at></a>"
        assert bool(official.fault(ET.ElementTree(ET.fromstring(text)))) != valid


def test_every_path_by_the_levels_of_a_tree_is_proven_under_its_root():
    for size in range(1, 18):
        leaves = [bytes([n]) * 32 for n in range(size)]
        levels = levels_of(leaves)
        root = root_of(leaves)
        assert levels[-1] == [root]
        for n, leaf in enumerate(leaves):
            proof = path_in(n, levels)
            verify_inclusion(index=n, size=size, leaf=leaf, proof=proof, root=root)
        with pytest.raises(InclusionError):
            path_in(size, levels)
