# SPDX-License-Identifier: EUPL-1.2
"""The review in a real Chromium: axe finds nothing, keys are enough, nothing is asked elsewhere.

`pytest tests/office/review --screenshots DIR` leaves pictures of every page there.
"""

import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakzegel_office.collection.model import Query
from tests.office.conftest import _founded
from tests.office.review.conftest import reviewing
from tests.office.review.ministry import decide, fill, later

CHROMIUM = shutil.which("chromium")
AXE = Path(sys.prefix) / "oracles" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
RUN = (
    "options => axe.run(document, {...options, iframes: false, resultTypes: ['violations']})"
    ".then(found => found.violations.flatMap(v => v.nodes.map(n => [v.id, n.html])))"
)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
REFUSED = "Failed to load resource"  # a page that is not there; a part that is no picture
PAGES = {
    "overview": "/",
    "units": "/units?state=proposed&app=mail",
    "units-none": "/units?q=nergens",
    "conversations": "/conversations",
    "conversation": "/conversations/{chat}",
    "mail-hostile": "/units/{hostile}?state=open",
    "mail-proposed": "/units/{proposed}?state=open",
    "disputed": "/units/{disputed}",
    "missing": "/units/nergens",
}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def ministry(tmp_path_factory):
    """A served review of a minister's week, and where its pages are."""
    world = _founded(tmp_path_factory.mktemp("ministry"))
    fill(world, world.enrol())
    world.pull()
    with reviewing(world, now=later, login=False) as page:
        units = decide(page.desk)
        (chat,) = page.desk.collection.conversations(Query(apps=["whatsapp"]))
        names = {
            "chat": chat.id,
            "hostile": next(unit for name, unit in units.items() if name.startswith("Factuur")),
            "proposed": units["Verjaardag zaterdag"],
            "disputed": units["Lunch?"],
        }
        page.places = {name: path.format(**names) for name, path in PAGES.items()}
        yield page


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - starts a loop of its own

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def window(chromium, ministry):
    """Opens a window that logs in as a person does; nothing may fail in it or leave it."""

    @contextmanager
    def opened(*, language="nl", scheme="light", viewport=WIDE, script=True):
        context = chromium.new_context(
            java_script_enabled=script, color_scheme=scheme, viewport=viewport
        )
        troubles = []
        try:
            page = context.new_page()
            page.on("console", lambda message: troubles.append(message.text))
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("dialog", lambda dialog: troubles.append(dialog.message))
            page.on("request", lambda request: note(troubles, request.url))
            ministry.sessions._language = language
            page.goto(f"{ministry.url}/login?token={ministry.sessions.new_token()}")
            page.locator("#reason").fill("wekelijkse beoordeling")
            page.keyboard.press("Enter")
            page.wait_for_url(ministry.url + "/")
            yield page
            assert [trouble for trouble in troubles if REFUSED not in trouble] == []
        finally:
            context.close()

    def note(troubles, url):
        if not url.startswith((ministry.url, "data:image/png;base64,")):
            troubles.append(f"asked for {url}")

    return opened


@pytest.mark.skipif(not AXE.exists(), reason="no axe; sh tests/oracles/install.sh installs it")
@pytest.mark.parametrize("language", ["nl", pytest.param("en", marks=pytest.mark.soak)])
def test_axe_finds_nothing_on_any_page(window, ministry, language):
    with window(language=language) as page:
        for name, path in ministry.places.items():
            page.goto(ministry.url + path)
            page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
            page.evaluate(AXE.read_text())
            assert page.evaluate(RUN, {"runOnly": RULES}) == [], name
            if language == "nl":
                page.emulate_media(color_scheme="dark")
                assert page.evaluate(RUN, {"runOnly": COLOURS}) == [], f"{name} in the dark"
                page.emulate_media(color_scheme="light")


@pytest.mark.soak
def test_a_narrow_screen_shows_all_without_scrolling_sideways(window, ministry):
    with window(viewport=NARROW) as page:
        for name, path in ministry.places.items():
            page.goto(ministry.url + path)
            assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"], name


def test_nothing_of_a_hostile_mail_runs_or_leaves_and_its_own_picture_is_there(window, ministry):
    with window() as page:
        page.goto(ministry.url + ministry.places["mail-hostile"])
        frame = page.frames[1]
        frame.wait_for_load_state()
        assert frame.locator("img[src^='data:image/png']").count() == 1
        text = frame.locator("body").inner_text()
        assert "https://xn--pple-43d.example/login" in text
        assert "Op maandag schreef Bas" in text
        assert "javascript" not in frame.content()
        assert "evil" not in frame.content()
        assert page.locator("h1").inner_text().startswith("Factuur<U+202E>fdp.exe")


def test_twenty_units_are_decided_by_keys_alone(window, ministry):
    desk = ministry.desk
    before = sum(found.decided for found in desk.progress().values())
    with window() as page:
        page.goto(ministry.url + "/units?state=onbeslist")
        page.keyboard.press("n")
        for number in range(20):
            page.wait_for_url("**/units/*")
            unit = page.url.split("/units/")[1][:26]
            key, name = (("z", "zakelijk"), ("p", "prive"), ("t", "partij"))[number % 3]
            page.wait_for_load_state("domcontentloaded")
            with page.expect_navigation():
                page.keyboard.press(key)
            assert str(desk.book.standing(unit).class_) == name
        assert sum(found.decided for found in desk.progress().values()) == before + 20
        with page.expect_navigation():
            page.keyboard.press("u")
        assert sum(found.decided for found in desk.progress().values()) == before + 19
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"


def test_keys_choose_rows_of_a_list_and_can_be_turned_off(window, ministry):
    with window() as page:
        page.goto(ministry.url + "/units?order=oldest")
        for key in ("j", "x", "j", "j", "x"):
            page.keyboard.press(key)
        chosen = page.locator("input[name=unit]:checked")
        units = [chosen.nth(n).get_attribute("value") for n in range(chosen.count())]
        assert len(units) == 2
        with page.expect_navigation():
            page.keyboard.press("z")
        assert all(str(ministry.desk.book.standing(u).class_) == "zakelijk" for u in units)
        page.get_by_role("button", name="Sneltoetsen uitzetten").click()
        assert page.locator("script").count() == 0


def test_without_a_script_everything_can_be_decided(window, ministry):
    with window(script=False) as page:
        page.goto(ministry.url + ministry.places["conversation"])
        page.locator("input[name=unit]").nth(1).check()
        page.locator("#choice").get_by_role("button", name="privé").click()
        assert "1 beslist: privé." in page.locator("[role=status]").inner_text()
        page.get_by_role("button", name="Terugdraaien").click()
        assert "Teruggedraaid" in page.locator("[role=status]").inner_text()
        page.get_by_role("button", name="English").click()
        assert page.locator("html").get_attribute("lang") == "en"


def test_pictures_to_be_looked_at(window, ministry, pytestconfig):
    folder = pytestconfig.getoption("--screenshots")
    if folder is None:
        pytest.skip("no --screenshots DIR was given")
    folder.mkdir(parents=True, exist_ok=True)
    for scheme, language, viewport in (
        ("light", "nl", WIDE),
        ("dark", "en", WIDE),
        ("light", "nl", NARROW),
    ):
        with window(language=language, scheme=scheme, viewport=viewport) as page:
            for name, path in ministry.places.items():
                page.goto(ministry.url + path)
                page.wait_for_load_state("networkidle")
                kind = f"{name}-{viewport['width']}-{scheme}-{language}"
                page.screenshot(path=folder / f"{kind}.png", full_page=True)
