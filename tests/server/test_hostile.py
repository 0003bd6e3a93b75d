# SPDX-License-Identifier: EUPL-1.2
"""Clients that hold back, pile up or lie: nobody else has to wait for them."""

import json
import os
import resource
import socket
import time
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest

from lakzegel_server import connection as module
from lakzegel_server import gate

HUNDREDS = 600  # more than there is room for, and than uvicorn would take
GET = b"GET /v1/health HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def dial(world):
    """A new raw connection to the receiver."""
    where = urlsplit(world.client.url)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(
            socket.create_connection((where.hostname, where.port), timeout=20)
        )


def answers(connection):
    """Everything that is answered until the connection ends."""
    found = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65_536):
            found += piece
    return found


def pour(connection, piece):
    for _ in range(2000):
        connection.sendall(piece)


def statuses(data):
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]]


def put(name, length=2**30):
    head = f"PUT /v1/batches/{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
    return head.encode()


def random_name():
    return os.urandom(32).hex()


KINDS = {
    "silent": lambda _: b"",
    "half a head": lambda _: GET,
    "no body": lambda _: put(random_name()),
    "a byte of a body": lambda _: put(random_name()) + b"l",
    "half a header": lambda upload: put(random_name()) + upload.note[:200],
    "half a note": lambda _: b"POST /v1/notes HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nx",
    "idle": lambda _: GET + b"\r\n",
}


@pytest.mark.parametrize("kind", KINDS)
def test_hundreds_that_hold_back_keep_no_honest_device_waiting(world, device, dial, kind):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    try:
        said = KINDS[kind](device.seal(advance=False))
        for _ in range(HUNDREDS):
            dial().sendall(said)
        honest = world.client.as_(None)
        for _ in range(3):
            began = time.monotonic()
            upload = device.seal([os.urandom(100_000)])
            answer = honest.put(upload)
            while answer.status_code == 503:  # as an agent does; the one that goes makes room
                assert time.monotonic() - began < 5.0
                answer = honest.put(upload)
            world.receipt(answer, upload)
            assert time.monotonic() - began < 5.0
        honest.close()
        assert len(world.desk.intake._names) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_device_that_sends_is_never_the_one_that_has_to_go(world, device, dial):
    """Nor one whose first bytes came in one packet with the head."""
    upload = device.seal([os.urandom(400_000)])
    sending = dial()
    sending.sendall(put(upload.name, len(upload.body)) + upload.body[:20_000])
    while upload.name not in world.desk.intake._names:
        world.client("GET", "/v1/health")
    for _ in range(HUNDREDS):
        dial().sendall(GET)
    sending.sendall(upload.body[20_000:])
    assert sending.recv(12).endswith(b"200")


def test_a_head_that_does_not_end_is_let_go(world, dial, monkeypatch):
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(gate, "SWEEP_SECONDS", 0.05)
    world.client("GET", "/v1/health")
    silent, dribbling, second = dial(), dial(), dial()
    second.sendall(GET + b"\r\n")
    assert second.recv(12).endswith(b"200")
    second.recv(65_536)
    second.sendall(b"G")
    began = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() - began < 10:
            dribbling.sendall(b"G" if time.monotonic() == began else b"E")
            time.sleep(0.02)
    assert time.monotonic() - began < 10
    assert (answers(silent), answers(second)) == (b"", b"")
    assert world.client("GET", "/v1/health").status_code == 200


@pytest.mark.parametrize(
    "more",
    [
        b"x: " + b"y" * 2**20,
        b"".join(b"x: y\r\n" for _ in range(101)) + b"\r\n",
        b"x" * 40_000 + b": y\r\n\r\n",
    ],
)
def test_a_head_that_is_too_large_is_refused(dial, more):
    connection = dial()
    with suppress(ConnectionError):
        connection.sendall(GET + more)
    answer = answers(connection)
    assert statuses(answer) in ([400], [])  # what was not read yet may take the answer with it
    if answer:
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"].endswith("/format")


def test_a_head_that_grows_while_another_is_answered_is_refused(world, dial):
    connection = dial()
    token = world.tokens["records"].encode()
    wait = b"GET /v1/wait?size=9&seconds=60 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
    connection.sendall(wait + token + b"\r\n\r\n" + GET + b"x: ")
    with pytest.raises(ConnectionError):
        pour(connection, b"y" * 2**16)


def test_requests_that_pile_up_are_refused(dial):
    connection = dial()
    connection.sendall((GET + b"\r\n") * 5000)
    found = statuses(answers(connection))
    assert len(found) <= module.MAX_PIPELINED + 2
    connection = dial()
    connection.sendall((GET + b"\r\n") * 5 + GET + b"Connection: close\r\n\r\n")
    assert statuses(answers(connection)) == [200] * 6


INNER = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
SHAPES = {
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "a length with a sign": b"Content-Length: +5\r\n\r\n",
    "a length beyond 64 bits": b"Content-Length: 99999999999999999999\r\n\r\n",
    "a negative length": b"Content-Length: -1\r\n\r\n",
    "another coding": b"Transfer-Encoding: xchunked\r\n\r\n",
    "a coding after chunks": b"Transfer-Encoding: chunked, identity\r\n\r\n",
    "space before a colon": b"Content-Length : 5\r\n\r\n",
    "a folded field": b"X: y\r\n Content-Length: 5\r\n\r\n",
    "a bare line feed in chunks": b"Transfer-Encoding: chunked\r\n\r\n5\nabcde\r\n0\r\n\r\n",
    "a chunk without end": b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "a coding before chunks": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another host": b"Host: y\r\nContent-Length: 1\r\n\r\nx",
    "another login": b"Authorization: a\r\nAuthorization: b\r\nContent-Length: 1\r\n\r\nx",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_request_is_smuggled_behind_one_that_can_be_read_two_ways(dial, shape):
    connection = dial()
    connection.sendall(b"POST /v1/held HTTP/1.1\r\nHost: x\r\n" + SHAPES[shape] + INNER)
    connection.shutdown(socket.SHUT_WR)
    found = statuses(answers(connection))
    assert found[:1] == [400]
    assert 404 not in found


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/health HTTP/1.1\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: a, b\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET /v1/health\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_request_of_http_1_is_refused(dial, head):
    connection = dial()
    connection.sendall(head)
    assert statuses(answers(connection)) == [400]


def test_a_request_of_http_1_0_needs_no_host(dial):
    connection = dial()
    connection.sendall(b"GET /v1/health HTTP/1.0\r\n\r\n")
    assert statuses(answers(connection)) == [200]


@pytest.mark.parametrize(
    "path",
    ["/receiver/", "//receiver", "/language/nl?next=//evil.example", "/language/nl?next=/%5Cevil",
     "/language/nl?next=/%0d%0aSet-Cookie:x=1", "/?a=%0d%0aX:1", "/static/%2e%2e/%2e%2e/keys"],
)  # fmt: skip
def test_nobody_is_led_elsewhere(dial, path):
    connection = dial()
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode()
    )
    answer = answers(connection)
    assert b"evil" not in answer
    assert b"\r\nX:" not in answer
    assert statuses(answer)[0] in {303, 401, 404}


def test_a_refused_body_that_never_ends_is_let_go(world, dial, monkeypatch):
    monkeypatch.setattr(gate, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(gate, "SWEEP_SECONDS", 0.05)
    connection = dial()
    connection.sendall(b"GET /v1/held HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nx")
    assert statuses(answers(connection)) == [404]
