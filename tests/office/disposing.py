# SPDX-License-Identifier: EUPL-1.2
"""An office that destroys: a selection list, and the steps as a person takes them."""

import os
from contextlib import closing
from datetime import UTC, datetime

from lakzegel_office.collection.model import Query
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Office
from lakzegel_office.destroying.carrying import Carrier
from lakzegel_office.destroying.selection import Copy
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import Class

SELECTION = """
[[category]]
code = "prive"
appraisal = "V"
term = "0d"
ground = "AVG art. 17; geen archiefbescheiden"
about = "Privéberichten"

[[category]]
code = "1"
appraisal = "B"
ground = "Selectielijst 2026, nr. 1"
about = "Mail van bewindspersonen"

[[category]]
code = "2"
appraisal = "V"
term = "90y"
ground = "Selectielijst 2026, nr. 2"
about = "Uitvoering"
app = ["mail"]

[[copy]]
what = "back-up van de ontvanger"
kept = "30d"
"""
COPIES = [Copy("back-up van de ontvanger", "30d")]
NOW = datetime(2027, 3, 1, tzinfo=UTC)


def office_of(world):
    """The office, unlocked, with a selection list."""
    world.home.selection.write_text(SELECTION)
    return Office(world.home, world.config, world.vault)


def decide(world, query, to="prive", actor="anna"):
    """Have somebody decide in review of the units that a query finds; return their ids."""
    office = office_of(world)
    with closing(open_collection(office)[0]) as collection:
        units = [unit.id for unit in collection.units(Query(text=query))]
    book = Book.open(world.home, office.journal_key)
    if units:
        book.anew(units, actor=actor, now=NOW)
        book.decide(units, Class(to), actor=actor, reason="", now=NOW)
    return units


def carrier_of(world):
    """What takes the steps of a list."""
    return Carrier(office_of(world), os.urandom)


def carry_out(world, number=1):
    """Carry a list out against the world's receiver."""
    with world.home.exclusive():
        carrier = carrier_of(world)
        pull = world.puller().run
        return carrier.carry_out(number, world.receiver, pull, COPIES, NOW)
