# SPDX-License-Identifier: EUPL-1.2
"""Uploads made wrong: bytes changed, lengths that lie, on a raw connection.

One function makes one mutation of a valid upload by dice that are given, so that a seed is a case.
"""

import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

NUMBERS = [0, 1, 7, 255, 65_535, 2**31 - 1, 2**32, 2**53, 2**63, 2**64 - 1]
PATIENCE = 20.0  # seconds for an answer


@dataclass(frozen=True)
class Sent:
    """A request: its line and fields, its body as it goes over the wire, what it was."""

    head: bytes
    body: bytes
    name: str


def flip(dice, data):
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 16])):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def truncate(dice, data):
    return data[: dice.randrange(len(data))]


def lengthen(dice, data):
    return data + dice.randbytes(dice.choice([1, 100, 70_000]))


def splice(dice, data):
    start, end, at = (dice.randrange(len(data)) for _ in range(3))
    piece = data[min(start, end) : max(start, end)][:5000]
    return data[:at] + piece + data[at + dice.choice([0, len(piece)]) :]


def remove(dice, data):
    at = dice.randrange(len(data))
    return data[:at] + data[at + dice.choice([1, 8, 40, 1000]) :]


def number(dice, data):
    """A decimal of the header, or eight bytes of the manifest, that is another number."""
    end = data.find(b"\n\n") % len(data)
    digits = [i for i in range(end) if data[i : i + 1].isdigit()]
    if digits and dice.random() < 0.7:
        at = dice.choice(digits)
        return data[:at] + str(dice.choice(NUMBERS)).encode() + data[at + 1 :]
    at = dice.randrange(len(data))
    return data[:at] + (dice.choice(NUMBERS) % 2**64).to_bytes(8, "big") + data[at + 8 :]


def words(dice, data):
    """A field of the header that is empty, doubled, or somebody else's."""
    lines = data.split(b"\n", 14)
    at = dice.randrange(min(13, len(lines)))
    lines[at] = dice.choice([b"", lines[at] * 2, lines[at - 1], b"\x00", "é".encode(), b" "])
    return b"\n".join(lines)


def nothing(_dice, _data):
    return b""


MUTATIONS = [flip, flip, truncate, lengthen, splice, remove, number, number, words, nothing]


def lengths(dice, body):
    """How long it says it is: truly, falsely, in chunks that fit or do not."""
    size, true = len(body), b"Content-Length: %d\r\n" % len(body)
    pieces = dice.choice([1, 3, 700])
    step = max(1, size // pieces)
    cut = [body[i : i + step] for i in range(0, size, step)] if size else []
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in cut)
    coded = b"Transfer-Encoding: chunked\r\n"
    return dice.choice(
        [
            (true, body),
            (true, body),
            (true, body),
            (coded, chunks + b"0\r\n\r\n"),
            (coded, chunks),
            (coded, chunks + b"%x\r\n" % dice.choice(NUMBERS)),
            (coded, flip(dice, chunks + b"0\r\n\r\n")),
            (b"Content-Length: %d\r\n" % max(0, size + dice.choice([-1, 1, -900, 900])), body),
            (b"Content-Length: %d\r\n" % dice.choice(NUMBERS), body),
            (true + coded, body),
            (b"", body),
            (true + b"Expect: 100-continue\r\n", body),
        ]
    )


def mutate(dice, upload, others):
    """One wrong request, made of a valid upload."""
    data, name = upload.body, upload.name
    for _ in range(dice.choice([0, 1, 1, 1, 2, 3])):
        data = dice.choice(MUTATIONS)(dice, data) or b"x"
    if dice.random() < 0.1:
        cut = dice.randrange(len(data))
        data = data[:cut] + dice.choice(others).body[cut:]
    if dice.random() < 0.1:
        name = dice.choice([dice.randbytes(32).hex(), name.upper(), name[:-1], "..%2f..%2fx"])
    fields, body = lengths(dice, data)
    query = dice.choice(["", "", "", "?old=0", f"?old={dice.choice(NUMBERS)}", "?old=-1"])
    line = f"PUT /v1/batches/{name}{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    return Sent(line.encode() + fields + b"\r\n", body, name)


def mutate_note(dice, path, note):
    """The same of a note for another route."""
    data = note
    for _ in range(dice.choice([1, 1, 2])):
        data = dice.choice(MUTATIONS)(dice, data) or b"x"
    fields, body = lengths(dice, data)
    line = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
    return Sent(line + fields + b"\r\n", body, "")


def answer(url, sent):
    """The status of the first final answer, None when the connection ended without one."""
    where = urlsplit(url)
    found = b""
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE) as connection:
        with suppress(OSError):  # it may have ended the connection already
            connection.sendall(sent.head + sent.body)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while piece := connection.recv(65_536):
                found += piece
    statuses = [int(part[:3]) for part in found.split(b"HTTP/1.1 ")[1:]]
    final = [status for status in statuses if status >= 200]
    return final[0] if final else None
