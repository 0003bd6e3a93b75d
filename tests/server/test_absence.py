# SPDX-License-Identifier: EUPL-1.2
"""A planned absence quiets a device that is away, from its begin to its end, and no other."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from lakzegel_core.policy import parse_policy_toml, sign_policy
from lakzegel_server.alerting.observed import observe
from lakzegel_server.fleet.absence import absent_until, owed, planned
from lakzegel_server.fleet.model import Condition
from lakzegel_server.fleet.reading import read_fleet
from lakzegel_server.pages.coverage import Cover, Span, calendar

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
POLICY = """
serial = {serial}
audience = ["device:minister"]
expires = {expires}
recipients = ["{recipient}"]
[[source]]
name = "mail"
kind = "eml"
path = "~/Mail"
[[source]]
name = "chat"
kind = "eml"
path = "~/Chat"
"""


def policy_text(office, absences, *, serial=1, expires="2027-06-30"):
    recipient = office.recipient.recipient.to_text()
    text = POLICY.format(serial=serial, recipient=recipient, expires=expires)
    for source, begin, until in absences:
        text += f'[[absence]]\nsource = "{source}"\nfrom = {begin}\nuntil = {until}\n'
    return text


def spans(office, *absences, **more):
    found = planned(parse_policy_toml(policy_text(office, absences, **more)))
    return [(f"{begin:%m-%d}", f"{until:%m-%d}") for begin, until in found]


def test_a_device_is_away_only_while_all_of_its_sources_are(kit):
    office = kit.Office()
    mail, chat = ("mail", "2026-12-01", "2026-12-10"), ("chat", "2026-12-05", "2026-12-20")
    assert spans(office) == []
    assert spans(office, mail) == []
    assert spans(office, mail, chat) == [("12-05", "12-10")]
    joined = ("mail", "2026-12-10", "2026-12-12")
    assert spans(office, mail, chat, joined) == [("12-05", "12-12")]
    assert spans(office, mail, chat, expires="2026-12-07") == [("12-05", "12-07")]


def test_time_in_a_planned_absence_does_not_count():
    begin = datetime(2026, 12, 5, tzinfo=UTC)
    away = ((begin, begin + 5 * DAY),)
    assert owed(away, begin - 3 * HOUR, begin + 2 * DAY) == 3 * HOUR
    assert owed(away, begin - 3 * HOUR, begin + 6 * DAY) == DAY + 3 * HOUR
    assert owed(away, begin - 2 * DAY, begin - DAY) == DAY
    assert absent_until(away, begin - HOUR) is None
    assert absent_until(away, begin) == begin + 5 * DAY
    assert absent_until(away, begin + 5 * DAY) is None


def publish(world, kit, absences):
    policy = parse_policy_toml(policy_text(world.office, absences))
    note = sign_policy(kit.ORIGIN, policy, world.office.policy)
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200


def condition(world, hands):
    (found,) = read_fleet(world.desk, hands.now).devices
    return found.condition


BOTH = [(source, "2026-11-25T02:00:00Z", "2026-12-05T02:00:00Z") for source in ("mail", "chat")]


def test_a_device_on_leave_is_neither_silent_nor_late_and_is_again_by_itself(timed, kit, hands):
    device = timed.enrol()
    publish(timed, kit, BOTH)
    hands.now += 20 * HOUR
    timed.client.put(device.seal())
    for days, expected in ((1, "capturing"), (2, "absent"), (10, "absent"), (11, "capturing"),
                           (11.9, "capturing"), (12, "silent")):  # fmt: skip
        hands.now = kit.START + days * DAY
        assert condition(timed, hands) == expected, days
        told = observe(timed.desk, int(hands()))
        assert ({"silent", "late"} <= told.keys()) is (expected == "silent")


def test_who_was_silent_before_an_absence_stays_silent_in_it(timed, kit, hands):
    timed.enrol()
    publish(timed, kit, [(s, "2026-11-26T02:00:00Z", "2026-12-05T02:00:00Z") for s in
                         ("mail", "chat")])  # fmt: skip
    hands.now += 3 * DAY
    assert condition(timed, hands) is Condition.SILENT


def test_one_absent_source_of_two_quiets_nothing(timed, kit, hands):
    timed.enrol()
    publish(timed, kit, BOTH[:1])
    hands.now += 3 * DAY
    assert condition(timed, hands) is Condition.SILENT


def test_the_pages_say_until_when(timed, kit, hands):
    device = timed.enrol()
    publish(timed, kit, BOTH)
    timed.client.put(device.seal())
    hands.now += 5 * DAY
    it = timed.as_("it")
    asked = {"Accept": "text/html", "Accept-Language": "nl"}
    fleet = it("GET", "/", **asked).text
    assert "Geplande afwezigheid" in fleet
    assert ">tot 5 december 2026<" in fleet
    page = it("GET", "/devices/minister", **asked).text
    assert "Geplande afwezigheid tot 5 december 2026, 03:00." in page
    assert page.count("gepland afwezig") == 5
    (_, row) = io.StringIO(it("GET", "/fleet.csv").text)
    assert row.strip().endswith(",2026-12-05T02:00:00Z")


def test_days_of_an_absence_are_no_gaps():
    now = datetime(2026, 12, 9, 12, tzinfo=UTC)
    away = ((datetime(2026, 12, 3, 12, tzinfo=UTC), datetime(2026, 12, 6, tzinfo=UTC)),)
    span = Span(date(2026, 12, 2), None, away)
    covers = {one.day.day: one.cover for week in calendar((), span, now) for one in week
              if one.day.month == 12}  # fmt: skip
    assert [covers[day] for day in range(1, 8)] == [
        Cover.OUTSIDE,
        Cover.GAP,
        *[Cover.PLANNED] * 3,
        Cover.GAP,
        Cover.GAP,
    ]
    assert replace(span, away=()).is_planned(date(2026, 12, 4)) is False
