# SPDX-License-Identifier: EUPL-1.2
"""What every page has: a language, a sheet under a name of its own, words that are all known."""

import ast
import re
import runpy
import string
from pathlib import Path

import pytest
from jinja2 import ChoiceLoader, DictLoader, nodes
from starlette.requests import Request

from lakzegel_core.words import Words, holes
from lakzegel_server import words
from lakzegel_server.accounts import Account, AccountRole
from lakzegel_server.pages import rendering
from lakzegel_server.pages.assets import assets
from lakzegel_server.pages.language import asked_for

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "server" / "lakzegel_server" / "pages"
SOURCE = words.CATALOGUES / "nl" / Path(words.NAME).with_suffix(".po")
BUILD = runpy.run_path(str(ROOT / "hatch_build.py"), run_name="build")


def in_templates():
    """Every text that a template looks up by itself."""
    environment = rendering.environment()
    for name in environment.list_templates():
        source = environment.loader.get_source(environment, name)[0]
        for call in environment.parse(source).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_":
                (first,) = call.args
                if isinstance(first, nodes.Const):
                    yield first.value, name, {keyword.key for keyword in call.kwargs}


def in_code():
    """Every text that code marks as one to be looked up."""
    for path in PAGES.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "text":
                yield node.args[0].value, path.name


@pytest.fixture(scope="module")
def said():
    return BUILD["entries"](SOURCE.read_text(encoding="utf-8"))


def test_every_text_of_a_page_has_its_dutch_and_no_dutch_is_left_over(said):
    wanted = {english for english, *_ in in_templates()} | {english for english, _ in in_code()}
    assert len(wanted) >= 8
    assert {w for w in wanted if not said.get(w)} == set(), "say it in lakzegel_server.po"
    assert set(said) - {""} - wanted == set(), "nobody says this any more"


def test_each_dutch_text_has_the_holes_of_the_english_one(said):
    for english, dutch in said.items():
        taken = [name for _, name, _, _ in string.Formatter().parse(dutch) if name is not None]
        assert sorted(taken) == sorted(holes(english)), english


def test_a_template_fills_every_hole_of_its_texts():
    for english, name, filled in in_templates():
        assert filled == set(holes(english)), (name, english)


def test_what_is_installed_is_what_the_source_says(said):
    made = Words.read((words.CATALOGUES / "nl" / words.NAME).read_bytes())
    assert made.messages == set(said) - {""}, "run: python hatch_build.py"
    assert all(made.one(english) == dutch for english, dutch in said.items() if english)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "nl"),
        ("*", "nl"),
        ("nl", "nl"),
        ("nl-NL,nl;q=0.9,en;q=0.8", "nl"),
        ("en-GB,en;q=0.9,nl;q=0.8", "en"),
        ("de-DE,de;q=0.9", "en"),
        ("de,nl;q=0.5", "nl"),
        ("nl;q=0, en;q=0.1", "en"),
        ("en;q=0.2, NL-be ; q=0.3", "nl"),
        ("nl;q=nan, en;q=1e3", "nl"),
        (",".join(["de;q=0.1"] * 10_000), "en"),
    ],
)
def test_a_page_is_in_the_language_that_the_browser_likes_better(header, language):
    assert asked_for(header) == language


def test_the_switch_keeps_the_language_and_leads_back_to_this_receiver_alone(world):
    def follow(path):
        answer = world.client.session.get(world.client.url + path, allow_redirects=False)
        return answer.status_code, answer.headers.get("location"), answer.headers

    status, where, headers = follow("/language/en?next=/devices/laptop-1%3Fpage%3D2")
    assert (status, where) == (303, "/devices/laptop-1?page=2")
    assert headers["set-cookie"].startswith("lakzegel-language=en; HttpOnly; Max-Age=31536000")
    outside = ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a%0d%0ab", ""]
    for back in outside:
        assert follow(f"/language/nl?next={back}")[:2] == (303, "/"), back
    assert follow("/language/de")[0] == 404


def test_the_sheet_is_kept_for_ever_under_a_name_that_changes_with_it(world):
    version, names = assets().version, set(assets().files)
    assert {"lakzegel.css", "seal.svg"} <= names
    answer = world.client("GET", f"/static/{version}/lakzegel.css")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    for name in (f"{0:016}/lakzegel.css", f"{version}/../base.html", "x"):
        assert world.client("GET", f"/static/{name}").status_code == 404


def a_request(path="/", account=None, **headers):
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"a=1&b=2"}
    request = Request({**scope, "headers": pairs, "server": ("host", 80), "scheme": "http"})
    request.state.account = account
    return request


def test_a_page_says_who_is_logged_in_and_escapes_what_it_shows(monkeypatch):
    template = "{% extends 'base.html' %}{% block content %}{{ shown }}{% endblock %}"
    own = rendering.environment()
    both = ChoiceLoader([DictLoader({"any": template}), own.loader])
    monkeypatch.setattr(rendering, "environment", lambda: own.overlay(loader=both))
    account = Account("<b>it</b>", AccountRole.IT)
    request = a_request(account=account, cookie="lakzegel-language=nl", accept_language="en")
    answer = rendering.page(request, "any", shown="<script>alert(1)</script>")
    text = answer.body.decode()
    assert answer.headers["content-language"] == "nl"
    assert '<html lang="nl">' in text
    assert "&lt;b&gt;it&lt;/b&gt;" in text
    assert "IT-ondersteuning" in text
    assert "<script" not in text
    assert "next=/%3Fa%3D1%26b%3D2" in text


def test_no_template_has_a_script_or_a_style_of_its_own():
    refused = re.compile(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b")
    paths = list((PAGES / "templates").iterdir())
    assert paths
    assert [path.name for path in paths if refused.search(path.read_text())] == []
