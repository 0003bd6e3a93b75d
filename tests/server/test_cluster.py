# SPDX-License-Identifier: EUPL-1.2
"""Several receivers on one database: any may end at any instant, and it is one log."""

import signal
import time

import pytest

from tests.server import clustered


@pytest.fixture
def cluster_of_three(kit, tmp_path, address):
    with clustered.serving(kit, tmp_path, address) as made:
        yield made


@pytest.mark.parametrize(
    ("seconds", "every"), [(5, 1.0), pytest.param(300, 3.0, marks=pytest.mark.soak)]
)
def test_one_killed_again_and_again_under_load_every_receipt_is_true_and_it_is_one_log(
    cluster_of_three, seconds, every
):
    cluster = cluster_of_three
    devices, kills = cluster.enrol(4), 0
    with cluster.under_load(devices) as pushers:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(every)  # of load between two kills
            cluster.kill_one()
            kills += 1
    tree = cluster.judge(pushers)
    receipts = sum(len(one.receipts) for one in pushers)
    print(
        f"{kills} kills: {receipts} receipts, all true; {len(cluster.witnessed.trees())} trees"
        f" shown, all of one log of {tree.size} entries; longest wait for a receipt"
        f" {max(one.longest for one in pushers):.1f} s;"
        f" {sum(one.again for one in pushers)} times asked to come again"
    )


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


def test_a_session_that_is_ended_in_its_turn_costs_a_question_and_no_entry(
    cluster_of_three, cluster
):
    with cluster_of_three.under_load(cluster_of_three.enrol(3)) as pushers:
        for _ in range(5):
            _, session = cluster_of_three.in_turn(cluster)
            cluster.ask("SELECT pg_terminate_backend(%s)", session)
            cluster_of_three.wait_beyond(cluster_of_three.newest())
    cluster_of_three.judge(pushers)
