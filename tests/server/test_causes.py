# SPDX-License-Identifier: EUPL-1.2
"""Every code has a cause, an owner, one next step and a section of the runbooks."""

import ast
import re
from pathlib import Path

import pytest

from lakzegel_server.fleet import assess
from lakzegel_server.fleet.cause import OWNERS, RUNBOOKS, Owner, Severity
from lakzegel_server.fleet.causes import CAUSES, STATED, UNKNOWN, cause_of, is_trouble

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / f"{RUNBOOKS}.md").read_text("utf-8")


def codes_of_agents():
    """The closed list of agents, as their source has it: no receiver imports an agent."""
    tree = ast.parse((ROOT / "agent" / "lakzegel_agent" / "problems.py").read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "NEXT":
            return {key.value for key in node.value.keys}
    raise AssertionError


def sections():
    """Code -> what its section says."""
    parts = re.split(r"^### ([a-z0-9-]+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_code_that_an_agent_may_state_is_known_and_no_other():
    assert {cause.code for cause in STATED} == codes_of_agents()


def test_every_code_that_the_receiver_finds_of_devices_is_known():
    assert set(assess.OWN) <= set(CAUSES)


def test_no_code_is_there_twice():
    assert len(STATED) + len({c.code for c in CAUSES.values()} - codes_of_agents()) == len(CAUSES)


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.code)
def test_a_code_says_why_whose_and_what_next(cause):
    for words in (cause.why, cause.step):
        assert words.endswith(".")
        assert words[0].isupper()
    assert cause.title
    assert cause.step.count(". ") <= 1, "one next step"
    assert cause.owner in OWNERS
    assert cause.anchor == f"docs/guides/runbooks.md#{cause.code}"


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.code)
def test_a_code_has_a_section_that_begins_with_the_same_step(cause):
    section = sections()[cause.code]
    assert f"1. {cause.step}\n" in section
    assert f"*{cause.title}.* {cause.why}" in section


def test_the_runbooks_have_no_section_of_nothing_and_link_to_sections_that_there_are():
    assert set(sections()) == set(CAUSES)
    assert set(re.findall(r"\]\(#([a-z0-9-]+)\)", PAGE)) <= set(CAUSES)


def test_a_code_of_a_newer_agent_is_told_as_one_that_is_not_known():
    found = cause_of("a-code-of-a-newer-agent")
    assert found.code == "a-code-of-a-newer-agent"
    assert found.why == CAUSES[UNKNOWN].why
    assert is_trouble(found.code)
    assert not is_trouble("polling")


def test_owners_and_severities_are_all_in_use():
    assert {cause.owner for cause in CAUSES.values()} == set(Owner)
    assert {cause.severity for cause in CAUSES.values()} == set(Severity)
