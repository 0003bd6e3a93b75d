# SPDX-License-Identifier: EUPL-1.2
"""What IT support sees of each device follows from the log, from arrivals and from heartbeats."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lakzegel_core.heartbeat import open_heartbeat
from lakzegel_core.heartbeatrows import (
    Figures,
    GuardCount,
    ProblemCount,
    ReadoutDue,
    SourceCount,
    SpoolUse,
)
from lakzegel_server.errors import ConfigError
from lakzegel_server.fleet import model
from lakzegel_server.fleet.assess import Facts, assess, is_older
from lakzegel_server.fleet.beat import Beat
from lakzegel_server.fleet.grace import GRACE
from lakzegel_server.fleet.model import Condition
from lakzegel_server.fleet.reading import read_fleet
from lakzegel_server.layout import Layout
from lakzegel_server.settings import load
from lakzegel_server.settings_fleet import FleetSettings
from lakzegel_server.standing import SEALING, Phase, Standing

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMITS = FleetSettings()


def beat(world, data):
    assert world.client("POST", "/v1/heartbeats", data).status_code == 204


def one(world, now):
    (found,) = read_fleet(world.desk, now).devices
    return found


# what is known of a device


def test_a_device_that_is_only_admitted_is_expected_until_its_admission_expires(world, kit):
    device = world.enrol("laptop-1", send=False)
    world.as_("admin")("POST", "/v1/notes", device.admission)
    found = one(world, kit.START)
    assert (found.device, found.condition, found.enrolled) == ("laptop-1", "expected", None)
    assert read_fleet(world.desk, kit.START + timedelta(days=91)).devices == ()


def test_one_that_enrolled_is_expected_until_something_is_sealed(world, device, kit):
    assert one(world, kit.START).condition is Condition.EXPECTED
    assert one(world, kit.START).enrolled == kit.START
    world.client.put(device.seal())
    assert one(world, kit.START).condition is Condition.CAPTURING


def test_what_it_says_of_itself_is_shown_whole(world, device, kit):
    world.client.put(device.seal())
    said = {
        "ledger": Figures(10, 7, 2, 1),
        "spool": SpoolUse(2, 900, 4096),
        "problems": (ProblemCount("files-failed", 3, kit.START - HOUR),),
        "guards": (GuardCount("thunderbird-retention", "compliant", 2),),
        "readouts": (ReadoutDue("telefoon", kit.START, overdue=True),),
        "sources": (SourceCount("covered", 4),),
        "at": kit.START + timedelta(seconds=3),
        "certificate": kit.START + 300 * DAY,
        "policy": 12,
    }
    beat(world, device.heartbeat(**said))
    found = one(world, kit.START)
    assert (found.found, found.sealed, found.excluded, found.failed) == (10, 7, 2, 1)
    assert (found.spool_batches, found.spool_bytes, found.spool_limit) == (2, 900, 4096)
    assert found.troubles == (model.Trouble("files-failed", kit.START - HOUR, 3),)
    assert found.guards == (model.GuardCount("thunderbird-retention", "compliant", 2),)
    assert found.readouts == (model.Readout("telefoon", kit.START, overdue=True),)
    assert found.sources == (model.SourceCount("covered", 4),)
    assert (found.skew, found.policy, found.version) == (3, 12, "0.5.0")
    assert found.certificate == kit.START + 300 * DAY
    assert found.condition is Condition.TROUBLED
    assert found.newest.batch == 0
    assert found.heard == found.stated == kit.START


def test_a_revoked_device_is_that_and_nothing_else(world, device, kit):
    world.client.put(device.seal())
    beat(world, device.heartbeat(problems=(ProblemCount("spool-full", 1, kit.START),)))
    world.as_("admin")("POST", "/v1/notes", world.office.revocation(device.name, batch=0))
    found = one(world, kit.START + 100 * DAY)
    assert found.condition is Condition.REVOKED
    assert "silent" not in {trouble.code for trouble in found.troubles}


def test_a_custody_that_ended_is_closed_and_never_silent(world, device, kit):
    world.client.put(device.seal(state=kit.State.FINAL))
    assert one(world, kit.START + 100 * DAY).condition is Condition.CLOSED


def test_silence_begins_after_the_newest_batch_or_heartbeat(timed, kit, hands):
    device = timed.enrol()
    timed.client.put(device.seal())
    hands.now += 20 * HOUR
    beat(timed, device.heartbeat(at=hands.now))
    hands.now += 26 * HOUR
    found = one(timed, hands.now)
    assert (found.condition, found.heard) == (Condition.LATE, kit.START + 20 * HOUR)
    hands.now += timedelta(seconds=1)
    found = one(timed, hands.now)
    assert found.condition is Condition.SILENT
    assert [t.since for t in found.troubles if t.code == "silent"] == [found.heard]


def test_nobody_falls_silent_while_the_receiver_itself_was_away(kit, tmp_path, hands):
    with kit.world_at(tmp_path / "data", clock=hands) as world:
        device = world.enrol()
        world.client.put(device.seal())
        beat(world, device.heartbeat())
        layout, signer = world.layout, world.desk.log._signing._signer
    hands.now += 3 * DAY
    with kit.serving(layout, signer, clock=hands) as (_, desk):
        (found,) = read_fleet(desk, hands.now).devices
        assert found.condition is Condition.CAPTURING
        (found,) = read_fleet(desk, hands.now + GRACE).devices
        assert found.condition is Condition.SILENT


def test_nobody_falls_late_while_the_receiver_seals_nothing(timed, kit, hands):
    device = timed.enrol()
    timed.client.put(device.seal())
    hands.now += 20 * HOUR
    timed.desk.log.stand(Standing(Phase.CATCHING_UP))
    assert one(timed, hands.now).condition is Condition.CAPTURING
    hands.now += 20 * HOUR
    beat(timed, device.heartbeat(at=hands.now))
    assert one(timed, hands.now).troubles == ()
    timed.desk.log.stand(SEALING)
    assert one(timed, hands.now).troubles == ()
    hands.now += GRACE
    assert one(timed, hands.now).condition is Condition.LATE


def test_a_reading_is_fresh_as_soon_as_something_came(world, device, kit):
    assert read_fleet(world.desk, kit.START).devices[0].stated is None
    beat(world, device.heartbeat())
    assert read_fleet(world.desk, kit.START).devices[0].stated == kit.START


# the one word for a device


@pytest.fixture
def facts(kit):
    """One that fares well: sealed and heard a moment ago."""
    sealed = model.Arrival(0, 3, 9, kit.START, kit.START, 2, 600)
    return Facts(
        "laptop-1", None, "default", 0, kit.START - DAY, None, final=False, newest=sealed,
        beat=None, heard=kit.START,
    )  # fmt: skip


def assessed(facts, said=None, *, after=timedelta(0), limits=LIMITS):
    now = facts.newest.at + after
    if said is not None:
        facts = replace(facts, beat=said)
    condition, troubles = assess(facts, limits, now=now, quiet=now, owed=now)
    return condition, [trouble.code for trouble in troubles]


@pytest.fixture
def said(kit):
    """A heartbeat as it was kept, with changes."""
    device = kit.unsealed_device(kit.Office(), "laptop-1", kit.Seen(0, kit.EMPTY_ROOT))

    def make(**changes):
        data = device.heartbeat(**changes)
        return Beat.of(open_heartbeat(data, device.header.verifier), kit.START)

    return make


def problem(kit, code):
    return {"problems": (ProblemCount(code, 1, kit.START),)}


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("spool-full", Condition.FULL),
        ("no-room", Condition.FULL),
        ("guard-drifted", Condition.DRIFTED),
        ("guard-contested", Condition.DRIFTED),
        ("clock-skew", Condition.CLOCK_OFF),
        ("files-failed", Condition.TROUBLED),
        ("a-code-of-a-newer-agent", Condition.TROUBLED),
        ("polling", Condition.CAPTURING),
    ],
)
def test_a_problem_that_the_device_states_decides_its_word(facts, said, kit, code, condition):
    assert assessed(facts, said(**problem(kit, code))) == (condition, [code])


def test_a_clock_that_is_off_is_measured_by_the_receiver(facts, said, kit):
    off = timedelta(minutes=5, seconds=1)
    assert assessed(facts, said(at=kit.START + off)) == (Condition.CLOCK_OFF, ["clock-off"])
    assert assessed(facts, said(at=kit.START - off)) == (Condition.CLOCK_OFF, ["clock-off"])
    assert assessed(facts, said(at=kit.START + timedelta(minutes=5)))[1] == []


def test_a_certificate_is_ending_some_time_before_its_end(facts, said, kit):
    end = kit.START + 30 * DAY
    assert assessed(facts, said(certificate=end))[0] is Condition.CAPTURING
    found = assessed(facts, said(certificate=end), after=timedelta(seconds=1))
    assert found == (Condition.CERTIFICATE, ["certificate-ending"])


def test_an_old_version_is_one_below_the_oldest_that_is_wanted(facts, said):
    limits = FleetSettings(oldest_version="0.10")
    assert assessed(facts, said(agent="0.9.3"), limits=limits)[0] is Condition.OLD_VERSION
    assert assessed(facts, said(agent="0.10.0"), limits=limits)[0] is Condition.CAPTURING
    assert not is_older("0.5.0rc1", "0.5")


def test_a_full_spool_and_a_drifted_guard_show_without_their_problem(facts, said):
    assert assessed(facts, said(spool=SpoolUse(9, 4096, 4096)))[0] is Condition.FULL
    guards = (GuardCount("thunderbird-retention", "drifted", 1),)
    assert assessed(facts, said(guards=guards))[0] is Condition.DRIFTED


def test_the_worst_that_holds_is_the_word_and_all_that_holds_is_listed(facts, said, kit):
    told = said(
        problems=(
            ProblemCount("files-failed", 1, kit.START),
            ProblemCount("guard-drifted", 2, kit.START),
        ),
        at=kit.START + HOUR,
    )
    condition, codes = assessed(facts, told)
    assert condition is Condition.DRIFTED
    assert codes == ["clock-off", "files-failed", "guard-drifted"]
    condition, codes = assessed(facts, told, after=2 * DAY)
    assert condition is Condition.SILENT
    assert codes == ["clock-off", "files-failed", "guard-drifted", "late", "silent"]


# settings


def test_the_operator_says_from_when_on(tmp_path):
    layout = Layout(tmp_path)
    layout.settings.write_text('[fleet]\nlate = "2d"\noldest_version = "0.5.0"\n')
    found = load(layout).fleet
    assert (found.late, found.silent) == (2 * DAY, 26 * HOUR)
    assert found.oldest_version == "0.5.0"


@pytest.mark.parametrize(
    "line", ['late = "soon"', 'skew = "0s"', "silent = 3", 'oldest_version = "nieuw"', "x = 1"]
)
def test_what_is_no_span_or_version_is_refused(tmp_path, line):
    layout = Layout(tmp_path)
    layout.settings.write_text(f"[fleet]\n{line}\n")
    with pytest.raises(ConfigError, match=r"settings.toml: fleet"):
        load(layout)


def test_what_was_kept_and_cannot_be_read_is_passed_over(world, device, kit):
    beat(world, device.heartbeat())
    for note in (b"\x00", b"1\n2\n3\nepoch x\n5\ncounter 6\n"):
        with world.desk.fleet._database.transaction() as change:
            change.execute("UPDATE heartbeats SET note = ?", (note,))
        assert kit.beats(world.desk) == {}
        assert one(world, kit.START).stated is None
    beat(world, device.heartbeat())
    assert one(world, kit.START).stated == kit.START
