# SPDX-License-Identifier: EUPL-1.2
"""An office that destroys: a selection list, and the steps as a person takes them."""

import os
from datetime import UTC, datetime

from lakzegel_office.commands.common import Office
from lakzegel_office.destroying.carrying import Carrier
from lakzegel_office.destroying.selection import Copy

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


def carrier_of(world):
    """What takes the steps of a list."""
    return Carrier(office_of(world), os.urandom)


def carry_out(world, number=1):
    """Carry a list out against the world's receiver."""
    with world.home.exclusive():
        carrier = carrier_of(world)
        pull = world.puller().run
        return carrier.carry_out(number, world.receiver, pull, COPIES, NOW)
