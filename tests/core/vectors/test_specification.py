# SPDX-License-Identifier: EUPL-1.2
"""What docs/spec says about the code, and what the code says about docs/spec, is true."""

from __future__ import annotations

import re

import pytest
from kit.case import OK, VECTORS, load
from kit.openers import OPENERS

from lakzegel_core import entries, errors, heartbeat, held, limits, query

ROOT = VECTORS.parents[1]
SPEC = ROOT / "docs" / "spec"
ROOMS = ("core", "agent", "server", "office", "web", "verify", "demo")
CITED = re.compile(  # pages of docs/spec, by their name alone
    r"(?<!guides/)\b([a-z]+(?:-[a-z]+)*\.md)((?:(?:,? and|,)? §[0-9]+(?:\.[0-9]+)*)*)"
)
SECTION = re.compile(r"§([0-9]+(?:\.[0-9]+)*)")
HEADING = re.compile(r"^#{2,4} ([0-9]+(?:\.[0-9]+)*)[. ]", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)\)((?: §[0-9.]*[0-9])?)")
EXAMPLE = re.compile(r"(?ms)^```lakzegel-note ([a-z0-9-]+)/([a-z0-9-]+)\n(.*?)^```$")
LIMIT = re.compile(r"^\| `([A-Z_]+)` \| ([0-9,]+) \| (.+) \|$", re.MULTILINE)


def pages() -> list:
    return sorted(SPEC.glob("*.md"))


def has(page: str, sections: list[str]) -> bool:
    path = SPEC / page
    return path.exists() and set(sections) <= set(HEADING.findall(path.read_text("utf-8")))


def citations() -> list[tuple[str, str, tuple[str, ...]]]:
    """File, page and sections of every citation in the code."""
    found = set()
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for page, sections in CITED.findall(path.read_text("utf-8")):
                name = str(path.relative_to(ROOT))
                found.add((name, page, tuple(SECTION.findall(sections))))
    return sorted(found)


def test_the_code_cites_the_specification():
    assert len(citations()) > 40


@pytest.mark.parametrize(("name", "page", "sections"), citations())
def test_every_section_that_the_code_cites_exists(name, page, sections):
    assert has(page, list(sections)), f"{name} cites docs/spec/{page} {sections}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_section_that_a_page_names_exists(page):
    for link, section in LINK.findall(page.read_text("utf-8")):
        assert (SPEC / link).exists(), link
        assert not section or has(link, SECTION.findall(section)), f"{link}{section}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_error_that_a_page_names_exists(page):
    for name in re.findall(r"`([A-Z][A-Za-z]+Error)`", page.read_text("utf-8")):
        assert hasattr(errors, name), name


def test_every_example_is_a_vector_that_opens():
    examples = [(p.name, *e) for p in pages() for e in EXAMPLE.findall(p.read_text("utf-8"))]

    assert len(examples) > 15
    for page, folder, name, text in examples:
        (case,) = [case for case in load(folder) if case.name == name]
        assert case.expect == OK, f"{page}: {name}"
        assert text.rstrip() == case.body.decode().rstrip(), f"{page}: {name}"
        OPENERS[folder](case)


def test_every_limit_of_the_core_is_in_the_table_with_its_reason():
    source = (ROOT / "core" / "lakzegel_core" / "limits.py").read_text("utf-8")
    coded = re.findall(r"^(\w+): Final = .+?  # (.+)$", source, re.MULTILINE)
    written = LIMIT.findall((SPEC / "limits.md").read_text("utf-8"))

    assert [(name, why) for name, _, why in written] == coded
    for name, figure, _ in written:
        assert getattr(limits, name) == int(figure.replace(",", ""))


def test_every_kind_of_note_is_in_the_table_of_kinds():
    table = (SPEC / "README.md").read_text("utf-8").split("## Kinds of note")[1].split("\n## ")[0]
    logged = re.findall(r"^\| (.+?) \| .+ \| yes \|", table, re.MULTILINE)
    others = re.findall(r"^\| `(.+?)` \| .+ \| no \|", table, re.MULTILINE)

    assert set(re.findall(r"`([a-z-]+)`", " ".join(logged))) == set(entries.KINDS)
    assert set(others) == {heartbeat.KIND, held.KIND, query.KIND}


def test_every_page_is_in_the_index_and_every_folder_of_vectors_on_a_page():
    index = (SPEC / "README.md").read_text("utf-8")
    told = " ".join(page.read_text("utf-8") for page in pages())

    for page in pages():
        assert page.name == "README.md" or f"[{page.name}]({page.name})" in index
    for name in OPENERS:
        assert f"`{name}`" in told, name
