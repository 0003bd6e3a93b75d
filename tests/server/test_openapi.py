# SPDX-License-Identifier: EUPL-1.2
"""The OpenAPI file and the program say the same."""

import re
from http import HTTPStatus

import pytest
import yaml

from lakzegel_server.pages.receiver import TESTS
from lakzegel_server.problems import status_of
from lakzegel_server.web.routes import RULES


@pytest.fixture(scope="module")
def spec(kit):
    return yaml.safe_load(kit.SPEC.read_text())


def operations(spec):
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                yield method.upper(), path, operation


def test_every_route_is_in_the_file_and_every_operation_is_a_route(spec):
    served = {(rule.method, re.sub(r":path\}", "}", rule.path)) for rule in RULES}
    assert served == {(method, path) for method, path, _ in operations(spec)}


def test_the_roles_of_the_file_are_those_of_the_routes(spec):
    stated = {(m, p): set(o.get("x-roles", ())) for m, p, o in operations(spec)}
    for rule in RULES:
        path = rule.path.replace(":path}", "}")
        assert stated[rule.method, path] == {role.value for role in rule.roles}, path


def test_the_tests_of_a_receiver_are_those_of_the_specification_and_have_words(spec, kit):
    page = (kit.SPEC.parent / "monitoring.md").read_text("utf-8")
    table = page.partition("| name | passes when |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `([a-z-]+)`", table, flags=re.MULTILINE)
    assert spec["components"]["schemas"]["Tests"]["items"]["properties"]["name"]["enum"] == named
    assert set(TESTS) == set(named)


def test_statuses_tell_never_from_again(spec):
    for method, path, operation in operations(spec):
        for status, response in operation["responses"].items():
            kind = response.get("$ref", "").rpartition("/")[2]
            if int(status) >= HTTPStatus.BAD_REQUEST:
                wanted = "Again" if status in {"429", "503", "507"} else "Never"
                assert kind in {wanted, "Page"}, (method, path)


def test_whatever_asks_for_no_login_may_be_too_many(spec):
    opened = {(m, p) for m, p, o in operations(spec) if not o.get("x-roles")}
    assert opened <= {(m, p) for m, p, o in operations(spec) if "429" in o["responses"]}


def test_every_error_of_ours_has_a_status():
    from lakzegel_core import errors as core  # noqa: PLC0415 - walked, not used
    from lakzegel_server import errors as own  # noqa: PLC0415

    never = {own.ServerError, own.ConfigError}
    for module in (core, own):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Exception) and kind not in never:
                error = kind.__new__(kind)
                error.known = True
                assert status_of(error) != HTTPStatus.INTERNAL_SERVER_ERROR, kind


def test_anything_else_is_a_problem_document_too(world):
    assert world.client("GET", "/nowhere").status_code == 404
    answer = world.client("DELETE", "/v1/held")
    assert answer.status_code == 405
    assert answer.headers["allow"]
