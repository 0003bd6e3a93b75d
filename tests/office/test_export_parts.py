# SPDX-License-Identifier: EUPL-1.2
"""The parts of an export that take any text, any bytes: XML, names, mails in an mbox."""

import re
import string
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_office.errors import UsageError
from lakzegel_office.transfer.bag import encoded
from lakzegel_office.transfer.mailfiles import MailFile, boxed, mail_pieces
from lakzegel_office.transfer.mdto import Format, Reference, moment
from lakzegel_office.transfer.pdf import printed
from lakzegel_office.transfer.safenames import Names, ending_of, words_of
from lakzegel_office.transfer.settings import Settings, read_settings
from lakzegel_office.transfer.xmltext import Element, allowed, document

ANY = st.text(alphabet=st.characters())  # half characters too
SAFE = set(string.ascii_letters + string.digits + "-_.")
RESERVED = re.compile(r"(?i)\A(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z")
NASTY = [
    "",
    "..",
    "../../etc/passwd",
    "CON",
    "nul.txt",
    "\u202egpj.exe",
    "\N{PILE OF POO}" * 400,
    "a\nb\r\nc",
    "x" * 300,
    "STUKKEN",
    "stukken",
    "stu\u0308kken",
    "st\u00fckken",
    ".hidden",
    "-rf",
    'a b<c>d:e"f/g\\h|i?j*k#l&m%n',
]


@settings(max_examples=150, deadline=None)
@given(text=ANY, attribute=ANY)
def test_any_text_comes_out_of_xml_as_it_went_in_or_replaced_and_counted(text, attribute):
    made = document(Element("a", (Element("b", text, {"c": attribute}),)))
    (found,) = ET.fromstring(made.data)
    assert (found.text or "") == allowed(text)
    assert found.attrib["c"] == allowed(attribute)
    replaced = sum(a != b for a, b in zip(text + attribute, allowed(text + attribute), strict=True))
    assert made.replaced == replaced


@settings(max_examples=60, deadline=None)
@given(titles=st.lists(st.one_of(ANY, st.sampled_from(NASTY)), min_size=1, max_size=12))
def test_no_name_is_refused_by_any_system_and_no_two_are_one(titles):
    names = Names()
    given_out = [names.take(title, "samesame22", ending_of(title)) for title in titles]
    assert len({name.lower() for name in given_out}) == len(titles)
    for name in given_out:
        assert set(name) <= SAFE
        assert len(name) <= 64
        assert name[0] not in ".-"
        assert not RESERVED.match(name)


def test_a_title_keeps_what_is_plain_of_it():
    assert words_of("Begrüßung: één café") == "Begruung-een-cafe"
    assert words_of("\N{PILE OF POO}") == "zonder-titel"
    assert ending_of("foto.JPG") == ".jpg"
    assert ending_of("vreemd.\u202egpj") == ".bin"


LINES = st.lists(
    st.sampled_from([b"From x", b">From y", b">>From ", b"Fro", b"\r", b"tekst", b""]), max_size=8
)


@settings(max_examples=150, deadline=None)
@given(lines=LINES, end=st.sampled_from([b"", b"\n", b"\r\n"]), cut=st.integers(1, 9))
def test_a_mail_in_an_mbox_can_be_had_back_exactly(lines, end, cut):
    mail = b"Subject: x\n\n" + b"\n".join(lines) + end
    pieces = [mail[n : n + cut] for n in range(0, len(mail), cut)]
    box = b"".join(boxed(iter(pieces), datetime(2024, 3, 11, tzinfo=UTC)))
    assert box.startswith(b"From lakzegel Mon Mar 11 00:00:00 2024\n")
    assert not re.search(rb"\nFrom ", box)
    back = b"".join(mail_pieces(MailFile("mbox", lambda: iter([box[:7], box[7:]]))))
    assert back[: len(mail)] == mail
    assert back[len(mail) :] in (b"\n", b"\n\n")


def test_a_path_in_a_manifest_cannot_begin_another_line():
    assert encoded("a%b\nc\rd") == "a%25b%0Ac%0Dd"


def test_what_has_no_shape_in_a_pdf_stands_as_its_code_point():
    assert printed("caf\u0065\u0301 \N{EURO SIGN}") == "caf\u00e9 \N{EURO SIGN}"
    assert printed("x" * 60).replace("\u200b", "") == "x" * 60
    plain = printed("\u202e\N{PILE OF POO}\x00\u0378").replace("\u200b", "")
    assert plain == "[U+202E][U+1F4A9][U+0000][U+0378]"


def test_times_are_written_as_xml_schema_has_them():
    assert moment(datetime(7, 3, 1, 4, 5, 6, 789, tzinfo=UTC)) == "0007-03-01T04:05:06Z"
    assert Format("x").listed == "PRONOM-register"
    assert Reference("x").id == ""


def test_settings_are_whole_or_refused(tmp_path):
    file = tmp_path / "overdracht.toml"
    file.write_text(
        'creator = {name = "Ministerie"}\ndefault = "a"\n'
        '[category.a]\nlabel = "A"\nappraisal = "V"\nterm = "10y"\n'
        '[category.b]\nlabel = "B"\nappraisal = "B"\n'
        '[[rule]]\ncategory = "b"\napp = "mail"\n'
    )
    found: Settings = read_settings(file, "org.example", tmp_path / "selection.toml")
    assert found.category(custody="x", app="mail", source="").appraisal == "B"
    assert found.category(custody="x", app="signal", source="").duration == "P10Y"
    (tmp_path / "selection.toml").write_text(
        '[[category]]\ncode = "12.3"\nappraisal = "V"\nterm = "30d"\nground = "x"\nabout = "y"\n'
    )
    file.write_text('default = "12.3"\n[category."12.3"]\nrestriction = "Overig"\n')
    listed = read_settings(file, "org.example", tmp_path / "selection.toml")
    found = listed.category(custody="x", app="mail", source="")
    assert (found.label, found.duration, found.restriction) == ("y", "P30D", "Overig")
    for wrong in ('appraisal = "X"', 'term = "tien jaar"', 'kleur = "rood"'):
        file.write_text(f'[category.a]\nlabel = "A"\n{wrong}\n')
        with pytest.raises(UsageError):
            read_settings(file, "org.example", tmp_path / "selection.toml")
    file.write_text('default = "weg"\n')
    with pytest.raises(UsageError, match="category"):
        read_settings(file, "org.example", tmp_path / "selection.toml")
