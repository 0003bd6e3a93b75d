# SPDX-License-Identifier: EUPL-1.2
"""What the papers tell people to do exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAPERS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/README.md"]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
COMMAND = re.compile(r"(?<![/\w-])lakzegel-(agent|server|office) ([a-z]+)\b")
ADR = re.compile(r"\d{4}-[a-z0-9-]+\.md\Z")


@pytest.fixture(scope="module")
def papers(root):
    guides = sorted((root / "docs" / "guides").rglob("*.md"))
    adr = sorted((root / "docs" / "adr").glob("*.md"))
    return [*(root / name for name in PAPERS), *guides, *adr]


def test_every_link_to_a_file_leads_somewhere(papers):
    broken = [
        f"{paper.name}: {target}"
        for paper in papers
        for target in LINK.findall(paper.read_text())
        if "://" not in target and not (paper.parent / target).exists()
    ]
    assert broken == []


def test_every_make_target_that_is_named_exists(papers, root):
    targets = set(TARGET.findall((root / "Makefile").read_text()))
    named = {
        name
        for paper in papers
        for code in re.findall(r"`([^`\n]+)`|^(make .+)$", paper.read_text(), re.MULTILINE)
        for name in MAKE.findall("".join(code))
    }
    assert {"demo", "test", "lint"} <= named
    assert named <= targets


def test_every_command_that_is_named_exists(papers):
    named = {found for paper in papers for found in COMMAND.findall(paper.read_text())}
    assert ("office", "verify") in named
    for program in {program for program, _ in named}:
        done = subprocess.run(
            [sys.executable, "-m", f"lakzegel_{program}", "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        commands = {command for name, command in named if name == program}
        assert {c for c in commands if not re.search(rf"\b{c}\b", done.stdout)} == set()


def test_decisions_have_a_number_of_their_own_and_all_their_parts(root):
    files = sorted(Path(root / "docs" / "adr").iterdir())
    numbers = [int(path.name[:4]) for path in files]
    assert sorted(set(numbers)) == numbers  # one may be agreed before those in front are written
    for path in files:
        assert ADR.match(path.name)
        headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Alternatives", "Consequences"], path.name


def test_the_changelog_has_a_place_for_what_is_not_released_yet(root):
    assert "\n## Unreleased\n" in (root / "CHANGELOG.md").read_text()


SPECIFIED = re.compile(r"(\d+)\. ")
LONG = 80  # characters; nobody writes such a line twice by chance


def test_the_specification_says_nothing_twice_and_counts_its_steps(root):
    wrong = []
    for paper in sorted((root / "docs" / "spec").glob("*.md")):
        before, seen = None, set()
        for line in paper.read_text().splitlines():
            number = SPECIFIED.match(line)
            if number and before and int(number[1]) != int(before[1]) + 1:
                wrong.append(f"{paper.name}: {line[:LONG]}")
            if len(line) > LONG and not number and line in seen:
                wrong.append(f"{paper.name}: twice: {line[:LONG]}")
            before = number
            seen.add(line)
    assert wrong == []
