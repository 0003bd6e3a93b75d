# SPDX-License-Identifier: EUPL-1.2
"""The audit trail on a page: who did what, the newest first, and whether the log has it."""

import csv
import hashlib
import html
import io
import re

import pytest

from lakzegel_server.database import Database
from lakzegel_server.pages import trail as page
from lakzegel_server.people import trailreading, trailrows
from lakzegel_server.people.records import Action, Event, Thing, Who
from lakzegel_server.people.trail import ALL


def get(world, path="/trail", *, role="audit", language="en"):
    answer = world.as_(role)("GET", path, **{"Accept-Language": language, "Accept": "text/html"})
    return answer.status_code, answer.text


def shown(world, path="/trail", **more):
    status, text = get(world, path, **more)
    assert status == 200
    text = re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def rows(world, query=""):
    """The place of each record on the page."""
    return re.findall(r'<a href="/trail/([0-9-]+)"', get(world, f"/trail{query}")[1])


def did(world, count=1, *, who="anna", action=Action.LOGIN, **more):
    person = Who(who, "admin", "break-glass", "192.0.2.7")
    for _ in range(count):
        world.desk.trail.note(Event(person, action, Thing.SESSION, **more))


def seal(world):
    assert world.desk.trail.seal(world.desk.log, world.desk.sequencer)


@pytest.fixture
def used(world):
    """Records in a segment, and some that wait."""
    world.enrol()
    did(world, 3)
    seal(world)
    did(world, 2, who="bo", action=Action.LOGOUT)
    did(world, who="bo", result="refused", code="denied")
    return world


def test_the_newest_record_is_the_first_and_says_whether_the_log_has_it(used):
    text = shown(used).partition("Download as CSV")[2]
    assert rows(used)[0].startswith("1-")
    first, rest = text.index("refused denied"), text.index("logging out")
    assert first < rest
    assert "not yet" in text[first:rest]
    sealed = used.client.checkpoint().checkpoint.size - 1
    assert re.search(rf"anna administrator logging in session done 192.0.2.7 {sealed} ", text)


def test_a_filter_leaves_what_is_asked_for(used):
    assert len(rows(used, "?account=ANN")) == 3
    assert len(rows(used, "?account=bo&action=logout")) == 2
    assert len(rows(used, "?account=bo&result=refused")) == 1
    assert rows(used, "?from=2026-11-25") == []
    assert len(rows(used, "?account=anna&from=2026-11-24&to=2026-11-24")) == 3
    assert rows(used, "?to=2026-11-23") == []
    everything = len(rows(used))
    for nonsense in ("action=x", "from=yesterday", "to=2026-13-01", "before=x", "result=maybe"):
        assert len(rows(used, f"?{nonsense}")) == everything, nonsense
    assert "No record fits this." in shown(used, "/trail?account=nobody")


def test_days_are_those_of_the_settings_time_zone(world):
    """START is 03:00 on the 24th in Amsterdam; at 23:30 UTC it is the 25th there already."""
    world.desk.trail._clock = lambda: 1_795_649_400.0  # 2026-11-25T23:30:00Z
    did(world)
    assert len(rows(world, "?account=anna&from=2026-11-26&to=2026-11-26")) == 1
    assert rows(world, "?account=anna&to=2026-11-25") == []


def test_older_records_follow_page_by_page_each_once(world, monkeypatch):
    monkeypatch.setattr(page, "PAGE", 4)
    world.enrol()
    did(world, 5)
    seal(world)
    did(world, 5)
    monkeypatch.setattr(world.desk.trail, "count", lambda _event: None)  # that it is looked at
    seen, path = [], "/trail"
    while path:
        text = get(world, path)[1]
        seen += re.findall(r'<a href="/trail/([0-9-]+)"', text)
        older = re.search(r'rel="next" href="([^"]+)"', text)
        path = html.unescape(older[1]) if older else None
    numbers = [int(place.partition("-")[2]) for place in seen]
    assert numbers == list(range(len(numbers), 0, -1))


def test_one_question_looks_at_so_many_and_then_goes_on(used, monkeypatch):
    monkeypatch.setattr(trailreading, "MOST_READ", 2)
    text = get(used, "/trail?account=anna")[1]
    assert "older records that were not looked at yet" in text
    assert "account=anna&amp;before=1-" in text


def test_a_record_has_its_fields_its_line_and_the_entry_that_seals_it(used):
    waiting, sealed = rows(used)[0], rows(used, "?account=anna")[0]
    assert "Not sealed in the log yet" in shown(used, f"/trail/{waiting}")
    text = shown(used, f"/trail/{sealed}")
    entry = used.client.checkpoint().checkpoint.size - 1
    assert f"segment 0 of the trail, whose hash is entry {entry}" in text
    assert "What happened logging in: session Who did it anna administrator break-glass" in text
    assert "From which device 192.0.2.7 Outcome done Date and time" in text
    assert "2026-11-24T02:00:00Z" in text
    line = re.search(r'\{"action".*?\}', text)[0]
    assert hashlib.sha256(line.encode()).hexdigest() in text


def test_a_record_that_was_sealed_since_is_found_where_it_waited(used):
    place = rows(used)[0]
    seal(used)
    assert "Sealed in the log" in shown(used, f"/trail/{place}")
    for nobody in ("9-9", "0-999999", "x", "1", f"{2**60}-1"):
        assert get(used, f"/trail/{nobody}")[0] == 404, nobody


def test_a_changed_or_lost_segment_is_told_of_and_its_records_are_not_shown(used):
    path = used.layout.segment(0)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"anna"', b'"anya"'))
    text = shown(used)
    assert "Segment 0 is not what the log says." in text
    assert "anya" not in text
    path.unlink()
    assert "Segment 0 is lost here. The log tells of " in shown(used)
    path.write_bytes(whole)
    assert "Segment 0" not in shown(used)


def test_the_file_has_what_is_asked_for_and_nothing_that_a_spreadsheet_obeys(used):
    did(used, who="=SUM(A1)")
    answer = used.as_("audit")("GET", "/trail.csv?result=ok&action=login")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, *lines = csv.reader(io.StringIO(answer.text))
    assert head == list(page.COLUMNS)
    assert [line[3] for line in lines] == ["'=SUM(A1)", "anna", "anna", "anna"]
    assert [line[-1] == "" for line in lines] == [True, False, False, False]


def test_looking_is_recorded_and_only_an_auditor_may(used):
    for role in ("it", "records", "admin"):
        assert get(used, role=role)[0] == 403
    get(used)
    used.desk.trail.flush()
    database = Database.open_readonly(used.layout.database)
    lines = [line.decode() for _, line in trailrows.waiting(database.connection, ALL)]
    database.close()
    assert any('"action":"read"' in line and '"object":"record"' in line for line in lines)


def test_whatever_a_name_holds_is_escaped(world):
    did(world, who="<script>alert(1)</script>")
    text = get(world)[1]
    assert "<script" not in text
    assert "&lt;script&gt;" in text
