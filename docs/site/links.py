# SPDX-License-Identifier: EUPL-1.2
"""Links and anchors of the pages, which are Markdown that reads well without a site too.

A link that leaves its part of the site goes to the part that has the page; one to a file that is
on no part of it becomes the file's name. A line ``<a id="x"></a>`` before a heading names the
place, so that both languages have the same addresses; a link there is checked once all is made.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS: Final = Path(__file__).resolve().parents[1]
PARTS: Final = {"nl": DOCS / "guides" / "nl", "en": DOCS / "guides" / "en", "reference": DOCS}
OWN_ANCHOR: Final = re.compile(r'^(<a id="[a-z0-9-]+"></a>)$', re.MULTILINE)
LINK: Final = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s:#]*)(#[^)\s]*)?\)")

WORDS: Final = {
    "nl": {
        "room": "handleidingen",
        "skip": "Direct naar de inhoud",
        "find": "Zoeken",
        "terms": "Zoekwoorden",
        "menu": "Menu",
        "pages": "Handleidingen",
        "here": "Op deze pagina",
        "other": "English",
        "other_lang": "en",
        "noscript": "Voor het zoeken is JavaScript nodig. Alle pagina's staan in het menu.",
        "made": "Deze site werkt zonder netwerk en haalt niets van elders.",
    },
    "en": {
        "room": "guides",
        "skip": "Skip to the content",
        "find": "Search",
        "terms": "Words to look for",
        "menu": "Menu",
        "pages": "Guides",
        "here": "On this page",
        "other": "Nederlands",
        "other_lang": "nl",
        "noscript": "The search needs JavaScript. The menu has every page.",
        "made": "This site works without a network and fetches nothing from elsewhere.",
    },
}
WORDS["reference"] = WORDS["en"] | {"room": "reference", "pages": "Reference"}


def part_of(path: Path) -> str:
    """The part of the site that has this page, or ``""``."""
    for name in ("nl", "en"):
        if path.is_relative_to(PARTS[name]):
            return name
    is_page = path.is_relative_to(DOCS) and not path.is_relative_to(DOCS / "site")
    return "reference" if is_page and path.suffix == ".md" else ""


def prepared(text: str, page: Path) -> str:
    """The page's Markdown as this part of the site needs it."""
    part = part_of(page)
    root = PARTS[part]

    def led(match: re.Match[str]) -> str:
        said, path, fragment = match[1], match[2], match[3] or ""
        target = Path(os.path.normpath(page.parent / path)) if path else page
        there = part_of(target)
        if there == part and (part == "reference" or not fragment):
            return match[0]
        if not there or not target.is_file():
            return said
        up = "../" * (len(page.relative_to(root).parts) - 1)
        place = target.relative_to(PARTS[there]).with_suffix(".html").as_posix()
        scheme = "place" if fragment else "site"
        return f"[{said}]({scheme}:{up}../{there}/{place}{fragment})"

    return OWN_ANCHOR.sub(r"\1\n", LINK.sub(led, text))


REFERENCE: Final = """

```{toctree}
:hidden:
:glob:

guides/*
spec/*
adr/*
```
"""


def _read(app: Sphinx, docname: str, content: list[str]) -> None:
    content[0] = prepared(content[0], Path(app.env.doc2path(docname)))
    if app.config.part == "reference" and docname == app.config.root_doc:
        content[0] += REFERENCE


def _dress(
    app: Sphinx, pagename: str, _template: str, context: dict[str, object], _tree: object
) -> None:
    part = str(app.config.part)
    if "body" in context:  # a table that is too wide scrolls, by keyboard too; the page does not
        body = str(context["body"]).replace("<table", '<div class="wide" tabindex="0"><table')
        context["body"] = body.replace("</table>", "</table></div>")
    up = "../" * pagename.count("/")
    page = pagename if pagename != "search" else "index"
    context["words"] = WORDS[part]
    if part != "reference":
        context["other"] = f"{up}../{WORDS[part]['other_lang']}/{page}.html"
    else:
        context["other"] = f"{up}../nl/index.html"


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx call us."""
    app.add_config_value("part", "", "html")
    app.connect("source-read", _read)
    app.connect("html-page-context", _dress)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
