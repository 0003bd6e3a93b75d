# SPDX-License-Identifier: EUPL-1.2
"""A spool whose disk lied: it is told apart from a refusal, and the device can go on."""

import os

import pytest


def spooled(ready):
    """The body of one batch that waits in the spool."""
    ready.once()  # brings the policy
    (ready.sources["map"][1] / "groot.bin").write_bytes(os.urandom(3_000_000))
    ready.server.stop()
    ready.once(expect=3)
    ready.server.start()
    bodies = (ready.agent_home / "spool").glob("*.body")  # that of readiness waits to be held
    return max(bodies, key=lambda body: body.stat().st_size)


def flip(path):
    data = bytearray(path.read_bytes())
    data[1000] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize(("harm", "word"), [(flip, "damaged"), (os.unlink, "not there")])
def test_a_batch_that_the_disk_lost_is_said_and_a_new_token_mends_it(ready, harm, word, same_tree):
    harm(spooled(ready))
    done = ready.once(expect=1)
    assert word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [p["code"] for p in ready.status()["problems"]] == ["state-lost"]
    token = ready.root / "token-again"
    ready.office("admit", "--device", "minister-laptop", token)
    ready.publish(token.with_name(token.name + ".note"))
    ready.agent("enrol", "--token-file", token)
    ready.pull()
    ready.set_policy()  # its annex is for the new key
    report = ready.once()
    assert (report["found"], report["sealed"], report["failed"]) == (1, 1, 0)
    ready.pull()
    assert "not proven" in ready.verify().stdout
    assert same_tree(ready.sources["map"][1], ready.restore() / "map") == []
