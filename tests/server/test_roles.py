# SPDX-License-Identifier: EUPL-1.2
"""Who may use which route: every route, by everybody, over real HTTP.

`EXPECTED` is written by hand. A route that is not in it fails, and so does one whose rule, OpenAPI
file or answers say something else.
"""

import re

import pytest
import requests
import yaml

from lakzegel_core import entries, keyringchange
from lakzegel_server.accounts import Account, AccountRole, Way
from lakzegel_server.database import Database
from lakzegel_server.people import breakglass, sessions
from lakzegel_server.web.identity import LOOPBACK_COOKIE
from lakzegel_server.web.routes import RULES

OPEN = frozenset()  # no login is asked for; signatures or nothing prove the sender
IT, RECORDS, ADMIN, AUDIT = ({role.value} for role in AccountRole)
EVERYBODY = IT | RECORDS | ADMIN | AUDIT
EXPECTED = {
    "GET /log/checkpoint": OPEN,
    "GET /log/tile/entries/{tile}": RECORDS | AUDIT,
    "GET /log/tile/{tile}": OPEN,
    "GET /v1/health": OPEN,
    "GET /v1/wait": RECORDS | AUDIT,
    "GET /healthz": OPEN,
    "GET /metrics": IT,
    "PUT /v1/batches/{name}": OPEN,
    "GET /v1/batches/{name}": RECORDS,
    "GET /v1/keyrings/{name}": RECORDS,
    "POST /v1/keyrings/{name}": RECORDS,
    "PUT /v1/annexes/{name}": RECORDS,
    "GET /v1/annexes/{name}": RECORDS,
    "POST /v1/notes": OPEN,  # by kind: test_notes_by_kind
    "POST /v1/cosignatures": OPEN,
    "POST /v1/held": OPEN,
    "GET /v1/held": OPEN,
    "POST /v1/device": OPEN,
    "POST /v1/heartbeats": OPEN,
    "GET /static/{name}": OPEN,
    "GET /language/{name}": OPEN,
    "GET /mine/{name}": OPEN,  # the link says who may
    "POST /mine/{name}": OPEN,
    "GET /": EVERYBODY,
    "GET /fleet.csv": IT,
    "GET /devices/{name}": IT,
    "GET /problems": IT,
    "GET /runbooks": EVERYBODY,
    "GET /in-force": RECORDS | ADMIN | AUDIT,
    "GET /receiver": EVERYBODY,
    "GET /publish": ADMIN,
    "POST /publish": ADMIN,
    "GET /trail": AUDIT,
    "GET /trail.csv": AUDIT,
    "GET /trail/{name}": AUDIT,
    "GET /v1/trail": AUDIT,
    "GET /v1/trail/{name}": AUDIT,
    "GET /v1/timestamps": RECORDS | AUDIT,
    "GET /v1/timestamps/{name}": RECORDS | AUDIT,
    "GET /login": OPEN,
    "POST /login": OPEN,
    "GET /login/sso": OPEN,
    "GET /login/callback": OPEN,
    "POST /logout": OPEN,
}
BY_KIND = {
    "delegation": ADMIN,
    "admission": ADMIN,
    "enrolment": OPEN,
    "policy": ADMIN,
    "revocation": ADMIN,
    "finding": RECORDS | ADMIN,
    "hold": ADMIN,
    "term": ADMIN,
    "succession": ADMIN,
    "trail": ADMIN,
    "withdrawal": ADMIN,
}
ASKERS = [
    ("nobody", ""),
    ("expired", "it"),
    *(("token", role.value) for role in AccountRole),
    *(("session", role.value) for role in AccountRole),
]


def name_of(rule):
    return f"{rule.method} {rule.path.replace(':path', '')}"


@pytest.fixture(scope="module")
def receiver(kit, tmp_path_factory):
    with kit.world_at(tmp_path_factory.mktemp("roles") / "data") as made:
        yield made


@pytest.fixture(scope="module")
def logins(receiver):
    """A session of each role, and one of the past."""
    database = Database.open(receiver.layout.database)
    found = {}
    for role in AccountRole:
        breakglass.add(database, f"glass-{role}", role, now="then")
        account = Account(f"glass-{role}", role, Way.BREAK_GLASS)
        found["session", role.value] = receiver.desk.people.begin(
            account, "then", None, address="-"
        )
    over = receiver.desk.people.now() - sessions.IDLE_SECONDS
    account = Account("glass-it", AccountRole.IT, Way.BREAK_GLASS)
    found["expired", "it"] = sessions.begin(database, account, "then", now=over)
    database.close()
    return found


@pytest.fixture(scope="module")
def http():
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def ask(receiver, logins, http):
    """The answer to somebody who asks as well as he can."""

    def asking(asker, method, path, body=None, *, form=False):
        headers, cookies = {"Origin": receiver.client.url, "Accept": "text/html"}, {}
        if asker[0] == "token":
            headers["Authorization"] = f"Bearer {receiver.tokens[asker[1]]}"
        login = logins.get(asker)
        if login is not None:
            cookies[LOOPBACK_COOKIE] = login.cookie
            headers["X-CSRF-Token"] = login.csrf
        if form:
            body = {"csrf": login.csrf if login else "x"}
        return http.request(
            method,
            receiver.client.url + path,
            data=body,
            headers=headers,
            cookies=cookies,
            allow_redirects=False,
            timeout=30,
        )

    return asking


def admitted(answer):
    login = answer.status_code == 303 and answer.headers["location"].startswith("/login")
    return answer.status_code not in {401, 403} and not login


def test_every_route_has_an_expectation_and_every_expectation_a_route():
    assert {name_of(rule) for rule in RULES} == set(EXPECTED)
    assert len(RULES) == len(EXPECTED)


def test_the_rules_and_the_openapi_file_say_what_is_expected(kit):
    spec = yaml.safe_load(kit.SPEC.read_text())
    stated = {
        f"{method.upper()} {path}": operation.get("x-roles", ())
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }
    assert {name: set(roles) for name, roles in stated.items()} == EXPECTED
    assert {name_of(rule): {r.value for r in rule.roles} for rule in RULES} == EXPECTED


@pytest.mark.parametrize("rule", RULES, ids=name_of)
@pytest.mark.parametrize("asker", ASKERS, ids="-".join)
def test_a_route_answers_whom_it_should_and_nobody_else(ask, rule, asker):
    allowed = EXPECTED[name_of(rule)]
    path = re.sub(r"\{[^}]+\}", "0" * 64, rule.path).replace("/entries/" + "0" * 64, "/entries/x")
    body = None if rule.method == "GET" else b"x"
    if rule.path == "/logout":
        pytest.skip("ends the session that the next row needs: test_people.py")
    answer = ask(asker, rule.method, path, body, form=rule.form and bool(allowed))
    who, role = asker
    if not allowed or (who in {"token", "session"} and role in allowed):
        assert admitted(answer)
    elif who in {"token", "session"}:
        assert answer.status_code == 403
    elif rule.page and rule.method == "GET":
        assert answer.headers["location"].startswith("/login?next=/")
    else:
        assert answer.status_code == 401


@pytest.mark.parametrize("kind", BY_KIND)
@pytest.mark.parametrize("asker", ASKERS, ids="-".join)
def test_notes_by_kind(ask, asker, kind):
    who, role = asker
    answer = ask(asker, "POST", "/v1/notes", f"lakzegel.nl/{kind}/v1\n".encode())
    allowed = BY_KIND[kind]
    if not allowed or (who in {"token", "session"} and role in allowed):
        assert answer.status_code == 400  # it is no whole note
    else:
        assert answer.status_code == (403 if who in {"token", "session"} else 401)


def test_every_kind_of_entry_is_in_the_table():
    assert set(BY_KIND) == set(entries.KINDS) - {entries.BATCH, keyringchange.KIND}
