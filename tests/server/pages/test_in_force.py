# SPDX-License-Identifier: EUPL-1.2
"""What others signed and is in force: admissions, policies, revocations, as the log has them."""

import re

from lakzegel_server.pages import inforce


def get(world, role="admin"):
    answer = world.as_(role)("GET", "/in-force", **{"Accept-Language": "en"})
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_an_empty_log_says_what_comes_next(world):
    text = get(world)
    assert "Delegation 1 is in force; 2 policy keys have to sign together." in text
    assert text.count("None yet.") == 2


def test_an_admission_tells_how_much_of_it_was_used(world, kit):
    token = kit.new_key(f"{kit.ORIGIN}/token/0badcafe")
    note = world.office.admission(token, group="vws", count=3)
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200
    assert re.search(r"vws group can be used 0 of 3 .* 0badcafe 1 ", get(world))
    world.enrol("minister")
    assert re.search(r"minister device used up 1 of 1", get(world))


def test_a_policy_tells_how_many_devices_follow_it(world, device):
    for serial in (1, 2):
        note = world.office.policy_note(serial, "device:minister")
        assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200
    assert re.search(r"number 2 minister 1 device .* number 1 minister 0", get(world))


def test_a_revoked_device_is_listed_with_its_last_batch_that_counts(world, device):
    assert world.client.put(device.seal()).status_code == 200
    note = world.office.revocation("minister", batch=0)
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200
    assert re.search(r"minister revoked stolen .* 0/0 4 ", get(world, "audit"))


def test_it_support_has_no_business_there(world):
    assert world.as_("it")("GET", "/in-force").status_code == 403


def test_what_was_used_up_long_ago_makes_way_and_is_counted(world, kit, monkeypatch):
    monkeypatch.setattr(inforce, "MOST", 2)
    for name in ("een", "twee"):
        world.enrol(name)
    token = kit.new_key(f"{kit.ORIGIN}/token/0badcafe")
    note = world.office.admission(token, device="drie")
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200
    text = get(world)
    assert re.search(r"drie device can be used .* twee device used up ", text)
    assert "een device" not in text
    assert "Older, and not shown here: 1." in text
