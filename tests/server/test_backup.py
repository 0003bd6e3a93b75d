# SPDX-License-Identifier: EUPL-1.2
"""A backup beside a receiver that serves, and a receiver of it: nothing missing, proven."""

import os
import shutil
import sqlite3
import threading
import time

import pytest

from lakzegel_server import accounts
from lakzegel_server.__main__ import main
from lakzegel_server.accounts import AccountRole
from lakzegel_server.backup import making
from lakzegel_server.backup.manifest import Manifest
from lakzegel_server.database import Database
from lakzegel_server.desk import open_desk
from lakzegel_server.errors import ConfigError, DamageError
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import FOLDERS, Layout
from lakzegel_server.logsigner import load_signer
from lakzegel_server.settings import Settings
from lakzegel_server.settings_timestamps import TimestampAuthority
from tests.tsa import OPENSSL, Authority, answering

DERIVED = {"listening", "serve.lock", "sequence.lock", "index.sqlite", "restored", "unsealed"}


def seal(world, device, count=1):
    for _ in range(count):
        upload = device.seal([os.urandom(100)])
        world.receipt(world.client.put(upload), upload)


def backup(world, out, *more):
    return main(["backup", "--data", str(world.data), str(out), *more])


def restore(out, data, *more):
    return main(["restore", "--from", str(out), "--data", str(data), *more])


def contents(data):
    """Path and bytes of every file that is not made anew by a start."""
    found = {p.relative_to(data).as_posix(): p for p in data.rglob("*") if p.is_file()}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if name not in DERIVED and not name.startswith(("index.sqlite-", "incoming/"))
    }


def rows(data):
    """Every row of the index."""
    connection = sqlite3.connect(f"file:{data}/index.sqlite?mode=ro", uri=True)
    names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    connection.close()
    return found


def test_what_is_restored_is_what_was_there(world, device, tmp_path, capsys):
    """File by file, with the index in one of sqlite."""
    seal(world, device, 3)
    world.desk.log.settle()
    assert backup(world, tmp_path / "out", "--keys") == 0
    assert restore(tmp_path / "out", tmp_path / "new", "--check") == 0
    assert "0 doubts" in capsys.readouterr().out
    assert contents(tmp_path / "new") == contents(world.data)
    assert rows(tmp_path / "new") == rows(world.data)
    modes = {p.stat().st_mode & 0o077 for p in (tmp_path / "new" / "keys").iterdir()}
    assert modes == {0}


def test_a_backup_is_whole_whatever_is_sealed_meanwhile(world, device, tmp_path):
    stop = threading.Event()

    def keep_sealing():
        while not stop.is_set():
            seal(world, device)

    sealing = threading.Thread(target=keep_sealing)
    sealing.start()
    try:
        for number in range(4):
            assert backup(world, tmp_path / "out", "--keys") == 0
            assert restore(tmp_path / "out", tmp_path / f"new-{number}", "--check") == 0
    finally:
        stop.set()
        sealing.join()


def test_a_second_run_copies_only_what_is_new_and_drops_what_nothing_names(
    world, device, tmp_path, capsys
):
    seal(world, device, 5)
    world.desk.log.settle()
    backup(world, tmp_path / "out", "--keys")
    first = {p: p.stat().st_ino for p in (tmp_path / "out").rglob("*") if p.is_file()}
    seal(world, device)
    world.desk.log.settle()
    capsys.readouterr()
    backup(world, tmp_path / "out", "--keys")
    manifest = making.load_manifest(tmp_path / "out")
    named = {stored.sha256 for stored in manifest.files.values()}
    there = {p.name for p in (tmp_path / "out" / "objects").rglob("*") if p.is_file()}
    assert there == named
    batches = [s for place, s in manifest.files.items() if place.startswith("batches/")]
    kept = [p for p in first if p.exists() and p.stat().st_ino == first[p]]
    assert len([p for p in kept if p.name in {s.sha256 for s in batches}]) == 5
    assert restore(tmp_path / "out", tmp_path / "new", "--check") == 0


def test_without_keys_they_are_not_in_it_and_restoring_says_so(world, device, tmp_path, capsys):
    seal(world, device)
    backup(world, tmp_path / "out")
    assert not any(p.startswith("keys/") for p in making.load_manifest(tmp_path / "out").files)
    secret = (world.data / "keys/log.ed25519").read_bytes()
    assert not any(secret in p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file())
    (tmp_path / "new").mkdir()
    assert restore(tmp_path / "out", tmp_path / "new", "--check") == 0
    assert "keys are not in this backup" in capsys.readouterr().out
    shutil.copytree(world.data / "keys", tmp_path / "other" / "keys")
    assert restore(tmp_path / "out", tmp_path / "other", "--check") == 0
    assert "keys are not in this backup" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "place", ["batches/", "keyrings/", "log/tile/", "index.sqlite", "log.keys"]
)
@pytest.mark.parametrize("harm", ["flip", "lose"])
def test_whatever_is_missing_or_changed_in_a_backup_is_named(
    world, device, tmp_path, capsys, place, harm
):
    seal(world, device)
    backup(world, tmp_path / "out", "--keys")
    manifest = making.load_manifest(tmp_path / "out")
    name = next(p for p in manifest.files if p.startswith(place))
    digest = manifest.files[name].sha256
    harmed = tmp_path / "out" / "objects" / digest[:2] / digest
    data = bytearray(harmed.read_bytes())
    data[len(data) // 2] ^= 1
    harmed.write_bytes(data) if harm == "flip" else harmed.unlink()
    assert restore(tmp_path / "out", tmp_path / "new") == 1
    assert f"{name}: missing or damaged" in capsys.readouterr().err


def test_what_data_lacks_is_named_and_kept_from_the_backup_before(world, device, tmp_path, capsys):
    upload = device.seal()
    world.client.put(upload)
    backup(world, tmp_path / "out", "--keys")
    path = world.layout.batch(upload.name)
    data = path.read_bytes()
    path.unlink()
    assert backup(world, tmp_path / "out", "--keys") == 1
    assert f"batches/{upload.name}.batch: missing" in capsys.readouterr().err
    assert restore(tmp_path / "out", tmp_path / "new", "--check") == 0
    path.write_bytes(data)


def test_a_backup_that_is_cut_off_leaves_the_one_before(world, device, tmp_path, monkeypatch):
    seal(world, device)
    backup(world, tmp_path / "out", "--keys")
    before = (tmp_path / "out" / "manifest").read_bytes()
    seal(world, device)

    def cut_off(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "replace_file", cut_off)
    assert backup(world, tmp_path / "out", "--keys") == 4
    assert (tmp_path / "out" / "manifest").read_bytes() == before
    monkeypatch.undo()
    assert restore(tmp_path / "out", tmp_path / "new", "--check") == 0
    assert backup(world, tmp_path / "out", "--keys") == 0


def test_a_folder_that_is_in_use_is_not_restored_into(world, device, tmp_path):
    seal(world, device)
    backup(world, tmp_path / "out")
    assert restore(tmp_path / "out", world.data) == 2
    assert restore(tmp_path / "nothing", tmp_path / "new") == 2
    assert backup(world, world.data) == 2


def test_what_was_restored_seals_nothing_where_nobody_can_be_asked(world, device, tmp_path):
    seal(world, device)
    backup(world, tmp_path / "out", "--keys")
    restore(tmp_path / "out", tmp_path / "new")
    layout = Layout(tmp_path / "new")
    arguments = (layout, load_signer(layout))
    with pytest.raises(DamageError, match="restored"), open_desk(*arguments, clock=lambda: 0.0):
        pass
    layout.restored.unlink()
    with open_desk(*arguments, clock=lambda: 0.0) as desk:
        assert desk.log.standing.sealing
    assert check(layout).doubts == ()


@pytest.mark.parametrize(
    "path",
    ["../x", "batches/../../x", "/etc/passwd", "log/tile/../../x", "keys/other", "listening"],
)
def test_a_manifest_that_names_another_place_is_refused(world, device, tmp_path, path):
    seal(world, device)
    backup(world, tmp_path / "out")
    good = (tmp_path / "out" / "manifest").read_text()
    assert Manifest.parse(good.encode()).to_bytes() == good.encode()
    first = good.partition("\n\n")[2].partition("\n")[0]
    bad = good.replace(first, f"{first.rsplit(' ', 1)[0]} {path}")
    with pytest.raises(ConfigError):
        Manifest.parse(bad.encode())


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
def test_timestamps_are_in_it(tmp_path, kit):
    authority = Authority(tmp_path / "tsa")
    layout, signer, _ = kit.make_receiver(tmp_path / "data", kit.Office())
    with answering(authority) as url:
        named = TimestampAuthority(name="first", url=url, roots_file=authority.roots_file)
        stamps = Settings(timestamp=(named,))
        with kit.serving(layout, signer, settings=stamps, clock=time.time) as (_, desk):
            deadline = time.monotonic() + 20
            while not desk.timestamps.states()[0].size:
                assert time.monotonic() < deadline
                time.sleep(0.01)  # another thread's work, which tells nobody
    assert main(["backup", "--data", str(layout.data), str(tmp_path / "out"), "--keys"]) == 0
    assert restore(tmp_path / "out", tmp_path / "new", "--check") == 0
    assert contents(tmp_path / "new") == contents(layout.data)
    assert any(place.endswith(".tsr") for place in contents(layout.data))


def test_every_folder_of_a_receiver_is_in_a_backup_or_has_a_reason_not_to_be():
    work = {"incoming", "waiting"}
    assert set(FOLDERS) - work == {
        *("keys", "log", "batches", "keyrings", "annexes", "timestamps", "timestamps/roots"),
        "trail",
    }


def test_a_receiver_whose_index_is_in_postgresql_is_backed_up_whole(tmp_path, kit, address, capsys):
    data = tmp_path / "data"
    with kit.stores_of(data, address) as stores, kit.world_at(data, address, stores) as world:
        device = world.enrol()
        upload = device.seal([b"one", b"two"])
        world.receipt(world.client.put(upload), upload)
        assert main(["backup", "--data", str(data), str(tmp_path / "out"), "--keys"]) == 0
        tree = world.desk.log.edge()
    new = tmp_path / "new"
    restored = ["restore", "--from", str(tmp_path / "out"), "--data", str(new)]
    assert main([*restored, "--database", address.url]) == 2
    assert "restore without --database" in capsys.readouterr().err
    assert main([*restored, "--check"]) == 0
    assert "[stores] of settings.toml names another place" in capsys.readouterr().out
    database = Database.open(Layout(new).database)
    assert (database.size(), database.tree().root()) == (tree.size, tree.root())
    names = [account.name for account in accounts.listing(database)]
    database.close()
    assert names == sorted(f"{role.value}-person" for role in AccountRole)
