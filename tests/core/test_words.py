# SPDX-License-Identifier: EUPL-1.2
"""Which language somebody reads, and how a text that was put together is known by its shape."""

import runpy
from pathlib import Path

import pytest

from lakzegel_core.words import Words, language_of

BUILD = runpy.run_path(
    str(Path(__file__).resolve().parents[2] / "hatch_build.py"), run_name="build"
)
SAID = {
    "": "Content-Type: text/plain; charset=UTF-8\n",
    "not enrolled": "niet aangemeld",
    "cannot read {path}": "kan {path} niet lezen",
    "cannot read {path} of {who}": "kan {path} van {who} niet lezen",
    "run it again": "nog eens",
    "look; then run: it": "kijk; voer dan uit: het",
    "{a} and {b}": "{b} en {a}",
}


@pytest.fixture(scope="module")
def words():
    return Words.read(BUILD["compiled"](SAID))


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "nl"),
        ({"LANG": "C.UTF-8"}, "nl"),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, "en"),
        ({"LC_ALL": "POSIX"}, "nl"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "nl_NL.UTF-8@euro"}, "nl"),
        ({"LANG": "nl-BE"}, "nl"),
        ({"LC_MESSAGES": "nl_NL", "LANG": "en_US"}, "nl"),
        ({"LC_ALL": "en_US", "LC_MESSAGES": "nl_NL"}, "en"),
        ({"LANGUAGE": "en", "LC_ALL": "nl_NL"}, "en"),
        ({"LANGUAGE": "fr:nl:en"}, "nl"),
        ({"LANGUAGE": "fr"}, "en"),
        ({"LANGUAGE": "", "LANG": "EN"}, "en"),
        ({"LANG": ".,;:"}, "nl"),
    ],
)
def test_the_first_variable_that_names_a_language_decides(variables, language):
    assert language_of(variables) == language


@pytest.mark.parametrize(
    ("text", "dutch"),
    [
        ("not enrolled", "niet aangemeld"),
        ("/a/b: not enrolled; run it again", "/a/b: niet aangemeld; nog eens"),
        ("cannot read /a; run it again", "kan /a niet lezen; nog eens"),
        ("cannot read /a of jan", "kan /a van jan niet lezen"),
        ("cannot read /a: x of jan", "kan /a niet lezen: x of jan"),
        ("x and y", "y en x"),
        ("not enrolled and x", "x en niet aangemeld"),
        ("x: not enrolled; look; then run: it", "x: niet aangemeld; kijk; voer dan uit: het"),
        ("a; b; run it again; not enrolled: x", "a; b; nog eens; niet aangemeld: x"),
        ("something else", "something else"),
        ("", ""),
    ],
)
def test_a_text_is_known_whole_by_its_shape_or_part_by_part(words, text, dutch):
    assert words.said(text) == dutch


def test_what_is_not_known_is_named(words):
    assert words.unknown("/a: not enrolled; ask your neighbour; exit-3") == ["ask your neighbour"]


def test_without_a_catalogue_a_text_stays_as_it_is():
    plain = Words.plain()
    assert plain.said("cannot read x; run it again") == "cannot read x; run it again"
    assert plain.one("not enrolled") == "not enrolled"


def test_a_text_without_end_is_left_alone(words):
    endless = "; : " * 100_000 + "not enrolled"
    assert words.said(endless) == endless
    assert words.said("; : " * 1000 + "not enrolled").endswith("niet aangemeld")
