# SPDX-License-Identifier: EUPL-1.2
"""An office with a file of every kind in its home, and every way to harm one of them.

What is sampled of a file: its first and its last byte, a bit of each word where it is text (of at
most sixteen, by chance which), of each of eight stretches where it is not, and some more by chance.
"""

import gc
import os
import re
import signal
import threading
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

from tests.office.disposing import carry_out, decide, office_of
from tests.office.mails import letter

SPARSE = 10 << 30  # bytes of a file with nothing in it
STRETCHES = 8
MAX_TOKENS = 16
CHAT = (
    b"12-03-24 09:01 - Anna: Komt de notitie vandaag nog\n"
    b"12-03-24 09:02 - Bart: Mijn moeder ligt in het ziekenhuis\n"
    b"12-03-24 09:03 - Anna: Dan morgen de notitie graag\n"
)


def lived_in(founded, folder):
    """Return an office that holds, destroyed, decided and looked, and what its files once were."""
    world, earlier = founded(folder), {}
    device, other = world.enrol(), world.enrol("secretaris")
    device.send_as("maildir", {"cur/1": [letter(1, "Zangzaad")], "cur/2": [letter(2, "Vogelkooi")]})
    device.send_as("whatsapp-export", {"WhatsApp-chat met Bart.txt": [CHAT]}, source="chats")
    world.pull()
    earlier |= files_of(world)
    office_of(world)
    held = ("hold", "set", "woo-1", "--reason", "Woo", "--query", "vogelkooi")
    assert world.run(*held) == 0
    world.receiver.append((world.home.notes / "hold-woo-1-on.note").read_bytes())
    world.receiver.now += timedelta(hours=1)
    other.send_files({"cur/1": b"drie" * 900})
    world.pull()
    for number, words in enumerate(("zangzaad", "ziekenhuis"), 1):
        decide(world, words)
        asked = ("--ground", "verzoek", "--category", "prive", "--query", words)
        assert world.run("destroy", "propose", *asked) == 0
        assert world.run("approve", str(number)) == 0
        earlier = {**files_of(world), **earlier}
        carry_out(world, number)
    world.receiver.now += timedelta(hours=1)
    other.send_files({"cur/2": b"vier"})
    world.pull()
    assert world.run("search", "notitie", "--quiet") == 0
    assert world.run("trail", "--keep", str(folder / "heads")) == 0
    return world, earlier


def files_of(world):
    """Return the bytes of every file of a home, by its name."""
    gc.collect()  # which closes what the commands before had open: a `-wal` and a `-shm` go then
    root = world.home.root
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def places(data, chance, more):
    """Return which bits of a file are flipped."""
    size = len(data)
    spots = {0, size - 1, *(chance.randrange(size) for _ in range(more))}
    if data.isascii():
        tokens = [found.span() for found in re.finditer(rb'[^\s",:{}<>]+', data)]
        chosen = tokens if len(tokens) <= MAX_TOKENS else chance.sample(tokens, MAX_TOKENS)
        spots |= {chance.randrange(*span) for span in chosen}
    else:
        edges = [size * n // STRETCHES for n in range(STRETCHES + 1)]
        spots |= {chance.randrange(a, b) for a, b in pairwise(edges) if a < b}
    return [(spot, 1 << chance.randrange(8)) for spot in sorted(spots)]


def flipped(data, place, bit):
    """Return the bytes with one bit changed."""
    changed = bytearray(data)
    changed[place] ^= bit
    return bytes(changed)


def rewritten(name, data, known, earlier):
    """Yield every other content that is put in the place of a file's: what it is, and the bytes."""
    yield "empty", b""
    yield "short by a byte", data[:-1]
    yield "half", data[: len(data) // 2]
    yield "a line longer", data + b"\n"
    yield "longer by zeros", data + bytes(4096)
    yield "twice itself", data + data
    folder, _, _ = name.rpartition("/")
    for other, theirs in known.items():
        if other != name and other.rpartition("/")[0] == folder and theirs != data:
            yield f"that of {other}", theirs
            break
    if earlier.get(name, data) != data:
        yield "an earlier one", earlier[name]


def odd_things(path, aside):
    """Yield what is put in the place of a file that is no file: what it is, and what puts it."""
    yield "nothing", lambda: None
    yield "a folder", path.mkdir
    yield "a link to its bytes", lambda: path.symlink_to(aside)
    yield "a link to nothing", lambda: path.symlink_to(path.with_name("nowhere"))
    yield "a pipe", lambda: os.mkfifo(path)
    yield "ten gigabytes of nothing", lambda: _sparse(path)


def _sparse(path):
    with path.open("wb") as file:
        file.truncate(SPARSE)


def clear(path):
    """Take away whatever lies there."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


class Hangs(BaseException):
    """What was asked for did not come in time."""


@contextmanager
def in_time(seconds=30):
    """Break off, in whatever call, what takes longer."""

    def late(*_):
        raise Hangs

    before = signal.signal(signal.SIGUSR2, late)
    main = threading.get_ident()
    timer = threading.Timer(seconds, signal.pthread_kill, (main, signal.SIGUSR2))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        signal.signal(signal.SIGUSR2, before)
