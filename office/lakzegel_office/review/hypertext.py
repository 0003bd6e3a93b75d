# SPDX-License-Identifier: EUPL-1.2
"""A mail's HTML as it can be shown: no script, no style, nothing from elsewhere, links as text.

docs/spec/review.md §8. `nh3` cleans it; what it leaves is written anew, each link as its text and
where it really leads, each picture from the mail's own parts; and that is cleaned again.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from typing import Final

import nh3
from markupsafe import Markup, escape

from lakzegel_office.markup import bounded
from lakzegel_office.review import visible
from lakzegel_office.review.pictures import picture_of

MAX_HTML: Final = 1 << 20  # characters of a mail's HTML that are shown
MAX_PICTURES: Final = 40
MAX_WRITTEN: Final = 4 << 20  # characters of text, with all that is unseen in it named
MAX_EMBEDDED: Final = 12 << 20  # bytes of pictures in one mail's text
MAX_PIXELS: Final = 120_000_000  # of all of them: 480 MB once unfolded
_STEP: Final = 1 << 16
_TAGS: Final = frozenset(
    {"abbr", "b", "blockquote", "br", "caption", "center", "code", "dd", "del", "div", "dl", "dt"}
    | {"em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "ins", "kbd", "li", "ol", "p", "pre"}
    | {"q", "s", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th"}
    | {"thead", "tr", "u", "ul"}
)
_CELL: Final = {"colspan", "rowspan"}
_ATTRIBUTES: Final = {"td": _CELL, "th": _CELL, "img": {"src", "alt"}}
_DROPPED: Final = frozenset(
    {"embed", "iframe", "math", "noscript", "object", "script", "select", "style", "svg"}
    | {"template", "textarea", "title"}
)
_VOID: Final = frozenset({"br", "hr", "img"})
STYLE: Final = (
    ":root{color-scheme:light dark}body{font:1rem/1.5 sans-serif;margin:12px;"
    "overflow-wrap:anywhere;background:#fff;color:#1c2126}"
    "img{max-width:100%;height:auto}table{border-collapse:collapse}td,th{padding:2px 6px;"
    "vertical-align:top}blockquote{margin:0 0 0 4px;padding-left:12px;"
    "border-left:3px solid #77818b}"
    "pre{white-space:pre-wrap}.code,.target,.left{font:0.85em monospace;padding:0 3px;"
    "border:1px solid #77818b;border-radius:3px}.link{text-decoration:underline}"
    "@media(prefers-color-scheme:dark){body{background:#1d242c;color:#e9edf1}}"
)
_CID: Final = re.compile(r"""(?i)cid:([^\s"'<>]{1,998})""")
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"sandbox; default-src 'none'; img-src data:; style-src 'sha256-{_HASH}'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)

Pictures = Callable[[str], bytes | None]


def document(source: str, pictures: Pictures, *, left_out: str, lang: str) -> str:
    """Return the page that the frame shows.

    Args:
        source: the mail's HTML.
        pictures: the bytes of the part with this Content-ID, if there is one.
        left_out: what is written where a picture is not shown.
        lang: of `left_out`.
    """
    body = cleaned(source, pictures, left_out=left_out)
    head = f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>-</title>'
    return f"{head}<style>{STYLE}</style></head><body>{body}</body></html>"


def named(source: str) -> set[str]:
    """Return the Content-IDs that a mail's HTML may name."""
    return {unescape(found) for found in _CID.findall(source[:MAX_HTML])}


def cleaned(source: str, pictures: Pictures, *, left_out: str) -> str:
    """Return HTML in which nothing acts and nothing is fetched."""
    first = nh3.clean(
        _encodable(bounded(source, MAX_HTML)),
        tags={*_TAGS, "a", "img"},
        attributes={**_ATTRIBUTES, "a": {"href"}},
        clean_content_tags=set(_DROPPED),
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel=None,
    )
    writer = _Writer(pictures, left_out)
    writer.feed(first[: 2 * MAX_HTML])
    writer.close()
    return nh3.clean(
        writer.text(),
        tags={*_TAGS, "img"},
        attributes={**_ATTRIBUTES, "span": {"class"}},
        clean_content_tags=set(_DROPPED),
        url_schemes={"data"},
        link_rel=None,
    )


class _Writer(HTMLParser):
    """Writes what `nh3` left, but links and pictures as they may be."""

    def __init__(self, pictures: Pictures, left_out: str) -> None:
        super().__init__(convert_charrefs=True)
        self._pictures = pictures
        self._left_out = left_out
        self._rows: list[str] = []
        self._links: list[str] = []
        self._asked = 0  # a part that is no picture costs as much as one that is
        self._bytes = 0
        self._pixels = 0
        self._written = 0

    def text(self) -> str:
        """Return what was written."""
        while self._links:
            self.handle_endtag("a")
        return "".join(self._rows)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write the begin of an element."""
        named = {key: value or "" for key, value in attrs}
        if tag == "a":
            self._links.append(named.get("href", ""))
            self._rows.append('<span class="link">')
        elif tag == "img":
            self._rows.append(self._picture(named))
        else:
            cells = "".join(f' {key}="{escape(named[key])}"' for key in _CELL & set(named))
            self._rows.append(f"<{tag}{cells}>")

    def handle_endtag(self, tag: str) -> None:
        """Write the end of an element; of a link, where it leads."""
        if tag != "a":
            if tag not in _VOID:
                self._rows.append(f"</{tag}>")
        elif self._links:
            self._rows.append("</span>")
            if link := self._links.pop():
                shown = visible.name(visible.target(link))
                self._rows.append(f' <span class="target">{shown}</span>')

    def handle_data(self, data: str) -> None:
        """Write text."""
        for start in range(0, len(data), _STEP):
            if self._written < MAX_WRITTEN:
                self._rows.append(str(visible.prose(data[start : start + _STEP])))
                self._written += len(self._rows[-1])

    def _picture(self, named: dict[str, str]) -> str:
        alt = named.get("alt", "")
        source = named.get("src", "")
        data = None
        if source.lower().startswith("cid:") and self._asked < MAX_PICTURES:
            self._asked += 1
            data = self._pictures(source[4:])
        found = picture_of(data) if data else None
        if data is None or found is None or not self._has_room(len(data), found[1]):
            words = f"{self._left_out}: {alt}" if alt else self._left_out
            return str(Markup('<span class="left">{}</span>').format(visible.plain(words)))
        text = base64.b64encode(data).decode()
        return f'<img src="data:{found[0]};base64,{text}" alt="{escape(visible.plain(alt))}">'

    def _has_room(self, size: int, pixels: int) -> bool:
        """Whether one more picture may be shown; if so, it counts."""
        if self._bytes + size > MAX_EMBEDDED or self._pixels + pixels > MAX_PIXELS:
            return False
        self._bytes += size
        self._pixels += pixels
        return True


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
