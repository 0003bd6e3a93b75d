# SPDX-License-Identifier: EUPL-1.2
"""Which sources are covered, which are not and why, and which apps have no source."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_agent import readiness
from lakzegel_agent.exclusion import Narrowing
from lakzegel_agent.policies import InForce
from lakzegel_agent.readinessapps import uncovered_apps
from lakzegel_core.annex import parse_annex
from lakzegel_core.policy import parse_policy_toml

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
TOML = """\
serial = 1
audience = ["device:minister"]
expires = 2036-01-01
recipients = ["{recipient}"]

[[source]]
name = "s1"
kind = "{kind}"
path = "{path}"
"""


@pytest.fixture
def in_force(engine):
    def make(kind="folder", path=None, extra=""):
        text = TOML.format(
            recipient=engine.identity.recipient.to_text(), kind=kind, path=path or engine.root
        )
        annex = parse_annex('device = "minister"\n[[source]]\nname = "s1"\nlabel = "docs"\n')
        return InForce(b"", parse_policy_toml(text + extra), annex, None)

    return make


@pytest.fixture
def assess(engine, in_force, tmp_path):
    home = tmp_path / "user"
    home.mkdir(exist_ok=True)

    def look(*, now=NOW, **more):
        return readiness.assess(engine.ledger, in_force(**more), home=os.fsencode(home), now=now)

    return look


def why(found):
    (source,) = found[0].sources
    return source.why


def queued(engine):
    rows = engine.ledger.files.queued(after=0, limit=100)
    return [json.loads(r.payload) for r in rows if b'"readiness"' in r.payload]


def test_a_source_is_covered_when_it_is_captured_or_empty(engine, assess):
    assert why(assess()) == ""
    engine.write("a", b"een")
    engine.capture()
    assert why(assess()) == ""


def test_each_way_of_not_being_covered_has_its_reason(engine, assess, tmp_path):
    assert why(assess(path=tmp_path / "nowhere")) == "missing"
    assert why(assess(kind="unheard-of")) == "reader-unknown"
    assert why(assess(path="relative")) == "path-unusable"


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_not_covered(engine, assess):
    engine.root.chmod(0)
    assert why(assess()) == "unreadable"
    engine.root.chmod(0o700)
    engine.write("a", b"een").chmod(0)
    engine.capture()
    assert why(assess()) == "unreadable"


def test_a_list_of_accounts_that_fits_nothing_is_seen(engine, assess):
    engine.watch(reader="maildir", narrowing=Narrowing("maildir", ("a@b.example",)))
    engine.write("c@d.example/cur/1", b"een")
    engine.capture()
    assert why(assess(kind="maildir")) == "other-account"


def test_it_is_stated_on_day_one_and_when_it_changes_and_no_more(engine, assess, tmp_path):
    missing = {"path": tmp_path / "later"}
    assert assess(**missing)[1]
    assert not assess(now=NOW + timedelta(days=1), **missing)[1]
    (tmp_path / "later").mkdir()
    assert assess(**missing)[1]
    assert [value["sources"] for value in queued(engine)] == [
        [{"source": "docs", "covered": False, "why": "missing"}],
        [{"source": "docs", "covered": True, "why": ""}],
    ]


def test_what_stays_uncovered_is_overdue_after_the_term(assess, tmp_path):
    missing, week = {"path": tmp_path / "nowhere"}, 7 * 86_400
    assess(**missing)
    found, _ = assess(now=NOW + timedelta(days=6), **missing)
    assert found.overdue(week, NOW + timedelta(days=6)) == []
    assert found.overdue(week, NOW + timedelta(days=7)) == ["source s1"]
    found, _ = assess(now=NOW + timedelta(days=8))
    assert found.overdue(week, NOW + timedelta(days=8)) == []


def test_a_clock_that_was_set_back_does_not_put_the_alarm_off_for_ever(assess, tmp_path):
    missing = {"path": tmp_path / "nowhere"}
    assess(now=NOW + timedelta(days=3650), **missing)
    assess(now=NOW, **missing)
    found, _ = assess(now=NOW + timedelta(days=8), **missing)
    assert found.overdue(7 * 86_400, NOW + timedelta(days=8)) == ["source s1"]


def test_an_app_without_a_source_is_named_until_a_source_has_to_do_with_it(tmp_path):
    home = os.fsencode(tmp_path)
    (tmp_path / ".config/Signal").mkdir(parents=True)
    (tmp_path / ".thunderbird/a.default").mkdir(parents=True)
    assert uncovered_apps(home, []) == ["signal", "thunderbird"]
    assert uncovered_apps(home, [home + b"/.thunderbird/a.default/Mail"]) == ["signal"]
    assert uncovered_apps(home, [home]) == []
    (tmp_path / "link").symlink_to(tmp_path / ".config")
    assert uncovered_apps(home, [home + b"/link/Signal", home + b"/.thunderbird"]) == []


ELSEWHERE = """
[[elsewhere]]
app = "signal"
attested_by = "functional-management"
until = 2026-04-01
why = "archived on the server"
"""


def test_an_app_that_is_attested_elsewhere_is_not_overdue_until_that_is_over(
    engine, assess, tmp_path
):
    (tmp_path / "user/.config/Signal").mkdir(parents=True)
    found, _ = assess()
    assert (found.apps, found.elsewhere) == (("signal",), ())
    month = NOW + timedelta(days=30)
    found, news = assess(now=month, extra=ELSEWHERE)
    assert (found.apps, found.elsewhere, news) == ((), ("signal",), True)
    assert found.overdue(7 * 86_400, month) == []
    over = datetime(2026, 4, 1, tzinfo=UTC)
    found, news = assess(now=over, extra=ELSEWHERE)
    assert (found.apps, found.elsewhere, news) == (("signal",), (), True)
    assert found.overdue(7 * 86_400, over) == []
    found, _ = assess(now=over + timedelta(days=7), extra=ELSEWHERE)
    assert found.overdue(7 * 86_400, over + timedelta(days=7)) == ["app signal"]
    assert [(value["apps"], value.get("elsewhere")) for value in queued(engine)] == [
        (["signal"], None),
        ([], ["signal"]),
        (["signal"], None),
    ]


def test_what_a_version_before_remembered_of_readiness_is_read(engine):
    kept = {"sources": [["s1", "docs", ""]], "apps": ["signal"], "since": {}}
    engine.ledger.remember(readiness.NAME, json.dumps(kept).encode())
    found = readiness.recall(engine.ledger)
    assert found is not None
    assert (found.apps, found.elsewhere) == (("signal",), ())


def test_the_status_section_names_sources_as_the_policy_does(assess, tmp_path):
    found, _ = assess(path=tmp_path / "nowhere")
    assert found.shown() == {
        "sources": [
            {"name": "s1", "covered": False, "why": "missing", "since": "2026-03-01T10:00:00Z"}
        ],
        "apps": [],
        "elsewhere": [],
    }
    assert replace(found, since={}).shown()["sources"][0]["since"] is None
