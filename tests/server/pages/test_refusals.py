# SPDX-License-Identifier: EUPL-1.2
"""A refusal that a person sees is in his language, and offers a login where that helps."""

import re

import pytest

from lakzegel_server.words import read_words

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def world(kit, tmp_path_factory):
    with kit.world_at(tmp_path_factory.mktemp("refusals") / "data") as made:
        yield made


def asked(world, request, language):
    method, path, role, headers, body = request
    client = world.as_(role) if role else world.client
    headers = {"Accept": "text/html", "Accept-Language": language, **headers}
    return client(method, path, body, **headers)


REFUSALS = {
    "a link of nobody": (("GET", f"/mine/{'A' * 43}", None, {}, None), 404),
    "no such device": (("GET", "/devices/niemand", "it", {}, None), 404),
    "another's page": (("GET", "/publish", "it", {}, None), 403),
    "nobody's form": (("POST", "/publish", None, {"Content-Type": FORM}, b""), 401),
    "an unknown token": (("POST", "/login", None, {"Authorization": "Bearer a.b"}, b""), 401),
    "no single sign-on": (("GET", "/login/sso", None, {}, None), 404),
    "another site's form": (("POST", "/login", None, {"Content-Type": FORM}, b""), 403),
    "no form": (("POST", "/login", None, {"Content-Type": "text/plain"}, b"x"), 400),
    "a form too large": (("POST", "/login", None, {"Content-Type": FORM}, b"x" * 2**18), 413),
    "a field twice": (("POST", "/login", None, {"Content-Type": FORM}, b"a=1&a=2"), 400),
    "no file": (("POST", "/publish", "admin", {"Content-Type": FORM}, b""), 400),
}


@pytest.mark.parametrize(("request_", "status"), REFUSALS.values(), ids=REFUSALS)
def test_it_says_why_in_dutch(world, request_, status):
    english, dutch = (asked(world, request_, language) for language in ("en", "nl"))
    assert english.status_code == dutch.status_code == status
    why, waarom = (
        re.search(r'role="alert">(.+?) <code>', one.text)[1].replace("&#39;", "'")
        for one in (english, dutch)
    )
    assert read_words("nl").unknown(why) == []
    assert waarom == read_words("nl").said(why) != why
    assert ('href="/login">' in dutch.text) == (request_[2] is None and status != 404)
