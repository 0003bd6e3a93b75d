# SPDX-License-Identifier: EUPL-1.2
"""Every text of the review has its Dutch, and no template acts by itself."""

import ast
import re
import runpy
import string
from pathlib import Path

import pytest
from jinja2 import nodes

from lakzegel_core.words import Words, holes
from lakzegel_office import words
from lakzegel_office.review import rendering

ROOT = Path(__file__).resolve().parents[3]
ROOM = ROOT / "office" / "lakzegel_office"
SOURCE = words.CATALOGUES / "nl" / Path(words.NAME).with_suffix(".po")
BUILD = runpy.run_path(str(ROOT / "hatch_build.py"), run_name="build")


def in_templates():
    environment = rendering.environment()
    for name in environment.list_templates(extensions=["html"]):
        source = environment.loader.get_source(environment, name)[0]
        for call in environment.parse(source).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_":
                (first,) = call.args
                if isinstance(first, nodes.Const):
                    yield first.value, name, {keyword.key for keyword in call.kwargs}


def in_code():
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "text":
                yield node.args[0].value


@pytest.fixture(scope="module")
def said():
    return BUILD["entries"](SOURCE.read_text(encoding="utf-8"))


def test_every_text_has_its_dutch_and_no_dutch_is_left_over(said):
    wanted = {english for english, *_ in in_templates()} | set(in_code())
    assert len(wanted) > 80
    assert {w for w in wanted if not said.get(w)} == set(), "say it in lakzegel_office.po"
    assert set(said) - {""} - wanted == set(), "nobody says this any more"


def test_each_dutch_text_has_the_holes_of_the_english_one_and_templates_fill_them(said):
    for english, dutch in said.items():
        taken = [name for _, name, _, _ in string.Formatter().parse(dutch) if name is not None]
        assert sorted(taken) == sorted(holes(english)), english
    for english, name, filled in in_templates():
        assert filled == set(holes(english)), (name, english)


def test_what_is_installed_is_what_the_source_says(said):
    made = Words.read((words.CATALOGUES / "nl" / words.NAME).read_bytes())
    assert made.messages == set(said) - {""}, "run: python hatch_build.py"


def test_no_template_has_a_script_or_a_style_of_its_own():
    refused = re.compile(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b")
    paths = list((ROOM / "review" / "templates").iterdir())
    assert paths
    assert [path.name for path in paths if refused.search(path.read_text())] == []
