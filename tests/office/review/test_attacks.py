# SPDX-License-Identifier: EUPL-1.2
"""Whoever should not get in does not, and nothing that is shown acts."""

import http.client
import re
import socket
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
import requests

from lakzegel_office.collection.model import Query
from lakzegel_office.review import hypertext, visible
from lakzegel_office.review.pictures import picture_type
from lakzegel_office.review.sessions import IDLE_SECONDS, SESSION_SECONDS, TOKEN_SECONDS
from lakzegel_office.review.views import safe_name
from tests.office.conftest import START, make_world
from tests.office.review.conftest import reviewing
from tests.office.review.ministry import bomb, hostile, mail, parts, png

XSS = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>{{7*7}}"


class Acting(HTMLParser):
    """Gathers what would act in a page."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag == "script" and not str(named.get("src")).startswith("/static/"):
            self.found.append(tag)
        own = ("#content", "", None)
        links = [named[key] for key in ("href", "src", "action") if key in named]
        self.found += [link for link in links if not str(link).startswith("/") and link not in own]
        self.found += [name for name in named if name.startswith("on") or name == "style"]


def acting(text):
    parser = Acting()
    parser.feed(text)
    return parser.found


def raw(page, lines):
    """Send a request as it stands; return the status."""
    place = urlsplit(page.url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A review of one mail, for all that no test here may change."""
    world = make_world(tmp_path_factory.mktemp("attacked"))
    world.enrol().send_as("maildir", {"cur/1": [mail(1)]})
    world.pull()
    with reviewing(world, now=lambda: START + timedelta(days=1), login=False) as page:
        yield page


@pytest.fixture
def served(page):
    """That review, to somebody who has just logged in."""
    page.browser.cookies.clear()
    page.login()
    return page


def test_another_host_name_is_refused_whatever_else_is_right(served):
    port = urlsplit(served.url).port
    for host in (f"localhost:{port}", "127.0.0.1", f"evil.example:{port}", f"127.0.0.1:{port + 1}"):
        served.get("/", 421, headers={"Host": host})
    own = f"Host: 127.0.0.1:{port}"
    assert raw(served, ["GET / HTTP/1.1", own, "Host: evil.example"]) in {400, 421}
    assert raw(served, ["GET / HTTP/1.0"]) in {400, 421}


def test_without_the_session_there_is_nothing(served):
    for path in ("/", "/units", "/units/x/html", "/next", "/language"):
        assert requests.get(served.url + path, timeout=10).status_code == 403
        stolen = {"lakzegel-review": "x"}
        assert requests.get(served.url + path, cookies=stolen, timeout=10).status_code == 403
    assert requests.get(served.url + "/static/../app.py", timeout=10).status_code in {403, 404}


def test_a_token_is_good_once_and_for_minutes_and_a_newer_one_replaces_it(served):
    old, new = served.sessions.new_token(), served.sessions.new_token()
    served.get(f"/login?token={old}", 403)
    served.get("/login?token=", 403)
    served.get("/login", 403)
    served.get("/")
    served.clock.now += TOKEN_SECONDS
    served.get(f"/login?token={new}", 403)
    served.get("/login?token=" + served.sessions.new_token())
    served.post("/begin", {"reason": "x"})


def test_a_session_ends_unused_and_after_a_day_at_the_latest(served):
    served.clock.now += IDLE_SECONDS - 1
    served.get("/")
    served.clock.now += IDLE_SECONDS + 1
    served.get("/", 403)
    served.login()
    for _ in range(int(SESSION_SECONDS // (IDLE_SECONDS - 1))):
        served.clock.now += IDLE_SECONDS - 1
        served.get("/")
    served.clock.now += IDLE_SECONDS - 1
    served.get("/", 403)


def test_another_site_neither_reads_nor_decides(served):
    unit = next(served.desk.collection.units(Query())).id
    for site in ("cross-site", "same-site"):
        served.get("/", 403, headers={"Sec-Fetch-Site": site})
    form = {"unit": unit, "class": "prive"}
    served.post("/decide", {**form, "csrf": "x"}, 403)
    served.post("/decide", {**form, "csrf": ""}, 403)
    served.post("/decide", form, 403, headers={"Origin": "http://127.0.0.1:1"})
    served.post("/decide", form, 403, headers={"Origin": "null"})
    served.post("/decide", form, 415, headers={"Content-Type": "text/plain"})
    served.get(f"/decide?unit={unit}&class=prive", 405)
    assert served.browser.put(served.url + "/decide", timeout=10).status_code == 405
    assert served.desk.book.head().count == 0
    served.post("/decide", {**form, "back": "//evil.example/"})
    assert served.desk.book.head().count == 1


def test_another_users_program_is_refused_even_with_the_cookie(device, review):
    device.send_as("maildir", {"cur/1": [mail(1)]})
    owners = [True]
    with review(owner=lambda *_: owners[-1]) as page:
        page.get("/")
        owners.append(False)
        page.get("/", 403)
        page.get(f"/login?token={page.sessions.new_token()}", 403)


def test_a_form_that_is_too_large_or_none_is_refused(served):
    served.post("/decide", {"unit": "x" * (1 << 20)}, 413)
    served.post("/decide", {f"f{n}": "1" for n in range(3000)}, 400)
    served.post("/decide", {"unit": "nergens", "class": "prive"}, 404)
    served.post("/decide", {"unit": "x", "class": "geheim"}, 400)
    served.post("/undo", {"line": "-1"}, 400)
    served.post("/undo", {"line": "7"}, 400)


def test_it_listens_on_this_machine_alone(world, capsys):
    for listen in ("0.0.0.0:0", "[::]:0", "localhost:0", "192.0.2.1:0", "127.0.0.1"):
        assert world.run("review", "--no-browser", "--listen", listen) == 2
    assert "on this machine alone" in capsys.readouterr().err


def test_names_subjects_files_and_chats_are_text_and_nothing_else(device, review):
    device.send_as(
        "maildir",
        {
            "cur/1": [mail(1, XSS, XSS, f'"{XSS}" <x@x.example>')],
            "cur/2": [parts(2, XSS, (f'Content-Type: text/html; name="{XSS[:28]}"', b"<p>x"))],
            "cur/3": [hostile()],
        },
    )
    device.send_as("whatsapp-export", {f"WhatsApp-chat met {XSS[:29].replace('/', '')}.txt": [
        f"11-03-2024 08:02 - {XSS[:28]}: {XSS}\n".encode()]})  # fmt: skip
    with review() as page:
        chats = [found.id for found in page.desk.collection.conversations(Query())]
        units = [unit.id for unit in page.desk.collection.units(Query())]
        paths = ["/", "/units", "/conversations", "/units?q=%22%3E%3Cscript%3E"]
        paths += [f"/conversations/{one}" for one in chats]
        paths += [f"/units/{one}?custody=%22onfocus%3D" for one in units]
        for path in paths:
            answer = page.get(path)
            assert acting(answer.text) == [], path
            assert "49" not in re.findall(r"script&gt;(49)", answer.text)
            policy = answer.headers["content-security-policy"]
            assert "script-src 'self'; img-src 'self'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"


def test_attachments_are_downloads_with_harmless_names(device, review, world):
    device.send_as("maildir", {"cur/1": [hostile()]})
    with review() as page:
        unit = next(page.desk.collection.units(Query())).id
        names = []
        for number in range(4):
            answer = page.get(f"/units/{unit}/attachments/{number}")
            assert answer.headers["content-type"] == "application/octet-stream"
            found = re.fullmatch('attachment; filename="([^"/]+)"',
                                 answer.headers["content-disposition"])  # fmt: skip
            names.append(found[1])
            assert "sandbox" in answer.headers["content-security-policy"]
        assert names == ["bijlage-0", "x.svg", "geen.png", "_img src=x onerror=alert(1)_.html"]
        assert page.get(f"/units/{unit}/raw").content == hostile()
        assert page.get(f"/units/{unit}/pictures/0").headers["content-type"] == "image/png"
        page.get(f"/units/{unit}/pictures/1", 400)
        page.get(f"/units/{unit}/pictures/2", 400)
        page.get(f"/units/{unit}/attachments/9", 400)
    opened = [line["object"] for line in world.trail() if line["action"] == "open"]
    assert {"unit": unit, "attachment": "1"} in opened
    assert {"unit": unit, "form": "raw"} in opened


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\win.ini", "win.ini"),
        ("..", "bijlage"),
        (".bashrc", "bashrc"),
        ('a"; filename="b.exe', "a__ filename=_b.exe"),
        ("a\r\nSet-Cookie: x", " x"),
        ("gnp\u202eexe.doc", "gnp_U+202E_exe.doc"),
        ("x" * 500 + ".pdf", "x" * 108 + ".pdf"),
        ("", "bijlage"),
    ],
)
def test_a_name_of_a_file_is_no_way_out(name, safe):
    assert safe_name(name) == safe.strip()


def test_bombs_are_shown_by_what_fits(device, review):
    deep = "<div>" * 60_000 + "diep" + "<p>x" * 60_000
    wide = ("Content-Type: text/html; charset=utf-8", deep.encode())
    device.send_as("maildir", {"cur/1": [bomb()], "cur/2": [parts(2, "Wijd", wide)]})
    with review() as page:
        for unit in page.desk.collection.units(Query()):
            page.get(f"/units/{unit.id}")
            page.get(f"/units/{unit.id}/html")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png(), "image/png"),
        (png()[:20], None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 8, None),
        (b"GIF89a\x10\0\x10\0", "image/gif"),
        (b"GIF89a\xff\xff\xff\xff", None),
        (b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x10\0\x10", "image/jpeg"),
        (b"\xff\xd8\xff\xe0\xff\xff", None),
        (b"\xff\xd8" + b"\xff\xe0\0\0" * 5000, None),
        (b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + b"\x0f\0\0\x0f\0\0", "image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"<html><script>alert(1)</script>", None),
        (b"", None),
    ],
)
def test_a_picture_is_what_begins_as_one_and_is_not_too_large(data, kind):
    assert picture_type(data) == kind


@pytest.mark.parametrize(
    "html",
    [
        "<a href='jav&#x09;ascript:alert(1)'>x</a>",
        "<a href=data:text/html,<script>alert(1)</script>>x</a>",
        "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
        "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<template><script>alert(1)</script></template>",
        "<span class=code style='background:url(//evil.example)'>x</span>",
        "<!--><img src=x onerror=alert(1)>-->",
        "<p id=content name=csrf>x</p><base href=//evil.example>",
        "<a href='https://evil.example/\"onmouseover=alert(1)'>x</a>",
        "<img src=cid:x alt='\"onerror=alert(1)'>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ],
)
def test_what_is_left_of_html_has_no_act_and_no_address(html):
    out = hypertext.cleaned(html, lambda _: png(), left_out="weg")
    tags = re.findall(r"<[^>]*>", out)
    assert not [tag for tag in tags if re.search(r"(?i)script|\son\w|style|href|https?:|id=", tag)
                and "data:image/png;base64," not in tag]  # fmt: skip
    assert all(re.match(r'</?(a|p|span( class="[a-z]+")?|img [^>]*)/?>$', tag) for tag in tags)


def test_what_cannot_be_seen_or_looks_like_something_else_is_said():
    assert visible.plain("a\u202eb\u200bc\x07\ud800\u3164") == (
        "a<U+202E>b<U+200B>c<U+0007><U+D800><U+3164>"
    )
    family = "\U0001f468\u200d\U0001f469"
    assert visible.plain(family) == family
    assert visible.address("mailto:bas@\u0430pple.example") == "bas@xn--pple-43d.example"
    assert (
        visible.target("HTTPS://user@\u0440aypal.example/x")
        == "HTTPS://user@xn--aypal-uye.example/x"
    )
    assert visible.is_mixed("p\u0430ypal")
    assert not visible.is_mixed("één café Москва")
    assert str(visible.prose("<b>\u202e\nx")) == (
        '&lt;b&gt;<span class="code">&lt;U+202E&gt;</span>\nx'
    )
