# SPDX-License-Identifier: EUPL-1.2
"""A laptop is stolen: the office signs, the receiver publishes, and nothing more of it is taken."""

import json


def seal(ready, name, expect=0):
    folder = ready.root / "device" / "map"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(name.encode())
    return ready.once(expect=expect)


def test_nothing_is_taken_of_a_revoked_device_and_what_it_sealed_before_stays(ready):
    seal(ready, "voor.txt")
    ready.pull()
    out = ready.root / "revocation.note"
    said = ready.office("revoke", "--device", "minister-laptop", "--reason", "stolen", out).stdout
    assert "minister-laptop is trusted up to 0/" in said
    ready.publish(out)
    seal(ready, "na.txt", expect=3)
    ready.pull()
    (device,) = json.loads(ready.verify("--json").stdout)["devices"]
    assert device["revoked"]
    assert (ready.restore() / "map" / "voor.txt").read_bytes() == b"voor.txt"
    again = ready.root / "again.note"
    ready.office("revoke", "--device", "minister-laptop", "--reason", "lost", again)
    assert "refused (replay)" in ready.publish(again, expect=1).stderr


def test_what_cannot_be_revoked_is_a_usage_error_that_writes_nothing(ready):
    out = ready.root / "revocation.note"
    more = ("--reason", "stolen", out)
    for device, after, says in (
        ("nobody", "0/1", "not enrolled"),
        ("minister-laptop", "0", "not EPOCH/BATCH"),
        ("minister-laptop", "x/1", "not EPOCH/BATCH"),
    ):
        done = ready.office("revoke", "--device", device, "--after", after, *more, expect=2)
        assert says in done.stderr
        assert not out.exists()
