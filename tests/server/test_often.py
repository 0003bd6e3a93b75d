# SPDX-License-Identifier: EUPL-1.2
"""What goes straight to its handler is answered as all else is, and nothing else is taken."""

import pytest


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/v1/batches/", 404),
        ("PUT", "/v1/batches", 404),
        ("PUT", "/v1/batches/a/b", 404),
        ("PUT", "//v1/batches/a", 404),
        ("PUT", "/v1/heartbeats", 405),
        ("DELETE", "/v1/batches/a", 405),
        ("POST", "/v1/heartbeats/", 404),
        ("POST", "/v1/heartbeats?x=1", 400),
        ("PUT", "/v1/batches/a?x=/b", 400),
    ],
)
def test_a_path_that_is_nearly_one_of_them_is_none(world, method, path, status):
    answer = world.client(method, path, b"")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert ("allow" in answer.headers) == (status == 405)
