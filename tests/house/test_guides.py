# SPDX-License-Identifier: EUPL-1.2
"""The guides say the same in both languages, and nothing that the programs do not know."""

import contextlib
import gettext
import importlib.util
import io
import re
from functools import cache
from typing import get_args

import pytest
from pydantic import BaseModel

from lakzegel_agent.__main__ import parser as agent
from lakzegel_agent.settingsschema import Settings
from lakzegel_office.__main__ import parser as office
from lakzegel_office.reports.guidance import _ROWS as ROWS
from lakzegel_server.__main__ import parser as server
from lakzegel_verify.__main__ import _parser as verify
from tests.house import guides
from tests.house.guides import GUIDES, LANGUAGES, PAGES, ROOT

PARSERS = {"agent": agent, "server": server, "office": office, "verify": verify}
MINE = (ROOT / "server/lakzegel_server/pages/templates/mine.html").read_text("utf-8")
SAID = (  # of that page, which the notice on paper must not contradict
    "This receiver and IT support: times, counts and states; no message, no contact, no file.",
    "The makers of Lakzegel: nothing.",
    "I have read this",
)

both = pytest.mark.parametrize("page", PAGES)


def test_both_languages_have_the_same_pages():
    assert PAGES
    assert sorted(path.name for path in (GUIDES / "en").glob("*.md")) == PAGES


@both
def test_both_languages_have_the_same_headings_under_the_same_anchors(page):
    dutch, english = ([one[:2] for one in guides.headings(lang, page)] for lang in LANGUAGES)
    assert dutch == english
    assert all(anchor for _, anchor in dutch), "a heading without an anchor"
    assert len({anchor for _, anchor in dutch}) == len(dutch)


@both
def test_both_languages_have_the_same_blocks(page):
    assert guides.blocks("nl", page) == guides.blocks("en", page)


@both
def test_each_block_of_commands_says_how_it_is_tested(page):
    for block in guides.blocks("nl", page):
        assert block.kind, f"a block without a kind: {block.text[:60]}"
        assert block.kind != "sh" or block.how in guides.HOW, block.text[:60]


@cache
def grammar(program):
    return PARSERS[program]()


@both
def test_each_command_of_ours_is_one_that_the_program_takes(page):
    text = "".join(one.text for one in guides.blocks("nl", page) if one.kind == "sh")
    for line in guides.lines(text):
        found = guides.words(line)
        if found is None or found[1:2] == ["log"]:
            continue
        program = found[0].removeprefix("lakzegel-")
        with contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                grammar(program).parse_args(found[1:])
            except SystemExit:
                pytest.fail(f"{line}\n{said.getvalue()}")


def in_dutch(said):
    folder = ROOT / "server/lakzegel_server/locale"
    return gettext.translation("lakzegel_server", folder, ["nl"]).gettext(said)


def test_the_notice_says_what_the_persons_own_page_says():
    start = MINE.index("What you write and receive for your office")
    whole = MINE[start : MINE.index('")', start)].split(". ")
    for said in (*SAID, *(part.removesuffix(".") for part in whole[:2])):
        assert said in MINE
        assert said in guides.text_of("en", "notice.md")
    dutch = in_dutch(MINE[start : MINE.index('")', start)]).split(". ")
    for said in (*(in_dutch(one) for one in SAID), *dutch[:2]):
        assert said.removesuffix(".") in guides.text_of("nl", "notice.md")
    assert dutch[2].removesuffix(".") in guides.text_of("nl", "notice.md")


@pytest.fixture(scope="module")
def tables():
    """What writes the tables of the guide for IT support; it lies with the site, in no room."""
    spec = importlib.util.spec_from_file_location("causes", ROOT / "docs/site/causes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guide_for_support_has_each_state_and_each_problem_as_the_receiver_says_it(
    tables, language
):
    text = guides.text_of(language, "support.md")
    assert tables.written(language, text) == text, "run: python docs/site/causes.py"
    for code in tables.CAUSES:
        assert text.count(f"[`{code}`](../runbooks.md#{code})") == 1
    assert text.count("\n| **") == len(tables.CAUSES) + len(tables.CONDITIONS)


def keys_of(schema, prefix=""):
    for name, field in schema.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        table = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        yield from keys_of(table, f"{name}.") if table else [f"{prefix}{name}"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guide_for_mdm_has_every_key_of_the_settings(language):
    text = guides.text_of(language, "mdm.md")
    keys = list(keys_of(Settings))
    assert {"server", "limits.spool", "shipping.longest_wait"} <= set(keys)
    assert [key for key in keys if f"\n| `{key}` |" not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guidance_is_answered_row_by_row_as_in_the_report(language):
    text = guides.text_of(language, "guidance.md")
    assert [int(one) for one in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == list(ROWS)


def test_every_test_that_the_threat_model_names_exists():
    named = re.findall(r"`(tests/[\w/.]+)`", guides.text_of("nl", "security.md"))
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []
    model = guides.text_of("en", "security.md")
    assert re.findall(r"`(tests/[\w/.]+)`", model) == named
