# SPDX-License-Identifier: EUPL-1.2
"""What cannot be seen, or looks like something else, made plain: names, subjects, addresses, links.

gnp<U+202E>exe.doc          a name that reads backwards
xn--pple-43d.com            a host whose first letter is Cyrillic
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from markupsafe import Markup, escape

_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANK: Final = frozenset("\u115f\u1160\u2028\u2029\u2800\u3164\uffa0")  # letters by name, unseen
_JOINER: Final = "\u200d"
_PICTURES: Final = frozenset({"So", "Sk", "Mn"})  # what a joiner joins
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs"})
_ODD: Final = re.compile("[^\n\t -~\u00a1-\u00ac\u00ae-\u024f]")  # what has to be looked at
_ODD_NAME: Final = re.compile("[^ -~\u00a1-\u00ac\u00ae-\u024f]")
_WORD: Final = re.compile(r"[^\W\d_]+")
_LABEL: Final = 63  # characters of a label that a network knows; what is longer leads nowhere
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
_TARGET: Final = re.compile(r"(?i)\A([a-z][a-z0-9+.-]*:)(//)?([^/?#]*)(.*)\Z", re.DOTALL)


def name(text: str) -> Markup:
    """Return a name or a subject on one line, with all that is unseen in it named."""
    return _marked(text, _ODD_NAME, strict=True)


def prose(text: str) -> Markup:
    """Return text with its lines; what turns its direction, and controls, are named."""
    return _marked(text.replace("\r\n", "\n"), _ODD, strict=False)


def plain(text: str) -> str:
    """Return a name as text, for a title or a label."""
    return _ODD_NAME.sub(
        lambda odd: _code(odd[0]) if _is_hidden(text, odd.start(), strict=True) else odd[0], text
    )


def host(text: str) -> str:
    """Return a host as the network knows it: letters beyond ASCII in punycode."""
    return ".".join(_label(label) for label in text.split("."))


def address(text: str) -> str:
    """Return an address without what is before its colon, its host as the network knows it."""
    kind, _, rest = text.partition(":")
    if kind != "mailto":
        return rest or text
    local, at, domain = rest.rpartition("@")
    return f"{local}{at}{host(domain)}"


def target(url: str) -> str:
    """Return where a link leads, its host as the network knows it."""
    found = _TARGET.match(url.strip())
    if found is None:
        return url
    scheme, slashes, place, rest = found.groups()
    if not slashes:
        return f"{scheme}{address('mailto:' + place)}{rest}" if scheme == "mailto:" else url
    login, at, server = place.rpartition("@")
    return f"{scheme}//{login}{at}{host(server)}{rest}"


def is_mixed(text: str) -> bool:
    """Whether a word has letters of several alphabets that look alike."""
    return any(len(_scripts(word)) > 1 for word in _WORD.findall(text))


def _marked(text: str, odd: re.Pattern[str], *, strict: bool) -> Markup:
    pieces: list[str] = []
    done = 0
    for found in odd.finditer(text):
        number = found.start()
        if _is_hidden(text, number, strict=strict):
            code = f'<span class="code">&lt;U+{ord(text[number]):04X}&gt;</span>'
            pieces += [str(escape(text[done:number])), code]
            done = number + 1
    return Markup("".join([*pieces, str(escape(text[done:]))]))  # noqa: S704  # each is escaped


def _is_hidden(text: str, number: int, *, strict: bool) -> bool:
    one = text[number]
    if one.isascii():
        return not one.isprintable() and (strict or one not in "\n\t")
    if one == _JOINER and 0 < number < len(text) - 1:
        beside = {unicodedata.category(text[number - 1]), unicodedata.category(text[number + 1])}
        return strict and not beside <= _PICTURES
    kind = unicodedata.category(one)
    if strict:
        return kind in _HIDDEN or one in _BLANK
    return kind in {"Cc", "Cs"} or one in _BIDI


def _code(one: str) -> str:
    return f"<U+{ord(one):04X}>"


def _label(label: str) -> str:
    if label.isascii() or len(label) > _LABEL:  # `punycode` takes quadratic time
        return label
    try:
        return label.encode("idna").decode()
    except UnicodeError:
        folded = label.lower().encode("utf-8", "replace").decode()
        return "xn--" + folded.encode("punycode").decode()


def _scripts(word: str) -> set[str]:
    if word.isascii():
        return set()
    names = {unicodedata.name(one, "").split(" ")[0] for one in word}
    return names & set(_SCRIPTS)
