# SPDX-License-Identifier: EUPL-1.2
"""The site that `make site` made: whole, for everybody, and from nowhere else.

`pytest tests/house/test_site.py --screenshots DIR` leaves pictures of every page to be looked at.
"""

import re
import shutil
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urljoin, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "dist" / "site"
CHROMIUM = shutil.which("chromium")
AXE = Path(sys.prefix) / "oracles" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'"
)
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
RUN = "options => axe.run(document, {...options, resultTypes: ['violations']})"


@pytest.fixture(scope="module", autouse=True)
def beside():
    """What makes the site is in no room: its modules are found beside it."""
    sys.path.insert(0, str(ROOT / "docs" / "site"))
    yield
    sys.path.remove(str(ROOT / "docs" / "site"))


@pytest.fixture(scope="module")
def site(beside):
    from sources import stamp  # noqa: PLC0415 - lies beside what makes the site

    made = SITE / "made-of"
    if not made.exists() or made.read_text("utf-8").strip() != stamp():
        pytest.skip("no site of these pages lies in dist/site: `make site`")
    return SITE


@pytest.fixture(scope="module")
def pages(site):
    from checking import pages_of  # noqa: PLC0415 - lies beside what makes the site

    return pages_of(site)


def test_every_link_leads_to_a_page_and_a_place_that_there_is(site, pages):
    from checking import broken  # noqa: PLC0415 - lies beside what makes the site

    assert len(pages) > 100
    assert broken(pages) == []
    page = site / "nl" / "index.html"
    page_of_one_more = {**pages, page: type(pages[page])(page)}
    page_of_one_more[page].links += ["nowhere.html", "notice.html#nowhere"]
    assert len(broken(page_of_one_more)) == 2


def test_nothing_comes_from_elsewhere_and_nothing_is_inline(site, pages):
    for path, page in pages.items():
        assert [one for one in page.needs if urlsplit(one).scheme] == [], path
        assert page.inline == [], path
    sheets = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"url\((?!data:)|@import|@font-face", sheets) == []


def test_both_languages_lead_to_each_other(site, pages):
    for path in (site / "nl").glob("*.html"):
        if path.name != "search.html":
            assert f"../en/{path.name}" in pages[path].links
            assert f"../nl/{path.name}" in pages[site / "en" / path.name].links


class Handler(SimpleHTTPRequestHandler):
    """Serves the site under the strictest policy that a server could give it."""

    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def served(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=site))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def chromium(site):
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - starts a loop of its own

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium):
    with chromium.new_context(bypass_csp=False) as context:
        yield context.new_page()


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_notice_is_one_page_on_paper(window, site, language):
    window.goto((site / language / "notice.html").as_uri())
    pdf = window.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1


def test_axe_finds_nothing_in_light_and_in_dark(chromium, site, request):
    if not AXE.exists():
        pytest.skip("axe is not installed: tests/oracles/install.sh")
    shots = request.config.getoption("--screenshots", None)
    names = [path.relative_to(site).as_posix() for path in (site / "nl").glob("*.html")]
    names = names if shots else ["nl/notice.html", "nl/search.html"]
    for scheme in ("light", "dark"):
        with chromium.new_context(color_scheme=scheme, locale="nl-NL") as context:
            page = context.new_page()
            for name in names:
                page.goto((site / name).as_uri())
                page.add_script_tag(path=AXE)
                tags = {"type": "tag", "values": RULES}
                found = page.evaluate(RUN, {"runOnly": tags if scheme == "light" else COLOURS})
                assert [(one["id"], name) for one in found["violations"]] == []
                if shots:
                    _keep(page, Path(shots), f"{name.replace('/', '-')}-{scheme}")


def _keep(page, shots, name):
    shots.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=shots / f"{name}.png", full_page=True)


def test_the_search_finds_under_a_policy_that_runs_nothing_else(window, served):
    complaints = []
    window.on("console", lambda said: complaints.append(said.text))
    window.goto(urljoin(served, "nl/index.html"))
    window.fill("#find", "kennisgeving")
    window.keyboard.press("Enter")
    window.wait_for_selector("#search-results a")
    assert "notice.html" in window.inner_html("#search-results")
    assert complaints == []
