# SPDX-License-Identifier: EUPL-1.2
"""Who writes on the demo's device, and about what. None of it exists."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

BEGIN: Final = datetime(2026, 11, 2, 8, 30)  # noqa: DTZ001 - as a clock on the wall shows it
MINISTER: Final = ("Marit van Loon", "minister@minxyz.example")
PEOPLE: Final = (
    ("Joost de Wilde", "j.dewilde@minxyz.example"),
    ("Fatima El Amrani", "f.elamrani@minxyz.example"),
    ("Secretariaat BWP", "secretariaat@minxyz.example"),
    ("Anneke Bergsma", "bergsma@gemeente-noorderdam.example"),
    ("René Çelik", "rene.celik@waterschap.example"),
)
SUBJECTS: Final = (
    "Nota kustfonds, versie 3",
    "Kamerbrief dijkversterking",
    "Re: agenda ministerraad",
    "Reünie vrijdag: wél of niet?",
    "Woo-verzoek 2026-114",
    "Cijfers € 4,2 mln vóór donderdag",
    "Werkbezoek Noorderdam",
    "FW: concept-antwoorden Kamervragen",
)
SENTENCES: Final = (
    "Kun je hier vandaag nog naar kijken?",
    "De cijfers op bladzijde twee kloppen nog niet met de begroting.",
    "Ik stel voor dat we dit maandag bespreken in het bewindspersonenoverleg.",
    "Het waterschap is akkoord, mits de bijdrage wordt vastgelegd.",
    "Graag vóór vijven een besluit, dan kan de brief nog mee.",
    "De burgemeester vraagt of u zelf komt spreken.",
    "Zie de bijlage; alinea 4 is nieuw.",
    "Liever niet via de telefoon, mail is prima.",
    "Dit moet in het dossier, wil jij dat regelen?",
    "Dank! Akkoord wat mij betreft.",
)


def text(chance: Random, sentences: int) -> str:
    """Return that many sentences."""
    return " ".join(chance.choice(SENTENCES) for _ in range(sentences))


def moments(chance: Random, count: int) -> list[datetime]:
    """Return that many moments in order, spread over two weeks."""
    minutes = sorted(chance.randrange(14 * 24 * 60) for _ in range(count))
    return [BEGIN + timedelta(minutes=minute, seconds=chance.randrange(60)) for minute in minutes]
