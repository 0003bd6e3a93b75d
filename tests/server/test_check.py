# SPDX-License-Identifier: EUPL-1.2
"""`check` names every file that is not what the log says."""

import base64
import hashlib
import json
import os
import random
import shutil
import sqlite3
from contextlib import closing

import pytest

from lakzegel_server.__main__ import main
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout

POSITIONS = 12  # a file; first and last byte always among them


@pytest.fixture(scope="module")
def sound(tmp_path_factory, kit):
    """A DATA with something of everything in it, at rest."""
    data = tmp_path_factory.mktemp("sound") / "data"
    with kit.world_at(data) as world:
        device = world.enrol()
        annex = os.urandom(200)
        name = hashlib.sha256(annex).hexdigest()
        world.as_("records")("PUT", f"/v1/annexes/{name}", annex)
        for payloads in ([b"een"], [b"twee", b"drie"]):
            assert world.client.put(device.seal(payloads)).status_code == 200
        fork = device.seal(batch=0)
        assert world.client.put(fork).status_code == 409
        signed = world.client.checkpoint()
        for key in (world.office.witness, device.witness):
            assert world.client("POST", "/v1/cosignatures", kit.cosigned(signed, key)).ok
        held = world.office.held_note(signed.checkpoint)
        assert world.client("POST", "/v1/held", held).status_code == 204
    return data


@pytest.fixture
def data(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "data")
    return tmp_path / "data"


def doubts(data):
    return [str(doubt) for doubt in check(Layout(data)).doubts]


def files(data):
    return sorted(
        p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_file() and p.stat().st_size
    )


def dump(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    try:
        return list(connection.iterdump())
    except sqlite3.Error as error:
        return [str(error)]
    finally:
        connection.close()


def test_a_sound_folder_raises_no_doubt(data):
    assert doubts(data) == []
    kinds = {place.partition("/")[0] for place in files(data)}
    assert kinds == {
        "annexes", "batches", "held", "index.sqlite", "keyrings", "keys", "log", "log.keys",
        "log.vkey", "server.toml", "trail",
    }  # fmt: skip


def test_any_flipped_bit_in_any_file_is_named(data):
    dice = random.Random(7)
    for place in files(data):
        if place == "index.sqlite":
            continue
        path = data / place
        whole = path.read_bytes()
        inner = [dice.randrange(len(whole)) for _ in range(POSITIONS)]
        for position in sorted({0, len(whole) - 1, *inner}):
            changed = bytearray(whole)
            changed[position] ^= 1 << dice.randrange(8)
            path.write_bytes(changed)
            found = doubts(data)
            assert any(d.startswith(f"{place}:") for d in found), (place, position, found)
        path.write_bytes(whole)
    assert doubts(data) == []


def test_a_flipped_bit_in_the_index_is_named_or_changes_no_row(data):
    dice = random.Random(11)
    path = data / "index.sqlite"
    whole = path.read_bytes()
    before = dump(path)
    used = [i for i, byte in enumerate(whole) if byte]
    for position in [
        *range(0, 100, 3),
        *dice.sample(used, 250),
        *dice.sample(range(len(whole)), 50),
    ]:
        changed = bytearray(whole)
        changed[position] ^= 1 << dice.randrange(8)
        path.write_bytes(changed)
        found = [d for d in doubts(data) if d.startswith("index.sqlite:")]
        assert found or dump(path) == before, position
    path.write_bytes(whole)
    assert doubts(data) == []


@pytest.mark.parametrize("column", ["name", "root"])
def test_a_row_whose_type_was_changed_is_named_and_ends_no_check(data, column):
    """As one bit of a row's head does; here through a table that takes any type."""
    with closing(sqlite3.connect(data / "index.sqlite")) as database:
        database.execute("DROP TABLE timestamps")
        database.execute(
            "CREATE TABLE timestamps (name, at, expires, root, stamped, token, digest)"
        )
        row = {"name": "1-qtsp", "root": "0" * 64, column: None}
        database.execute("INSERT INTO timestamps VALUES (:name, 1, 1, :root, x'', x'', x'')", row)
        database.commit()
    assert "index.sqlite: table timestamps: a row was changed" in doubts(data)


def test_a_missing_file_is_named(data):
    for place in files(data):
        whole = (data / place).read_bytes()
        (data / place).unlink()
        assert any(d.startswith(f"{place}: missing") for d in doubts(data)), place
        (data / place).write_bytes(whole)
        (data / place).chmod(0o600)
    assert doubts(data) == []


def test_a_truncated_or_longer_file_is_named(data):
    for place in files(data):
        whole = (data / place).read_bytes()
        for changed in (whole[:-1], whole + b"\n"):
            if place == "index.sqlite" and len(changed) > len(whole):
                continue  # SQLite never looks behind its last page: storage.md §7
            (data / place).write_bytes(changed)
            assert any(d.startswith(f"{place}:") for d in doubts(data)), place
        (data / place).write_bytes(whole)
    assert doubts(data) == []


@pytest.mark.parametrize("folder", ["batches", "keyrings", "keys"])
def test_two_swapped_files_are_both_named(data, folder):
    one, two = sorted((data / folder).iterdir())[:2]
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    found = doubts(data)
    for path in (one, two):
        place = path.relative_to(data).as_posix()
        assert any(d.startswith(f"{place}:") for d in found), (place, found)


@pytest.mark.parametrize(
    "place",
    ["x", "batches/x", f"batches/{'0' * 64}.batch", "log/tile/0/001", "log/tile/0/000.p/1",
     f"annexes/{'0' * 64}", "incoming/x", "keys/log.old", "listening", "log/tile/8/000",
     "publish.sock"],
)  # fmt: skip
def test_an_extra_file_is_named(data, place):
    (data / place).parent.mkdir(parents=True, exist_ok=True)
    (data / place).write_bytes(b"x")
    assert any(d.startswith(f"{place}:") for d in doubts(data))


def test_an_extra_folder_or_link_is_named(data):
    (data / "batches" / "more").mkdir()
    (data / "link").symlink_to("/etc/hostname")
    found = doubts(data)
    assert "batches/more: no folder of a receiver's" in found
    assert "link: is no regular file" in found


def test_a_batch_that_is_a_link_is_no_batch(data):
    path = next((data / "batches").iterdir())
    moved = data.parent / "elsewhere"
    path.rename(moved)
    path.symlink_to(moved)
    assert any(d.startswith(f"batches/{path.name}:") for d in doubts(data))


def test_the_place_in_a_batch_is_told(data):
    paths = sorted((data / "batches").iterdir(), key=lambda p: p.stat().st_size)
    whole = bytearray(paths[-1].read_bytes())
    whole[-1] ^= 1
    paths[-1].write_bytes(whole)
    what = "device minister epoch 0 batch 1: item 1: the sealed bytes are not the manifest's"
    assert doubts(data) == [f"batches/{paths[-1].name}: {what}"]


def test_keys_that_others_can_read_are_named(data):
    (data / "keys" / "log.mldsa").chmod(0o644)
    assert doubts(data) == ["keys/log.mldsa: others can open it; take their permissions away"]


def test_yesterdays_log_under_todays_index_is_named(data, sound):
    """A receiver's administrator who puts back older tiles and checkpoint."""
    bundle = next((data / "log/tile/entries").rglob("*.p")) / "6"
    assert bundle.exists()
    bundle.rename(bundle.with_name("5"))
    found = doubts(data)
    assert any(d.startswith("log/tile/entries/000.p/6: missing") for d in found)


def test_the_command_prints_a_line_a_doubt_and_exits_1(data, capsys):
    assert main(["check", "--data", str(data)]) == 0
    assert capsys.readouterr().out.startswith("0 doubts: 6 entries of the log, 2 batches")
    (data / "held").unlink()
    assert main(["check", "--data", str(data)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == "held: missing"
    assert main(["check", "--data", str(data), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["doubts"] == [{"place": "held", "what": "missing"}]
    assert not found["ok"]


def test_a_folder_without_a_receiver_is_a_usage_error(tmp_path, capsys):
    assert main(["check", "--data", str(tmp_path)]) == 2
    assert "no receiver here" in capsys.readouterr().err


def test_a_check_changes_nothing(data):
    before = {p: p.read_bytes() for p in data.rglob("*") if p.is_file()}
    doubts(data)
    assert {p: p.read_bytes() for p in data.rglob("*") if p.is_file()} == before


def test_it_works_beside_a_receiver_that_is_serving(world, device):
    for _ in range(5):
        assert world.client.put(device.seal()).status_code == 200
        assert world.doubts() == []
    name = "0" * 64
    world.layout.annex(name).write_bytes(b"x")
    assert any(d.startswith(f"annexes/{name}:") for d in world.doubts())
    world.layout.annex(name).unlink()


def test_a_file_that_is_named_after_an_entry_of_another_kind_is_named(data):
    with closing(sqlite3.connect(data / "index.sqlite")) as index:
        ((first,),) = index.execute("SELECT id FROM entries WHERE idx = 0")
    for place in (f"batches/{first.hex()}.batch", f"keyrings/{first.hex()}.keyring"):
        (data / place).write_bytes(b"x")
        assert doubts(data) == [f"{place}: no file of a receiver's, or of nothing in its log"]
        (data / place).unlink()
    (data / "batches" / "inner").mkdir()
    (data / "keyrings" / "there").symlink_to("nowhere")
    assert sorted(doubts(data)) == [
        "batches/inner: no folder of a receiver's",
        "keyrings/there: is no regular file",
    ]


def test_no_name_of_a_batch_stays_in_memory(data):
    found = []

    class Watched(Survey):
        def claim(self, place):
            found.append(self)
            return super().claim(place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lakzegel_server.fsck.files.Survey", Watched)
        report = check(Layout(data))
    assert report.doubts == ()
    places = found[-1].files | found[-1].claimed
    assert not [p for p in places if p.startswith(("batches/", "keyrings/"))]
    assert found[-1].looked == 2 * report.batches == 4


def spoil(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def check_by_command(data, *more):
    return main(["check", "--data", str(data), *more])


def test_an_incremental_check_reads_what_no_check_found_whole_before(data, capsys):
    first, second = sorted((data / "batches").iterdir(), key=lambda p: p.stat().st_size)
    assert check_by_command(data, "--since", "last") == 0
    assert "from entry 0 on" in capsys.readouterr().out
    size = check(Layout(data)).entries
    assert (data / "checked").read_text().startswith(f"{size} ")
    assert check_by_command(data, "--since", "last") == 0
    assert f"from entry {size} on" in capsys.readouterr().out
    spoil(second)  # reading alone finds this
    assert check_by_command(data, "--since", "last") == 0
    assert check_by_command(data, "--since", "4") == 1
    assert check_by_command(data) == 1
    spoil(second)
    first.rename(data.parent / "lost")  # a look is enough for this, at all files of the log
    assert check_by_command(data, "--since", "last") == 0
    assert check_by_command(data, "--since", str(size)) == 1


def test_what_another_log_was_checked_for_counts_for_nothing(data, capsys):
    assert check_by_command(data) == 0
    spoil(min((data / "batches").iterdir()))
    (data / "checked").write_text(f"5 {base64.b64encode(bytes(32)).decode()}\n")
    assert check_by_command(data, "--since", "last") == 1
    out = capsys.readouterr().out
    assert "checked: not of this log" in out
    assert "batches/" in out
    with pytest.raises(SystemExit):
        check_by_command(data, "--since", "-1")
