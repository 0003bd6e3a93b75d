# SPDX-License-Identifier: EUPL-1.2
"""A new archivist's first hour, from docs/guides/first-hour.md and nothing else.

Every command as it stands there, in one shell, and twenty decisions by key in a real browser.
`pytest -m soak tests/soak/test_first_hour.py --screenshots DIR` leaves pictures of what she sees.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakzegel_core.words import VARIABLES

GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/first-hour.md"
BLOCK = re.compile(r"^```\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
DEMO = "lakzegel demo --keep --out practice"
REVIEW = "lakzegel-office review --home office"
CHROMIUM = shutil.which("chromium")
DECISIONS = 20
END = "== done"

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


def commands():
    """The guide's lines, a block after the other, without the demo."""
    first, *blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    assert first.strip() == DEMO
    return "".join(blocks)


@pytest.fixture
def environment():
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    rest = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return {**rest, "PATH": path, "LC_ALL": "nl_NL.UTF-8"}


@contextmanager
def ministry(folder, environment):
    """The demo, once it stays up; its first terminal."""
    with subprocess.Popen(
        DEMO.split(),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        said = []
        for line in demo.stdout:
            said.append(line)
            if "stay up" in line:
                break
        assert "stay up" in said[-1], "".join(said)
        try:
            yield
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=60)


class Shell:
    """The second terminal."""

    def __init__(self, folder, environment):
        self.process = subprocess.Popen(
            ["bash", "-e"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, script):
        """What it printed; each command has to end well."""
        self.process.stdin.write(f"{script}\necho '{END}'\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line.strip() == END:
                return "".join(said)
            said.append(line)
        raise AssertionError(f"a command of the guide failed:\n{''.join(said)[-4000:]}")

    def close(self):
        self.process.communicate(timeout=20)


class Archivist:
    """Sits before the page, and uses no mouse but to end the session."""

    def __init__(self, page, shots):
        self.page, self.shots, self.count = page, shots, 0

    def look(self, name):
        self.count += 1
        if self.shots is not None:
            self.shots.mkdir(parents=True, exist_ok=True)
            where = self.shots / f"{self.count:02}-{name}.png"
            self.page.screenshot(path=where, full_page=True)

    def press(self, key):
        """Press a key, and wait for the page that it leads to."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def review(self, url):
        """Decide of twenty, one mail as private at least; return what was decided."""
        self.page.goto(url)
        self.look("reason")
        self.page.keyboard.type("eerste uur")
        self.press("Enter")
        self.look("overview")
        self.press("n")
        decided = {"z": 0, "p": 0}
        for number in range(DECISIONS):
            is_mail = self.page.inner_text(".lead").startswith("e-mail")
            is_held = "Woo-verzoek" in self.page.inner_text("h1")
            key = "p" if is_mail and not is_held and not decided["p"] else "z"
            if number in {0, 1, 7}:
                self.look("unit")
            self.press(key)
            decided[key] += 1
        self.look("after-twenty")
        self.page.goto(re.sub(r"/login.*", "/conversations", url))
        self.look("conversations")
        self.page.get_by_role("button", name="Beëindigen").click()
        self.look("ended")
        return decided


def test_a_new_archivist_goes_the_whole_way_with_the_guide_alone(tmp_path, environment, request):
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - starts a loop of its own

    shots = request.config.getoption("--screenshots", None)
    shots = Path(shots) if shots else None
    before, found, after = commands().partition(f"{REVIEW}\n")
    assert found
    with ministry(tmp_path, environment):
        shell = Shell(tmp_path, environment)
        try:
            said = shell.run(before)
            assert "VERIFIED" in said
            shell.run(f"{REVIEW} --no-browser > review.log 2>&1 &\nREVIEW=$!")
            url = shell.run(
                "until grep -o 'http://[^ ]*' review.log; do kill -0 $REVIEW; sleep 0.1; done"
            ).strip()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
                )
                view = {"width": 1280, "height": 900}
                page = browser.new_context(viewport=view, locale="nl-NL").new_page()
                archivist = Archivist(page, shots)
                decided = archivist.review(url)
                shell.run("wait $REVIEW")
                assert decided["p"] >= 1
                said = shell.run(after)
                folder = tmp_path / "practice"
                page.goto((folder / "report.html").as_uri())
                archivist.look("report")
                browser.close()
        finally:
            shell.close()
    print(said)
    assert f"{DECISIONS} of " in said
    assert "withdrawn; final once" in said
    assert said.count("VERIFIED") == 1
    assert "items destroyed, by 1 changes, 1 certificate" in said
    assert "\nPROVEN: " in said
    assert (folder / "office/disposals/1-1/verklaring.pdf").read_bytes().startswith(b"%PDF-")
    assert (folder / "sip/pakbon.xml").is_file()
    assert json.loads((folder / "woo.note.json").read_text())["scope"]["request"] == "woo-2026-114"
