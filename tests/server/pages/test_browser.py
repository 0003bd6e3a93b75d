# SPDX-License-Identifier: EUPL-1.2
"""The pages in a real Chromium: axe finds nothing, a keyboard is enough, no script is needed.

`pytest tests/server/pages --screenshots DIR` leaves pictures of every page there to be looked at.
"""

import shutil
import sys
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
AXE = Path(sys.prefix) / "oracles" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}  # not as in light
RUN = "options => axe.run(document, {...options, resultTypes: ['violations']})"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PAGES = {  # name: role, path
    "fleet": ("it", "/"),
    "fleet-none": ("it", "/?search=nobody"),
    "fleet-found": ("it", "/?condition=drifted&sort=-device"),
    "device-drifted": ("it", "/devices/bzk-laptop-005"),
    "problems": ("it", "/problems"),
    "runbooks": ("it", "/runbooks#silent"),
    "login": (None, "/login"),
    "missing": ("it", "/devices/nobody"),
    "mine": (None, "/mine/{link}"),
    "in-force": ("admin", "/in-force"),
    "publish": ("admin", "/publish"),
    "trail": ("audit", "/trail"),
    "trail-record": ("audit", "/trail/{place}"),
    "receiver": ("it", "/receiver"),
    "device-expected": ("it", "/devices/ez-laptop-017"),
}
PICTURES = {  # more of these, for people to look at
    **PAGES,
    "device-absent": ("it", "/devices/fin-laptop-016"),
    "device-cloned": ("it", "/devices/az-laptop-020"),
    "device-overdue": ("it", "/devices/bz-telefoon-005"),
    "fleet-absent": ("it", "/?condition=absent"),
}
SCHEMES = ("light", "dark")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - starts a loop of its own

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def failed(request):
    """What a page lacked; one that was left while it loaded lacked nothing."""
    return [] if request.failure == "net::ERR_ABORTED" else [request.url]


@pytest.fixture(scope="module")
def opened(chromium, ministry):
    """Opens a page of the ministry in a window of its own; nothing else than its receiver."""

    @contextmanager
    def opened(name, *, language="nl", scheme="light", viewport=WIDE, script=True):
        role, path = PICTURES[name]
        window = chromium.new_context(
            java_script_enabled=script,
            color_scheme=scheme,
            viewport=viewport,
            locale=language,
            extra_http_headers={"Authorization": f"Bearer {ministry.tokens[role]}"} if role else {},
        )
        try:
            page = window.new_page()
            complaints = []
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("requestfailed", lambda request: complaints.extend(failed(request)))
            page.goto(ministry.client.url + path.format(link=ministry.link, place=ministry.place))
            yield page
            assert [one for one in complaints if "404" not in one] == []
        finally:
            window.close()

    return opened


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_in_light_or_dark_and_a_narrow_screen_shows_all(opened, name):
    with opened(name) as page:
        if AXE.exists():
            page.evaluate(AXE.read_text())
            assert violations(page, {"runOnly": RULES}) == []
            page.emulate_media(color_scheme="dark")
            assert violations(page, {"runOnly": COLOURS}) == []
        require_narrow(page)
    if not AXE.exists():
        pytest.skip("no axe; sh tests/oracles/install.sh installs it")


@pytest.mark.skipif(not AXE.exists(), reason="no axe; sh tests/oracles/install.sh installs it")
@pytest.mark.parametrize(
    "name",
    [name if name == "mine" else pytest.param(name, marks=pytest.mark.soak) for name in PAGES],
)
def test_axe_finds_nothing_in_english(opened, name):
    """The page that a minister reads; all of them in the long form, for only the words differ."""
    with opened(name, language="en") as page:
        page.evaluate(AXE.read_text())
        colours = {"color-contrast": {"enabled": False}}  # are those of the Dutch page
        assert violations(page, {"runOnly": RULES, "rules": colours}) == []


def violations(page, options):
    """What axe finds: the rule, and the piece of the page."""
    found = page.evaluate(RUN, options)["violations"]
    return [(one["id"], node["html"]) for one in found for node in one["nodes"]]


def require_narrow(page):
    """A narrow screen shows all of a page without scrolling sideways, and nothing is too small."""
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    small = "els => els.filter(e => e.offsetHeight && e.offsetHeight < 24).map(e => e.outerHTML)"
    assert page.eval_on_selector_all("button, select, input, .tile, .button, nav a", small) == []


def test_a_keyboard_is_enough_to_find_a_device(opened):
    with opened("fleet", language="en") as page:
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to the content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert focused(page).endswith("Silent")
        page.keyboard.press("Enter")
        page.wait_for_url("**/?condition=silent")
        page.get_by_role("searchbox").focus()
        page.keyboard.type("vws")
        page.keyboard.press("Enter")
        page.wait_for_url("**/?search=vws&condition=silent**")
        names = page.locator("tbody th a")
        assert all(name.startswith("vws-") for name in names.all_inner_texts())
        for _ in range(40):
            page.keyboard.press("Tab")
            if focused(page).startswith("vws-"):
                break
        seen = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert seen == "solid"
        page.keyboard.press("Enter")
        page.wait_for_url("**/devices/vws-**")
        assert page.locator("h1").inner_text().startswith("vws-")


def focused(page):
    return page.evaluate("document.activeElement.innerText").strip().replace("\n", " ")


def test_without_a_script_search_sorting_pages_and_the_language_work(opened):
    with opened("fleet", script=False) as page:
        page.get_by_label("Toestand", exact=True).select_option("late")
        page.get_by_role("button", name="Toon").click()
        assert page.locator("tbody tr").count() == 11
        page.get_by_role("link", name="Apparaat", exact=True).click()
        listed = page.locator("tbody th a").all_inner_texts()
        assert listed == sorted(listed)
        page.get_by_role("link", name="English").click()
        assert page.locator("h1").inner_text() == "Devices"
        assert page.locator("tbody tr").count() == 11


def test_on_paper_there_is_the_list_and_no_menu(opened):
    with opened("fleet") as page:
        page.emulate_media(media="print")
        assert not page.locator(".filters").is_visible()
        assert not page.locator(".menu").is_visible()
        assert page.locator("tbody tr").first.is_visible()


def test_pictures_to_be_looked_at(opened, pytestconfig):
    folder = pytestconfig.getoption("--screenshots")
    if folder is None:
        pytest.skip("no --screenshots DIR was given")
    folder.mkdir(parents=True, exist_ok=True)
    sizes = (("desktop", WIDE), ("phone", NARROW))
    for name, scheme, language in product(PICTURES, SCHEMES, ("nl", "en")):
        for kind, viewport in sizes:
            with opened(name, language=language, scheme=scheme, viewport=viewport) as page:
                high = min(page.evaluate("document.documentElement.scrollHeight"), 2400)
                clip = {"x": 0, "y": 0, "width": viewport["width"], "height": high}
                path = folder / f"{name}-{kind}-{scheme}-{language}.png"
                page.screenshot(path=path, clip=clip, full_page=True)
