# SPDX-License-Identifier: EUPL-1.2
"""Whatever the OpenAPI file allows, and what it does not, has an answer that the file has.

Short: a few requests an operation and role. `make soak` makes hundreds.
"""

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

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
ROLES = [None, *(role.value for role in AccountRole)]


def asked(world, kit, role, modes, count):
    """Ask every operation, and check each answer against the file."""
    spec = yaml.safe_load(kit.SPEC.read_text())
    schema = schemathesis.openapi.from_dict(spec)
    schema.config.generation.update(modes=modes)
    headers = {"Authorization": f"Bearer {world.tokens[role]}"} if role else {}
    seen = {}
    with requests.Session() as session:
        session.trust_env = False
        for found in schema.get_all_operations():
            operation = found.ok()
            statuses = seen.setdefault((operation.method.upper(), operation.path), set())
            check(operation, statuses, world.client.url, session, headers, count)
    return seen


def check(operation, statuses, url, session, headers, count):
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=count < 50,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy())
    def ask(case):
        if case.path == "/v1/wait":
            case.query = {**case.query, "seconds": 0}
        answer = case.call(base_url=url, session=session, headers=headers)
        case.validate_response(answer, checks=CHECKS)
        statuses.add(answer.status_code)

    ask()


@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_one_that_the_file_has(world, kit, device, role):
    assert device
    seen = asked(world, kit, role, [GenerationMode.POSITIVE], 3)
    assert seen["GET", "/log/checkpoint"] == {200}
    wanted = {None: {401}, "it": {200}}.get(role, {403})
    assert seen["GET", "/metrics"] == wanted


def test_what_the_file_does_not_allow_has_such_an_answer_too(world, kit, device):
    assert device
    asked(world, kit, "admin", [GenerationMode.NEGATIVE], 3)


@pytest.mark.soak
@pytest.mark.parametrize("role", ROLES)
def test_hundreds_of_answers_are_ones_that_the_file_has(world, kit, device, role):
    assert device
    for modes in ([GenerationMode.POSITIVE], [GenerationMode.NEGATIVE]):
        asked(world, kit, role, modes, 300)
