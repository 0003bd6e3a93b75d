# SPDX-License-Identifier: EUPL-1.2
"""`check --since last` finds what is wrong with what is new; the rest is for the whole one."""

import base64
import hashlib
import shutil
import sqlite3
from contextlib import closing

import pytest

from lakzegel_core import savepoint
from lakzegel_server.__main__ import main
from lakzegel_server.layout import Layout

NEW = 3  # batches after the last check


@pytest.fixture(scope="module")
def grown(tmp_path_factory, kit):
    """A DATA that was checked, and in which something was sealed since."""
    data = tmp_path_factory.mktemp("grown") / "data"
    with kit.world_at(data) as world:
        device = world.enrol()
        for _ in range(4):
            assert world.client.put(device.seal()).status_code == 200
        assert main(["check", "--data", str(data)]) == 0
        for _ in range(NEW):
            assert world.client.put(device.seal()).status_code == 200
        annex = b"an annex"
        world.as_("records")("PUT", f"/v1/annexes/{hashlib.sha256(annex).hexdigest()}", annex)
        named = {"minister": base64.b64encode(hashlib.sha256(annex).digest()).decode()}
        note = world.office.policy_note(9, "device:minister", annexes=named)
        world.as_("admin")("POST", "/v1/notes", note)
        held = world.office.held_note(world.client.checkpoint().checkpoint)
        assert world.client("POST", "/v1/held", held).status_code == 204
    return data


@pytest.fixture
def data(grown, tmp_path):
    shutil.copytree(grown, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def check(data, capsys):
    """The lines of an incremental check."""

    def run(*more):
        capsys.readouterr()
        code = main(["check", "--data", str(data), *(more or ("--since", "last"))])
        lines = capsys.readouterr().out.splitlines()
        assert code == (len(lines) > 1)
        return lines

    return run


def stated(data):
    return int((data / "checked").read_text().split()[0])


def flip(path, at=-1):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def new_files(data):
    """Batch and keyring of the newest batch."""
    with closing(sqlite3.connect(data / "index.sqlite")) as index:
        ((entry,),) = index.execute(
            "SELECT entries.id FROM arrivals JOIN entries USING (idx) ORDER BY idx DESC LIMIT 1"
        )
    layout = Layout(data)
    return layout.batch(entry.hex()), layout.keyring(entry.hex())


def test_what_is_new_and_sound_raises_no_doubt_and_is_remembered(data, check):
    before = stated(data)
    (line,) = check()

    assert f"{NEW} batches" in line
    assert f"from entry {before} on" in line
    assert stated(data) > before + NEW
    kept = savepoint.peek([(data / "checked.savepoint").read_bytes()])
    assert kept.size == stated(data)
    (line,) = check()
    assert " 0 batches" in line
    assert len(check("--since", "0")) == 1
    assert len(check()) == 1


@pytest.mark.parametrize(
    "place",
    ["batch", "keyring", "annex", "held", "tile/entries", "tile/0", "log/checkpoint", "log.keys"],
)
def test_a_bit_that_flipped_in_something_new_is_named(data, check, place):
    batch, keyring = new_files(data)
    paths = {"batch": batch, "keyring": keyring, "held": data / "held"}
    paths["annex"] = next((data / "annexes").iterdir(), None)
    found = paths.get(place) or data / place
    if place.startswith("tile/"):
        found = max((data / "log" / place).rglob("*.p/*"), key=lambda p: int(p.name))
    before = stated(data)
    flip(found, -40 if place == "log/checkpoint" else -1)

    lines = check()
    name = found.relative_to(data).as_posix()
    assert [line for line in lines if line.startswith(f"{name}:")], lines
    assert stated(data) == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entries SET id = x'00' WHERE idx = (SELECT max(idx) FROM entries)",
        "DELETE FROM entries WHERE idx = (SELECT max(idx) FROM entries)",
        "INSERT INTO entries SELECT max(idx) + 1, x'01' FROM entries",
        "UPDATE held SET size = 1",
    ],
)
def test_a_row_of_something_new_that_was_changed_is_named(data, check, change):
    with closing(sqlite3.connect(data / "index.sqlite")) as index, index:
        index.execute(change)

    assert any(line.startswith("index.sqlite: ") for line in check())


def test_a_file_that_is_missing_or_too_many_is_named(data, check):
    batch = new_files(data)[0]
    batch.unlink()
    (data / "notes.txt").write_bytes(b"x")
    (data / "keys" / "more").write_bytes(b"x")
    (data / "keys" / "more").chmod(0o600)
    (data / "more").mkdir()

    assert sorted(check()[:-1]) == [
        f"batches/{batch.name}: missing",
        "keys/more: no file of a receiver's, or of nothing in its log",
        "more: no folder of a receiver's",
        "notes.txt: no file of a receiver's, or of nothing in its log",
    ]


def test_what_is_old_is_for_the_whole_check(data, check):
    check()
    for path in ((data / "batches"), (data / "keyrings")):
        flip(min(path.iterdir()))
    (data / "batches" / "more").write_bytes(b"x")

    assert len(check()) == 1
    assert len(check("--since", "0")) == 4


@pytest.mark.parametrize("spoil", ["gone", "bit", "line"])
def test_without_a_savepoint_that_holds_everything_is_checked(data, check, spoil):
    kept = data / "checked.savepoint"
    if spoil == "gone":
        kept.unlink()
    elif spoil == "bit":
        flip(kept, 700)
    else:
        (data / "checked").write_text(f"4 {'A' * 43}=\n")
    flip(min((data / "log" / "tile" / "entries").rglob("*.p/*")), 40)
    lines = check()

    assert any("entry 0" in line for line in lines), lines
    assert spoil == "gone" or any(line.startswith("checked") for line in lines)


def test_a_log_that_went_back_is_checked_whole_and_named(data, check):
    check()
    with closing(sqlite3.connect(data / "index.sqlite")) as index, index:
        index.execute("UPDATE tree SET size = 1, edge = (SELECT substr(edge, 1, 32) FROM tree)")

    assert any(line.startswith("checked: not of this log") for line in check())
