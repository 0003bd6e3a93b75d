# SPDX-License-Identifier: EUPL-1.2
"""The guides say the same in both languages, and nothing that the programs do not know."""

import contextlib
import gettext
import io
from functools import cache

import pytest

from lakzegel_agent.__main__ import parser as agent
from lakzegel_office.__main__ import parser as office
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
