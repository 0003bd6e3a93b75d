# SPDX-License-Identifier: EUPL-1.2
"""The fleet and one device: what is asked for is shown, in order, and nothing besides."""

import csv
import io
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from starlette.datastructures import QueryParams

from lakzegel_server.fleet.assess import Facts
from lakzegel_server.fleet.assess import _condition as condition_of
from lakzegel_server.fleet.causes import cause_of
from lakzegel_server.fleet.counts import RingCount
from lakzegel_server.fleet.model import Condition, DeviceHealth, Fleet, Trouble
from lakzegel_server.fleet.rings import rings
from lakzegel_server.pages import selecting, sources
from lakzegel_server.pages.conditions import (
    CONDITIONS,
    LISTED,
    Said,
    Tone,
    code_of,
    said_of,
    since,
)
from lakzegel_server.pages.csvfile import COLUMNS, cell, header, rows
from lakzegel_server.pages.fleetquery import PAGE, SORTS, Query
from lakzegel_server.pages.selecting import healths, select
from lakzegel_server.pages.selecting import names as names_of

TAG = re.compile(r"<[^>]+>")


def get(world, path, role="it", language="en"):
    return world.as_(role)("GET", path, **{"Accept-Language": language, "Accept": "text/html"})


def asked(text):
    return Query.read(QueryParams(text))


@pytest.fixture(scope="module")
def listed(kept, fleet):
    """The devices that are asked for, in order."""
    connection = kept(fleet)

    def listing(text=""):
        return healths(connection, names_of(connection, asked(text)))

    listing.connection = connection
    return listing


@pytest.fixture(scope="module")
def names(listed):
    return lambda text="": [device.device for device in listed(text)]


ZERO, NOT_KNOWN = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
KEYS = {  # what a list is to be sorted by, said in another way than a database is asked
    "worst": lambda d: (LISTED.index(d.condition), (since(d) or NOT_KNOWN).timestamp()),
    "device": lambda d: d.device,
    "sealed": lambda d: d.newest.at if d.newest else ZERO,
    "version": lambda d: [int(part) for part in (d.version or "0").split(".")],
    "spool": lambda d: -d.spool_bytes,
}


def fits(device, query):
    wanted = query.search.casefold()
    return (
        (not wanted or wanted in device.device or wanted in (device.group or ""))
        and query.condition in {"", device.condition}
        and query.group in {"", device.group}
        and (not query.problem or any(one.code == query.problem for one in device.troubles))
    )


def expected(fleet, query):
    """The names that are asked for, found by looking at every device."""
    found = sorted((d for d in fleet.devices if fits(d, query)), key=lambda d: d.device)
    found.sort(key=KEYS[query.sort.removeprefix("-")])
    names = [device.device for device in found]
    return names[::-1] if query.sort.startswith("-") else names


FILTERS = (
    *("", "condition=silent", "condition=capturing", "group=vws-bestuursraad", "problem=late"),
    *("search=laptop", "search=BZK", "search=00", "search=nobody", "search=%25", "group=nobody"),
    *("problem=late&condition=silent", "group=vws-bestuursraad&condition=capturing"),
    *("search=bz&condition=capturing&problem=late", "search=laptop&condition=capturing"),
)


@pytest.mark.parametrize("few", [3, 1_000])
@pytest.mark.parametrize("text", FILTERS)
def test_what_is_found_and_its_order_are_those_of_looking_at_every_device(
    fleet, listed, names, monkeypatch, text, few
):
    monkeypatch.setattr(selecting, "FEW", few)  # the ways to find them differ, what is found not
    for sort in SORTS:
        for query in (f"{text}&sort={sort}", f"{text}&sort=-{sort}"):
            wanted = expected(fleet, asked(query))
            assert names(query) == wanted, query
            selection, _ = select(listed.connection, asked(f"{query}&page=2"))
            assert selection.found == len(wanted), query
            page = slice(PAGE * (selection.page - 1), PAGE * selection.page)
            assert [one.device for one in selection.rows] == wanted[page], query


def test_the_page_counts_every_condition_and_lists_the_worst_first(ministry, fleet, names):
    answer = get(ministry, "/")
    assert answer.status_code == 200
    for condition, said in CONDITIONS.items():
        count = sum(device.condition is condition for device in fleet.devices)
        tile = rf'<span class="count number">{count}</span>\s*<span class="what">.*?{said.label}'
        assert re.search(tile, answer.text, re.DOTALL), condition
    listed = re.findall(r'<a href="/devices/([^"]+)">', answer.text)
    assert listed == names()[:PAGE]
    assert "76 of 500 devices need attention." in answer.text


def test_dutch_is_what_nobody_asks_for_and_english_what_somebody_does(ministry):
    assert "76 van de 500 apparaten vragen aandacht." in get(ministry, "/", language="").text
    assert "Setting drifted" not in get(ministry, "/", language="nl").text


def test_what_needs_somebody_comes_before_what_does_not(listed):
    order = [device.condition for device in listed()]
    assert order == sorted(order, key=LISTED.index)
    assert order[0] is Condition.SILENT
    first = [since(d) for d in listed() if d.condition is Condition.SILENT]
    assert first == sorted(first)


def test_filters_are_added_to_each_other(listed, names):
    silent = names("condition=silent")
    assert len(silent) == 14
    of_bzk = names("condition=silent&search=BZK")
    assert of_bzk == [name for name in silent if name.startswith("bzk-")]
    drifted = listed("problem=guard-drifted")
    assert {d.condition for d in drifted} == {Condition.DRIFTED}
    group = listed("group=vws-bestuursraad")
    assert {d.group for d in group} == {"vws-bestuursraad"}


def test_pages_cut_the_list_and_miss_none(listed, names):
    pages = [select(listed.connection, asked(f"page={n}"))[0] for n in range(1, 11)]
    assert [d.device for page in pages for d in page.rows] == names()
    assert (pages[0].first, pages[0].last, pages[-1].last) == (1, 50, 500)
    assert select(listed.connection, asked("page=9999"))[0].page == 10


@pytest.mark.parametrize(
    "text",
    [
        "condition=nonsense",
        "sort=nonsense",
        "page=-1",
        "page=1e9",
        "page=²",
        "page=0",
        "x=y",
        "sort=--",
    ],
)
def test_what_nobody_can_ask_for_counts_as_not_asked(text):
    assert asked(text) == Query()


def test_an_address_says_what_differs_and_is_read_back_as_it_was():
    query = asked("search=a%26b+%3Cc&condition=late&sort=-spool&page=3")
    assert asked(query.address(page=3).partition("?")[2]) == query
    assert query.address(condition="") == "/?search=a%26b+%3Cc&sort=-spool"
    assert Query().address() == "/"


def test_what_is_searched_for_is_shown_and_never_obeyed(ministry):
    text = get(ministry, "/?search=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").text
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "No device fits this." in text


def test_a_fleet_without_devices_says_what_comes_next(world):
    text = get(world, "/").text
    assert "No device is enrolled or expected yet." in text
    assert "<table" not in text


def test_a_device_that_enrolled_and_sealed_is_shown_with_its_receipts(world, device):
    upload = device.seal()
    assert world.client.put(upload).status_code == 200
    assert "minister" in get(world, "/").text
    text = TAG.sub(" ", get(world, "/devices/minister").text)
    assert "Capturing" in text
    assert re.search(r"Epoch 0 \( ?first ?\): 1 batch, current", re.sub(r"\s+", " ", text))


def test_a_device_page_tells_condition_problems_guards_read_outs_and_gaps(ministry, fleet):
    drifted = next(d for d in fleet.devices if d.condition is Condition.DRIFTED)
    text = get(ministry, f"/devices/{drifted.device}").text
    for wanted in ("Setting drifted", "guard-drifted", drifted.guards[0].guard, drifted.group):
        assert wanted in text
    phone = next(d for d in fleet.devices if d.readouts and d.readouts[0].overdue)
    assert "overdue" in get(ministry, f"/devices/{phone.device}").text


def test_every_device_has_a_page_in_both_languages(ministry, fleet):
    seen = {}
    for device in fleet.devices:
        seen.setdefault(device.condition, device)
    for device in seen.values():
        for language in ("nl", "en"):
            assert get(ministry, f"/devices/{device.device}", language=language).status_code == 200


def test_a_device_that_nobody_admitted_has_no_page(ministry):
    answer = get(ministry, "/devices/nobody", language="nl")
    assert answer.status_code == 404
    assert "Er is geen apparaat met deze naam." in answer.text
    assert "Naar de eerste pagina" in answer.text
    assert "/login" not in answer.text, "he is logged in"


def test_a_refusal_is_in_one_language(ministry):
    answer = get(ministry, "/devices/nobody", role="audit", language="nl")
    assert answer.status_code == 403
    assert "Dit mag u niet" in answer.text
    assert "may not do this" not in answer.text
    assert "may not do this" in get(ministry, "/devices/nobody", role="audit").text


def test_the_table_for_programs_has_all_that_is_asked_for(ministry, names):
    answer = ministry.as_("it")("GET", "/fleet.csv?condition=late")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(found[0]) == list(COLUMNS)
    assert [row["device"] for row in found] == names("condition=late")
    assert {row["condition"] for row in found} == {"late"}


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_cell_is_never_a_formula(evil):
    assert cell(evil) == f"'{evil}"
    device = DeviceHealth("d", evil, "c", 0, None, Condition.EXPECTED)
    (row,) = csv.DictReader(io.StringIO(header() + rows([device], device.heard), newline=""))
    assert row["group"] == f"'{evil}"


def test_a_number_below_zero_stays_one(fleet):
    late = replace(fleet.devices[0], skew=-1840)
    (row,) = csv.DictReader(io.StringIO(header() + rows([late], late.heard)))
    assert row["clock_ahead_seconds"] == "-1840"


def test_the_problem_to_begin_with_is_the_one_behind_the_condition(simulated):
    troubles = (
        Trouble("files-failed", simulated.NOW - timedelta(days=9), 3),
        Trouble("guard-drifted", simulated.NOW - timedelta(days=1), 1),
    )
    drifted = DeviceHealth(
        "d", None, "c", 0, None, Condition.DRIFTED, troubles=troubles, spool_limit=1
    )
    assert code_of(drifted) == "guard-drifted"
    assert since(drifted) == troubles[1].since
    assert code_of(replace(drifted, condition=Condition.FULL)) == "spool-full"
    other = (troubles[0], Trouble("source-missing", simulated.NOW - timedelta(hours=1), 1))
    troubled = replace(drifted, condition=Condition.TROUBLED, troubles=other)
    assert code_of(troubled) == "source-missing", "the gravest, though another is older"
    assert said_of(troubled) == Said("Source missing", Tone.BAD, cause_of("source-missing").why)
    assert said_of(replace(troubled, troubles=other[:1])).tone is Tone.WARN
    assert said_of(drifted) is CONDITIONS[Condition.DRIFTED]
    assert code_of(replace(drifted, condition=Condition.CAPTURING)) is None


def test_the_page_of_500_devices_costs_little(ministry, fleet):
    get(ministry, "/")
    began = time.process_time()
    for _ in range(5):
        assert get(ministry, "/").status_code == 200
    assert (time.process_time() - began) / 5 < 0.15  # of one processor, the asker's part included


def test_a_name_from_outside_is_escaped_everywhere(kit, showing, simulated, tmp_path, monkeypatch):
    evil = "<img src=x>"
    device = replace(
        simulated.fleet(20).devices[0],
        group=evil,
        version=evil,
        custody=evil,
        troubles=(Trouble(evil, simulated.NOW, 1),),
    )
    fleet = Fleet(simulated.NOW, (device,))
    with kit.world_at(tmp_path / "evil") as world:
        showing(monkeypatch, world.desk, fleet, simulated)
        for path in ("/", f"/devices/{device.device}"):
            text = get(world, path).text
            assert evil not in text
            assert "&lt;img src=x&gt;" in text


def test_of_too_many_groups_those_are_shown_that_lag_behind():
    alike = [
        RingCount(f"g{n}", True, 7, policy, "1.0", devices)
        for n in range(8)
        for policy, devices in ((7, 9 - n % 4), (6, n % 4))
        if devices
    ]
    found, left_out = rings(alike, 8)
    assert (len(found), left_out) == (8, 0)
    assert [one.group for one in found] == sorted(one.group for one in found)
    found, left_out = rings([*alike, RingCount("g0", False, 7, None, None, 90)], 4)
    assert [one.group for one in found] == ["g2", "g3", "g6", "g7"]
    assert [one.following for one in found] == [7, 6, 7, 6]
    assert left_out == 4


@pytest.mark.parametrize(
    ("role", "place"), [("records", "/receiver"), ("admin", "/in-force"), ("audit", "/receiver")]
)
def test_who_has_no_business_with_the_fleet_is_led_to_a_page_of_his(ministry, role, place):
    answer = ministry.as_(role)("GET", "/")
    assert (answer.status_code, answer.headers["location"]) == (303, place)
    assert ministry.as_(role)("GET", "/devices/bzk-laptop-005").status_code == 403


def test_a_refusal_is_a_page_to_a_browser_and_a_problem_document_to_a_program(ministry):
    asker, html = ministry.as_("it"), {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "nl"}
    url = f"{ministry.client.url}/devices/nobody"
    login = {"Authorization": f"Bearer {ministry.tokens['it']}"}
    page = asker.session.get(url, headers={**html, **login})
    assert (page.status_code, page.headers["content-language"]) == (404, "nl")
    assert "Deze pagina bestaat niet" in page.text
    assert asker("GET", "/devices/nobody").json()["title"] == "missing"
    nobody = asker.session.get(url, headers=html, allow_redirects=False)
    assert nobody.headers["location"] == "/login?next=/devices/nobody"
    assert ministry.client("GET", "/devices/nobody").status_code == 401


def test_the_simulated_fleet_says_nothing_that_a_real_one_cannot(fleet, simulated):
    limit = timedelta(hours=26)
    for one in fleet.devices:
        codes = {trouble.code for trouble in one.troubles}
        if one.newest is None:
            assert one.condition is Condition.EXPECTED
            continue
        owes = one.condition not in {Condition.CLOSED, Condition.REVOKED, Condition.ABSENT}
        assert ("late" in codes) is (owes and simulated.NOW - one.newest.at > limit)
        assert ("silent" in codes) is (owes and simulated.NOW - one.heard > limit)
        assert ("readout-overdue" in codes) is any(row.overdue for row in one.readouts)
        assert ("guard-drifted" in codes) is any(row.state == "drifted" for row in one.guards)
        assert ("files-failed" in codes) is (one.failed > 0)
        assert one.found == one.sealed + one.excluded + one.failed
        assert all(one.enrolled < trouble.since <= simulated.NOW for trouble in one.troubles)
        assert one.enrolled < one.newest.at <= one.heard
        ended = simulated.NOW if one.condition is Condition.REVOKED else None
        final = one.condition is Condition.CLOSED
        facts = Facts(one.device, one.group, "c", 0, one.enrolled, ended, final=final,
                      newest=one.newest, beat=None, heard=one.heard, away=one.away)  # fmt: skip
        if one.condition is not Condition.ABSENT:
            assert condition_of(facts, frozenset(codes)) is one.condition, one.device


def test_an_overdue_readout_of_which_no_name_is_known_is_no_agreement_that_is_not_there(
    ministry, fleet, monkeypatch
):
    phone = next(one for one in fleet.devices if any(row.overdue for row in one.readouts))
    page = get(ministry, f"/devices/{phone.device}").text
    assert "overdue" in page
    monkeypatch.setattr(sources, "device_of", lambda *_: replace(phone, readouts=()))
    page = get(ministry, f"/devices/{phone.device}").text
    assert "None is agreed" not in page
    assert "The device did not say which one is overdue." in page
