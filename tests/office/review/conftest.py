# SPDX-License-Identifier: EUPL-1.2
"""The review page of a small real custody: sealed, pulled, indexed, served over HTTP."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
import requests

from lakzegel_office.commands.common import Office
from lakzegel_office.review.app import App
from lakzegel_office.review.desk import utc
from lakzegel_office.review.peers import is_own
from lakzegel_office.review.serving import desk_of
from lakzegel_office.review.sessions import Sessions
from tests.office.conftest import START
from tests.office.serving import serving_app

TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


class Ticking:
    """Seconds that a test moves on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@dataclass
class Page:
    """A served review, and a browser of sorts that has its session."""

    url: str
    desk: object
    sessions: Sessions
    clock: Ticking
    browser: requests.Session
    stopped: list

    def get(self, path, status=200, **more):
        answer = self.browser.get(self.url + path, timeout=20, **more)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        return answer

    def text(self, path, **more):
        return html.unescape(self.get(path, **more).text)

    def post(self, path, fields, status=200, **more):
        data = {"csrf": self.sessions._session.csrf, **fields}
        headers = {"Origin": self.url, **more.pop("headers", {})}
        answer = self.browser.post(self.url + path, data, headers=headers, timeout=20, **more)
        assert answer.status_code == status, (answer.status_code, answer.text[:2000])
        return answer

    def login(self, reason="wekelijkse beoordeling"):
        self.get(f"/login?token={self.sessions.new_token()}")
        self.post("/begin", {"reason": reason})


@contextmanager
def reviewing(world, *, now=None, language="nl", login=True, owner=is_own, staff=None):
    """Serve the review of an office as it is now."""
    clock, stopped = Ticking(), []
    office = Office(world.home, world.config, world.vault, staff)
    with ThreadPoolExecutor(1) as thread, desk_of(office, clock=now or utc) as desk:
        sessions = Sessions(clock, language)
        app = App(desk, sessions, thread).build(lambda: stopped.append(True), owner)
        with serving_app(app) as url, requests.Session() as browser:
            page = Page(url, desk, sessions, clock, browser, stopped)
            if login:
                page.login()
            yield page


@pytest.fixture
def review(world, device):
    """How to serve what was sealed; `device` seals."""

    @contextmanager
    def serve(**more):
        world.pull()
        more.setdefault("now", lambda: START + timedelta(days=1))
        with reviewing(world, **more) as page:
            yield page

    return serve
