# SPDX-License-Identifier: EUPL-1.2
"""`verify --since last`: of what came since everything, of the rest what was remembered."""

import json
import random
import shutil
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from lakzegel_office.home import Home
from lakzegel_office.memory import VERIFIED
from tests.office.conftest import make_world

SINCE = ("verify", "--since", "last", "--quiet")


def since(world, capsys, *more):
    """Run an incremental verify; return its exit code and answer."""
    capsys.readouterr()
    code = world.run("verify", "--since", "last", "--json", *more)
    return code, json.loads(capsys.readouterr().out)


def whole(world, *more):
    return world.run("verify", "--quiet", *more)


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory):
    """An office that verified all of it once, and pulled more since."""
    world = make_world(tmp_path_factory.mktemp("since"))
    device, other = world.enrol(), world.enrol("secretaris")
    names = [device.send_files({f"cur/{n}": b"een"}) for n in range(3)]
    other.send_files({"cur/1": b"drie"})
    world.pull()
    assert whole(world) == 0
    size = len(world.receiver.log)
    world.receiver.now += timedelta(hours=1)
    names.append(device.send_files({"cur/9": b"vier", "cur/10": b"vijf"}))
    world.destroy(device, names[0], 0)
    world.pull()
    return world, SimpleNamespace(
        names=names, other=other, size=size, mirrored=len(world.receiver.log)
    )


@pytest.fixture
def verified(lived_in, tmp_path):
    """A copy of that office, and what is known of it."""
    world, known = lived_in
    copied = replace(world, home=Home(tmp_path / "office"))
    shutil.copytree(world.home.root, copied.home.root, symlinks=True)
    vars(copied).update(vars(known))
    return copied


def test_it_goes_on_from_the_last_that_found_nothing_and_says_so(verified, capsys):
    code, said = since(verified, capsys)
    assert (code, said["verified"], said["doubts"]) == (0, True, [])
    assert said["size"] == verified.mirrored
    assert said["since"]["size"] == said["since"]["whole"]["size"] == verified.size
    assert said["since"]["kept_doubts"] == 0
    code, again = since(verified, capsys)
    assert again["since"]["size"] == verified.mirrored
    assert again["since"]["whole"] == said["since"]["whole"]
    assert code == 0
    assert verified.run(*SINCE) == 0
    out = capsys.readouterr().out
    assert f"not read again: the first {verified.mirrored} entries" in out
    assert "VERIFIED: what came since" in out


def test_it_says_of_devices_what_a_whole_one_says(verified, capsys):
    _, said = since(verified, capsys)
    verified.run("verify", "--json")
    other = json.loads(capsys.readouterr().out)
    assert other["since"] is None
    for one in (*said["devices"], *other["devices"]):
        one.pop("coverage")
    assert said["devices"] == other["devices"]


def test_without_a_memory_everything_is_verified(world, device, capsys):
    device.send_files({"a": b"1"})
    world.pull()
    code, said = since(world, capsys)
    assert (code, said["since"]) == (0, None)
    code, said = since(world, capsys)
    assert (code, said["since"]["size"]) == (0, len(world.receiver.log))


def files_of(world):
    return {p: p.read_bytes() for p in world.home.mirror.rglob("*") if p.is_file()}


def test_of_what_is_new_it_finds_whatever_a_whole_one_finds(world, device, capsys):
    """A flipped bit, by chance which, in each file that is new or changed; and each taken away."""
    name = device.send_files({"cur/1": b"een"})
    world.pull()
    assert whole(world) == 0
    before, memory = files_of(world), (world.home.state / VERIFIED).read_bytes()
    world.receiver.now += timedelta(hours=1)
    device.send_files({"cur/2": b"twee" * 300})
    world.destroy(device, name, 0)
    world.pull()
    new = [(path, data) for path, data in files_of(world).items() if before.get(path) != data]
    assert len(new) >= 8
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for path, data in new:
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        for harmed in (bytes(changed), None):
            path.unlink() if harmed is None else path.write_bytes(harmed)
            (world.home.state / VERIFIED).write_bytes(memory)
            code, said = since(world, capsys)
            found = {doubt["file"] for doubt in said["doubts"]}
            name = f"mirror/{path.relative_to(world.home.mirror)}".partition("-")[0]
            assert code == 1, name
            assert any(file.startswith(name) for file in found), (name, said["doubts"])
        path.write_bytes(data)
    (world.home.state / VERIFIED).write_bytes(memory)
    assert world.run(*SINCE) == 0


def test_a_doubt_is_kept_until_a_whole_verify_finds_none(verified, capsys):
    path = verified.home.mirror / f"batches/{verified.names[-1]}.batch"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    code, said = since(verified, capsys)
    assert (code, [doubt["code"] for doubt in said["doubts"]]) == (1, ["format"])
    path.write_bytes(data)
    for _ in range(2):
        code, said = since(verified, capsys)
        assert (code, said["verified"], said["since"]["kept_doubts"]) == (1, False, 1)
        assert said["since"]["size"] == verified.size  # nothing is remembered over a doubt
    assert whole(verified) == 0
    assert since(verified, capsys)[0] == 0


def test_what_a_whole_verify_finds_of_old_is_kept_and_cleared_as_well(verified, capsys):
    path = verified.home.mirror / f"batches/{verified.names[1]}.batch"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    assert since(verified, capsys)[0] == 0  # it is old: that is what --help says
    assert whole(verified) == 1
    path.write_bytes(data)
    assert since(verified, capsys)[0] == 1
    assert whole(verified) == 0
    assert since(verified, capsys)[0] == 0


def test_a_share_of_the_old_is_read_again_until_all_was(verified, capsys):
    path = verified.home.mirror / f"batches/{verified.names[1]}.batch"
    path.write_bytes(path.read_bytes()[:-1])
    codes = [since(verified, capsys, "--again", "25%")[0] for _ in range(4)]
    assert codes[-1] == 1
    assert 0 in codes
    assert since(verified, capsys, "--again", "100%")[0] == 1


@pytest.mark.parametrize("part", ["log/tile/entries", "log/tile/0", "keyrings", "checkpoints"])
def test_reading_again_finds_rot_in_every_kind_of_file(verified, capsys, part):
    assert since(verified, capsys)[0] == 0
    path = min(p for p in (verified.home.mirror / part).rglob("*") if p.is_file())
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    assert since(verified, capsys, "--again", "100%")[0] == 1


def test_a_log_that_was_set_back_or_is_another_one_is_a_doubt(verified, tmp_path, capsys):
    older = tmp_path / "older"
    shutil.copytree(verified.home.mirror, older)
    verified.other.send_files({"cur/7": b"x"})
    verified.pull()
    assert since(verified, capsys)[0] == 0
    shutil.rmtree(verified.home.mirror)
    shutil.copytree(older, verified.home.mirror)
    code, said = since(verified, capsys)
    assert code == 1
    assert "set-back" in {doubt["code"] for doubt in said["doubts"]}


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "flipped memory": lambda state: flip(state / VERIFIED),
    "flipped savepoint": lambda state: flip(next((state / "savepoints").glob("verified-*"))),
    "no savepoint": lambda state: shutil.rmtree(state / "savepoints"),
}


def test_a_damaged_memory_has_everything_verified(verified, capsys):
    for damage, harm in DAMAGES.items():
        harm(verified.home.state)
        code, said = since(verified, capsys)
        assert (code, said["since"]) == (0, None), damage
        assert since(verified, capsys)[1]["since"]["size"] == verified.mirrored


def test_the_memory_of_another_log_proves_nothing(verified, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    other = make_world(tmp_path / "other")
    other.enrol().send_files({"a": b"1"})
    other.pull()
    assert whole(other) == 0
    shutil.rmtree(verified.home.state / "savepoints")
    shutil.copytree(other.home.state / "savepoints", verified.home.state / "savepoints")
    shutil.copy(other.home.state / VERIFIED, verified.home.state / VERIFIED)
    code, said = since(verified, capsys)
    assert code == 1
    assert "fork" in {doubt["code"] for doubt in said["doubts"]}


def test_what_reads_everything_is_not_for_it(verified):
    assert verified.run(*SINCE, "--open") == 2
    assert verified.run(*SINCE, "--former", "x") == 2
    assert verified.run("verify", "--again", "1%") == 2
    for share in ("1", "-1%", "101%", "all"):
        with pytest.raises(SystemExit, match="2"):
            verified.run(*SINCE, "--again", share)
