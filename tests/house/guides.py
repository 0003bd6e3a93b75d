# SPDX-License-Identifier: EUPL-1.2
"""The guides for people, as tests read them: headings, blocks and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs" / "guides"
LANGUAGES = ("nl", "en")
PAGES = sorted(path.name for path in (GUIDES / "nl").glob("*.md"))
HOW = {"run", "soak", "system"}  # how a block of commands is tested; see the page testing.md
FENCE = re.compile(r"^(```+)([^\n`]*)\n(.*?)^\1$\n?", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(?:<a id=\"([a-z0-9-]+)\"></a>\n)?(#{1,5}) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    kind: str  # "sh", "toml", …
    how: str  # "run", "soak", "system" or ""
    text: str


def text_of(language, page):
    return (GUIDES / language / page).read_text("utf-8")


def blocks(language, page):
    """All fenced blocks of a page, in their order."""
    found = []
    for _, info, text in FENCE.findall(text_of(language, page)):
        kind, _, how = info.strip().partition(" ")
        found.append(Block(kind, how, text))
    return found


def headings(language, page):
    """Depth and anchor of each heading below the first, and what it says."""
    prose = FENCE.sub("", text_of(language, page))
    return [(len(depth), anchor, said) for anchor, depth, said in HEADING.findall(prose)][1:]


def lines(text):
    """The commands of a block, continued lines joined, without what is written into files."""
    joined = re.sub(r"\\\n\s*", " ", text)
    without = re.sub(r"<<'?([A-Z]+)'?\n.*?^\1$", "", joined, flags=re.MULTILINE | re.DOTALL)
    return [line.strip() for line in without.splitlines() if line.strip()]


def words(line):
    """The words of one command of ours, without what a shell makes of it; or None."""
    if not re.match(r"lakzegel-(?:agent|server|office|verify) ", line):
        return None
    whole = re.sub(r"\$\([^)]*\)", "2026-12-31", line)
    return shlex.split(re.split(r"\s(?:[|&;]|>|2>|#)", whole)[0])
