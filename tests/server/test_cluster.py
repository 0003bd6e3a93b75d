# SPDX-License-Identifier: EUPL-1.2
"""Several receivers on one database: any may end at any instant, and it is one log."""

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
