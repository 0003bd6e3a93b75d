# SPDX-License-Identifier: EUPL-1.2
"""The certificate of a term's end: JSON, the same as XML and PDF, and the note over all three.

    lakzegel.nl/term-certificate/v1
    log log.example/lakzegel
    custody 2026-bzk
    json <base64 SHA-256>
    xml <base64 SHA-256>
    pdf <base64 SHA-256>
    at 2027-03-02T09:00:00Z

docs/spec/terms.md §5.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final, Self
from xml.etree import ElementTree as ET

import typst

from lakzegel_core import fields, note
from lakzegel_core.encoding import b64, canonical_json, format_time, parse_time
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_core.timetoken import fingerprint
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.errors import DoubtError
from lakzegel_office.terms.facts import Facts
from lakzegel_office.terms.model import BLIND, Term
from lakzegel_office.terms.register import Accepted

KIND: Final = "term-certificate"
FORM: Final = "lakzegel.nl/term-certificate/v1"
NAMESPACE: Final = "https://lakzegel.nl/ns/term-certificate/v1"
JSON: Final = "certificate.json"
XML: Final = "certificate.xml"
PDF: Final = "certificate.pdf"
NOTE: Final = "certificate.note"
TERM_NOTE: Final = "term.note"
STANDARD: Final = "a-3b"
MAX_CERTIFICATE: Final = 64 << 20  # bytes of each of the three files
# what typst's own fonts have: Latin, Greek, Cyrillic, punctuation, currency, letters and arrows
_NOT_SHOWN: Final = re.compile(
    "[^\x20-\x7e\xa1-\xac\xae-\u024f\u0386-\u03ce\u0400-\u045f\u1e00-\u1eff\u2010-\u2027\u20ac]"
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """The note's text: which three files one certificate is."""

    origin: str
    custody: str
    json: bytes
    xml: bytes
    pdf: bytes
    at: datetime

    def to_text(self) -> bytes:
        """Return the text that an approval key signs."""
        rows = [("custody", fields.slug(self.custody, what="custody"))]
        rows += [(name, b64(getattr(self, name))) for name in ("json", "xml", "pdf")]
        return fields.encode(KIND, self.origin, [*rows, ("at", format_time(self.at))])

    @classmethod
    def open(cls, data: bytes, key: VerifierKey) -> Self:
        """Return what a note says, when this approval key signed it.

        Raises:
            LakzegelError: it is not that.
        """
        text = note.open_exact(data, [key]).text
        rows = fields.Lines(text, KIND)
        custody = rows.take("custody")
        plain, xml, pdf = (
            fields.digest(rows.take(name), what=name) for name in ("json", "xml", "pdf")
        )
        at = parse_time(rows.take("at"), what="certificate at")
        rows.end()
        found = cls(rows.origin, custody, plain, xml, pdf, at)
        fields.require_same(KIND, found.to_text(), text)
        return found


@dataclass(frozen=True, slots=True)
class Certificate:
    """The three files and the note over them."""

    json: bytes
    xml: bytes
    pdf: bytes
    note: bytes


def content(
    office: Office,
    facts: Facts,
    term: Term,
    accepted: tuple[Accepted, ...],
    now: datetime,
    random: Callable[[int], bytes],
) -> dict[str, Any]:
    """Return everything that the certificate says."""
    trail = trail_of(office).journal.head()
    return {
        "accepted": [{"code": one.code, "reason": one.reason} for one in accepted],
        "at": format_time(now),
        "batches": facts.batches(),
        "blind": b64(random(BLIND)),
        "counts": facts.counts(),
        "devices": [device.to_json() for device in facts.devices],
        "form": FORM,
        "log": _log(facts),
        "office": office.config.org,
        "origin": office.config.origin,
        "term": term.to_json(),
        "trail": {"last": b64(trail.digest), "lines": trail.count},
    }


def issue(said: Mapping[str, Any], custody: str, now: datetime, key: SigningKey) -> Certificate:
    """Return the certificate of what is said, its note signed."""
    plain = canonical_json(dict(said))
    xml, pdf = as_xml(said), as_pdf(said, now)
    one, two, three = (hashlib.sha256(data).digest() for data in (plain, xml, pdf))
    sealed = Sealed(str(said["origin"]), custody, one, two, three, now)
    return Certificate(plain, xml, pdf, note.sign(sealed.to_text(), [key]))


def again(plain: bytes, signed: bytes) -> Certificate:
    """Return a certificate of what was kept of it: its JSON and its note.

    Raises:
        DoubtError: another version of what makes PDF makes other bytes.
    """
    said = json.loads(plain)
    at = parse_time(said["at"], what="certificate at")
    made = Certificate(plain, as_xml(said), as_pdf(said, at), signed)
    for name, data in (("xml", made.xml), ("pdf", made.pdf)):
        if f"\n{name} {b64(hashlib.sha256(data).digest())}\n".encode() not in signed:
            raise DoubtError(
                f"certificate.{name}: this version makes other bytes than were signed;"
                " take the files that were handed out"
            )
    return made


def as_xml(said: Mapping[str, Any]) -> bytes:
    """Return the same as XML: an element a field, `item` for each of a list, `nil` for none."""
    ET.register_namespace("", NAMESPACE)
    root = ET.Element(f"{{{NAMESPACE}}}certificate")
    for name in sorted(said):
        _add(root, name, said[name])
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def as_pdf(said: Mapping[str, Any], now: datetime) -> bytes:
    """Return the same to be read, as PDF/A; the same bytes for the same content."""
    template = files("lakzegel_office.terms") / "templates" / "certificate.typ"
    made = typst.compile(
        template.read_bytes(),
        format="pdf",
        ignore_system_fonts=True,
        pdf_standards=[STANDARD],
        timestamp=int(now.timestamp()),
        sys_inputs={"said": json.dumps(_shown(said))},
    )
    return bytes(made)


def _add(parent: ET.Element, name: str, value: Any) -> None:  # noqa: ANN401 - JSON
    safe = name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) else "item"
    element = ET.SubElement(parent, f"{{{NAMESPACE}}}{safe}")
    if safe != name:
        element.set("name", name)
    if isinstance(value, Mapping):
        for key in sorted(value):
            _add(element, key, value[key])
    elif isinstance(value, list):
        for one in value:
            _add(element, "item", one)
    elif value is None:
        element.set("nil", "true")
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return it with the code point of each character that the fonts have no shape for."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", value)
        return _NOT_SHOWN.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)
    if isinstance(value, Mapping):
        return {_shown(key): _shown(one) for key, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, list) else value


def _log(facts: Facts) -> dict[str, Any]:
    signed, newest = facts.verified.signed, facts.verified.times.newest
    stamp = None
    if newest is not None:
        size, token = newest
        at = format_time(datetime.fromtimestamp(token.at, UTC))
        stamp = {"at": at, "root": fingerprint(token.root), "size": size}
    if signed is None:
        return {"held": facts.held, "root": None, "signed": None, "size": 0, "timestamp": stamp}
    return {
        "held": facts.held,
        "root": b64(signed.checkpoint.root),
        "signed": format_time(datetime.fromtimestamp(signed.signed_at, UTC)),
        "size": signed.checkpoint.size,
        "timestamp": stamp,
    }
