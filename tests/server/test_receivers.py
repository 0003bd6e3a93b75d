# SPDX-License-Identifier: EUPL-1.2
"""Two receivers of one index, in one process: what one knows the other knows, and nothing twice."""

import hashlib
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from lakzegel_core.cosignature import cosign
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_server.accounts import Account, AccountRole, Way
from lakzegel_server.alerting.alerts import Alerts
from lakzegel_server.alerting.model import Damping
from lakzegel_server.alerting.store import Store
from lakzegel_server.chores import Chores
from lakzegel_server.desk import open_desk
from lakzegel_server.errors import ConfigError, SignOnError
from lakzegel_server.fsck.run import check
from lakzegel_server.logfollower import LogFollower
from lakzegel_server.logsigner import load_signer
from lakzegel_server.logstate import LogState
from lakzegel_server.people.records import SELF, Action, Event, Thing
from lakzegel_server.people.segmentput import put_segment
from lakzegel_server.people.signon import Begun
from lakzegel_server.receivers import CLOCK, MISSING, Receivers
from lakzegel_server.settings import load
from lakzegel_server.sweeping import Sweeping
from lakzegel_server.unsealed import Unsealed
from tests.server import clustered
from tests.server import conftest as kit


@dataclass
class Pair:
    """Two receivers at work."""

    one: object
    other: object
    folders: list


@pytest.fixture(scope="module")
def folders(cluster, tmp_path_factory):
    """Two DATA of one log, of which the first was started once."""
    folder, schema = tmp_path_factory.mktemp("receivers"), f"receivers{os.getpid()}"
    places = clustered.Places(cluster.address(schema))
    made = [places.prepare(folder / f"receiver-{number}") for number in (1, 2)]
    clustered.make_log(kit, made[0])
    with ExitStack() as stack:
        at_work(stack, made[0])
    clustered.another(made[0], made[1], share=clustered.SHARED)
    yield made
    cluster.drop(schema)


def at_work(stack, data):
    layout = stack.enter_context(clustered.opened(data))
    return stack.enter_context(
        open_desk(layout, load_signer(layout), clock=lambda: kit.NOW, settings=load(layout))
    )


@pytest.fixture(scope="module")
def pair(folders):
    with ExitStack() as stack:
        made = Pair(*(at_work(stack, data) for data in folders), folders)
        for desk in (made.one, made.other):
            for name in ("trail", "recovery"):
                kit.ended(desk.chores[name])
        yield made


@pytest.fixture
def third(folders, tmp_path):
    """DATA of one more receiver, which nobody serves yet."""
    data = tmp_path / "receiver-3"
    data.mkdir(mode=0o700)
    shutil.copy2(folders[0] / "settings.toml", data)
    clustered.another(folders[0], data, share=clustered.SHARED)
    return data


def test_a_receiver_with_another_key_of_the_log_is_refused_before_it_shows_anything(
    third, tmp_path
):
    clustered.create(tmp_path / "of-nobody", kit.ORIGIN, bytes(64))
    shutil.copytree(tmp_path / "of-nobody" / "keys", third / "keys", dirs_exist_ok=True)
    with ExitStack() as stack, pytest.raises(ConfigError, match=r"keys/log.ed25519.*copy keys/"):
        at_work(stack, third)


def test_a_receiver_without_the_trails_key_does_not_make_another(third):
    (third / "keys" / "trail.ed25519").unlink()
    with ExitStack() as stack, pytest.raises(ConfigError, match=r"trail.ed25519: is not here"):
        at_work(stack, third)
    assert not (third / "keys" / "trail.ed25519").exists()


def test_a_start_takes_in_the_log_before_it_asks_for_the_turn(pair, monkeypatch):
    taken, load_all = [], LogFollower.load
    monkeypatch.setattr(
        LogFollower, "load", lambda self: taken.append(self._taken.edge.size) or load_all(self)
    )
    with clustered.opened(pair.folders[0]) as layout:
        state = LogState.open(layout, load_signer(layout), clock=lambda: kit.NOW)
        assert taken == [state.shown.checkpoint.size]
        state.close()
    assert taken[0] > 0


def test_who_is_logged_in_at_one_is_logged_in_at_the_other(pair):
    account = Account("support", AccountRole.IT, Way.SIGN_ON)
    session = pair.one.people.begin(account, "group", None, address="192.0.2.1")
    pair.other.people._login = pair.one.people._login = _Roles()
    found = pair.other.people.find(pair.other.accounts, session.cookie)
    assert (found.account, found.csrf) == (account, session.csrf)
    pair.other.people.end(found, address="192.0.2.1")
    assert pair.one.people.find(pair.one.accounts, session.cookie) is None


class _Roles:
    def role_of(self, _value):
        return AccountRole.IT


def test_a_login_that_one_began_comes_back_to_the_other_and_only_once_in_all(pair):
    begun = Begun("state", "nonce", "verifier")
    cookie = pair.one.people.begun.seal(begun, "/problems")
    assert pair.other.people.begun.open(cookie, "state") == (begun, "/problems")
    for desk in (pair.one, pair.other):
        with pytest.raises(SignOnError):
            desk.people.begun.open(cookie, "state")


def seal(desk):
    desk.log.refresh()
    return desk.trail.seal(desk.log, desk.sequencer)


def test_lines_of_a_witness_that_one_was_given_are_shown_by_the_other(pair):
    seal(pair.other)
    pair.one.log.refresh()
    checkpoint = pair.one.log.shown.checkpoint
    key = SigningKey.from_seed("peer.example/w", Algorithm.ED25519_COSIGNATURE, bytes(32))
    line = cosign(checkpoint, key, now=1)
    pair.other.log.refresh()
    assert pair.one.log.add_witness(checkpoint, [line])
    assert pair.other.log.shown.data != pair.one.log.shown.data
    pair.other.log.see_lines()
    assert pair.other.log.shown.data == pair.one.log.shown.data


def test_each_keeps_what_it_showed_where_no_index_can_take_it_back(pair):
    pair.one.trail.note(Event(SELF, Action.PUBLISH, Thing.ENTRIES))
    assert seal(pair.one)
    pair.other.log.refresh()
    for desk in (pair.one, pair.other):
        assert desk.layout.shown.read_bytes().startswith(desk.log.shown.checkpoint.to_text())


def test_records_of_both_are_one_chain_whichever_of_them_seals_it(pair):
    for desk in (pair.one, pair.other, pair.one):
        desk.trail.note(Event(SELF, Action.PUBLISH, Thing.ENTRIES))
    assert seal(pair.one)
    pair.other.trail.note(Event(SELF, Action.PUBLISH, Thing.ENTRIES))
    assert seal(pair.other)
    assert not seal(pair.one), "nothing waits"
    numbers = [segment.number for segment in pair.one.trail.segments()]
    assert numbers == list(range(len(numbers)))
    assert doubts(pair) == []


def test_a_segment_that_one_put_and_never_named_is_the_one_that_the_other_seals(pair):
    pair.one.trail.note(Event(SELF, Action.PUBLISH, Thing.ENTRIES))
    waiting, number = pair.one.trail._oldest(1000), len(pair.one.trail.segments())
    lines = tuple(line for _, line in waiting)
    _, data = put_segment(pair.one.layout, number, lines, now=kit.NOW)
    pair.other.trail.note(Event(SELF, Action.PUBLISH, Thing.ENTRIES))  # after the first ended
    assert seal(pair.other)
    assert pair.other.layout.stores.objects.read(f"trail/{number}.jsonl", 2**20) == data
    assert pair.other.trail.waiting() == 1
    assert doubts(pair) == []


def doubts(pair):
    with clustered.opened(pair.folders[0]) as layout:
        return [str(doubt) for doubt in check(layout).doubts]


def test_what_one_finds_wrong_with_itself_is_told_of_all_and_who_ended_by_itself_is_not_missing(
    pair,
):
    now = [0.0]
    watching = Receivers.open(pair.one.layout, pair.one.log, lambda: kit.NOW)
    watching._monotonic = lambda: now[0]
    pair.one.receivers.beat({"disk": 1})
    pair.other.receivers.beat({"disk": 1, "chore-failing": 2})
    assert watching.causes() == {"disk": 2, "chore-failing": 2}
    now[0] = 31.0
    pair.one.receivers.beat({})
    assert watching.causes() == {MISSING: 1}
    pair.other.receivers.beat({}, standing="stopped")
    assert watching.causes() == {}
    watching.close()


def test_a_clock_that_is_not_the_databases_is_a_cause_and_fails_the_test(pair):
    pair.one.receivers.beat({})
    assert pair.one.receivers.own() == {CLOCK: 1}, "the clock of these tests stands still"
    pair.one.receivers._clock = __import__("time").time
    pair.one.receivers.beat({})
    assert pair.one.receivers.own() == {}
    assert pair.one.receivers.test() == "that of the database"


def test_each_says_when_it_was_there_how_its_clock_is_and_what_it_does_for_all(pair):
    chores = Chores(pair.other.log.lease)
    led = chores.add("tidying", 60, lambda: None, alone="tidying")
    receivers = pair.other.receivers
    receivers.begin(chores, dict)
    led._round()
    receivers.beat({})
    found = {one.name: one for one in pair.one.receivers.all()}
    mine = found[receivers.name]
    assert mine.leases == ("tidying",)
    assert abs(mine.ahead / 1000 - receivers.offset) < 1
    assert 0 <= mine.quiet < 30
    assert not mine.is_missing
    assert receivers.name != pair.one.receivers.name
    receivers.beat({}, standing="stopped")
    assert {one.leases for one in pair.one.receivers.all() if one.name == mine.name} == {()}
    led._lease.close()


def test_what_one_receiver_does_is_done_under_a_lease(pair):
    alone = {chore.name for chore in pair.one.chores if chore._lease is not None}
    assert alone == {"trail", "timestamp-renewal", "recovered-files"}


def test_a_chore_is_done_by_one_and_taken_over_when_that_one_lets_go(pair):
    done = []
    chores = [Chores(desk.log.lease) for desk in (pair.one, pair.other)]
    rounds = [
        of.add(
            "work", 60.0, lambda who=who: done.append(who), alone="work",
            take_over=lambda who=who: done.append(f"{who} begins"),
        )
        for who, of in zip("ab", chores, strict=True)
    ]  # fmt: skip
    for _ in range(2):
        for one in rounds:
            one._round()
    assert done == ["a begins", "a", "a"]
    assert [one.ours for one in rounds] == [True, False]
    rounds[0].leave()
    rounds[1]._round()
    assert done[3:] == ["b begins", "b"]


def test_what_was_never_sealed_stays_for_another_may_be_about_to_seal_it(pair):
    objects = pair.one.layout.stores.objects
    name = hashlib.sha256(b"of another receiver").hexdigest()
    objects.put(f"batches/{name}.batch", b"of another receiver")
    sweeping = Sweeping(
        pair.one.layout, pair.one.log, pair.one.register, Unsealed.open(pair.one.layout)
    )
    sweeping.before_sealing()
    sweeping.look_at_all()
    assert objects.size(f"batches/{name}.batch") is not None


def test_settings_of_one_are_no_change_of_the_others(pair, third):
    (third / "settings.toml").write_text(
        (third / "settings.toml").read_text() + "[healthz]\nfree = '1 MiB'\n"
    )
    for _ in range(2):
        with ExitStack() as stack:
            desk = at_work(stack, third)
            desk.receivers.beat({})
            changes = [line for _, line in desk.trail.everything()[1] if b'"change"' in line]
        assert changes == []


class Told:
    """A place of alerts that remembers."""

    def __init__(self):
        self.all = []

    def send(self, alert):
        self.all.append((alert.kind, alert.cause, alert.count))


def test_a_cause_is_told_once_whichever_receiver_looks(pair):
    place, now, told = pair.one.layout.database, [int(kit.NOW)], Told()
    both = [
        Alerts(Store.open(place), {"mail": told}, Damping(0, 0), lambda: now[0]) for _ in range(2)
    ]
    chores = [Chores(desk.log.lease) for desk in (pair.one, pair.other)]
    for alerts, of in zip(both, chores, strict=True):
        alerts.begin(of, lambda _now: {"disk": 2})
    rounds = [of["alerts"] for of in chores]
    for _ in range(3):
        for one in rounds:
            one._round()
        now[0] += 60
    rounds[0].leave()  # as when it ends
    both[0].happened("break-glass")  # seen by one that does not tell
    rounds[1]._round()
    assert told.all == [("raised", "disk", 2), ("raised", "break-glass", 1)]
    for alerts in both:
        alerts.close()
