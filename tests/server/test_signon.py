# SPDX-License-Identifier: EUPL-1.2
"""Single sign-on at a real OpenID Connect provider on loopback, and every way to cheat."""

import base64
import hashlib
import hmac
import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout
from lakzegel_server.people.signon import LEEWAY, OLDEST
from lakzegel_server.people.throttle import ADDRESS, Throttle
from lakzegel_server.settings import Settings, load
from lakzegel_server.settings_people import Login

CLIENT, SECRET = "lakzegel", "een geheim: van +ons/"
COOKIE, SSO = "lakzegel-loopback", "lakzegel-loopback-sso"
KNOWN_ONLY = "/v1/batches/" + "0" * 64


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


class Provider:
    """Signs real tokens; a test changes what it claims, how it signs and what it says."""

    def __init__(self, clock):
        self.clock = clock
        self.codes = {}
        self.served = []
        self.honest()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.answer(self, urllib.parse.urlsplit(self.path))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.token(self, dict(urllib.parse.parse_qsl(body)))

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def honest(self):
        self.key = self.signer = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self.alg, self.claims, self.metadata, self.sign = "ES256", {}, {}, self.signed
        self.code_status, self.odd_keys = 200, []

    def signed(self, header, claims):
        return jwt.encode(header, claims, self.signer, algorithms=[self.alg])

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def say(self, handler, value, status=200):
        data = json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def answer(self, handler, where):
        self.served.append(where.path)
        if where.path == "/.well-known/openid-configuration":
            found = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
            self.say(handler, found | self.metadata)
        elif where.path == "/keys":
            known = KeySet([self.key]).as_dict(private=False)
            self.say(handler, {"keys": [*self.odd_keys, *known["keys"]]})
        else:
            self.say(handler, {}, 404)

    def authorize(self, url, person):
        """What a browser does there: somebody logs in, and is sent back with a code."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked, person
        back = {"code": code, "state": asked["state"]}
        return f"/login/callback?{urllib.parse.urlencode(back)}"

    def token(self, handler, form):
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked, person = self.codes.pop(form["code"], ({}, {}))
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(form["code_verifier"].encode()).digest()
        )
        right = (
            handler.headers["Authorization"] == f"Basic {basic}"
            and asked.get("code_challenge") == challenge.decode().rstrip("=")
            and asked.get("redirect_uri") == form["redirect_uri"]
        )
        if not right or self.code_status != 200:
            self.say(handler, {"error": "invalid_grant"}, 400)
            return
        now = int(self.clock())
        claims = {
            "iss": self.issuer,
            "sub": "4711",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
        }
        claims |= person | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        raw = self.sign({"alg": self.alg, "kid": self.signer.kid}, claims)
        self.say(handler, {"access_token": "x", "token_type": "Bearer", "id_token": raw})


def settings_of(issuer, secret, **more):
    roles = {"it": ["g-it"], "records": ["g-rec"], "admin": ["g-adm", "g-adm2"], "audit": ["g-aud"]}
    return Login(
        issuer=issuer,
        client_id=CLIENT,
        client_secret_file=secret,
        redirect="http://127.0.0.1:1/login/callback",
        roles=roles,
        **more,
    )


@pytest.fixture(scope="module")
def receiver(kit, tmp_path_factory):
    clock = Clock(kit.NOW)
    provider = Provider(clock)
    secret = tmp_path_factory.mktemp("secret") / "oidc"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    settings = Settings(login=settings_of(provider.issuer, secret))
    data = tmp_path_factory.mktemp("signon") / "data"
    try:
        with kit.world_at(data, clock=clock, settings=settings) as made:
            yield made, provider, clock
            assert made.doubts() == []
    finally:
        provider.close()


@pytest.fixture
def world(receiver, monkeypatch):
    made, provider, clock = receiver
    provider.honest()
    clock.now += 120  # so that keys may be fetched anew
    monkeypatch.setattr(made.desk.people, "_throttle", Throttle())
    made.desk.people.sign_on._provider._kept = None
    return made


@pytest.fixture
def provider(receiver):
    return receiver[1]


@pytest.fixture
def clock(receiver):
    return receiver[2]


class Browser:
    def __init__(self, world, provider):
        self.url, self.provider = world.client.url, provider
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({"Accept": "text/html", "Accept-Language": "en"})

    def get(self, path):
        return self.session.get(self.url + path, allow_redirects=False, timeout=30)

    def go(self, groups=("g-it",), wanted="/", **person):
        """Begin, log in there, and be sent back: the address to come back to."""
        begun = self.get(f"/login/sso?next={wanted}")
        assert begun.status_code == 303
        person = {"groups": list(groups)} | person
        return self.provider.authorize(begun.headers["location"], person)

    def log_in(self, groups=("g-it",), **more):
        return self.get(self.go(groups, **more))

    @property
    def role(self):
        """What the receiver takes the browser for."""
        if self.get("/v1/trail").status_code == 200:
            return "audit"
        return {401: None, 403: "it or admin", 404: "records"}[self.get(KNOWN_ONLY).status_code]


@pytest.fixture
def browser(world, provider):
    made = Browser(world, provider)
    yield made
    made.session.close()


def refused(answer):
    assert "this login did not succeed" in answer.text
    assert COOKIE not in answer.cookies
    return answer.status_code == 403


def test_who_logs_in_there_is_logged_in_here_with_the_role_of_his_group(browser):
    for group, role in (("g-rec", "records"), ("g-aud", "audit"), ("g-it", "it or admin")):
        answer = browser.log_in(("x", group), wanted="/devices")
        assert (answer.status_code, answer.headers["location"]) == (303, "/devices")
        assert browser.role == role
        assert browser.session.cookies.get(SSO) is None


def test_the_claim_may_be_one_text_and_two_groups_of_one_role_are_one(browser):
    assert browser.get(browser.go(groups=())).status_code == 403
    assert browser.log_in(("g-adm", "g-adm2")).status_code == 303
    begun = browser.get("/login/sso")
    back = browser.provider.authorize(begun.headers["location"], {"groups": "g-rec"})
    assert browser.get(back).status_code == 303
    assert browser.role == "records"


@pytest.mark.parametrize("groups", [(), ("x",), ("g-it", "g-adm"), ("g-it", "g-rec", "g-aud")])
def test_no_role_or_two_is_none(browser, groups):
    assert refused(browser.log_in(groups))
    assert browser.role is None


@pytest.mark.parametrize("groups", [5, {"a": 1}, [["g-it"]], None])
def test_a_claim_of_another_shape_gives_nothing(browser, groups):
    begun = browser.get("/login/sso")
    back = browser.provider.authorize(begun.headers["location"], {"groups": groups})
    assert refused(browser.get(back))


BAD_CLAIMS = {
    "another nonce": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "other"},
    "no audience": {"aud": None},
    "two audiences without azp": {"aud": [CLIENT, "other"]},
    "two audiences for the other": {"aud": [CLIENT, "other"], "azp": "other"},
    "an azp that is another": {"azp": "other"},
    "another issuer": {"iss": "https://evil.example"},
    "no subject": {"sub": None},
    "a subject with a newline": {"sub": "a\nb"},
    "a subject too long": {"sub": "a" * 256},
    "no expiry": {"exp": None},
    "no issue": {"iat": None},
}


@pytest.mark.parametrize("claims", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_a_token_that_claims_something_else_is_refused(browser, provider, claims):
    provider.claims = claims
    assert refused(browser.log_in())


@pytest.mark.parametrize(
    ("claim", "seconds", "status"),
    [
        ("exp", -LEEWAY, 403),
        ("exp", -LEEWAY + 5, 303),
        ("iat", LEEWAY + 5, 403),
        ("iat", LEEWAY - 5, 303),
        ("iat", -OLDEST - LEEWAY - 5, 403),
        ("nbf", LEEWAY + 5, 403),
    ],
)
def test_times_hold_give_or_take_a_minute(browser, provider, clock, claim, seconds, status):
    provider.claims = {claim: int(clock.now) + seconds}
    assert browser.log_in().status_code == status


def test_two_audiences_with_the_client_as_party_are_right(browser, provider):
    provider.claims = {"aud": [CLIENT, "other"], "azp": CLIENT}
    assert browser.log_in().status_code == 303


def by_hand(header, claims, sign=lambda _: b""):
    parts = (json.dumps(part).encode() for part in (header, claims))
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return f"{text.decode()}.{base64.urlsafe_b64encode(sign(text)).decode().rstrip('=')}"


def test_a_token_without_a_signature_is_refused(browser, provider):
    provider.sign = lambda header, claims: by_hand(header | {"alg": "none"}, claims)
    assert refused(browser.log_in())


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(browser, provider):
    secret = provider.key.as_pem(private=False)
    provider.sign = lambda header, claims: by_hand(
        header | {"alg": "HS256"}, claims, lambda data: hmac.digest(secret, data, "sha256")
    )
    assert refused(browser.log_in())


def test_a_token_of_another_key_is_refused_also_under_the_right_name(browser, provider):
    provider.signer = ECKey.generate_key("P-256", {"kid": "one"})
    assert refused(browser.log_in())


def test_a_changed_token_is_refused(browser, provider):
    def changed(header, claims):
        head, body, signature = provider.signed(header, claims).split(".")
        text = base64.urlsafe_b64decode(body + "==").replace(b"g-it", b"g-ad")
        return f"{head}.{base64.urlsafe_b64encode(text).decode().rstrip('=')}.{signature}"

    provider.sign = changed
    assert refused(browser.log_in())


def test_a_new_key_of_the_providers_is_found_without_a_restart(browser, provider, clock):
    assert browser.log_in().status_code == 303
    provider.key = provider.signer = ECKey.generate_key("P-256", {"kid": "two"})
    assert refused(browser.log_in())  # it was asked a moment ago
    clock.now += 61
    assert browser.log_in().status_code == 303


def test_keys_of_kinds_that_are_not_known_keep_nobody_out(browser, provider):
    provider.odd_keys = [
        {"kty": "EC", "crv": "BP-256", "x": "AA", "y": "AA", "kid": "one"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "pq"},
        {"use": "sig"},
        {"kty": "RSA", "n": "AA", "e": "AQAB"},
        5,
    ]
    assert browser.log_in().status_code == 303


def test_keys_are_not_fetched_for_every_login(browser, provider):
    provider.served.clear()
    for _ in range(3):
        assert browser.log_in().status_code == 303
    assert provider.served.count("/keys") == 1


def test_an_answer_is_good_once(browser, provider):
    begun = browser.get("/login/sso")
    kept = browser.session.cookies.get(SSO)
    back = provider.authorize(begun.headers["location"], {"groups": ["g-it"]})
    codes = dict(provider.codes)
    assert browser.get(back).status_code == 303
    browser.session.cookies.set(SSO, kept)
    provider.codes |= codes  # a provider that takes a code twice
    assert refused(browser.get(back))


def test_an_answer_of_another_browser_is_refused(world, browser, provider):
    other = Browser(world, provider)
    back = other.go()
    assert refused(browser.get(back))  # without its cookie
    browser.get("/login/sso")
    assert refused(browser.get(back))  # with one of its own
    other.session.close()


def test_an_answer_after_ten_minutes_is_refused(browser, clock):
    back = browser.go()
    clock.now += 601
    assert refused(browser.get(back))


@pytest.mark.parametrize("change", ["state=x", "", "error=access_denied&state=%s"])
def test_an_answer_without_its_state_or_code_is_refused(browser, change):
    state = re.search("state=([^&]+)", browser.go())[1]
    change = change % state if "%s" in change else change
    assert refused(browser.get(f"/login/callback?code=x&{change}"))


@pytest.mark.parametrize("cookie", ["", "x", "A" * 400, "é", "A" * 5000])
def test_a_cookie_that_this_receiver_did_not_make_is_refused(world, browser, cookie):
    headers = {"Cookie": f"{SSO}={cookie}".encode()}
    answer = requests.get(
        f"{browser.url}/login/callback?state=x&code=y", headers=headers, timeout=9
    )
    assert answer.status_code == 403


def test_the_code_is_worth_nothing_without_its_verifier(browser, provider):
    stolen = re.search("code=([^&]+)", browser.go())[1]
    own = browser.go()
    assert refused(browser.get(re.sub("code=[^&]+", f"code={stolen}", own)))


def test_an_answer_by_another_issuer_is_refused(browser, provider):
    assert refused(browser.get(f"{browser.go()}&iss=https://evil.example"))
    back = urllib.parse.quote(provider.issuer)
    assert browser.get(f"{browser.go()}&iss={back}").status_code == 303


def test_where_the_provider_says_that_it_sends_its_name_it_must(browser, provider):
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    assert refused(browser.log_in())


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_metadata_that_are_not_the_providers_are_refused(browser, provider, metadata):
    provider.metadata = metadata
    assert refused(browser.get("/login/sso"))


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/%5Cevil.example"])
def test_a_login_leads_nowhere_else(browser, wanted):
    assert browser.log_in(wanted=wanted).headers["location"] in {"/", "/%5Cevil.example"}


def test_a_provider_that_refuses_or_is_away_is_said(world, browser, provider, monkeypatch):
    provider.code_status = 400
    assert refused(browser.log_in())
    sign_on = world.desk.people.sign_on
    away = sign_on._settings.model_copy(update={"issuer": "http://127.0.0.1:1"})
    monkeypatch.setattr(sign_on._provider, "_settings", away)
    sign_on._provider._kept = None
    answer = browser.get("/login/sso")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_many_failures_from_one_address_are_enough(browser, provider):
    provider.claims = {"nonce": "x"}
    for _ in range(ADDRESS):
        assert browser.log_in().status_code == 403
    assert browser.log_in().status_code == 429


def test_a_provider_that_is_away_shuts_nobody_out_of_breaking_the_glass(browser, provider):
    provider.metadata = {"token_endpoint": "http://127.0.0.1:1/token"}
    for _ in range(ADDRESS + 1):
        assert browser.log_in().status_code == 503
    wrong = {"name": "niemand", "password": "x", "code": "1"}
    answer = browser.session.post(
        f"{browser.url}/login", wrong, headers={"Origin": browser.url}, timeout=30
    )
    assert answer.status_code == 401


def test_colleagues_without_a_role_shut_nobody_out(browser):
    for number in range(ADDRESS + 1):
        assert refused(browser.log_in(("x",), sub=f"collega-{number}"))
    assert browser.log_in().status_code == 303


def test_another_site_that_sends_browsers_back_for_nothing_shuts_nobody_out(browser):
    for _ in range(ADDRESS + 1):
        assert refused(browser.get("/login/callback?state=x&code=y"))
    assert browser.log_in().status_code == 303


def test_what_happened_is_in_the_trail_with_who_it_was(world, browser):
    assert browser.log_in(sub="jansen").status_code == 303
    assert refused(browser.log_in(("x",), sub="pieters"))
    assert refused(browser.get("/login/callback?state=x&code=y"))
    world.desk.trail.flush()
    lines = [json.loads(line) for _, line in world.desk.trail._oldest(1000)]
    seen = [(r["who"], r["way"], r["result"], r["code"]) for r in lines if r["action"] == "login"]
    assert ("jansen", "single-sign-on", "ok", "-") in seen
    assert ("pieters", "single-sign-on", "refused", "no-role") in seen
    assert ("-", "single-sign-on", "refused", "sso-state") in seen


def test_a_session_ends_when_the_settings_no_longer_give_the_role(world, browser, monkeypatch):
    assert browser.log_in(("g-rec",)).status_code == 303
    assert browser.role == "records"
    monkeypatch.setattr(world.desk.people, "_login", None)
    assert browser.role is None


def test_a_session_lasts_ten_hours_at_most(browser, clock):
    assert browser.log_in(("g-rec",)).status_code == 303
    for _ in range(29):
        clock.now += 20 * 60
        assert browser.role == "records"
    clock.now += 20 * 60
    assert browser.role is None


def test_a_demanded_way_of_logging_in_is_demanded(world, browser, provider, monkeypatch):
    sign_on = world.desk.people.sign_on
    demanding = sign_on._settings.model_copy(update={"acr": ("mfa",)})
    monkeypatch.setattr(sign_on, "_settings", demanding)
    assert refused(browser.log_in())
    assert refused(browser.log_in(acr="password"))
    assert browser.log_in(acr="mfa").status_code == 303


def test_the_login_page_offers_it(browser):
    assert 'href="/login/sso?next=/devices"' in browser.get("/login?next=/devices").text


TEXT = """[login]
issuer = "https://login.example"
client_id = "x"
client_secret_file = "/x"
redirect = "https://r.example/login/callback"
[login.roles]
it = ["a"]
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("https://login.example", "http://login.example", "login.issuer"),
        ("/login/callback", "/elsewhere", "login.redirect"),
        ("https://r.example", "http://r.example", "login.redirect"),
        ('it = ["a"]', 'it = ["a"]\nadmin = ["a"]', "mapped twice"),
        ('it = ["a"]', 'boss = ["a"]', "login.roles"),
        ('client_id = "x"', 'client_id = "x"\nsecret = "y"', "login.secret"),
    ],
)
def test_settings_that_are_wrong_are_named(tmp_path, old, new, says):
    path = tmp_path / "settings.toml"
    path.write_text(TEXT)
    assert load(Layout(tmp_path)).login.role_of("a") == "it"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(says)):
        load(Layout(tmp_path))
