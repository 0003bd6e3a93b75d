# SPDX-License-Identifier: EUPL-1.2
"""However a body is cut on its way, the application has every byte of it, in order."""

import os
import socket
from urllib.parse import urlsplit

import pytest

from lakzegel_server import connection as connections


def status(world, path, coded):
    """The status that a coded body is answered with."""
    where = urlsplit(world.client.url)
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + coded)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    return int(answer.split(b" ", 2)[1])


def chunked(data, size):
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])


@pytest.mark.parametrize("size", [1, 7, 5_000, 400_000])
def test_a_body_in_chunks_is_taken_whole(world, device, size):
    upload = device.seal([b"a", bytes(1_000 if size < 100 else 900_000)])
    assert status(world, f"/v1/batches/{upload.name}", chunked(upload.body, size)) == 200


def test_bodies_on_two_connections_at_once_stay_apart(world):
    devices = [world.enrol(f"minister-{number}") for number in range(2)]
    uploads = [device.seal([bytes([number]) * 700_000]) for number, device in enumerate(devices)]
    where = urlsplit(world.client.url)
    made = [socket.create_connection((where.hostname, where.port)) for _ in uploads]
    for connection, upload in zip(made, uploads, strict=True):
        head = f"PUT /v1/batches/{upload.name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        connection.sendall(f"{head}Content-Length: {len(upload.body)}\r\n\r\n".encode())
    for start in range(0, len(uploads[0].body), 50_000):
        for connection, upload in zip(made, uploads, strict=True):
            connection.sendall(upload.body[start : start + 50_000])
    for connection in made:
        with connection:
            assert connection.recv(65_536).split(b" ", 2)[1] == b"200"


def test_the_more_are_being_answered_the_less_is_read_of_each(world, monkeypatch):
    monkeypatch.setattr(connections, "AT_ONCE", 2**20)
    read = []
    get_buffer = connections.Connection.get_buffer

    def seen(connection, wanted):
        buffer = get_buffer(connection, wanted)
        read.append((len(connection._http.tasks), len(buffer)))
        return buffer

    monkeypatch.setattr(connections.Connection, "get_buffer", seen)
    device = world.enrol("minister-9")
    upload = device.seal([os.urandom(900_000)])
    where = urlsplit(world.client.url)
    head = f"PUT /v1/batches/{upload.name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    waiting = []
    for _ in range(3):  # all but the last of them say no more than that they will send
        waiting.append(socket.create_connection((where.hostname, where.port)))
        waiting[-1].sendall(f"{head}Content-Length: {len(upload.body)}\r\n\r\nx".encode())
    assert world.client.put(upload).status_code == 200
    for one in waiting:
        one.close()
    assert {2, 3} & {many for many, _ in read}
    assert all(size == 2**20 // max(1, many) for many, size in read)
