# SPDX-License-Identifier: EUPL-1.2
"""MDTO 1.0.1: one XML file for each informatieobject and each bestand.

docs/spec/transfer.md §5. The order of elements is the schema's; everything mandatory is always
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lakzegel_office.transfer.settings import APPRAISALS, Category, Named
from lakzegel_office.transfer.xmltext import Document, Element, document, element

NAMESPACE: Final = "https://www.nationaalarchief.nl/mdto"
_SCHEMA: Final = f"{NAMESPACE} https://www.nationaalarchief.nl/mdto/MDTO-XML1.0.1.xsd"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_EVENTS: Final = "Begrippenlijst EventTypeLijst MDTO"
_LEVELS: Final = "Begrippenlijst Aggregatieniveaus MDTO"
_APPRAISALS: Final = "Begrippenlijst Waarderingen MDTO"
_CHECKSUMS: Final = "Begrippenlijst ChecksumAlgoritme MDTO"
_RESTRICTIONS: Final = "Begrippenlijst BeperkingGebruikTypen MDTO"
_PERIODS: Final = "Lakzegel, typen van dekking in tijd"
_PEOPLE: Final = "Lakzegel, typen van betrokkenheid"
PRONOM: Final = "PRONOM-register"


@dataclass(frozen=True, slots=True)
class Reference:
    """Another object: its name, and its id in whose register."""

    name: str
    id: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done to an object."""

    kind: str
    at: datetime | None
    actor: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files, as PRONOM has it."""

    label: str
    puid: str = ""
    listed: str = PRONOM


@dataclass(frozen=True, slots=True)
class Object:
    """An informatieobject."""

    own: Reference
    level: str  # Serie, Dossier, Archiefstuk
    category: Category
    selection_list: str
    creator: Named
    description: str = ""
    first: datetime | None = None
    last: datetime | None = None
    events: Sequence[Event] = ()
    frozen: datetime | None = None  # from when its term runs
    parent: Reference | None = None
    parts: Sequence[Reference] = ()
    files: Sequence[Reference] = ()
    metadata: Sequence[Reference] = ()
    people: Sequence[tuple[str, Reference]] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A bestand."""

    own: Reference
    size: int
    format: Format
    sha256: str
    hashed: datetime
    of: Reference


def object_document(made: Object) -> Document:
    """Return the metadata of an informatieobject."""
    return _root(element("informatieobject", *_object(made)))


def file_document(made: File) -> Document:
    """Return the metadata of a file."""
    return _root(
        element(
            "bestand",
            _identified("identificatie", made.own),
            element("naam", made.own.name),
            element("omvang", str(made.size)),
            _concept("bestandsformaat", made.format.label, made.format.listed, made.format.puid),
            element(
                "checksum",
                _concept("checksumAlgoritme", "SHA-256", _CHECKSUMS),
                element("checksumWaarde", made.sha256),
                element("checksumDatum", moment(made.hashed)),
            ),
            _reference("isRepresentatieVan", made.of),
        )
    )


def moment(at: datetime) -> str:
    """Return a time as XML Schema writes it, in UTC."""
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _root(inner: Element) -> Document:
    attributes = {"xmlns": NAMESPACE, "xmlns:xsi": _XSI, "xsi:schemaLocation": _SCHEMA}
    return document(Element("MDTO", (inner,), attributes))


def _object(made: Object) -> Iterator[Element]:
    yield _identified("identificatie", made.own)
    yield element("naam", made.own.name)
    yield _concept("aggregatieniveau", made.level, _LEVELS)
    if made.description:
        yield element("omschrijving", made.description)
    yield from _period(made)
    yield from (_event(event) for event in made.events)
    yield _concept(
        "waardering", APPRAISALS[made.category.appraisal], _APPRAISALS, made.category.appraisal
    )
    yield from _term(made)
    if made.category.name:
        listed = made.selection_list or "Selectielijst"
        yield _concept("informatiecategorie", made.category.label, listed, made.category.code)
    if made.parent is not None:
        yield _reference("isOnderdeelVan", made.parent)
    yield from (_reference("bevatOnderdeel", part) for part in made.parts)
    yield from (_reference("heeftRepresentatie", file) for file in made.files)
    yield from (_reference("aanvullendeMetagegevens", file) for file in made.metadata)
    creator = made.creator
    yield _reference("archiefvormer", Reference(creator.name, creator.id, creator.source))
    yield from (_person(role, who) for role, who in made.people)
    yield _restriction(made.category)


def _period(made: Object) -> Iterator[Element]:
    if made.first is None:
        return
    last = made.last if made.last not in (None, made.first) else None
    yield element(
        "dekkingInTijd",
        _concept("dekkingInTijdType", "Volgens de bron", _PERIODS),
        element("dekkingInTijdBegindatum", _day(made.first)),
        element("dekkingInTijdEinddatum", _day(last)) if last is not None else None,
    )


def _event(event: Event) -> Element:
    return element(
        "event",
        _concept("eventType", event.kind, _EVENTS),
        element("eventTijd", moment(event.at)) if event.at is not None else None,
        _reference("eventVerantwoordelijkeActor", Reference(event.actor)) if event.actor else None,
        element("eventResultaat", event.result) if event.result else None,
    )


def _term(made: Object) -> Iterator[Element]:
    category = made.category
    if not category.term:
        return
    ends = category.ends(made.frozen) if made.frozen is not None else None
    yield element(
        "bewaartermijn",
        _concept("termijnTriggerStartLooptijd", category.trigger, _EVENTS),
        element("termijnStartdatumLooptijd", _day(made.frozen)) if made.frozen else None,
        element("termijnLooptijd", category.duration),
        element("termijnEinddatum", _day(ends)) if ends is not None else None,
    )


def _restriction(category: Category) -> Element:
    text = category.restriction_text
    return element(
        "beperkingGebruik",
        _concept("beperkingGebruikType", category.restriction, _RESTRICTIONS),
        element("beperkingGebruikNadereBeschrijving", text) if text else None,
    )


def _person(role: str, who: Reference) -> Element:
    return element(
        "betrokkene",
        _concept("betrokkeneTypeRelatie", role, _PEOPLE),
        _reference("betrokkeneActor", who),
    )


def _identified(name: str, own: Reference) -> Element:
    return element(
        name,
        element("identificatieKenmerk", own.id),
        element("identificatieBron", own.source),
    )


def _reference(name: str, to: Reference) -> Element:
    known = _identified("verwijzingIdentificatie", to) if to.id else None
    return element(name, element("verwijzingNaam", to.name), known)


def _concept(name: str, label: str, listed: str, code: str = "") -> Element:
    return element(
        name,
        element("begripLabel", label),
        element("begripCode", code) if code else None,
        element("begripBegrippenlijst", element("verwijzingNaam", listed)),
    )


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()
