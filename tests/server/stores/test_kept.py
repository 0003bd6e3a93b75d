# SPDX-License-Identifier: EUPL-1.2
"""What every store of objects and of keyrings does: stores.md §4, 5."""

import hashlib
import subprocess
import sys
import threading
from itertools import product
from pathlib import Path

import pytest

from lakzegel_server.errors import ClashError, RacedError, SpoiltError
from lakzegel_server.stores import names, s3

NAME = {"batches": "batches/ab12.batch", "keyrings": "keyrings/ab12.keyring"}
PUTTING = Path(__file__).with_name("putting.py")
OUTSIDE = [
    "../outside",
    "batches/../../outside",
    "/etc/passwd",
    "batches//ab",
    "batches/.hidden",
    "batches/a\0b",
    "batches/a\nb",
    "",
    "batches/",
    "batches/ab%2f..",
    "batches/" + "a" * 200,
]


@pytest.fixture
def name(store):
    return NAME["keyrings" if hasattr(store, "promote") else "batches"]


def test_what_was_put_is_there(store, name):
    assert store.size(name) is None
    assert store.changed(name) is None
    store.put(name, b"sealed")
    assert store.read(name, 100) == b"sealed"
    assert store.size(name) == 6
    assert store.changed(name) > 1_700_000_000


def test_nothing_is_an_object_too(store, name):
    store.put(name, b"")
    assert store.read(name, 100) == b""
    assert store.size(name) == 0


def test_the_same_bytes_again_are_no_error(store, name):
    store.put(name, b"sealed")
    store.put(name, b"sealed")
    assert store.read(name, 100) == b"sealed"


def test_other_bytes_are_one_and_change_nothing(store, name):
    store.put(name, b"sealed")
    for other in (b"SEALED", b"seal", b"sealed!", b""):
        with pytest.raises(ClashError, match=name):
            store.put(name, other)
    assert store.read(name, 100) == b"sealed"


def test_what_was_damaged_is_superseded(store, name):
    store.put(name, b"damaged")
    store.supersede(name, b"sealed")
    store.supersede(name, b"sealed")
    assert store.read(name, 100) == b"sealed"


def test_no_more_is_read_than_a_byte_beyond_the_limit(store, name):
    store.put(name, b"sealed")
    assert store.read(name, 3) == b"seal"


def test_what_is_not_there_cannot_be_read(store, name):
    with pytest.raises(FileNotFoundError):
        store.read(name, 100)
    with pytest.raises(FileNotFoundError):
        store.open(name)


def test_an_object_is_read_block_by_block(store, name):
    data = bytes(range(256)) * 1000
    store.put(name, data)
    with store.open(name) as reading:
        assert reading.size == len(data)
        blocks = list(iter(lambda: reading.read(100_000), b""))
    assert b"".join(blocks) == data
    assert len(blocks) >= 3


def test_written_files_are_settled_under_their_names(store, name, tmp_path):
    works = [tmp_path / "one", tmp_path / "two"]
    folder = name.partition("/")[0]
    for _ in range(2):  # the same upload again, as after an answer that was lost
        for work in works:
            work.write_bytes(work.name.encode())
        store.settle([(work, f"{folder}/{work.name}") for work in works])
        assert not any(work.exists() for work in works)
    assert store.read(f"{folder}/two", 100) == b"two"
    assert sorted(store.names(f"{folder}/")) == [f"{folder}/one", f"{folder}/two"]


def test_every_name_is_listed_over_all_pages(store, monkeypatch):
    monkeypatch.setattr(s3, "PAGE", 2)
    folder = "keyrings" if hasattr(store, "promote") else "batches"
    wanted = {f"{folder}/{number}.x" for number in range(5)}
    for one in wanted:
        store.put(one, b"1")
    found = list(store.names(f"{folder}/"))
    assert set(found) == wanted
    assert len(found) == 5
    assert list(store.names("annexes/")) == []


@pytest.mark.soak
def test_two_and_a_half_thousand_names_are_listed(store):
    folder = "keyrings" if hasattr(store, "promote") else "batches"
    wanted = {f"{folder}/{number}.x" for number in range(2500)}
    for one in wanted:
        store.put(one, b"1")
    found = list(store.names(f"{folder}/"))
    assert set(found) == wanted
    assert len(found) == 2500


def test_a_name_that_leads_elsewhere_is_refused(store):
    for outside, ask in product(OUTSIDE, (store.size, store.open, store.changed, store.remove)):
        with pytest.raises(ValueError, match="not a name"):
            ask(outside)
    for outside, put in product(OUTSIDE, (store.put, store.supersede)):
        with pytest.raises(ValueError, match="not a name"):
            put(outside, b"1")


def test_of_several_processes_that_put_one_name_one_wins(objects, tmp_path):
    """And whoever lost knows it; nobody reads anything but the winner's bytes."""
    with several(objects, tmp_path, ["a", "b"], 300_000) as processes:
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.stdout.readline().strip() for process in processes]
    data = objects.read("batches/one", 2**20)
    winner = data[:1].decode()
    assert data == winner.encode() * 300_000
    assert said == ["put" if byte == winner else "clash" for byte in "ab"]


def test_whoever_reads_meanwhile_gets_nothing_or_all(objects):
    data, found = b"a" * 2**23, set()
    writer = threading.Thread(target=objects.put, args=("batches/one", data))
    writer.start()
    while writer.is_alive():
        try:
            found.add(objects.read("batches/one", 2**24))
        except FileNotFoundError:
            found.add(None)
    assert found <= {None, data}
    assert objects.read("batches/one", 2**24) == data


def test_a_writer_that_is_killed_leaves_nothing_or_the_whole(objects, tmp_path):
    with several(objects, tmp_path, ["a"], 2**24) as (process,):
        process.stdin.write("go\n")
        process.stdin.flush()
    assert objects.size("batches/one") in {None, 2**24}
    assert list(objects.names("batches/")) in ([], ["batches/one"])
    objects.supersede("batches/one", b"a")  # and nothing is in the way of another
    assert objects.read("batches/one", 2**24) == b"a"


@pytest.mark.parametrize("spoilt", [b"", b"ne", b"new!", b"NEW"])
def test_a_keyring_that_is_not_what_its_name_says_takes_no_place(keyrings, spoilt):
    waiting = names.next_keyring("ab12", hashlib.sha256(b"new").hexdigest())
    keyrings.put(NAME["keyrings"], b"old")
    keyrings.put(waiting, spoilt)
    with pytest.raises(SpoiltError, match="nothing was replaced; send the change again"):
        keyrings.promote(waiting, NAME["keyrings"], keyrings.version(NAME["keyrings"]))
    assert keyrings.read(NAME["keyrings"], 100) == b"old"
    keyrings.supersede(waiting, b"new")
    keyrings.promote(waiting, NAME["keyrings"], keyrings.version(NAME["keyrings"]))
    assert keyrings.read(NAME["keyrings"], 100) == b"new"


@pytest.mark.parametrize("before", [b"old", None])
def test_whoever_comes_too_late_puts_no_older_keyring_back(keyrings, before):
    name, waiting = NAME["keyrings"], names.next_keyring("ab12", hashlib.sha256(b"2").hexdigest())
    if before is not None:
        keyrings.put(name, before)
    keyrings.put(waiting, b"2")
    seen = keyrings.version(name)
    keyrings.replace(name, b"third", seen)
    with pytest.raises(RacedError, match="send it again"):
        keyrings.promote(waiting, name, seen)
    with pytest.raises(RacedError):
        keyrings.replace(name, b"2", seen)
    assert keyrings.read(name, 100) == b"third"
    keyrings.remove(name)
    with pytest.raises(RacedError):
        keyrings.replace(name, b"2", '"0"')
    assert keyrings.size(name) is None


class several:  # noqa: N801 - reads as what it gives
    """Processes that wait for a line, and then put this byte so often."""

    def __init__(self, objects, tmp_path, bytes_, size):
        kind = "s3" if objects.locked else "files"
        where = _url(objects) if objects.locked else str(tmp_path / "data")
        self._commands = [
            [sys.executable, str(PUTTING), kind, where, "batches/one", byte, str(size)]
            for byte in bytes_
        ]
        self._processes = []

    def __enter__(self):
        for command in self._commands:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._processes.append(process)
        for process in self._processes:
            assert process.stdout.readline() == "begins\n"
        return self._processes

    def __exit__(self, *_):
        for process in self._processes:
            process.kill()
            process.communicate()


def _url(objects):
    place = objects._client.place
    return f"s3://{place.bucket}/{place.prefix}?endpoint={place.endpoint}&retain-days=1"
