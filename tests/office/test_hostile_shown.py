# SPDX-License-Identifier: EUPL-1.2
"""Content that means harm, sealed, pulled, found, reviewed and exported: nothing in it runs."""

import csv
import io
import json
import shutil
import unicodedata
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lakzegel_office.collection.model import Query
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Office
from tests.office import hostile_samples as samples
from tests.office.review.conftest import reviewing

CHROMIUM = shutil.which("chromium")
SHARED = Path(__file__).parents[3] / "shared/data/mail-spamassassin"


@pytest.fixture(scope="module")
def attacked(founded, tmp_path_factory):
    """An office with all samples in its mirror."""
    world = founded(tmp_path_factory.mktemp("kantoor"))
    device = world.enrol()
    device.send_as("maildir", {f"cur/{n}": [m] for n, (_, m) in enumerate(samples.marked_up())})
    device.send_as("maildir", {f"cur/c{n}": [m] for n, m in enumerate(samples.in_charsets())})
    device.send_as("eml", {f"{n}.eml": [mail] for n, mail in enumerate(samples.named())})
    chat = {"WhatsApp-chat met <script>.txt": [samples.chat_lines()]}
    device.send_as("whatsapp-export", chat, source="chats")
    telegram, _ = samples.telegram()
    device.send_as("telegram-export", {"result.json": [telegram]}, source="tg")
    lines, _ = samples.store_lines()
    device.send_as("whatsapp-android", {"m.db.conversations/1.jsonl": [lines]}, source="phone")
    zips = {f"{n}.zip": [samples.zipped(name, b"x")] for n, name in enumerate(samples.NAMES)}
    device.send_as("whatsapp-export", {**zips, "n.zip": [samples.nested()]}, source="zips")
    files = {name: [name.encode()] for name in samples.NAMES if "\0" not in name}
    device.send_as("folder", {**files, "bomb.png": [samples.bomb_png()]}, source="files")
    named = {"file": "0" * 32, "path": samples.TEXTS[5]}
    device.send([device.observation({"type": f"vanished{samples.TEXTS[5]}", "files": [named]})])
    world.pull()
    return world


@contextmanager
def watched(*, script=True):
    """Give a page of Chromium, and what it did that it must not."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - starts a loop of its own

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        window = browser.new_context(java_script_enabled=script)
        page, done = window.new_page(), []
        page.set_default_timeout(20_000)
        page.on(
            "dialog", lambda dialog: (done.append(f"dialog {dialog.message}"), dialog.dismiss())
        )
        window.on("page", lambda other: done.append(f"window {other.url}"))
        page.on("request", lambda one: done.append(one.url) if is_foreign(one.url) else None)
        page.on("download", lambda one: done.append(f"download {one.url}"))
        yield page, done
        browser.close()


def is_foreign(url):
    return not url.startswith(("http://127.0.0.1:", "file:///", "data:image/"))


def check_page(page, url):
    page.goto(url)
    assert page.url == url
    assert page.title() != "ran"
    for frame in page.frames:
        assert not frame.url or frame.url.startswith(url), frame.url  # none: not yet loaded


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.soak
def test_nothing_runs_on_the_page_of_review(attacked):
    check_review(attacked)


def check_review(world):
    with reviewing(world) as review, watched() as (page, done):
        cookies = review.browser.cookies.get_dict()
        page.context.add_cookies(
            [{"name": name, "value": value, "url": review.url} for name, value in cookies.items()]
        )
        units = list(review.desk.collection.units(Query()))
        for unit in units:
            check_page(page, f"{review.url}/units/{unit.id}")
            if review.desk.collection.body(unit.id).html:
                check_page(page, f"{review.url}/units/{unit.id}/html")
        for found in list(review.desk.collection.conversations(Query())):
            check_page(page, f"{review.url}/conversations/{found.id}")
        for path in ("/", "/units"):
            page.goto(review.url + path)
        assert done == []


@pytest.mark.soak
def test_mails_of_too_much_of_one_thing_are_shown_and_exported(founded, tmp_path):
    world = founded(tmp_path)
    device = world.enrol()
    for number, (_, make) in enumerate(samples.odd_mails()):
        device.send_as("maildir", {f"cur/{number}": [make()]})
    world.pull()
    assert world.run("search", "stukken", "--quiet") == 0
    for form in ("eml", "bagit"):
        assert world.run("export", "--format", form, "--quiet", str(tmp_path / form)) == 0
    if CHROMIUM is not None:
        check_review(world)


@pytest.mark.soak
def test_what_is_exported_is_whole_named_safely_and_runs_nothing(attacked, tmp_path):
    out = tmp_path / "uit"
    command = ["export", "--format", "mdto", "--top", "2.16.99", "--quiet", "--renderings"]
    assert attacked.run(*command, "--created", "2026-11-30T12:00:00Z", str(out)) == 0
    paths = [path for path in out.rglob("*") if path.is_file()]
    for path in paths:
        assert set(path.name) <= set(map(chr, range(33, 127))) - set('<>:"|?*\\')
        if path.suffix == ".xml":
            ET.parse(path)  # our own
    (listed,) = out.rglob("inventaris.json")
    counts = json.loads(listed.read_bytes())["counts"]
    office = Office(attacked.home, attacked.config, attacked.vault)
    with open_collection(office)[0] as collection:
        assert counts["found"] == collection.count(Query())
    for path in out.rglob("inventaris.csv"):
        for row in csv.reader(io.StringIO(path.read_text("utf-8"))):
            assert not any(cell[:1] in tuple("=+-@\t\r") for cell in row if cell)
    if CHROMIUM is not None:
        check_renderings([path for path in paths if path.suffix == ".html"])


def check_renderings(paths):
    assert paths
    with watched() as (page, done):
        for path in paths:
            check_page(page, path.as_uri())
            pixels = "[...document.images].map(i => i.naturalWidth * i.naturalHeight)"
            assert all(size <= 40_000_000 for size in page.evaluate(pixels))
        assert done == []


@pytest.mark.parametrize(
    "command",
    [
        ("search", "", "--limit", "0", "--quiet"),
        ("search", "", "--conversations", "--quiet"),
        ("search", "", "--json", "--limit", "0", "--quiet"),
        ("list",),
        ("list", "--json"),
        ("trail",),
        ("report",),
    ],
)
def test_nothing_steers_a_terminal(attacked, capsys, command):
    assert attacked.run(*command) in {0, 1}
    told = capsys.readouterr()
    odd = {one for one in told.out + told.err if one not in "\n\t" and not one.isprintable()}
    assert {unicodedata.category(one) for one in odd} == set()


@pytest.mark.soak
@pytest.mark.skipif(not SHARED.is_dir(), reason="the mails are not here")
def test_each_of_many_real_mails_that_mean_harm_comes_out_as_it_went_in(founded, tmp_path):
    world = founded(tmp_path)
    device = world.enrol()
    mails = {f"cur/{path.name}": path.read_bytes() for path in sorted(SHARED.glob("*.eml"))}
    device.send_as("maildir", {name: [data] for name, data in mails.items()})
    world.pull()
    office = Office(world.home, world.config, world.vault)
    with open_collection(office)[0] as collection:
        units = list(collection.units(Query()))
        assert sum(unit.captures for unit in units) == len(mails)
        assert {collection.raw(unit.id) for unit in units} == set(mails.values())
    for form in ("eml", "mbox", "bagit", "mdto"):
        out = tmp_path / form
        assert world.run("export", "--format", form, "--renderings", "--quiet", str(out)) == 0
        (listed,) = out.rglob("inventaris.json")
        assert json.loads(listed.read_bytes())["counts"]["exported"] == len(units)
    if CHROMIUM is not None:
        check_review(world)
