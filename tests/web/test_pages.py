# SPDX-License-Identifier: EUPL-1.2
"""What the pages of receiver and office have in common, seen with a room of the test's own."""

import sys

import pytest
from jinja2 import UndefinedError

from lakzegel_core.words import Words
from lakzegel_web.assets import HOUSE, assets_of
from lakzegel_web.templating import environment_of
from lakzegel_web.words import Said, read_catalogue

GIVEN = {"lang": "nl", "_": Said(Words.plain()), "asset": str, "menu": []}


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A package with a sheet and a page."""
    folder = tmp_path / "a_room_of_its_own"
    (folder / "static").mkdir(parents=True)
    (folder / "templates").mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "static" / "own.css").write_text("p { margin: 0 }")
    (folder / "static" / "notes.txt").write_text("not for a browser")
    page = '{% extends "frame.html" %}{% block content %}{{ shown }}{% endblock %}'
    (folder / "templates" / "page.html").write_text(page)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder.name
    sys.modules.pop(folder.name, None)


def test_a_rooms_files_are_the_houses_and_its_own_under_the_name_of_all(room):
    found, house = assets_of(room), assets_of(HOUSE)
    assert set(found.files) == {*house.files, "own.css"}
    assert found.version != house.version
    address = found.address("own.css").removeprefix("/static/")
    assert found.find(address) == (b"p { margin: 0 }", "text/css; charset=utf-8")
    for other in (f"{house.version}/own.css", f"{found.version}/notes.txt", "own.css", ""):
        assert found.find(other) is None, other


def test_a_page_stands_in_the_frame_and_what_it_shows_is_escaped(room):
    made = environment_of(room).get_template("page.html")
    shown = made.render(**GIVEN, shown="<b>")
    assert '<a class="skip" href="#content">' in shown
    assert "&lt;b&gt;" in shown
    assert "<nav" not in shown
    with pytest.raises(UndefinedError):
        made.render(**GIVEN)


def test_the_menu_marks_where_one_is(room):
    places = [("/", "Begin", False), ("/more", "<Meer>", True)]
    shown = (
        environment_of(room).get_template("page.html").render({**GIVEN, "menu": places}, shown="")
    )
    assert '<a href="/">Begin</a>' in shown
    assert '<a href="/more" aria-current="page">&lt;Meer&gt;</a>' in shown


def test_a_checkout_without_catalogues_speaks_english(tmp_path):
    assert read_catalogue(tmp_path, "x.mo", "nl").one("Language") == "Language"
