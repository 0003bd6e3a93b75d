# SPDX-License-Identifier: EUPL-1.2
"""Problems by cause, and a runbook for each code that the pages link to."""

import re
from dataclasses import replace

from lakzegel_server.fleet.causes import CAUSES
from lakzegel_server.fleet.model import Fleet, Trouble
from lakzegel_server.fleet.shared import read_shared


def get(world, path, role="it"):
    answer = world.as_(role)("GET", path, **{"Accept-Language": "en"})
    assert answer.status_code == 200
    return answer.text


def test_one_cause_on_many_devices_is_one_line(ministry, fleet):
    text = get(ministry, "/problems")
    count = sum(any(t.code == "old-version" for t in d.troubles) for d in fleet.devices)
    assert re.search(rf'href="/[?]problem=old-version">\s*{count} devices', text)
    assert text.count("#old-version") == 1


def test_the_gravest_cause_comes_first_then_what_most_devices_have(fleet, kept):
    found = read_shared(kept(fleet), fleet.at)
    grave = [one.cause.severity for one in found]
    assert grave == sorted(grave, key=["critical", "warning", "notice"].index)
    critical = [one.devices for one in found if one.cause.severity == "critical"]
    assert critical == sorted(critical, reverse=True)


def test_a_code_that_nobody_knows_here_is_shown_and_said_to_be_unknown(fleet, kept, simulated):
    device = replace(fleet.devices[0], troubles=(Trouble("of-tomorrow", simulated.NOW, 2),))
    (found,) = read_shared(kept(Fleet(simulated.NOW, (device,))), simulated.NOW)
    assert (found.cause.code, found.count) == ("of-tomorrow", 2)
    assert (found.devices, found.since) == (1, simulated.NOW)
    assert found.cause.title == CAUSES["unknown-code"].title


def test_every_code_has_a_runbook_that_every_role_may_read(ministry):
    for role in ("it", "records", "admin", "audit"):
        text = get(ministry, "/runbooks", role)
        assert set(re.findall(r'<section class="runbook" id="([^"]+)"', text)) == set(CAUSES)
        assert ("/?problem=silent" in text) == (role == "it")
        assert "/?problem=tsa-failing" not in text  # of no device


def test_every_link_to_a_runbook_leads_to_one(ministry, fleet):
    known = set(re.findall(r' id="([^"]+)"', get(ministry, "/runbooks")))
    pages = ["/", "/problems", *(f"/devices/{device.device}" for device in fleet.devices[:30])]
    linked = {
        code for path in pages for code in re.findall(r"/runbooks#([^\"]+)", get(ministry, path))
    }
    assert len(linked) > 5
    assert linked <= known


def test_a_fleet_without_problems_says_so(world):
    assert "No device has a problem." in get(world, "/problems")


def test_the_list_says_the_next_step_of_the_problem_behind_the_condition(ministry):
    text = get(ministry, "/?condition=old-version")
    assert CAUSES["old-version"].step in text
