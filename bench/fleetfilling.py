# SPDX-License-Identifier: EUPL-1.2
"""A receiver with so many devices, of whom it knows as much as after five weeks.

Real notes are slow to make and the log is not what is measured: the devices are put into the
custody as a replay would leave them, and what came of them into the tables as the receiver writes
it. Heartbeats that are sent are signed for real; of those that are kept, one of each kind.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from lakzegel_core.age import Identity, Recipient
from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import DeviceState, EpochState, HeadState, PolicyEntry
from lakzegel_core.enrolment import Reason
from lakzegel_core.heartbeat import Heartbeat, sign_heartbeat
from lakzegel_core.heartbeatrows import (
    Figures,
    GuardCount,
    LastReceipt,
    ProblemCount,
    SourceCount,
    SpoolUse,
)
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey
from lakzegel_core.policy import parse_policy_toml
from lakzegel_server.database import Database
from lakzegel_server.fleet import arrivals, days
from lakzegel_server.fleet.beats import write_beats
from lakzegel_server.fleet.days import Day
from lakzegel_server.fleet.model import Arrival
from lakzegel_server.index.engine import Connection

ORIGIN: Final = "log.example/fleet"
NOW: Final = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
MINISTRIES: Final = ("az", "bz", "bzk", "def", "ez", "fin", "ienw", "jenv", "lvvn", "ocw", "szw")
CIRCLES: Final = ("bewindspersonen", "bestuursraad", "woordvoering", "secretariaat", "directie")
VERSIONS: Final = ("0.5.0", "0.5.1", "0.5.1", "0.5.1")
CODES: Final = ("files-failed", "source-missing", "guard-drifted", "spool-full", "policy-expires")
SEED: Final = bytes(31) + b"\x01"  # of every device's header key; their names differ
KINDS: Final = 60  # of heartbeats
QUIET: Final = 50  # one of so many is silent
TROUBLED: Final = 0.05  # of all have a problem
CHUNK: Final = 500  # devices a transaction
_POLICY: Final = """
serial = {serial}
audience = [{audience}]
expires = 2027-06-30
recipients = ["{recipient}"]
[[source]]
name = "mail"
kind = "maildir"
path = "~/Mail"
"""


@dataclass(slots=True)
class Simulated:
    """What is made of each device, by its place; the same each time."""

    count: int
    weeks: int = 5
    now: datetime = NOW
    key: VerifierKey = field(init=False)
    annex: Recipient = field(init=False)
    made: dict[tuple[int, datetime], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make what all devices share."""
        self.key = SigningKey.from_seed("x", Algorithm.ED25519, SEED).verifier
        self.annex = Identity.from_seed(bytes(32)).recipient

    def name(self, place: int) -> str:
        """Return the device's name."""
        kind = "laptop" if place % 5 else "telefoon"
        return f"{MINISTRIES[place % len(MINISTRIES)]}-{kind}-{place // len(MINISTRIES):05}"

    def group(self, place: int) -> str:
        """Return its group, of some hundred devices."""
        ring = place // len(MINISTRIES) // 300 % 20
        return f"{MINISTRIES[place % len(MINISTRIES)]}-{CIRCLES[place % len(CIRCLES)]}-{ring}"

    def silent(self, place: int) -> bool:
        """Return whether nothing came of it for days."""
        return place % QUIET == 1

    def device(self, place: int) -> DeviceState:
        """Return it as the custody has it."""
        name = self.name(place)
        newest = self.sealed(place)[-1]
        key = replace(self.key, name=f"{ORIGIN}/{name}/0/header")
        epoch = EpochState(
            epoch=0,
            enrolment_id=bytes(32),
            header_key=key,
            witness_key=key,
            annex=self.annex,
            index=place,
            reason=Reason.FIRST,
            enrolled=self.now - timedelta(days=200),
            head=HeadState(newest.batch, bytes(32), newest.closed, newest.index),
        )
        return DeviceState(name, self.group(place), "kabinet-2026", epoch)

    def sealed(self, place: int) -> list[Arrival]:
        """Return what came of it: a batch a day, the oldest first."""
        last = self.now - timedelta(minutes=place % 600 + 1)
        if self.silent(place):
            last -= timedelta(days=3)
        span = 7 * self.weeks
        found = []
        for number in range(span):
            at = (last - timedelta(days=span - 1 - number)).replace(microsecond=0)
            index = number * self.count + place
            found.append(Arrival(0, number, index, at, at, 12, 40_960))
        return found

    def heartbeat(self, place: int, counter: int, at: datetime) -> bytes:
        """Return one of its heartbeats, signed."""
        chance = random.Random(place)
        hour = at.replace(minute=0, second=0)
        code = CODES[place % len(CODES)] if chance.random() < TROUBLED else None
        problems = () if code is None else (ProblemCount(code, 1, hour),)
        guards = tuple(GuardCount(f"guard-{n}", "compliant", n + 1) for n in range(5))
        said = Heartbeat(
            ORIGIN, self.name(place), 0, place.to_bytes(16, "big"), counter, at,
            chance.choice(VERSIONS), self.now - timedelta(hours=30), chance.choice((6, 7, 7)),
            Figures(120, 117, 2, 1), SpoolUse(place % 3, place % 3 * 40_000, 2**31),
            LastReceipt(place, at), 1, self.now + timedelta(days=300), problems, guards, (),
            (SourceCount("covered", 3),),
        )  # fmt: skip
        return sign_heartbeat(said, SigningKey.from_seed(said.key_name, Algorithm.ED25519, SEED))

    def kept(self, place: int, at: datetime) -> bytes:
        """Return one as it is kept: as another device of its kind signed it, with its name.

        What is kept was verified and is not again, so that its signature is not looked at.
        """
        kind = place % KINDS, at
        if kind not in self.made:
            self.made[kind] = self.heartbeat(place % KINDS, 1, at)
        old, new = (f"device {self.name(one)}\n".encode() for one in (place % KINDS, place))
        return self.made[kind].replace(old, new)

    def policies(self) -> Iterator[PolicyEntry]:
        """Yield the policy before and the one in force, for every group."""
        groups = sorted({self.group(place) for place in range(self.count)})
        audience = ", ".join(f'"group:{name}"' for name in groups)
        recipient = self.annex.to_text()
        for serial in (6, 7):
            text = _POLICY.format(serial=serial, audience=audience, recipient=recipient)
            yield PolicyEntry(bytes([serial]) * 32, b"", parse_policy_toml(text), serial)


def fill_custody(custody: Custody, simulated: Simulated) -> None:
    """Put the devices and their policies into a custody."""
    for place in range(simulated.count):
        device = simulated.device(place)
        custody.devices[device.name] = device
    for entry in simulated.policies():
        custody.policies[entry.id] = entry


def fill_index(
    place: Path, simulated: Simulated, told: Callable[[str], object] = lambda _: None
) -> None:
    """Put what came of the devices into the tables that a receiver keeps of it."""
    database = Database.open(place)
    database.relax()
    for begin in range(0, simulated.count, CHUNK):
        with database.transaction() as change:
            _fill(change, simulated, range(begin, min(begin + CHUNK, simulated.count)))
        told(f"{begin + CHUNK} devices")
    database.close()


def _fill(change: Connection, simulated: Simulated, places: range) -> None:
    beats, came, day_rows = {}, [], {}
    for place in places:
        name, silent = simulated.name(place), simulated.silent(place)
        at = simulated.now - (timedelta(days=3) if silent else timedelta(seconds=place % 60 + 1))
        beats[name] = at, simulated.kept(place, at)
        for one in simulated.sealed(place):
            came.append((name, one))
            seen = Day(1, one.items, one.size, 1 << one.at.hour, 2**24 - 1)
            day_rows[name, one.at.date()] = seen
    write_beats(change, beats)
    arrivals.put_arrivals(change, came)
    days.put_days(change, day_rows)
