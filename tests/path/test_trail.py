# SPDX-License-Identifier: EUPL-1.2
"""The receiver's audit trail in a real custody: the office verifies what tells of it."""

import json


def test_the_office_verifies_a_log_that_tells_of_the_trail(ready, lakzegel):
    ready.once()
    ready.server.stop()  # which seals what people did until now
    assert lakzegel("server", "check", "--data", ready.server.data).stdout.startswith("0 doubts")
    segment = (ready.server.data / "trail" / "0.jsonl").read_text().splitlines()
    who = {json.loads(line)["way"] for line in segment[1:]}
    assert {"command", "receiver"} <= who
    ready.server.start()
    ready.once()
    ready.pull()
    ready.office("verify")  # exits 1 on any doubt
    mirrored = b"".join(p.read_bytes() for p in ready.office_home.rglob("*") if p.is_file())
    assert b"lakzegel.nl/trail/v1" in mirrored
    assert b'"action":' not in mirrored
