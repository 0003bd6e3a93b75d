# SPDX-License-Identifier: EUPL-1.2
"""Every bit of the mirror is covered, and its files are a closed set."""

import copy
import json
import random
import shutil
from datetime import timedelta

import pytest

from lakzegel_core.checkpoint import peek_checkpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_office.mirror import Mirror
from lakzegel_office.verification import Verifier

ED25519 = Algorithm.ED25519


@pytest.fixture
def pulled(world, device):
    """An office that holds three batches of two devices, in two pulls, with an annex."""
    other = world.enrol("secretaris")
    device.send_files({"cur/1": b"een" * 900, "cur/2": b"twee"})
    other.send_files({"cur/1": b"drie"})
    world.pull()
    world.receiver.now += timedelta(hours=1)
    device.send_files({"cur/3": b"vier"})
    world.pull()
    world.receiver.now += timedelta(minutes=9)
    device.send_files({"cur/4": b"vijf"})
    world.pull()
    device.send_files({"cur/5": b"zes"})
    world.pull()
    assert len(list((world.home.mirror / "checkpoints").iterdir())) == 3
    return world


def doubts(world):
    mirror = Mirror(world.home.mirror)
    return Verifier(mirror, world.config, lambda _: None).run().doubts


def mirror_files(world):
    return sorted(p for p in world.home.mirror.rglob("*") if p.is_file())


def test_an_honest_mirror_has_every_kind_of_file_and_no_doubt(pulled):
    assert doubts(pulled) == []
    kinds = {str(p.relative_to(pulled.home.mirror)).split("/")[0] for p in mirror_files(pulled)}
    assert kinds == {"log", "checkpoints", "batches", "keyrings", "held"}


@pytest.mark.parametrize("flips", [6, pytest.param(100, marks=pytest.mark.soak)])
def test_every_flipped_bit_is_caught_and_its_file_named(pulled, flips):
    """So many a file, by chance which, besides its first and last byte."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for path in mirror_files(pulled):
        data = path.read_bytes()
        name = f"mirror/{path.relative_to(pulled.home.mirror)}"
        places = {0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(flips))}
        for place in sorted(places):
            changed = bytearray(data)
            changed[place] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            found = doubts(pulled)
            assert found, f"{name}: byte {place} is not covered"
            assert any(d.file.startswith(name) for d in found), (name, place, found)
        path.write_bytes(data)
    assert doubts(pulled) == []


def said_of(world, capsys, *more):
    capsys.readouterr()
    code = world.run("verify", *more)
    return code, capsys.readouterr().out


def test_nothing_lies_between_two_epochs_where_keys_were_replaced(world, device, capsys):
    device.send_files({"cur/1": b"een"})
    device.rotate()
    device.send_files({"cur/2": b"twee"})
    world.pull()
    code, out = said_of(world, capsys)
    assert code == 0
    assert "epoch 1 (keys replaced): batches 0..0 in one chain" in out
    assert "not proven" not in out
    (one,) = json.loads(said_of(world, capsys, "--json")[1])["devices"]
    assert [epoch["keys_replaced"] for epoch in one["epochs"]] == [False, True]
    assert one["not_proven"] == []


@pytest.mark.parametrize("how", ["stranger", "replayed", "forked"])
def test_a_rotation_that_the_log_should_not_hold_is_a_doubt(world, device, how, capsys):
    device.send_files({"cur/1": b"een"})
    if how == "stranger":
        device.rotate(by=SigningKey.from_seed(device.header.verifier.name, ED25519, bytes(32)))
    else:
        fork = copy.copy(device)
        device.rotate()
        if how == "replayed":
            world.receiver.append(world.receiver.log[-1])
        else:
            fork.rotate()
    world.pull()
    code, out = said_of(world, capsys)
    assert code == 1
    assert "mirror/log, entry" in out


def test_a_batch_under_a_key_that_was_replaced_is_a_doubt(world, device, capsys):
    device.send_files({"cur/1": b"een"})
    thief = copy.copy(device)
    device.rotate()
    thief.send_files({"cur/2": b"twee"})
    world.pull()
    code, out = said_of(world, capsys)
    assert code == 1
    assert "epoch 0: batches 0..0 in one chain" in out  # not the one of the old key
    assert "office found epoch" in out


def test_every_deleted_file_is_named(pulled):
    for path in mirror_files(pulled):
        name = f"mirror/{path.relative_to(pulled.home.mirror)}"
        data = path.read_bytes()
        path.unlink()
        stem = name.partition("-")[0]
        assert any(d.file.startswith(stem) for d in doubts(pulled)), name
        path.write_bytes(data)


def test_every_truncated_or_longer_file_is_named(pulled):
    for path in mirror_files(pulled):
        name = f"mirror/{path.relative_to(pulled.home.mirror)}"
        data = path.read_bytes()
        for changed in (b"", data[:-1], data[: len(data) // 2], data + b"\n", data + b"\0"):
            path.write_bytes(changed)
            assert any(d.file.startswith(name) for d in doubts(pulled)), (name, len(changed))
        path.write_bytes(data)


@pytest.mark.parametrize("folder", ["batches", "keyrings", "checkpoints"])
def test_two_swapped_files_are_both_named(pulled, folder):
    one, two = sorted((pulled.home.mirror / folder).iterdir())[:2]
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    names = {d.file for d in doubts(pulled)}
    assert names >= {f"mirror/{folder}/{one.name}", f"mirror/{folder}/{two.name}"}


@pytest.mark.parametrize(
    "name",
    [
        "batches/x.batch",
        "log/tile/0/000",
        "log/tile/entries/001.p/3",
        "checkpoints/99-7",
        "checkpoints/01-0",
        "checkpoints/5",
        "annexes/" + "0" * 64,
        "held.part",
        "new/folder/file",
    ],
)
def test_an_added_file_is_named(pulled, name):
    path = pulled.home.mirror / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    assert any(d.file == f"mirror/{name}" for d in doubts(pulled))


def test_a_link_or_an_empty_folder_is_named(pulled):
    batch = next((pulled.home.mirror / "batches").iterdir())
    shutil.move(batch, pulled.home.root / "elsewhere")
    batch.symlink_to(pulled.home.root / "elsewhere")
    (pulled.home.mirror / "log/empty/below").mkdir(parents=True)
    names = {d.file for d in doubts(pulled)}
    assert f"mirror/batches/{batch.name} (not a regular file)" in names
    assert "mirror/log/empty/below/ (an empty folder)" in names


def test_a_cosignature_of_a_stranger_does_not_belong_in_the_mirror(pulled):
    path = pulled.home.mirror / "log/checkpoint"
    data = path.read_bytes()
    stranger = SigningKey.from_seed("stranger", Algorithm.ED25519_COSIGNATURE, bytes(32))
    path.write_bytes(add_cosignature(data, cosign(peek_checkpoint(data), stranger, now=1)))
    assert [d.code for d in doubts(pulled)] == ["unknown-key"]


def test_a_renamed_batch_is_missing_and_unexpected(pulled):
    batch = next((pulled.home.mirror / "batches").iterdir())
    batch.rename(batch.with_name("0" * 64 + ".batch"))
    assert {d.code for d in doubts(pulled)} == {"missing", "unexpected"}


def test_the_line_of_a_device_says_what_is_proven(pulled, capsys):
    assert pulled.run("verify", "--quiet") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "VERIFIED"
    assert "minister: sealed; epoch 0: batches 0..3 in one chain, 10 items, head " in "\n".join(out)


def test_the_answer_for_programs_names_file_batch_and_item(pulled, capsys):
    batch = max((pulled.home.mirror / "batches").iterdir(), key=lambda p: p.stat().st_size)
    data = bytearray(batch.read_bytes())
    data[-1] ^= 128
    batch.write_bytes(data)
    capsys.readouterr()
    assert pulled.run("verify", "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["verified"] is False
    (doubt,) = answer["doubts"]
    assert doubt["file"] == f"mirror/batches/{batch.name}"
    assert (doubt["batch"], doubt["item"]) == ("minister/0/0", 3)


def test_a_home_without_a_mirror_is_a_usage_error(world, capsys):
    assert world.run("verify") == 2
    assert "no mirror yet" in capsys.readouterr().err
