# SPDX-License-Identifier: EUPL-1.2
"""Whether a made site is whole: each link leads to a page and a place in it that there are."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

OUTSIDE: Final = {"http", "https", "mailto"}
NEEDS: Final = {"href", "src", "action", "data", "poster", "srcset"}


class Page(HTMLParser):
    """What one page holds that a browser would follow, fetch, run or apply."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str | None] = set()
        self.links: list[str] = []
        self.needs: list[str] = []
        self.inline: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of one element."""
        told = {name: value or "" for name, value in attrs}
        self.ids.add(told.get("id"))
        if tag == "a":
            self.links += [told["href"]] if "href" in told else []
        else:
            self.needs += [told[name] for name in NEEDS & set(told)]
        if tag == "style" or (tag == "script" and "src" not in told):
            self.inline.append(tag)
        self.inline += [name for name in told if name == "style" or name.startswith("on")]


def pages_of(site: Path) -> dict[Path, Page]:
    """Every page of the site, read."""
    return {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}


def broken(pages: dict[Path, Page]) -> list[str]:
    """The links that lead nowhere, each with its page."""
    return [
        f"{path.parent.name}/{path.name}: {link}"
        for path, page in pages.items()
        for link in page.links
        if not _leads(path, link, pages)
    ]


def _leads(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme in OUTSIDE:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    found = pages.get(target)
    return found is not None and (not parts.fragment or parts.fragment in found.ids)
