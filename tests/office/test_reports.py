# SPDX-License-Identifier: EUPL-1.2
"""The whole report: facts, page, PDF and the statement that is signed over them."""

import hashlib
import json
import re
import runpy
import shutil
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from lakzegel_core.policy import parse_policy_toml, sign_policy
from lakzegel_office.__main__ import main
from lakzegel_office.reports import (
    completeness,
    days,
    evidence,
    gathering,
    guidance,
    model,
    plots,
    rendering,
)
from lakzegel_office.reports.words import said_in

seal_months = runpy.run_path(str(Path(__file__).with_name("report_custody.py")))["seal_months"]
START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
CHROMIUM = shutil.which("chromium")
AXE = Path(sys.prefix) / "oracles" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MODULES = (completeness, days, evidence, guidance, plots, rendering)
SENTENCE = re.compile(r"\"((?:[^\"\\]|\\.)*)\"")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept") / "office"


@pytest.fixture
def custody(world, kept, dispose):
    """A home with a rich custody, made once; every passphrase here is the same."""
    if not kept.exists():
        seal_months(world, dispose)
        shutil.copytree(world.home.root, kept)
    else:
        shutil.rmtree(world.home.root)
        shutil.copytree(kept, world.home.root)
    return world


class Page(HTMLParser):
    """What a page asks for."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.styled = set(), set(), False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        found = dict(attributes)
        self.styled |= "style" in found
        self.addresses |= {found[name] for name in ("src", "href", "data") if name in found}


def test_page_and_pdf_are_whole_by_themselves_without_script_and_the_same_each_time(
    custody, tmp_path
):
    one, two = tmp_path / "one.html", tmp_path / "two.html"
    prints = [path.with_suffix(".pdf") for path in (one, two)]
    for path, pdf in zip((one, two), prints, strict=True):
        assert custody.run("report", "--html", str(path), "--pdf", str(pdf)) == 0
    assert prints[0].read_bytes() == prints[1].read_bytes()
    assert b"pdfaid" in prints[0].read_bytes()
    text = one.read_text()
    assert text == two.read_text()
    page = Page(text)
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form", "base"}
    assert all(address.startswith("#") for address in page.addresses)
    assert not page.styled
    (sheet,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;" in text
    assert '<html lang="nl">' in text
    assert "cur/" not in text  # no name of a file
    assert "server1" not in text  # nor what a guard calls its subject


def test_facts_tell_gaps_drift_the_overdue_read_out_and_a_ledger_that_adds_up(custody, capsys):
    capsys.readouterr()
    assert custody.run("report", "--period", "..", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    host, never, laptop = found["devices"]
    assert (never["batches"], set(never["days"])) == (0, {""})
    assert [one["items"] for one in found["disposals"]] == [2]
    assert [one["name"] for one in found["marks"]] == ["woo-2026-17"]
    assert host["overdue"] == [["phone/telefoon-1", "2027-01-17T08:00:00Z"]]
    assert [one["complete"] for one in host["readouts"]].count(False) == 1
    assert laptop["apps"] == ["telegram-desktop"]
    counts = {state: laptop["days"].count(state) for state in days.STATES}
    assert counts["none"] == 2  # of three days that nobody attested, the whole ones
    assert counts["gap"] == 6
    (signal,) = [one for one in laptop["sources"] if one["label"] == "signal"]
    assert signal["days"][:34] == ["none"] * 34
    states = {guard["name"]: guard["state"] for guard in laptop["guards"]}
    assert states["thunderbird-retention"] == "unknown"
    mail = next(one for one in laptop["sources"] if one["label"] == "mail")["ledger"]
    assert mail["found"] == mail["sealed"] + sum(mail["excluded"].values())


def test_a_period_and_a_custody_narrow_what_is_told(custody, capsys, tmp_path):
    capsys.readouterr()
    more = ["--custody", "minister-laptop", "--period", "2026-12-01..2026-12-10"]
    assert custody.run("report", *more, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["devices"]] == ["minister-laptop"]
    assert len(found["devices"][0]["days"]) == 10
    assert custody.run("report", "--custody", "nobody") == 2
    assert custody.run("report", "--period", "2026-12-10..2026-12-01") == 2
    assert custody.run("report", "--period", "gisteren") == 2


def test_a_phone_is_in_the_report_of_its_custody_and_of_no_other(world, device, capsys):
    names = json.dumps([r.to_text() for r in world.config.recipients.values()])
    phones = "".join(
        f'[[source]]\nname = "{name}"\nkind = "ios-backup"\npath = "~/{name}"\n'
        f'custody = "{whose}"\n'
        for name, whose in (("telefoon", "2026-a"), ("tablet", "2026-b"))
    )
    policy = parse_policy_toml(
        'serial = 1\naudience = ["device:minister"]\nexpires = 2036-01-01\ncadence = "0s"\n'
        f"recipients = {names}\n{phones}"
    )
    keys = world.vault.signers(("policy-records", "policy-privacy"), world.config.policy_keys)
    world.receiver.append(sign_policy(world.config.origin, policy, keys))
    labels = ("mail", "tablet (2026-b)", "telefoon (2026-a)")
    custody = runpy.run_path(str(Path(__file__).with_name("report_custody.py")))
    rows = [custody["source"](label, 1, 1, {}, {}) for label in labels]
    items = [custody["_attested"](device, START, START + timedelta(days=1), [], rows, 0)]
    due = {"type": "readout-overdue", "due": "2026-11-20T08:00:00Z", "why": ""}
    items += [device.observation(due, source=label, index=n) for n, label in enumerate(labels, 1)]
    device.send(items)
    world.pull()
    for whose, own in (("2026-a", labels[2:]), ("2026-b", labels[1:2]), ("default", labels[:1])):
        capsys.readouterr()
        assert world.run("report", "--custody", whose, "--json", "--period", "..") == 0
        (host,) = json.loads(capsys.readouterr().out)["devices"]
        assert [one["label"] for one in host["sources"]] == list(own)
        assert [one[0] for one in host["overdue"]] == list(own)
    assert world.run("report", "--custody", "2026-c", "--json") == 2


def test_what_a_device_says_strangely_spoils_no_report(world, device, tmp_path, capsys):
    label = "📱 电话 \u202e</svg><script>"
    custody = runpy.run_path(str(Path(__file__).with_name("report_custody.py")))
    rows = [custody["source"](label, 1, 1, {}, {}, covered=False, why="omdat 📱")]
    said = {"type": "readout", "backup": "gisteren", "read": "2026-99-99T00:00:00Z", "complete": 1}
    items = [custody["_attested"](device, START, START + timedelta(days=1), [], rows, 0)]
    items += [device.observation(said, source=label, index=1)]
    guard = {"type": "guard", "guard": "g\x1b[2J", "mode": "m\x1b[2J", "rows": [1], "after": 1}
    guard |= {"state": "compliant", "subject": "s", "reason": "r\x1b[2J", "before": 0}
    items += [device.observation({**guard, "at_risk": None}, source="device", index=2)]
    device.send(items)
    world.pull()
    capsys.readouterr()
    assert world.run("report") == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
    page, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    assert world.run("report", "--html", str(page), "--pdf", str(pdf)) == 0
    assert "<script>" not in page.read_text()


def test_a_statement_holds_for_its_facts_and_for_no_others(custody, tmp_path, capsys):
    note, facts = tmp_path / "woo.note", tmp_path / "woo.note.json"
    more = ["--statement", str(note), "--request", "woo-2026-17"]
    assert custody.run("report", *more) == 0
    check = ["report", "--home", str(custody.home.root), "--check", str(note)]
    capsys.readouterr()
    assert main(check) == 0  # no passphrase is needed
    assert "request woo-2026-17\n" in capsys.readouterr().out
    said = json.loads(facts.read_bytes())["completeness"]
    assert not said["complete"]
    assert any("overdue" in line for line in said["missing"])
    assert "minister-laptop: items destroyed: 2, certificates: 1" in said["missing"]
    facts.write_bytes(facts.read_bytes().replace(b'"complete":false', b'"complete":true', 1))
    assert main(check) == 1
    assert "other facts" in capsys.readouterr().err


def test_what_the_office_found_not_to_open_is_not_proven_complete():
    log = model.LogFacts("log", 3, b"", START, (), 3, START, ())
    found = model.FindingFacts(2, "minister/0/1", "decrypt", 0, START)
    scope = model.Scope((), START.date(), START.date(), "", START)
    judged = completeness.judge(model.Report(scope, log, (), (found,), (), (), (), {}))
    said = [line.text.format(**line.holes) for line in judged.missing]
    assert "minister/0/1: the office found decrypt; items concerned: all" in said


def test_a_keyring_that_was_sealed_anew_is_no_disposal_and_no_item_goes_twice():
    rows = [("dispose", (3, 4)), ("dispose", (4, 5)), ("rewrap", ())]
    changes = [_change(number, *row) for number, row in enumerate(rows, 1)]
    facts = tuple(gathering._disposals(SimpleNamespace(changes=changes), ["minister"]))
    assert [one.items for one in facts] == [2, 1, 0]
    report = SimpleNamespace(devices=(), marks=(), disposals=facts)
    assert [line.holes for line in evidence.managed(report)][-1] == {"holds": 0, "disposals": 2}
    (line,) = evidence.disposed(report)
    assert line.holes == {"items": 3, "count": 2}


def _change(number, reason, destroyed):
    certificate = bytes([number]) * 32 if destroyed else None
    said = SimpleNamespace(device="minister", epoch=0, batch=1, reason=reason, at=START)
    said.destroyed, said.certificate = destroyed, certificate
    return SimpleNamespace(index=number, change=said)


def test_a_broken_mirror_is_in_the_report_and_ends_with_1(custody, tmp_path):
    batch = next((custody.home.mirror / "batches").iterdir())
    data = bytearray(batch.read_bytes())
    data[-1] ^= 1
    batch.write_bytes(data)
    page = tmp_path / "page.html"
    assert custody.run("report", "--html", str(page), "--language", "en") == 1
    assert f"verification has a doubt: DOUBT mirror/batches/{batch.name}" in page.read_text()


def test_every_text_of_the_report_is_there_in_dutch():
    dutch = said_in("nl")
    template = Path(rendering.__file__).parent / "templates" / "report.html"
    texts = set(re.findall(r"_\(\"((?:[^\"\\]|\\.)*)\"", template.read_text()))
    for number in range(1, 32):
        texts.add(guidance._ROWS[number][0])
    texts |= {*days.LABELS.values(), *rendering.ROW_SAYS.values(), *plots.MONTHS}
    for module in (completeness, evidence):
        source = Path(module.__file__).read_text()
        joined = re.sub(r"\"\s*\n\s*\"", "", source)
        found = SENTENCE.findall(re.sub(r'""".*?"""', "", joined, flags=re.DOTALL))
        texts |= {text for text in found if "{" in text and " " in text and "name}" not in text}
    missing = sorted(text for text in texts if text not in dutch._words.messages)
    assert missing == []


@pytest.mark.skipif(CHROMIUM is None or not AXE.exists(), reason="no chromium or axe here")
def test_axe_finds_nothing_in_light_and_dark_wide_and_narrow(custody, tmp_path, request):
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - starts a loop of its own

    path = tmp_path / "report.html"
    screenshots = request.config.getoption("--screenshots")
    custody.run("report", "--html", str(path))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme, width in (("light", 1280), ("dark", 390)):
            window = browser.new_context(
                color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
            )
            page = window.new_page()
            page.goto(path.as_uri())
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, "the page scrolls sideways"
            if screenshots is not None:
                page.screenshot(path=f"{screenshots}/report-{scheme}.png", full_page=True)
            page.evaluate(AXE.read_text())
            found = page.evaluate(
                "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", RULES
            )
            assert [(one["id"], one["nodes"][0]["html"][:90]) for one in found["violations"]] == []
        browser.close()


def test_on_the_first_day_a_source_is_as_readiness_says_and_not_called_uncovered(
    world, device, tmp_path
):
    rows = [
        {"covered": True, "source": "mail", "why": ""},
        {"covered": False, "source": "chat", "why": "absent"},
    ]
    value = {"apps": [], "sources": rows, "type": "readiness"}
    device.send([device.observation(value, source="device", index=0)])
    device.send_as("maildir", {"cur/1": [b"Subject: x\n\nx\n"]}, source="archief")
    world.pull()
    assert (
        world.run("report", "--html", str(tmp_path / "o"), "--statement", str(tmp_path / "s")) == 0
    )
    facts = json.loads((tmp_path / "s.json").read_text())
    said = [line for line in facts["completeness"]["missing"] if "covered" in str(line)]
    assert said == [
        "minister: archief: nothing says yet whether it is covered",
        "minister: chat is not covered now: absent",
    ]


@pytest.mark.parametrize(
    ("known", "off", "state"),
    [
        ((8, 0, 8, 5), None, days.WHOLE),  # a first day on which it was on for minutes
        ((8, 0, 8, 5), (8, 0, 8, 5), days.AWAY),
        ((0, 0, 23, 59), (0, 0, 23, 50), days.AWAY),
        ((0, 0, 23, 59), (0, 0, 12, 0), days.ASLEEP),
    ],
)
def test_a_day_is_off_only_where_the_device_was(known, off, state):
    day = datetime(2026, 11, 30, tzinfo=UTC)

    def span(parts):
        return tuple(day.replace(hour=h, minute=m) for h, m in (parts[:2], parts[2:]))

    rests = [] if off is None else [span(off)]
    assert days.states([day.date()], span(known), rests, []) == (state,)
