# SPDX-License-Identifier: EUPL-1.2
"""Whatever the OpenAPI file allows, and what it does not, has an answer that the file has.

Short: a few requests an operation and role. `make soak` makes a hundred of each kind for every
way to come in: an operation has at most six parameters and a handful of fields, so that more only
repeats itself; an operation that is slow ends after a while, so that the whole ends in minutes.
"""

import importlib.util
import sys
import time
from pathlib import Path

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lakzegel_server.accounts import AccountRole

_spec = importlib.util.spec_from_file_location(
    "lakzegel_rightly", Path(__file__).with_name("rightly.py")
)
rightly = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = rightly
_spec.loader.exec_module(rightly)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
ROLES = [role.value for role in AccountRole]
TOKENS = ["nobody", *(f"token-{role}" for role in ROLES)]
WAYS = [*TOKENS, "wrong", *(f"session-{role}" for role in ROLES)]
MANY = 100  # examples an operation and kind
SECONDS = 30.0  # an operation and kind; 3 s on an idle machine
DONE = {200, 204, 303}


@pytest.fixture
def right(world, kit):
    found = rightly.Right(world, kit)
    yield found
    found.close()


@pytest.fixture
def session():
    with requests.Session() as made:
        made.trust_env = False
        yield made


def operations(kit, modes=(GenerationMode.POSITIVE,)):
    """Every operation of the file; the one that ends a session comes last."""
    schema = schemathesis.openapi.from_dict(yaml.safe_load(kit.SPEC.read_text()))
    schema.config.generation.update(modes=list(modes))
    found = [result.ok() for result in schema.get_all_operations()]
    return sorted(found, key=lambda one: one.path == "/logout")


def grant(operation, right, login, session):
    """The status of a request that is right but for who asks; its answer is one of the file."""
    method, path = operation.method.upper(), operation.path
    real = {"name": right.name(path), "tile": right.name(path)}
    session.cookies.clear()
    answer = session.request(
        method,
        right.world.client.url + path.format(**real),
        headers={"Sec-Fetch-Site": "same-origin", **login.headers},
        cookies=login.cookies,
        allow_redirects=False,
        timeout=30,
        **right.request(method, path, login.csrf),
    )
    operation.Case(path_parameters=real).validate_response(answer, checks=CHECKS)
    return answer.status_code


def ask(operation, right, login, session, count):
    """The statuses of so many generated requests, each second one about something real."""
    statuses, asked = set(), 0
    ends = time.monotonic() + SECONDS

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=count < 50,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy())
    def one(case):
        nonlocal asked
        asked += 1
        if time.monotonic() > ends:
            return
        if case.path == "/v1/wait":
            case.query = {**case.query, "seconds": 0}
        if asked % 2 and case.path_parameters:
            real = right.name(case.path)
            case.path_parameters = dict.fromkeys(case.path_parameters, real)
        session.cookies.clear()
        answer = case.call(
            base_url=right.world.client.url,
            session=session,
            headers=login.headers,
            cookies=login.cookies,
            allow_redirects=False,
        )
        case.validate_response(answer, checks=CHECKS)
        statuses.add(answer.status_code)

    one()
    return statuses, asked


@pytest.mark.parametrize("way", TOKENS)
def test_every_answer_is_one_that_the_file_has(kit, right, session, way):
    login = right.login(way)
    for operation in operations(kit):
        ask(operation, right, login, session, 3)


def test_what_the_file_does_not_allow_has_such_an_answer_too(kit, right, session):
    login = right.login("token-admin")
    for operation in operations(kit, [GenerationMode.NEGATIVE]):
        ask(operation, right, login, session, 3)


def judge(operation, right, way, login, session):
    """Ask rightly; who may is granted it, who may not is refused."""
    allowed = operation.definition.raw.get("x-roles")
    where = (operation.method.upper(), operation.path)
    status = grant(operation, right, login, session)
    if way == "wrong":
        assert status in DONE | {401}, where
    elif allowed and way.partition("-")[2] not in allowed:
        assert status in {303, 401, 403}, (where, way)
    else:
        assert status in ({404} if where in rightly.ELSEWHERE else DONE), (where, way)


def test_whoever_may_ask_for_something_gets_it_and_nobody_else(kit, right, session):
    logins = {way: right.login(way) for way in TOKENS}
    for operation in operations(kit):
        allowed = operation.definition.raw.get("x-roles")
        way = f"token-{allowed[-1]}" if allowed else "nobody"
        judge(operation, right, way, logins[way], session)
        if allowed:
            judge(operation, right, "nobody", logins["nobody"], session)


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
def test_hundreds_of_answers_are_ones_that_the_file_has(kit, right, session, way, capsys):
    began, asked, seen = time.monotonic(), 0, set()
    for modes in ([GenerationMode.POSITIVE], [GenerationMode.NEGATIVE]):
        found = operations(kit, modes)
        for operation in found:  # some of them end a session, as they should
            judge(operation, right, way, right.login(way), session)
        login = right.login(way)
        for operation in found:
            statuses, count = ask(operation, right, login, session, MANY)
            seen |= statuses
            asked += count
    with capsys.disabled():
        spent = time.monotonic() - began
        print(f"\n{way}: {len(found)} operations, {asked} requests, {spent:.0f} s, {sorted(seen)}")
