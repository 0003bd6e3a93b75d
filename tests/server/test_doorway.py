# SPDX-License-Identifier: EUPL-1.2
"""Handshakes that never end take nobody's place, and no file that the receiver needs."""

import gc
import os
import resource
import selectors
import socket
import ssl
import subprocess
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from lakzegel_server import doorway, gate
from lakzegel_server.connection import Connection

HUNDREDS = 600  # more than there is room for


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=receiver", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.fixture
def secure(tmp_path, kit, certificate):
    """A world over TLS."""
    cert, key = certificate
    with kit.world_at(tmp_path / "data", cert=cert, key=key) as made:
        made.client.verify = str(cert)
        yield made


@pytest.fixture
def dial(secure):
    """A new connection to the receiver, without a handshake."""
    where = urlsplit(secure.client.url)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(
            socket.create_connection((where.hostname, where.port), timeout=20)
        )


def hello():
    """The first packet of a handshake."""
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(coming, going, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return going.read()


def ended(connections):
    """Those that the receiver has ended; what it said of the handshake is read away."""
    found = set()
    with selectors.DefaultSelector() as waiting:  # select() itself knows 1,024 descriptors
        for connection in connections:
            waiting.register(connection, selectors.EVENT_READ)
        while len(found) < len(connections) and (ready := waiting.select(0.5)):
            for connection in [key.fileobj for key, _ in ready]:
                try:
                    over = not connection.recv(65_536)
                except ConnectionError:
                    over = True
                if over:
                    found.add(connection)
                    waiting.unregister(connection)
    return found


@pytest.fixture
def room_for_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("room_for_files")
@pytest.mark.parametrize("said", ["nothing", "hello"])
def test_hundreds_of_handshakes_that_never_end_keep_nobody_out(secure, dial, said):
    device = secure.enrol()
    first = {"nothing": b"", "hello": hello()}[said]
    crowd = [dial() for _ in range(HUNDREDS)]
    for connection in crowd:
        connection.sendall(first)
    honest = secure.client.as_(None)
    for _ in range(2):
        began = time.monotonic()
        upload = device.seal([os.urandom(100_000)])
        secure.receipt(honest.put(upload), upload)
        assert time.monotonic() - began < 5.0
    honest.close()
    assert len(ended(crowd)) >= HUNDREDS - gate.ROOM


def test_a_handshake_that_does_not_end_is_let_go(secure, dial, monkeypatch):
    monkeypatch.setattr(doorway, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(gate, "SWEEP_SECONDS", 0.05)
    secure.client("GET", "/v1/health")
    silent, begun, wrong = dial(), dial(), dial()
    begun.sendall(hello())
    wrong.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
    began = time.monotonic()
    for connection in (silent, begun, wrong):
        while connection.recv(65_536):
            pass
    assert time.monotonic() - began < 5.0
    assert secure.client("GET", "/v1/health").status_code == 200


def test_a_connection_that_has_ended_leaves_nothing_for_a_look_for_cycles_to_find(secure, dial):
    context = ssl.create_default_context(cafile=secure.client.verify)

    def alive():
        return {id(one) for one in gc.get_objects() if isinstance(one, Connection)}

    gc.collect()
    gc.disable()
    try:
        before = alive()
        for _ in range(20):
            with context.wrap_socket(dial(), server_hostname="127.0.0.1") as connection:
                connection.sendall(
                    b"GET /v1/checkpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                )
                assert b"".join(iter(lambda: connection.recv(65_536), b"")).startswith(b"HTTP")
        until = time.monotonic() + 10
        while alive() - before and time.monotonic() < until:
            time.sleep(0.05)  # the receiver waits for each to say goodbye
        assert alive() - before == set()
    finally:
        gc.enable()
