# SPDX-License-Identifier: EUPL-1.2
"""Talking to a receiver that is slow, rude or too generous."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lakzegel_core import limits
from lakzegel_office.errors import MissingError, RefusedError, UnreachableError, UsageError
from lakzegel_office.transport import HttpReceiver


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization")))
        status, body = self.server.answers.pop(0) if self.server.answers else (200, b"fine")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut])

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    do_PUT = do_POST  # noqa: N815 - the name that http.server asks for

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.answers, httpd.asked, httpd.cut = [], [], None
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def receiver(server):
    address = f"http://127.0.0.1:{server.server_port}/"
    with HttpReceiver(address, token="office.x", ca_file=None, sleep=lambda _: None) as made:
        yield made


def test_every_request_goes_to_its_address_with_the_token(server, receiver):
    receiver.checkpoint()
    receiver.entries("tile/entries/000.p/3")
    b"".join(receiver.batch("ab"))
    receiver.keyring("ab")
    receiver.annex("cd")
    receiver.send_annex("cd", b"x")
    receiver.send_cosignature(b"x")
    receiver.send_held(b"x")
    receiver.send_note(b"x")
    assert server.asked == [
        (verb, path, "Bearer office.x")
        for verb, path in (
            ("GET", "/log/checkpoint"),
            ("GET", "/log/tile/entries/000.p/3"),
            ("GET", "/v1/batches/ab"),
            ("GET", "/v1/keyrings/ab"),
            ("GET", "/v1/annexes/cd"),
            ("PUT", "/v1/annexes/cd"),
            ("POST", "/v1/cosignatures"),
            ("POST", "/v1/held"),
            ("POST", "/v1/notes"),
        )
    ]


def test_a_busy_receiver_is_asked_again(server, receiver):
    server.answers += [(503, b""), (429, b""), (200, b"at last")]
    assert receiver.checkpoint() == b"at last"


def test_a_receiver_that_stays_busy_is_unreachable(server, receiver):
    server.answers += [(503, b"")] * 9
    with pytest.raises(UnreachableError, match="answered 503"):
        receiver.checkpoint()


def test_what_is_not_there_is_told_apart_from_a_refusal(server, receiver):
    problem = b'{"title": "no such batch", "detail": "a\\u001b[31mb"}'
    server.answers += [(404, problem), (403, problem)]
    with pytest.raises(MissingError, match=r"answered 404 no such batch: a.\[31mb"):
        receiver.keyring("ab")
    with pytest.raises(RefusedError):
        receiver.keyring("ab")
    assert len(server.asked) == 2


def test_what_the_receiver_lost_does_not_stop_the_rest(server, receiver):
    server.answers.append((410, b'{"title": "lost"}'))
    with pytest.raises(MissingError, match="answered 410 lost"):
        receiver.keyring("ab")
    assert len(server.asked) == 1


def test_a_redirect_is_not_followed(server, receiver):
    server.answers.append((307, b""))
    with pytest.raises(RefusedError, match="answered 307"):
        receiver.checkpoint()
    assert len(server.asked) == 1


def test_an_answer_beyond_its_limit_is_refused(server, receiver):
    server.answers.append((200, bytes(limits.MAX_CHECKPOINT + 1)))
    with pytest.raises(RefusedError, match="more than 65536 bytes"):
        receiver.checkpoint()


def test_an_answer_that_breaks_off_is_unreachable(server, receiver):
    server.cut = 2
    with pytest.raises(UnreachableError, match="broke off"):
        receiver.keyring("ab")


def test_nobody_at_home_is_one_line(receiver, server):
    gone = HttpReceiver("http://127.0.0.1:9", token=None, ca_file=None, sleep=lambda _: None)
    with gone, pytest.raises(UnreachableError, match="cannot reach the receiver"):
        gone.checkpoint()


@pytest.mark.parametrize(
    "server_url", ["http://receiver.example", "ftp://x", "http://127.0.0.1.evil.example"]
)
def test_a_token_never_travels_in_the_clear(server_url):
    with pytest.raises(UsageError, match="must be https"):
        HttpReceiver.open(server_url, token="x", ca_file=None)
