# SPDX-License-Identifier: EUPL-1.2
"""Several receivers on one database: any may end at any instant, and it is one log."""

import itertools
import os
import signal
import time
from collections import Counter

import pytest

from tests import postgres, s3server
from tests.server import clustered

UNREACHABLE = 3  # exit code
ASKED = {"/healthz": 503, "/log/checkpoint": 503, "/v1/health": 200}  # without a database


@pytest.fixture
def cluster_of_three(kit, tmp_path, address):
    with clustered.serving(kit, tmp_path, clustered.Places(address)) as made:
        yield made


def told(cluster, pushers, tree, what):
    """A line for whoever runs this by hand."""
    print(
        f"{what}: {cluster.receipts(pushers)} receipts, all true;"
        f" {len(cluster.witnessed.trees())} trees shown, all of one log of {tree.size} entries;"
        f" longest wait for a receipt {max(one.longest for one in pushers):.1f} s;"
        f" {sum(one.again for one in pushers)} times asked to come again"
    )


def test_some_killed_and_some_cut_off_in_their_turn_every_receipt_is_true_and_it_is_one_log(
    cluster_of_three, cluster
):
    with cluster_of_three.under_load(cluster_of_three.enrol(3)) as pushers:
        _, session = cluster_of_three.in_turn(cluster)
        cluster.ask("SELECT pg_terminate_backend(%s)", session)
        cluster_of_three.wait_beyond(cluster_of_three.newest())
        for _ in range(2):
            cluster_of_three.kill_one()
            cluster_of_three.wait_beyond(cluster_of_three.newest())
    tree = cluster_of_three.judge(pushers)
    told(cluster_of_three, pushers, tree, "2 kills, a session ended")


@pytest.mark.soak
def test_one_that_stands_still_in_its_turn_is_overtaken_and_does_no_harm_when_it_goes_on(
    cluster_of_three, cluster
):
    database = cluster
    with cluster_of_three.under_load(cluster_of_three.enrol(3)) as pushers:
        stopped, session = cluster_of_three.caught_in_turn(database)
        size = cluster_of_three.newest()
        other, _ = cluster_of_three.in_turn(database, but=session)
        assert other is not stopped
        cluster_of_three.wait_beyond(size)
        stopped.send(signal.SIGCONT)
        cluster_of_three.wait_beyond(cluster_of_three.newest(), at=stopped)
    cluster_of_three.judge(pushers)


def faults_of(cluster, database, store):
    """What may befall three receivers, each by its name."""

    def stand_still():
        stopped, _ = cluster.caught_in_turn(database)
        time.sleep(10)  # as long as a machine that is moved
        stopped.send(signal.SIGCONT)

    def cut():
        store.cut()
        time.sleep(20)
        store.mend()

    def begin_anew(mode):
        database.stop(mode)
        database.start()

    def end_session():
        database.ask("SELECT pg_terminate_backend(%s)", cluster.in_turn(database)[1])

    return {
        "session ended": end_session,
        "stood still": stand_still,
        "database begun anew": lambda: begin_anew("fast"),
        "database killed": lambda: begin_anew("immediate"),
        "store cut off": cut,
    }


@pytest.mark.soak
def test_while_the_database_is_away_nothing_is_promised_and_no_receiver_has_to_be_begun_anew(
    kit, tmp_path
):
    database = postgres.Cluster.make()
    places = clustered.Places(database.address("log"))
    try:
        with clustered.serving(kit, tmp_path, places, count=2) as cluster:
            (device,) = cluster.enrol(1)
            client, other = cluster.client(), cluster.receivers[1]
            database.stop()
            upload = device.seal()
            assert client.put(upload).json()["title"] == "busy"
            asked = {path: client("GET", path).status_code for path in ASKED}
            assert asked == ASKED
            assert other.kill(signal.SIGTERM) == 0, "it ends as always"
            assert other.start().process.wait(60) == UNREACHABLE
            assert "postgresql:" in other.log.read_text().splitlines()[-1]
            database.start()
            while client.put(upload).status_code != 200:
                time.sleep(0.1)
            other.start().wait()
            assert cluster.final().size == client.checkpoint().checkpoint.size
            client.close()
    finally:
        database.end()


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [int(os.environ.get("CLUSTER_SECONDS", "300"))])
def test_whatever_befalls_them_for_minutes_every_receipt_is_true_and_it_is_one_log(
    kit, tmp_path, seconds
):
    if s3server.program() is None:
        pytest.skip("SeaweedFS is not installed")
    database = postgres.Cluster.make()
    try:
        with (
            s3server.running(tmp_path / "s3") as s3,
            clustered.Proxy([s3.port]) as store,
            clustered.serving(kit, tmp_path, in_s3(tmp_path, database, s3, store)) as cluster,
        ):
            befallen = go_through(cluster, faults_of(cluster, database, store), seconds)
        print(", ".join(f"{count} x {what}" for what, count in sorted(befallen.items())))
    finally:
        database.end()


def in_s3(folder, database, s3, store):
    """Objects and keyrings in buckets of a real store, which is reached through a proxy."""
    credentials = folder / "s3.credentials"
    credentials.write_text(
        f"[default]\naws_access_key_id = {s3server.KEY}\n"
        f"aws_secret_access_key = {s3server.SECRET}\n"
    )
    credentials.chmod(0o600)
    ends = f"endpoint=http://127.0.0.1:{store.port}&path-style=yes"
    objects = f"s3://{s3.bucket(lock=True)}/log?{ends}&retain-days=1"
    keyrings = f"s3://{s3.bucket(lock=False)}/keys?{ends}"
    return clustered.Places(database.address("log"), objects, keyrings, credentials)


def go_through(cluster, faults, seconds):
    """Kill one every few seconds, and let the other things befall them in turn; how often each."""
    befallen, turn = Counter(), itertools.cycle(faults)
    with cluster.under_load(cluster.enrol(6)) as pushers:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(3):
                time.sleep(3)
                cluster.kill_one()
                befallen["killed"] += 1
            what = next(turn)
            faults[what]()
            befallen[what] += 1
            given = cluster.receipts(pushers)
            cluster.wait_beyond(cluster.newest(), seconds=90)
            print(
                f"{time.monotonic() - end + seconds:5.0f} s: {what}; {given} receipts", flush=True
            )
    told(cluster, pushers, cluster.judge(pushers), "minutes of everything")
    return befallen
