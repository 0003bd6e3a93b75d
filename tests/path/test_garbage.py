# SPDX-License-Identifier: EUPL-1.2
"""A receiver that answers anything at all: one of the two errors, and nothing else."""

import json
import socket
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lakzegel_agent.transport as agent
import lakzegel_office.transport as office
from lakzegel_agent.answer import parse_answer
from lakzegel_agent.errors import RefusedError, UnreachableError
from lakzegel_core.errors import LakzegelError

LINES = st.sampled_from(
    [
        b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 99999999999999999999",
        b"Content-Length: x", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip",
        b"Content-Encoding: zstd", b"Location: http://127.0.0.1:9/", b"Retry-After: 1e9",
        b": leeg", b"Zonder dubbele punt", b"X: \xff\xfe", b"Set-Cookie: a=b", b"Connection: close",
        b"Content-Type: application/problem+json", b"X: " + b"a" * 70_000,
    ]
)  # fmt: skip
STATUS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.1 204 -", b"HTTP/1.1 304 -", b"HTTP/1.1 100 Continue",
     b"HTTP/1.1 403 No", b"HTTP/1.1 503 Later", b"HTTP/1.1 999 ?", b"HTTP/9.9 200 OK",
     b"HTTP/1.1 -1 x", b"HTTP/1.1 \xb2\xb2\xb2 x", b"SSH-2.0-x", b""]
)  # fmt: skip
BODY = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [b"5\r\nhallo\r\n0\r\n\r\n", b"zz\r\n", b"-5\r\nhallo\r\n", b"ffffffffffffffffffff\r\nx",
         b"[" * 20_000, b'{"title": 1' + b"0" * 5000 + b"}", b'{"type": "\\ud800", "title": []}',
         b'{"retry": true, "title": "\\u001b[31m"}', b"x" * 70_000]
    ),
)  # fmt: skip
HEADED = st.builds(
    lambda status, lines, body: b"\r\n".join([status, *lines, b"", body]),
    STATUS, st.lists(LINES, max_size=4), BODY,
)  # fmt: skip


@pytest.fixture(scope="module")
def hostile():
    """Sends ``answer[0]`` to whoever connects, then closes."""
    answer = [b""]
    listening = socket.create_server(("127.0.0.1", 0))

    def work():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65_536)
                    connection.sendall(answer[0])
                except OSError:
                    continue

    thread = threading.Thread(target=work)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", answer
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@MANY
@given(answer=st.one_of(HEADED, st.binary(max_size=200)))
def test_an_agent_takes_bytes_or_one_of_its_errors(hostile, answer):
    url, box = hostile
    box[0] = answer
    receiver = agent.HttpReceiver(url, ca_file=None)
    for ask in (receiver.checkpoint, lambda: receiver.device(b"q", old=0)):
        try:
            assert len(ask()) <= agent.MAX_ANSWER
        except (UnreachableError, RefusedError) as error:
            assert str(error).isprintable()  # noqa: PT017 - either is right
    receiver.close()


@MANY
@given(answer=st.one_of(HEADED, st.binary(max_size=200)))
def test_an_office_takes_bytes_or_one_of_its_errors(hostile, answer):
    url, box = hostile
    box[0] = answer
    with office.HttpReceiver(url, token="t", ca_file=None, sleep=lambda _: None) as receiver:
        for ask in (receiver.checkpoint, lambda: b"".join(receiver.batch("ab"))):
            try:
                ask()
            except office.UnreachableError as error:
                assert str(error).isprintable()  # noqa: PT017 - either is right


PARTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=30), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["checkpoint", "consistency", "entries", "annex", "held", "role", "index", "note",
                 "path"]
            ),
            inner, max_size=6,
        ),
    ),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(value=PARTS, role=st.sampled_from(["policy", "header", [], {}, None, 1]))
def test_an_answer_of_any_shape_is_refused_by_name(value, role):
    whole = {
        "checkpoint": "", "consistency": [], "annex": None, "held": None,
        "entries": [{"role": role, "index": 0, "note": "", "path": []}],
    }  # fmt: skip
    shapes = [value, *({**whole, name: value} for name in whole), whole]
    for shape in shapes:
        try:
            parse_answer(json.dumps(shape).encode())
        except LakzegelError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either is right
