# SPDX-License-Identifier: EUPL-1.2
"""What is right to ask of a receiver: for each operation a request that it grants.

So that a generated test reaches what lies behind names and signatures that nobody makes up.
"""

import hashlib
import os
from dataclasses import dataclass, field

import pyotp

from lakzegel_server import links
from lakzegel_server.accounts import Account, AccountRole, Way
from lakzegel_server.database import Database
from lakzegel_server.pages.assets import assets
from lakzegel_server.people import breakglass
from lakzegel_server.web.identity import LOOPBACK_COOKIE
from tests.server.rekeyed import Change

ELSEWHERE = {  # by tests with a provider of single sign-on and a time-stamp authority of their own
    ("GET", "/login/sso"),
    ("GET", "/login/callback"),
    ("GET", "/v1/timestamps/{name}"),
}


@dataclass
class Login:
    """How somebody comes in: by nothing, a token that is none, a token, a session."""

    headers: dict = field(default_factory=dict)
    cookies: dict = field(default_factory=dict)
    csrf: str = ""


class Right:
    """A receiver that has some of everything, and requests that fit it."""

    def __init__(self, world, kit):
        self.world, self.kit = world, kit
        self.device = world.enrol("minister-1")
        self.database = Database.open(world.layout.database)
        self.counter = self.serial = 0
        self.upload = self.device.seal()
        world.receipt(world.client.put(self.upload), self.upload)
        self.change = Change(world, self.upload, 0)  # once more is the same entry
        self.annex = os.urandom(300)
        self.annexed = hashlib.sha256(self.annex).hexdigest()
        assert world.as_("records")("PUT", f"/v1/annexes/{self.annexed}", self.annex).ok
        world.desk.trail.flush()
        assert world.desk.trail.seal(world.desk.log, world.desk.sequencer)
        self.link = links.make(
            self.database, "minister-1", secret=os.urandom(32), now=kit.START, expires=None
        )

    def login(self, way):
        """A way to come in, as `nobody`, `wrong`, `token-it` or `session-it` say it."""
        kind, _, role = way.partition("-")
        if kind == "wrong":
            return Login({"Authorization": "Bearer nobody." + "A" * 43})
        if kind == "token":
            return Login({"Authorization": f"Bearer {self.world.tokens[role]}"})
        headers = {"Origin": self.world.client.url}
        if kind == "nobody":
            return Login(headers)
        account = Account(f"glass-{role}", AccountRole(role), Way.BREAK_GLASS)
        if breakglass.find(self.database, account.name) is None:
            breakglass.add(self.database, account.name, account.role, now="then")
        made = self.world.desk.people.begin(account, "then", None, address="-")
        headers["X-CSRF-Token"] = made.csrf
        return Login(headers, {LOOPBACK_COOKIE: made.cookie}, made.csrf)

    def name(self, path):
        """What a path's parameter is of something that there is."""
        return {
            "/log/tile/entries/{tile}": "000.p/1",
            "/log/tile/{tile}": "0/000.p/1",
            "/v1/annexes/{name}": self.annexed,
            "/static/{name}": f"{assets().version}/{min(assets().files)}",
            "/language/{name}": "nl",
            "/devices/{name}": "minister-1",
            "/mine/{name}": self.link,
            "/v1/trail/{name}": "0",
            "/trail/{name}": "0-1",
        }.get(path, self.upload.name)

    def request(self, method, path, csrf):
        """What else belongs to a request that is granted: body, kind of body, files."""
        make = {
            "/v1/batches/{name}": lambda: {"data": self.upload.body},
            "/v1/annexes/{name}": lambda: {"data": self.annex},
            "/v1/keyrings/{name}": lambda: {"data": self.change.body},
            "/v1/notes": lambda: {"data": self.device.enrolment},
            "/v1/cosignatures": self._cosignature,
            "/v1/held": lambda: {"data": self.world.office.held_note(self._tree())},
            "/v1/device": lambda: {"data": self.device.query()},
            "/v1/heartbeats": self._heartbeat,
            "/login": lambda: self._login(csrf),
            "/logout": lambda: {"data": {"csrf": csrf}},
            "/mine/{name}": lambda: {"data": {"csrf": csrf}},
            "/publish": lambda: {"files": {"csrf": (None, csrf), "note": ("x", self._policy())}},
        }
        return make[path]() if method != "GET" and path in make else {}

    def _tree(self):
        return self.world.client.checkpoint().checkpoint

    def _cosignature(self):
        return {"data": self.kit.cosigned(self.world.client.checkpoint(), self.device.witness)}

    def _heartbeat(self):
        self.counter += 1
        return {"data": self.device.heartbeat(self.counter)}

    def _policy(self):
        self.serial += 1
        return self.world.office.policy_note(self.serial, "group:x")

    def _login(self, csrf):
        """Of an account of its own, for a code is good once."""
        self.serial += 1
        name = f"glass-{self.serial}"
        shown = breakglass.add(self.database, name, AccountRole.IT, now="then")
        totp = pyotp.parse_uri(shown.address)
        code = totp.generate_otp(int(self.world.desk.people.now()) // 30)
        typed = {"name": name, "password": shown.password, "code": code}
        return {"data": {**typed, "next": "/", "csrf": csrf}}

    def close(self):
        self.database.close()
