# SPDX-License-Identifier: EUPL-1.2
"""What an export works out once says of each file what looking at that file alone would."""

from xml.etree import ElementTree as ET

import pytest
from fido import CONFIG_DIR
from fido.fido import Fido
from fido.versions import get_local_versions

from lakzegel_core.errors import InclusionError
from lakzegel_core.merkle import levels_of, path_in, root_of, verify_inclusion
from lakzegel_office.errors import UsageError
from lakzegel_office.transfer.patterns import Fast
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


SAMPLES = [
    b"",
    b"%PDF-1.4\n%%EOF",
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00",
    b"PK\x05\x06" + bytes(18),
    b"\x89PNG\r\n\x1a\n" + bytes(30),
    b'<?xml version="1.0"?><svg version="1.1" xmlns="http://www.w3.org/2000/svg"/>',
    b"BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n",
    b"{\\rtf1\\ansi een}",
    bytes(range(256)) * 9,
]


def test_patterns_that_were_read_once_find_what_the_library_finds():
    known = get_local_versions(CONFIG_DIR)
    signatures = [known.pronom_signature, known.fido_extension_signature]
    settings = {"quiet": True, "nocontainer": True, "format_files": signatures}
    ours, library = Fast(**settings), Fido(**settings)
    for data in SAMPLES:
        names = [
            [one.findtext("puid") for one, _ in some.match_formats(data, data)]
            for some in (ours, library)
        ]
        assert names[0] == names[1]
    for name in ("a.eml", "a.DOC", "a", "a.onbekend", "a.eml"):
        puids = [
            [one.findtext("puid") for one, _ in some.match_extensions(name)]
            for some in (ours, library)
        ]
        assert puids[0] == puids[1]


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
