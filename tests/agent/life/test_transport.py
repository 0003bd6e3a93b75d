# SPDX-License-Identifier: EUPL-1.2
"""What the device sends and takes over HTTP; the other end may be anything."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lakzegel_agent import bounded, transport
from lakzegel_agent.transport import (
    HttpReceiver,
    LaterError,
    NeverError,
    UnreachableError,
    UnsureError,
)

PROBLEM = b'{"type":"https://lakzegel.nl/problems/gap","title":"gap","detail":"a\\u0007b","x":1}'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _any(self):
        length = int(self.headers.get("Content-Length", "0"))
        self.server.seen.append(
            (self.command, self.path, dict(self.headers), self.rfile.read(length))
        )
        status, headers, body = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = _any  # noqa: N815 - the library's names


@pytest.fixture
def server():
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.answers, found.seen, found.daemon_threads = [], [], True
    thread = threading.Thread(target=found.serve_forever, args=(0.02,))
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.fixture
def receiver(server):
    found = HttpReceiver(f"http://127.0.0.1:{server.server_port}", ca_file=None)
    yield found
    found.close()


class Body:
    def __init__(self, *pieces):
        self.pieces = pieces

    def __len__(self):
        return sum(map(len, self.pieces))

    def __iter__(self):
        return iter(self.pieces)


def test_a_batch_is_streamed_with_its_length_and_no_login(server, receiver):
    server.answers = [(200, {}, b"receipt")]
    assert receiver.send_batch("ab", Body(b"one", b"two"), old=7) == b"receipt"
    method, path, headers, body = server.seen[0]
    assert (method, path, body) == ("PUT", "/v1/batches/ab?old=7", b"onetwo")
    assert headers["Content-Length"] == "6"
    assert "Transfer-Encoding" not in headers
    assert "Authorization" not in headers


def test_one_connection_serves_several_requests(server, receiver):
    server.answers = [(200, {}, b"a"), (200, {}, b"b")]
    receiver.checkpoint()
    receiver.checkpoint()
    assert len(server.seen) == 2


def test_no_login_is_taken_from_the_users_files(server, receiver, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    receiver._session.trust_env = True
    server.answers = [(200, {}, b"a")]
    receiver.checkpoint()
    assert "Authorization" not in server.seen[0][2]


def test_what_stays_on_this_machine_goes_past_every_proxy(server, receiver, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.answers = [(200, {}, b"a")]
    assert receiver.checkpoint() == b"a"


def test_an_answer_beyond_its_limit_is_not_taken(server, receiver):
    server.answers = [(200, {}, b"x" * (transport.MAX_CHECKPOINT + 1))]
    with pytest.raises(UnreachableError, match="more than"):
        receiver.checkpoint()


def test_an_answer_that_drips_ends(server):
    clock = iter([0.0, 1.0, bounded.DEADLINE + bounded.CHUNK])
    receiver = HttpReceiver(
        f"http://127.0.0.1:{server.server_port}", ca_file=None, clock=lambda: next(clock)
    )
    server.answers = [(200, {}, b"x" * 2 * bounded.CHUNK)]
    with pytest.raises(UnreachableError, match="no whole answer"):
        receiver.device(b"query", old=0)
    receiver.close()


def test_an_answer_that_breaks_off_is_no_answer(server, receiver):
    server.answers = [(200, {"Content-Length": "99", "Connection": "close"}, b"short")]
    with pytest.raises(UnreachableError):
        receiver.checkpoint()


def test_no_redirect_is_followed(server, receiver):
    server.answers = [(302, {"Location": "http://127.0.0.1:9/"}, b"")]
    with pytest.raises(NeverError) as caught:
        receiver.checkpoint()
    assert caught.value.status == 302
    assert len(server.seen) == 1


def test_a_refusal_has_its_code_and_a_printable_detail(server, receiver):
    server.answers = [(409, {}, PROBLEM)]
    with pytest.raises(NeverError, match=r"409 gap: a\?b") as caught:
        receiver.send_note(b"note", old=0)
    assert (caught.value.status, caught.value.code) == (409, "gap")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"type":"https://x/gap"}', b"[" * 9000])
def test_a_refusal_by_something_else_has_no_code(server, receiver, body):
    server.answers = [(403, {}, body)]
    with pytest.raises(NeverError) as caught:
        receiver.send_note(b"note", old=0)
    assert caught.value.code == ""


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 507])
def test_what_may_pass_is_tried_again_later(server, receiver, status):
    server.answers = [(status, {"Retry-After": "30"}, b"")]
    with pytest.raises(LaterError) as caught:
        receiver.checkpoint()
    assert caught.value.after == 30.0


@pytest.mark.parametrize(("code", "unsure"), [("catching-up", True), ("busy", False)])
def test_a_receiver_that_may_not_be_the_newest_is_told_apart(server, receiver, code, unsure):
    body = {"type": f"https://lakzegel.nl/problems/{code}", "title": code, "retry": True}
    server.answers = [(503, {}, json.dumps(body).encode())]
    with pytest.raises(LaterError) as caught:
        receiver.checkpoint()
    assert isinstance(caught.value, UnsureError) is unsure


@pytest.mark.parametrize(
    ("text", "seconds"), [("999999", None), ("86400", 3600.0), ("soon", None), ("-1", None)]
)
def test_a_receiver_cannot_silence_a_device_for_long(server, receiver, text, seconds):
    server.answers = [(503, {"Retry-After": text}, b"")]
    with pytest.raises(LaterError) as caught:
        receiver.checkpoint()
    assert caught.value.after == seconds


def test_nobody_there_is_said_in_one_line():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        receiver = HttpReceiver(f"http://127.0.0.1:{free.getsockname()[1]}", ca_file=None)
        with pytest.raises(UnreachableError, match="cannot reach the receiver") as caught:
            receiver.checkpoint()
    receiver.close()
    assert "\n" not in str(caught.value)


def test_an_authority_of_ones_own_wins_over_the_environment(tmp_path, monkeypatch):
    """The library would else prefer REQUESTS_CA_BUNDLE to the session's."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "wrong"))
    receiver = HttpReceiver("https://127.0.0.1:9", ca_file=tmp_path / "own.pem")
    seen = {}

    class Stop(Exception):  # noqa: N818 - only to look at what would be sent
        pass

    def send(_, **more):
        seen.update(more)
        raise Stop

    receiver._session.send = send
    with pytest.raises(Stop):
        receiver.checkpoint()
    receiver.close()
    assert seen["verify"] == str(tmp_path / "own.pem")
    assert seen["allow_redirects"] is False


@pytest.fixture
def dripping(monkeypatch):
    """A peer that sends what it is given, a byte at a time, for as long as it is listened to."""
    monkeypatch.setattr(bounded, "READ", 0.4)
    monkeypatch.setattr(bounded, "DEADLINE", 0.4)
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    threads = []

    def serve(head, drip):
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

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return HttpReceiver(f"http://127.0.0.1:{listening.getsockname()[1]}", ca_file=None)

    yield serve
    ended.set()
    for thread in threads:
        thread.join()
    listening.close()


@pytest.mark.parametrize(
    ("head", "drip"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b"x"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 9000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
)
def test_a_peer_that_sends_a_byte_now_and_then_is_left(dripping, head, drip):
    receiver = dripping(head, drip)
    started = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        receiver.device(b"query", old=0)
    receiver.close()
    assert time.monotonic() - started < 5
    assert "\n" not in str(caught.value)


def test_a_long_upload_does_not_use_up_the_time_for_its_answer(server, receiver, monkeypatch):
    monkeypatch.setattr(bounded, "DEADLINE", 0.2)

    class Slow(Body):
        def __iter__(self):
            for piece in self.pieces:
                time.sleep(0.15)  # a slow line
                yield piece

    server.answers = [(200, {}, b"receipt")]
    assert receiver.send_batch("ab", Slow(b"a", b"b", b"c"), old=0) == b"receipt"
