# SPDX-License-Identifier: EUPL-1.2
"""Talking to a receiver that is slow, rude or too generous."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lakzegel_core import limits
from lakzegel_office import bounded, transport
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


def test_neither_proxy_nor_netrc_of_the_user_comes_between(server, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    address = f"http://127.0.0.1:{server.server_port}"
    with HttpReceiver(address, token="office.x", ca_file=None) as made:
        assert made.checkpoint() == b"fine"
        made._session.trust_env = True
        monkeypatch.delenv("http_proxy")
        made.checkpoint()
    assert [asked[2] for asked in server.asked] == ["Bearer office.x"] * 2


def test_an_authority_of_ones_own_wins_over_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "wrong"))
    seen = {}

    class Stop(Exception):  # noqa: N818 - only to look at what would be sent
        pass

    def send(_, **more):
        seen.update(more)
        raise Stop

    own = tmp_path / "own.pem"
    with HttpReceiver("https://127.0.0.1:9", token=None, ca_file=own) as made:
        made._session.send = send
        with pytest.raises(Stop):
            made.checkpoint()
    assert seen["verify"] == str(own)


def test_a_refusal_of_brackets_is_a_refusal(server, receiver):
    server.answers.append((403, b"[" * 60_000))
    with pytest.raises(RefusedError, match="answered 403"):
        receiver.checkpoint()


@pytest.mark.parametrize(
    ("head", "drip"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"x"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 60000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n", b"x"),
    ],
)
def test_a_receiver_that_sends_a_byte_now_and_then_is_left(monkeypatch, head, drip):
    monkeypatch.setattr(bounded, "READ", 0.3)
    monkeypatch.setattr(bounded, "DEADLINE", 0.3)
    monkeypatch.setattr(transport, "ATTEMPTS", 1)
    ended = threading.Event()

    def work():
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(head)
            while not ended.wait(0.02):
                try:
                    connection.sendall(drip)
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=work)
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        started = time.monotonic()
        with (
            HttpReceiver(address, token=None, ca_file=None) as made,
            pytest.raises(UnreachableError),
        ):
            b"".join(made.batch("ab"))
        ended.set()
        thread.join()
    assert time.monotonic() - started < 5


def test_a_wait_says_whether_the_log_grew(server, receiver):
    server.answers += [(200, b"checkpoint"), (204, b"")]
    assert receiver.wait(7, 30) is True
    assert receiver.wait(7, 30) is False
    assert server.asked[0][1] == "/v1/wait?size=7&seconds=30"
    server.answers += [(404, b"")]
    with pytest.raises(MissingError):
        receiver.wait(7, 30)
