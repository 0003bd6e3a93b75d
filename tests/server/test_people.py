# SPDX-License-Identifier: EUPL-1.2
"""Logging in with a browser: break-glass accounts, sessions, forms, over real HTTP."""

import os
import re
import sqlite3

import argon2
import pyotp
import pytest
import requests
from starlette.requests import Request

from lakzegel_server.__main__ import main
from lakzegel_server.accounts import AccountRole
from lakzegel_server.database import Database
from lakzegel_server.people import breakglass
from lakzegel_server.people.throttle import PAIR, WINDOW, Throttle
from lakzegel_server.settings_people import Web
from lakzegel_server.web.login import safe_next
from lakzegel_server.web.origin import sender

KNOWN_ONLY = "/v1/batches/" + "0" * 64  # 401 to nobody, 403 to a role that may not
COOKIE = "lakzegel-loopback"


class Browser:
    """What a person has: cookies, and pages with forms; it says where it comes from."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({"Accept": "text/html", "Accept-Language": "en"})

    def __call__(self, method, path, data=None, *, origin=True, **headers):
        if origin is not None:
            headers["Origin"] = self.url if origin is True else origin
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.request(
            method, self.url + path, data=data, headers=headers, timeout=30, allow_redirects=False
        )

    def csrf(self):
        return re.search(r'name="csrf" value="([^"]+)"', self("GET", "/login").text)[1]

    @property
    def cookie(self):
        return self.session.cookies.get(COOKIE)

    @property
    def known(self):
        return self("GET", KNOWN_ONLY).status_code == 403


class Clock:
    """A receiver's clock that a test puts forward."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def receiver(kit, tmp_path_factory):
    clock = Clock(kit.NOW)
    with kit.world_at(tmp_path_factory.mktemp("people") / "data", clock=clock) as made:
        yield made, clock
        assert made.doubts() == []


@pytest.fixture
def world(receiver, monkeypatch):
    """The module's receiver, that remembers no failure, and hashes passwords fast."""
    made, _ = receiver
    monkeypatch.setattr(made.desk.people, "_throttle", Throttle())
    monkeypatch.setattr(breakglass, "_HASHER", argon2.PasswordHasher(1, 8, 1))
    return made


@pytest.fixture
def clock(receiver):
    return receiver[1]


@pytest.fixture
def open_browser(world):
    opened = []

    def make():
        opened.append(Browser(world.client.url))
        return opened[-1]

    yield make
    for one in opened:
        one.session.close()


@pytest.fixture
def browser(open_browser):
    return open_browser()


@pytest.fixture
def glass(world, clock):
    """What opens a new break-glass account of role admin, by the receiver's clock."""
    database = Database.open(world.layout.database)
    name = f"nood-{os.urandom(4).hex()}"
    shown = breakglass.add(database, name, AccountRole.ADMIN, now="2026-11-24T02:00:00Z")
    database.close()
    totp = pyotp.parse_uri(shown.address)

    def form(*, step=0, **changes):
        code = totp.generate_otp(int(clock.now) // 30 + step)
        return {"name": name, "password": shown.password, "code": code} | changes

    return form


def test_password_and_code_begin_a_session_that_logout_ends(browser, glass):
    answer = browser("POST", "/login", glass())
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.known
    kept = browser.cookie
    assert browser("POST", "/logout", {"csrf": browser.csrf()}).status_code == 303
    assert browser.cookie is None
    browser.session.cookies.set(COOKIE, kept)
    assert not browser.known


def test_the_cookie_is_kept_from_scripts_and_other_sites(browser, glass):
    said = browser("POST", "/login", glass()).headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=lax" in said
    assert "Secure" not in said  # plain HTTP on this machine: it would never come back


def test_no_file_of_the_receivers_holds_the_id_or_the_password(world, browser, glass):
    browser("POST", "/login", glass())
    for path in world.data.rglob("index.sqlite*"):
        data = path.read_bytes()
        assert browser.cookie.encode() not in data
        assert glass()["password"].replace("-", "").encode() not in data


@pytest.mark.parametrize(
    "wrong", [{"password": "x"}, {"code": "000000"}, {"name": "niemand"}, {"code": ""}]
)
def test_whatever_is_wrong_the_answer_is_the_same(browser, glass, wrong):
    plain = browser("POST", "/login", {"name": "", "password": "", "code": ""})
    answer = browser("POST", "/login", glass(**wrong))
    assert answer.status_code == plain.status_code == 401
    assert answer.text == plain.text
    assert browser.cookie is None


def test_a_failure_waits_for_the_disk_as_little_for_a_name_that_there_is(world, browser, glass):
    trail, kept = world.desk.trail, []
    trail.flush()
    for form in (glass(password="x"), glass(code="1"), glass(name="niemand")):
        kept.append(trail.waiting())
        assert browser("POST", "/login", form).status_code == 401
    assert kept == [trail.waiting()] * 3
    trail.flush()
    assert trail.waiting() == kept[0] + 2  # two of a name that there is, one of nobody


def test_nor_does_the_failure_that_shuts_the_door(world, browser, glass):
    world.desk.trail.flush()
    kept = world.desk.trail.waiting()
    for _ in range(PAIR):
        browser("POST", "/login", glass(password="x"))
    assert world.desk.trail.waiting() == kept
    world.desk.trail.flush()
    assert world.desk.trail.waiting() == kept + 2  # the failures, and the lock-out


def test_a_code_is_good_once_and_so_is_every_one_before_it(open_browser, glass):
    assert open_browser()("POST", "/login", glass()).status_code == 303
    assert open_browser()("POST", "/login", glass()).status_code == 401
    assert open_browser()("POST", "/login", glass(step=-1)).status_code == 401
    assert open_browser()("POST", "/login", glass(step=1)).status_code == 303


def test_a_code_of_another_minute_is_none(browser, glass):
    assert browser("POST", "/login", glass(step=2)).status_code == 401
    assert browser("POST", "/login", glass(step=-2)).status_code == 401


def test_the_password_is_kept_as_rfc_9106_says_where_memory_is_low(world, monkeypatch):
    monkeypatch.undo()
    database = Database.open(world.layout.database)
    shown = breakglass.add(database, "echt", AccountRole.IT, now="2026-11-24T02:00:00Z")
    local = breakglass.find(database, "echt")
    database.close()
    assert re.match(r"\$argon2id\$v=19\$m=65536,t=3,p=4\$[^$]{22}\$[^$]{43}\Z", local.password)
    assert breakglass.verify(local, shown.password, "000000", now=0.0) is None
    nobody = breakglass._nobodys()
    assert nobody.rpartition("$")[0].rpartition("$")[0] == "$argon2id$v=19$m=65536,t=3,p=4"
    assert len(nobody) == len(local.password)


def test_too_many_failures_shut_the_door_to_the_right_password_too(browser, glass, clock):
    for _ in range(PAIR):
        assert browser("POST", "/login", glass(code="1")).status_code == 401
    answer = browser("POST", "/login", glass())
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == str(WINDOW)
    assert "Too many failures." in answer.text
    clock.now += WINDOW
    assert browser("POST", "/login", glass()).status_code == 303


def test_a_name_that_nobody_has_is_shut_out_likewise(browser, world):
    nobody = {"name": "niemand", "password": "x", "code": "1"}
    seen = [browser("POST", "/login", nobody).status_code for _ in range(PAIR + 1)]
    assert seen == [401] * PAIR + [429]


def test_no_more_than_eight_verify_a_password_at_once(browser, world, glass):
    places = world.desk.people._places
    for _ in range(8):
        places.acquire()
    assert browser("POST", "/login", glass()).status_code == 503
    for _ in range(8):
        places.release()
    assert browser("POST", "/login", glass()).status_code == 303


def test_a_password_may_be_typed_as_it_is_said(browser, glass):
    told = glass()["password"].upper().replace("-", " ")
    assert browser("POST", "/login", glass(password=told)).status_code == 303


def test_a_login_ends_the_session_that_the_browser_had(browser, glass):
    browser("POST", "/login", glass())
    first = browser.cookie
    browser("POST", "/login", glass(step=1) | {"csrf": browser.csrf()})
    assert browser.cookie != first
    browser.session.cookies.set(COOKIE, first)
    assert not browser.known


def test_a_session_ends_after_half_an_hour_without_a_request(browser, glass, clock):
    browser("POST", "/login", glass())
    clock.now += 29 * 60
    assert browser.known
    clock.now += 29 * 60
    assert browser.known
    clock.now += 30 * 60
    assert not browser.known


def test_a_session_by_break_glass_ends_after_an_hour(browser, glass, clock):
    browser("POST", "/login", glass())
    for _ in range(5):
        clock.now += 11 * 60
        assert browser.known
    clock.now += 5 * 60
    assert not browser.known


def test_a_session_ends_with_its_account_and_another_of_the_name_does_not_revive_it(
    world, browser, glass
):
    browser("POST", "/login", glass())
    database = Database.open(world.layout.database)
    assert main(["account", "remove", "--data", str(world.data), glass()["name"]]) == 0
    assert not browser.known
    breakglass.add(database, glass()["name"], AccountRole.ADMIN, now="2026-11-24T02:00:01Z")
    database.close()
    assert not browser.known


def test_a_changed_role_ends_the_session(world, browser, glass):
    browser("POST", "/login", glass())
    database = sqlite3.connect(world.layout.database, isolation_level=None)
    change = "UPDATE locals SET role = ? WHERE name = ?"
    database.execute(change, ("records", glass()["name"]))
    answer = browser("GET", KNOWN_ONLY)
    database.execute(change, ("admin", glass()["name"]))  # as its digest says
    database.close()
    assert answer.status_code == 401
    assert browser.known


def test_a_wrong_token_is_refused_whatever_the_cookie_says(browser, glass):
    browser("POST", "/login", glass())
    assert browser("GET", "/publish", Authorization="Bearer a.b").status_code == 401
    assert browser("GET", KNOWN_ONLY, Authorization="Bearer a.b").status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "A" * 44, "é", "A" * 4000])
def test_an_unknown_cookie_is_nobodys(browser, cookie):
    answer = browser("GET", KNOWN_ONLY, Cookie=f"{COOKIE}={cookie}".encode())
    assert answer.status_code == 401


def test_over_plain_http_the_cookie_of_tls_means_nothing(browser, glass):
    browser("POST", "/login", glass())
    kept = browser.cookie
    browser.session.cookies.clear()
    assert browser("GET", KNOWN_ONLY, Cookie=f"__Host-lakzegel={kept}").status_code == 401


def test_a_form_from_elsewhere_is_refused_also_with_the_right_token(browser, glass):
    browser("POST", "/login", glass())
    form = {"csrf": browser.csrf()}
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": None},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ):
        assert browser("POST", "/logout", form, **headers).status_code == 403, headers
    assert browser.known
    assert browser("POST", "/logout", form, Sec_Fetch_Site="same-origin").status_code == 303


@pytest.mark.parametrize("token", [None, "", "x", "é"])
def test_a_form_without_this_sessions_token_is_refused(browser, glass, token):
    browser("POST", "/login", glass())
    form = {} if token is None else {"csrf": token}
    assert browser("POST", "/logout", form | {"x": "y"}).status_code == 403
    assert browser.known


def test_another_sessions_token_is_not_this_ones(open_browser, glass):
    first, second = open_browser(), open_browser()
    first("POST", "/login", glass())
    second("POST", "/login", glass(step=1))
    assert second("POST", "/logout", {"csrf": first.csrf()}).status_code == 403


def test_a_login_from_another_site_is_refused(browser, glass):
    assert browser("POST", "/login", glass(), origin="https://evil.example").status_code == 403
    assert browser("POST", "/login", glass(), origin=None).status_code == 403


def test_a_program_with_a_token_needs_no_form(world):
    assert world.as_("admin")("POST", "/v1/notes", b"x").status_code == 400


def test_a_note_by_a_session_needs_the_token_in_a_header(browser, glass):
    browser("POST", "/login", glass())
    assert browser("POST", "/v1/notes", b"lakzegel.nl/policy/v1\n").status_code == 403
    told = browser("POST", "/v1/notes", b"lakzegel.nl/policy/v1\n", X_CSRF_Token=browser.csrf())
    assert told.status_code == 400


def upload(browser, note, **fields):
    """A file in a form, as a browser sends it."""
    files = {} if note is None else {"note": ("C:\\geheim\\beleid.note", note)}
    request = requests.Request(
        "POST",
        f"{browser.url}/publish",
        data={"csrf": browser.csrf()} | fields,
        files=files or {"other": b"x"},
        headers={"Origin": browser.url},
    )
    prepared = browser.session.prepare_request(request)
    return browser.session.send(prepared, allow_redirects=False, timeout=30)


def test_an_administrator_publishes_from_a_page_and_twice_is_once(world, browser, glass):
    browser("POST", "/login", glass())
    note = world.office.policy_note(1, "device:een")
    assert 'enctype="multipart/form-data"' in browser("GET", "/publish").text
    first, again = upload(browser, note), upload(browser, note)
    assert first.status_code == again.status_code == 200
    (index,) = re.findall(r"<code>policy (\d+)</code>", first.text)
    assert f"policy {index}" in again.text
    assert world.client.checkpoint().checkpoint.size == int(index) + 1
    last = world.desk.trail._oldest(1000)[-1][1]
    assert b'"object":"policy"' in last
    assert b"geheim" not in last


def test_what_the_log_refuses_is_a_page_that_says_why(world, browser, glass):
    browser("POST", "/login", glass())
    for note, status, code in (
        (b"x", 400, "format"),
        (None, 400, "format"),
        (b"lakzegel.nl/enrolment/v1\n", 422, "misplaced"),
        (b"lakzegel.nl/batch/v1\n", 422, "misplaced"),
        (world.office.revocation("niemand"), 403, "not-admitted"),
        (b"x" * 2**17, 413, "limit"),
    ):
        answer = upload(browser, note)
        assert answer.status_code == status
        assert f"<code>{code}</code>" in answer.text


def test_nothing_is_published_without_this_sessions_form_or_without_a_login(world, browser, glass):
    note = world.office.policy_note(2, "device:twee")
    answer = browser("GET", "/publish")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/publish")
    browser("POST", "/login", glass())
    assert upload(browser, note, csrf="x").status_code == 403


def test_after_the_login_one_is_where_one_wanted_to_be(browser, glass):
    page = browser("GET", "/login?next=/devices%3Fq%3D1").text
    assert 'name="next" value="/devices?q=1"' in page
    answer = browser("POST", "/login", glass(next="/devices?q=1"))
    assert answer.headers["location"] == "/devices?q=1"


@pytest.mark.parametrize(
    "bad",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%0d%0aX:y\r\n",
        "javascript:alert(1)",
        "/\t/evil.example",
        " /x",
        "/x\n",
        "/é",
        "/" + "a" * 512,
    ],
)
def test_a_login_leads_nowhere_else(bad):
    assert safe_next(bad) == "/"


def test_every_answer_tells_browsers_what_to_keep_to(world):
    for path in ("/login", "/log/checkpoint", KNOWN_ONLY, "/nowhere", "/v1/health"):
        said = world.client("GET", path).headers
        policy = said["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert said["x-content-type-options"] == "nosniff"
        assert said["referrer-policy"] == "same-origin"
        assert said["cross-origin-opener-policy"] == "same-origin"
        assert said["cross-origin-resource-policy"] == "same-origin"
        assert said["cache-control"] == "no-store"
        assert "strict-transport-security" not in said


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"x", 400),
        ("application/x-www-form-urlencoded", b"name=a&name=b", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=x" % i for i in range(17)), 400),
        ("application/x-www-form-urlencoded", b"name=" + b"a" * 2**17, 413),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Dispo", 400),
    ],
)
def test_what_is_no_form_or_too_large_is_refused(browser, kind, body, status):
    answer = browser("POST", "/login", body, Content_Type=kind)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


def test_the_command_shows_password_and_code_once_and_lists_the_account(world, capsys):
    data = str(world.data)
    arguments = ["account", "break-glass", "--data", data, "--role", "it", "nood"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^password  [a-z2-7]{5}(-[a-z2-7]{5}){3}$", shown, re.MULTILINE)
    assert re.search(r"^code      otpauth://totp/Lakzegel:nood\?", shown, re.MULTILINE)
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["account", "list", "--data", data, "--role", "it"]) == 0
    assert "it-person it\nnood it break-glass\n" in capsys.readouterr().out
    assert main(["account", "remove", "--data", data, "nood"]) == 0
    assert main(["account", "remove", "--data", data, "nood"]) == 2


PUBLIC = "https://receiver.example"


@pytest.fixture
def behind(world):
    """The receiver behind a reverse proxy on this machine that speaks TLS to others."""
    before = world.desk.settings
    web = Web.model_validate({"url": PUBLIC, "proxies": ["127.0.0.1"]})
    object.__setattr__(world.desk, "settings", before.model_copy(update={"web": web}))
    yield world
    object.__setattr__(world.desk, "settings", before)


def test_over_tls_the_cookie_is_bound_to_this_host_and_browsers_stay_with_tls(
    behind, browser, glass
):
    answer = browser("POST", "/login", glass(), origin=PUBLIC)
    assert re.match(r"__Host-lakzegel=[\w-]{43}; HttpOnly; ", answer.headers["set-cookie"])
    assert {"Path=/", "Secure"} <= set(answer.headers["set-cookie"].split("; "))
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    kept = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    own, loopback = (
        browser("GET", KNOWN_ONLY, Cookie=f"{name}={kept}").status_code
        for name in ("__Host-lakzegel", COOKIE)
    )
    assert (own, loopback) == (403, 401)
    assert browser("POST", "/login", glass(step=1)).status_code == 403  # of another origin


def test_behind_a_proxy_with_tls_the_language_is_not_sent_in_plain_either(behind, browser):
    assert "Secure" in browser("GET", "/language/nl").headers["set-cookie"]


def test_only_a_trusted_proxy_is_believed_about_the_sender(behind, browser):
    for name in range(PAIR + 1):
        said = {"X_Forwarded_For": f"198.51.100.{name}, 203.0.113.9"}
        form = {"name": "niemand", "password": "x", "code": "1"}
        status = browser("POST", "/login", form, origin=PUBLIC, **said).status_code
    assert status == 429
    said["X_Forwarded_For"] = "203.0.113.10"
    assert browser("POST", "/login", form, origin=PUBLIC, **said).status_code == 401


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, ::1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, x", "127.0.0.1"),
        ("::ffff:127.0.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_sender_is_the_last_that_is_no_proxy(peer, forwarded, found):
    web = Web.model_validate({"proxies": ["127.0.0.1", "::1"]})
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    scope = {"type": "http", "client": (peer, 1), "headers": headers}
    assert sender(web, Request(scope)) == found
