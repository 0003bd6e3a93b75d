# SPDX-License-Identifier: EUPL-1.2
"""A receiver keeps each device's newest heartbeat, and takes it from nobody else."""

from datetime import timedelta

import pytest

from lakzegel_core.limits import MAX_HEARTBEAT
from lakzegel_server.logsigner import load_signer
from lakzegel_server.standing import SEALING, Phase, Standing

ROUTE = "/v1/heartbeats"


def send(world, data):
    return world.client("POST", ROUTE, data)


def code(answer):
    return answer.json()["type"].rpartition("/")[2]


@pytest.fixture
def newest(kit):
    return lambda world, device: kit.beats(world.desk)[device.name].heartbeat


def test_the_newest_one_of_a_device_is_kept(world, device, kit, newest):
    for counter in (1, 2, 7):
        assert send(world, device.heartbeat(counter)).status_code == 204
    assert newest(world, device).counter == 7
    assert list(kit.beats(world.desk)) == [device.name]


def test_one_that_is_not_newer_is_a_replay(world, device, newest):
    data = device.heartbeat(7)
    send(world, data)
    for again in (data, device.heartbeat(7, policy=8), device.heartbeat(6)):
        answer = send(world, again)
        assert (answer.status_code, code(answer)) == (409, "replay")
    assert newest(world, device).policy == 7


def test_it_is_there_after_a_restart_and_still_no_replay(kit, tmp_path):
    with kit.world_at(tmp_path / "data") as world:
        device = world.enrol()
        send(world, device.heartbeat(7))
        layout, signer = world.layout, load_signer(world.layout)
    with kit.serving(layout, signer) as (url, desk):
        assert kit.beats(desk)[device.name].heartbeat.counter == 7
        answer = kit.Client(url, signer.keys)("POST", ROUTE, device.heartbeat(7))
        assert code(answer) == "replay"


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        ("of nobody", 403, "not-admitted"),
        ("of another log", 400, "format"),
        ("of another epoch", 409, "epoch"),
        ("by another key", 403, "unknown-key"),
        ("altered", 403, "signature"),
        ("no note", 400, "format"),
        ("too long", 413, "limit"),
    ],
)
def test_what_is_not_a_devices_own_is_refused(world, device, kit, said, status, why):
    stranger = world.enrol("stranger", send=False)
    same_name = kit.new_key(device.header.verifier.name)
    data = {
        "of nobody": stranger.heartbeat,
        "of another log": lambda: device.heartbeat().replace(b"/test\n", b"/tes\n"),
        "of another epoch": lambda: device.heartbeat(
            epoch=1, key=kit.new_key(kit.device_key_name(kit.ORIGIN, device.name, 1, "header"))
        ),
        "by another key": lambda: device.heartbeat(key=same_name),
        "altered": lambda: device.heartbeat().replace(b"policy 7", b"policy 8"),
        "no note": lambda: b"alles goed",
        "too long": lambda: b"x" * (MAX_HEARTBEAT + 1),
    }[said]()  # fmt: skip
    answer = send(world, data)
    assert (answer.status_code, code(answer)) == (status, why)
    assert kit.beats(world.desk) == {}


def test_a_revoked_device_is_refused_and_nobody_else_learns_that_it_is(world, device, kit):
    assert world.as_("admin")("POST", "/v1/notes", world.office.revocation(device.name)).ok
    assert code(send(world, device.heartbeat())) == "revoked"
    other = device.heartbeat(key=kit.new_key(device.header.verifier.name))
    assert code(send(world, other)) == "unknown-key"


@pytest.mark.parametrize("phase", [Phase.ASKING, Phase.CATCHING_UP, Phase.SHORT, Phase.FORKED])
def test_a_receiver_that_seals_nothing_goes_on_to_hear_how_devices_fare(
    world, device, phase, newest
):
    world.desk.log.stand(Standing(phase))
    assert send(world, device.heartbeat(7)).status_code == 204
    assert newest(world, device).counter == 7
    assert code(send(world, device.heartbeat(7))) == "replay"
    fleet = world.as_("it")("GET", "/devices/minister", Accept="text/html")
    assert fleet.status_code == 200
    world.desk.log.stand(SEALING)


def test_what_an_older_log_does_not_know_is_not_refused_for_good(world, device, kit):
    key = kit.new_key(kit.device_key_name(kit.ORIGIN, device.name, 1, "header"))
    unknown = world.enrol("stranger", send=False)
    world.desk.log.stand(Standing(Phase.CATCHING_UP))
    for data in (unknown.heartbeat(), device.heartbeat(epoch=1, key=key)):
        answer = send(world, data)
        assert (answer.status_code, code(answer)) == (503, "catching-up")
    assert kit.beats(world.desk) == {}
    world.desk.log.stand(SEALING)


def test_a_changed_row_is_doubted(world, device):
    send(world, device.heartbeat())
    with world.desk.fleet._database.transaction() as change:
        change.execute("UPDATE heartbeats SET at = '2026-11-24T03:00:00Z'")
    assert world.doubts() == ["index.sqlite: table heartbeats: a row was changed"]
    with world.desk.fleet._database.transaction() as change:
        change.execute("DELETE FROM heartbeats")


def test_the_moment_is_the_receivers(world, device, kit):
    send(world, device.heartbeat(at=kit.START + timedelta(days=3)))
    assert kit.beats(world.desk)[device.name].at == kit.START
