# SPDX-License-Identifier: EUPL-1.2
"""Which texts bear a marking, and what the guard makes of what sealing found."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakzegel_agent.content.markings import is_marked
from lakzegel_agent.guards.base import Notes
from lakzegel_agent.guards.checking import compare, look, mode_of, shown
from lakzegel_agent.guards.classified_markings import GUARD
from lakzegel_agent.guards.of_content import MAX_KEPT, MAX_NAMED, asked, noted
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.sealing.jobs import Labelled

from .conftest import Kept, Make, policy, readings, states

MARKINGS = (
    "Departementaal VERTROUWELIJK",
    "Dep. VERTROUWELIJK",
    "Stg. CONFIDENTIEEL",
    "Stg. GEHEIM",
    "Stg. ZEER GEHEIM",
    "Staatsgeheim GEHEIM",
    "Staatsgeheim ZEER GEHEIM",
    "NATO RESTRICTED",
    "NATO CONFIDENTIAL",
    "NATO SECRET",
    "COSMIC TOP SECRET",
    "RESTREINT UE/EU RESTRICTED",
    "RESTREINT UE",
    "CONFIDENTIEL UE",
    "SECRET UE",
    "TRES SECRET UE",
    "TRÈS SECRET UE/EU TOP SECRET",
)
FRAMES = (
    "{}",
    "[{}]",
    "*** {} ***",
    "--{}--",
    "_{}_",
    "<{}>",
    "Rubricering: {}, blad 1 van 3",
    "Onderwerp:{}.",
    "Betreft stuk ({}); graag per koerier.",
    "{}!\r\n\r\nGeachte minister",
    "{}/ATOMAL",
)
FORMS = {
    "as it is": lambda text: text,
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "two spaces": lambda text: text.replace(" ", "  "),
    "no-break space": lambda text: text.replace(" ", "\u00a0"),
    "tab": lambda text: text.replace(" ", "\t"),
    "new line": lambda text: text.replace(" ", "\r\n"),
    "quoted line": lambda text: text.replace(" ", "\n> > "),
    "dash": lambda text: text.replace(" ", "-"),
    "soft hyphen": lambda text: text.replace("E", "E\u00ad"),
    "no width": "\u200b".join,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("marking", MARKINGS)
def test_a_marking_is_found_in_every_case_spacing_and_punctuation(marking: str, form: str) -> None:
    for frame in FRAMES:
        text = frame.format(FORMS[form](marking))
        assert is_marked(text), repr(text)
        assert is_marked(f"Eerst een zin. \n{text}\nDan nog een zin."), repr(text)


@pytest.mark.parametrize(
    "text",
    [
        "DEP.V.",
        "Dep.V.",
        "dep.v.",
        "DEP. V.",
        "Dep. V.",
        "(DEP.V)",
        "Stg.GEHEIM",
        "Stg.:GEHEIM",
        "stg geheim",
        "Stg. G E H E I M",
        "Z: Stg. Z E E R  G E H E I M",
        "STAATSGEHEIM",
        "Dit stuk is STAATSGEHEIM en niet anders",
        "Staatsgeheim",
        "\n  *staatsgeheim*\r\nGeachte",
        "Rubricering: staatsgeheim, niet kopiëren",
        "EU RESTRICTED",
        "EU TOP SECRET",
        "een brief met Stg. GEHEIM",
        "TRE\u0300S SECRET UE",
    ],
)
def test_these_are_markings(text: str) -> None:
    assert is_marked(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Dat is geheim.",
        "GEHEIM",
        "Zeer geheim",
        "vertrouwelijk",
        "Vertrouwelijk: niet doorsturen",
        "Geheimhouding",
        "geheimhoudingsverklaring",
        "Confidentieel",
        "Geen staatsgeheim via e-mail",
        "Staatsgeheim is een woord aan het begin van een zin",
        "het schenden van staatsgeheimen",
        "STAATSGEHEIMEN",
        "Stg. Geheimhouding",
        "stichting geheim",
        "Stg. Leergeld",
        "Stg. GEHEIM.docx",
        "stg-geheim.pdf",
        "zie map/stg. geheim",
        "nota_stg. geheim",
        "stg._geheim_overzicht",
        "C:\\stukken\\Stg. GEHEIM.xlsx",
        "geheim.docx",
        "top secret",
        "the secret service",
        "secret",
        "NATO secretary general",
        "NATO UNCLASSIFIED",
        "NATO",
        "SENATO SECRET",
        "cosmic ray, top secret",
        "the EU secret service",
        "EU restricted the import",
        "RESTREINT",
        "le secret uensuite",
        "departementaal",
        "Departementaal vertrouwelijkheid",
        "depot V.",
        "dep. van Defensie",
        "indep.v.",
        "gedep.v",
    ],
)
def test_these_are_none(text: str) -> None:
    assert not is_marked(text)
    assert not is_marked(f"Geachte heer, {text} en verder niets.")


@given(st.text(max_size=40), st.sampled_from(MARKINGS), st.text(max_size=40))
@example("\n", "Stg. GEHEIM", "\n")
def test_a_marking_on_a_line_of_its_own_is_found_whatever_surrounds_it(
    before: str, marking: str, after: str
) -> None:
    assert is_marked(f"{before}\n{marking}\n{after}")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_no_text_makes_the_look_fail(text: str) -> None:
    assert is_marked(text) in {True, False}


HOSTILE = (
    "stg. ", "stg . > > ", "stg z e e r  g e h e i ", "staatsgeheim ", "departementaal ", "dep. v",
    "nato ", "secret\t", "cosmic top ", "DEP  ", "dep.v", "S", " ", "\u00ad",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_the_look_takes_time_that_is_linear_in_the_text(piece: str) -> None:
    text = piece * (2**20 // len(piece))
    began = time.process_time()
    is_marked(text)
    assert time.process_time() - began < 10  # quadratic would be minutes


def found(memory: Kept, *labelled: Labelled, batch: int = 3) -> None:
    """What a batch leaves behind when it closes."""
    for name, value in noted(memory, ("classified",), 0, ("Postvak IN", "Chats"), batch, labelled):
        memory.remember(name, value)


def notes(memory: Kept) -> Notes:
    return GuardNotes(memory, GUARD.declaration.id)


def test_nothing_found_is_compliant(around: Make, memory: Kept) -> None:
    (one,) = readings(GUARD, around(notes=notes(memory)))
    assert states([one]) == {"found": ("compliant", "")}


def test_what_was_found_is_counted_and_named_once(around: Make, memory: Kept) -> None:
    found(memory, Labelled(0, 7, ("classified",), False), Labelled(1, 9, ("classified",), True))
    kept = GuardNotes(memory, GUARD.declaration.id)
    (one,) = readings(GUARD, around(notes=kept))
    assert (str(one.state), one.reason, one.count) == ("drifted", "found", 2)
    assert one.value == {
        "count": 2,
        "items": [[0, 3, 7], [0, 3, 9]],
        "more": 0,
        "since": "2026-11-30T09:00:00Z",
        "sources": [["Chats", 1], ["Postvak IN", 1]],
    }
    memory.values.update(kept.named())
    (again,) = readings(GUARD, around(notes=notes(memory), now=around().now + timedelta(days=2)))
    assert again.value == one.value


def test_it_sees_the_number_alone(around: Make, memory: Kept) -> None:
    found(memory, *(Labelled(0, n, ("classified",), False) for n in range(17)))
    named = policy('[guards]\nclassified-markings = "report"\n')
    looked, said = compare(
        look(GUARD, around(notes=notes(memory), policy=named), mode_of(named, GUARD)),
        None,
        "2026-11-30T09:00:00Z",
    )
    row = shown(looked, GUARD, "report")
    assert (row["state"], row["reasons"]) == ("drifted", {"found": 17})
    assert "Postvak" not in json.dumps(row)
    assert len(said) == 1
    assert len(json.loads(said[0])["after"]["items"]) == 17


def test_of_thousands_some_are_named_a_look_and_of_more_only_the_number(
    around: Make, memory: Kept
) -> None:
    many = [Labelled(0, n, ("classified",), False) for n in range(MAX_KEPT + 11)]
    found(memory, *many)
    heard: list[tuple[int, ...]] = []
    for _ in range(MAX_KEPT // MAX_NAMED):
        kept = GuardNotes(memory, GUARD.declaration.id)
        (one,) = readings(GUARD, around(notes=kept))
        assert isinstance(one.value, dict)
        assert (one.count, one.value["more"]) == (MAX_KEPT + 11, 11)
        heard += [tuple(item) for item in one.value["items"]]
        memory.values.update(kept.named())
    assert heard == [(0, 3, n) for n in range(MAX_KEPT)]


def test_what_could_not_be_looked_through_is_unknown(around: Make, memory: Kept) -> None:
    found(
        memory,
        Labelled(0, 1, ("scan-failed",), False),
        Labelled(0, 2, ("classified", "not-scanned-whole"), False),
        Labelled(0, 3, ("citizen-number",), False),
    )
    assert states(readings(GUARD, around(notes=notes(memory)))) == {
        "found": ("drifted", "found"),
        "not-scanned-whole": ("unknown", "not-scanned-whole"),
        "scan-failed": ("unknown", "scan-failed"),
    }


def test_what_is_kept_and_not_readable_is_begun_anew(around: Make, memory: Kept) -> None:
    kept = GuardNotes(memory, GUARD.declaration.id)
    kept.put("found", b"[1]")
    assert states(readings(GUARD, around(notes=kept))) == {"found": ("compliant", "")}


@pytest.mark.parametrize(
    ("toml", "labels"),
    [
        ("", ()),
        ('[guards]\ndefault = "enforce"\n', ()),
        ('[guards]\nclassified-markings = "off"\n', ()),
        ('[guards]\nclassified-markings = "report"\n', ("classified",)),
        ('[guards]\nclassified-markings = "enforce"\n', ("classified",)),
        ('[guards]\ncitizen-numbers = "report"\n', ("citizen-number",)),
    ],
)
def test_it_is_off_unless_the_policy_names_it(toml: str, labels: tuple[str, ...]) -> None:
    assert asked(policy(toml)) == labels
    on = mode_of(policy(toml), GUARD) != "off"
    assert on == ("classified" in labels)
