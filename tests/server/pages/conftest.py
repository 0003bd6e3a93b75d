# SPDX-License-Identifier: EUPL-1.2
"""A receiver with 500 simulated devices, and a real browser that looks at its pages."""

import runpy
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from lakzegel_server import links
from lakzegel_server.database import Database
from lakzegel_server.fleet.counts import change_counts
from lakzegel_server.fleet.listing import ORDER, since
from lakzegel_server.fleet.states import Standing, state_of, write_states
from lakzegel_server.fleet.troubles import change_troubles
from lakzegel_server.pages import inforce, mine, receiver, sources
from lakzegel_server.people.records import Action, Event, Thing, Who

PHONE = "bz-telefoon-030"
SIMULATED = runpy.run_path(str(Path(__file__).with_name("simulated.py")))


@pytest.fixture(scope="session")
def simulated():
    return SimpleNamespace(**SIMULATED)


@pytest.fixture(scope="session")
def fleet(simulated):
    return simulated.fleet()


@pytest.fixture(scope="session")
def ministry(kit, fleet, simulated, tmp_path_factory):
    """A receiver that shows the simulated fleet; any other one shows its own."""
    folder = tmp_path_factory.mktemp("ministry") / "data"
    serving = kit.world_at(folder, clock=simulated.NOW.timestamp)
    with serving as world, pytest.MonkeyPatch.context() as patched:
        show(patched, world.desk, fleet, simulated)
        database = Database.open(world.layout.database)
        world.link = links.make(
            database, PHONE, secret=bytes(range(32)), now=kit.START, expires=None
        )
        database.close()
        world.place = work(world)
        yield world


def work(world):
    """A morning at the receiver, some of it sealed in the log; the place of a sealed record."""
    trail, log = world.desk.trail, world.desk.log
    anna = Who("a.devries", "admin", "single-sign-on", "10.20.1.14")
    bo = Who("b.jansen", "it", "single-sign-on", "10.20.1.15")
    office = Who("archief", "records", "token", "10.20.3.2")
    for event in (
        Event(anna, Action.LOGIN, Thing.SESSION),
        Event(anna, Action.PUBLISH, "policy", id="5f" * 32),
        Event(bo, Action.LOGIN, Thing.SESSION),
        Event(bo, Action.ASK, Thing.ROUTE, id="GET /v1/keyrings/{name}").refused("denied"),
    ):
        trail.note(event)
    assert world.as_("admin")("POST", "/v1/notes", world.office.policy_note(1, "group:x")).ok
    assert trail.seal(log, world.desk.sequencer)
    for event in (
        Event(office, Action.HAND_OUT, Thing.BATCH, count=312),
        Event(
            Who("-", way="break-glass", address="10.20.9.9"), Action.LOGIN, Thing.SESSION
        ).refused("denied"),
        Event(Who("root", way="command"), Action.ADD, Thing.ACCOUNT, id="c.bakker audit token"),
        Event(anna, Action.LOGOUT, Thing.SESSION),
    ):
        trail.note(event)
    return "0-3"


def stand_still(patched, desk):
    """Have the rows of devices stay as they are, of whom the log knows nothing."""
    patched.setattr(desk.fleet, "tend", lambda _log: None)
    patched.setattr(desk.fleet, "refresh", lambda _now: None)
    patched.setattr(desk.fleet.tending, "_hurries", False)


def keep(change, fleet):
    """Keep the devices of a fleet as a receiver does, and none besides."""
    for table in ("fleet", "fleet_troubles", "fleet_counts"):
        change.execute(f"DELETE FROM {table}")
    due = fleet.at + timedelta(days=30)
    states = [
        state_of(one, ORDER[one.condition], since(one), Standing(), due) for one in fleet.devices
    ]
    write_states(change, states)
    change_troubles(change, {}, states)
    change_counts(change, (), states)


@pytest.fixture(scope="session")
def showing():
    return show


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """Makes an index with the devices of a fleet, and gives a connection to it."""
    opened = []

    def make(fleet):
        database = Database.open(tmp_path_factory.mktemp("kept") / "index.sqlite")
        opened.append(database)
        with database.transaction() as change:
            keep(change, fleet)
        return database.connection

    yield make
    for database in opened:
        database.close()


def show(patched, shown, fleet, simulated):
    """Have the pages of one receiver show this fleet."""
    known = {device.device: device for device in fleet.devices}
    own_device, own_timeline = sources.device_of, sources.timeline_of
    own_state, own_in_force = receiver.state_of, inforce.read_in_force
    own_policy = mine.policy_of

    def device_of(desk, name, now):
        return known.get(name) if desk is shown else own_device(desk, name, now)

    def timeline_of(desk, name, now):
        return simulated.timeline(known[name]) if desk is shown else own_timeline(desk, name, now)

    def state_of(desk):
        return simulated.receiver() if desk is shown else own_state(desk)

    def read_in_force(desk, now):
        return simulated.in_force() if desk is shown else own_in_force(desk, now)

    def policy_of(desk, device):
        return simulated.policy(device) if desk is shown else own_policy(desk, device)

    patched.setattr(mine, "policy_of", policy_of)
    patched.setattr(sources, "device_of", device_of)
    stand_still(patched, shown)
    with shown.fleet._database.transaction() as change:
        keep(change, fleet)
    patched.setattr(inforce, "read_in_force", read_in_force)
    patched.setattr(receiver, "state_of", state_of)
    patched.setattr(sources, "timeline_of", timeline_of)
