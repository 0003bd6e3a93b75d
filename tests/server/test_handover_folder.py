# SPDX-License-Identifier: EUPL-1.2
"""A folder gets whole hand-overs, each once and none overwritten, whatever fails on the way."""

import errno
import hashlib
import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.tiles import decode_entries
from lakzegel_server import durable
from lakzegel_server.__main__ import main
from lakzegel_server.errors import ConfigError
from lakzegel_server.fsck.run import check
from lakzegel_server.handover import folder as module
from lakzegel_server.handover import share
from lakzegel_server.handover.contents import Contents
from lakzegel_server.handover.folder import Folder, Ties
from lakzegel_server.handover.packages import Packages, Step
from lakzegel_server.layout import Layout
from lakzegel_server.settings import load
from lakzegel_server.settings_handover import HandoverFolder
from lakzegel_server.settings_timestamps import TimestampAuthority
from lakzegel_server.timestamping.desk import Timestamps
from tests.tsa import OPENSSL, Authority, answering


@dataclass
class Handing:
    """A folder that is handed over into when a test says so, by a clock that it sets."""

    world: object
    path: object
    now: float = 0.0
    cosigned: bool = True
    told: list = field(default_factory=list)
    more: dict = field(default_factory=dict)
    folder: Folder | None = None

    @property
    def packages(self):
        return Packages(self.world.layout.database)

    def begin(self):
        """As at a start of the receiver."""
        desk, layout = self.world.desk, self.world.layout
        self.folder = Folder(
            HandoverFolder.model_validate({"path": str(self.path), **self.more}),
            log=desk.log,
            contents=Contents(layout, desk.log.store, self.packages),
            ties=Ties(lambda: self.cosigned, self.told.append, desk.visits.fetched),
            clock=lambda: self.now,
            monotonic=lambda: self.now,
        )

    def seal(self, device, *payloads):
        upload = device.seal(payloads or (b"een bericht",))
        self.world.receipt(self.world.client.put(upload), upload)
        return upload

    def work(self, later=3600.0):
        """Do what is due after so long; returns the reason for failing, if it fails."""
        self.now += later
        self.folder.work()
        return self.folder.state.reason

    def whole(self):
        return sorted(p.parent.name for p in self.path.glob("*/ready"))


@pytest.fixture
def handing(world, tmp_path):
    made = Handing(world, tmp_path / "share")
    made.path.mkdir()
    made.begin()
    return made


@pytest.fixture
def device(handing):
    return handing.world.enrol()


def test_a_hand_over_has_all_that_its_entries_name_and_sha256sum_agrees(handing, device):
    upload = handing.seal(device, b"een", b"twee")
    annex = os.urandom(50)
    digest = hashlib.sha256(annex).hexdigest()
    assert handing.world.as_("records")("PUT", f"/v1/annexes/{digest}", annex).status_code == 204
    assert handing.work() == ""
    (name,) = handing.whole()
    assert name == "00000001-0-4"
    there = handing.path / name
    assert (there / f"{upload.name}.batch").read_bytes() == upload.batch
    assert (there / f"{upload.name}.keyring").read_bytes() == upload.keyring
    assert (there / f"{digest}.annex").read_bytes() == annex
    tree = open_checkpoint((there / "checkpoint").read_bytes(), handing.world.keys).checkpoint
    assert tree == handing.world.client.checkpoint().checkpoint
    assert decode_entries((there / "entries-0").read_bytes(), width=4)[3] == upload.note
    assert {path.stat().st_mode & 0o777 for path in there.iterdir()} == {0o640}
    assert there.stat().st_mode & 0o777 == 0o770
    subprocess.run(["sha256sum", "--check", "--strict", "ready"], cwd=there, check=True)
    assert len((there / "ready").read_text().splitlines()) == len(list(there.iterdir())) - 1
    (event,) = handing.told
    assert (event.action, event.thing, event.id, event.count) == ("hand-out", "entries", name, 1)


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
def test_tokens_are_handed_over_with_their_roots_once_and_without_other_news(handing, tmp_path):
    handing.work()
    authority = Authority(tmp_path / "tsa")
    with answering(authority) as url:
        asked = TimestampAuthority(name="first", url=url, roots_file=authority.roots_file)
        stamps = Timestamps.open(
            handing.world.layout, handing.world.desk.log, (asked,), clock=time.time
        )
        stamps.stampers[0].turn()
    handing.work()
    assert handing.whole() == ["00000001-0-1", "00000002-1-1"]
    there = handing.path / "00000002-1-1"
    listed = json.loads((there / "timestamps").read_text())["timestamps"]
    assert listed == handing.world.as_("audit")("GET", "/v1/timestamps").json()["timestamps"]
    expected = {"1-first.checkpoint", "1-first.tsr", f"{listed[0]['root']}.pem"}
    names = {path.name for path in there.iterdir()}
    assert names == expected | {"checkpoint", "timestamps", "ready"}
    handing.work()
    assert len(handing.whole()) == 2


def test_each_hand_over_begins_where_the_one_before_ended_and_nothing_new_is_none(handing, device):
    handing.work()
    handing.work()
    handing.seal(device)
    handing.work()
    handing.work()
    assert handing.whole() == ["00000001-0-3", "00000002-3-4"]
    names = [path.name for path in (handing.path / "00000002-3-4").iterdir()]
    assert sum(name.endswith(".batch") for name in names) == 1


def test_a_log_of_several_bundles_is_handed_over_with_those_that_have_news(handing):
    office = handing.world.office
    for upto in (255, 256, 300):
        size = handing.world.client.checkpoint().checkpoint.size
        delegations = [office.delegation(serial) for serial in range(size + 1, upto + 1)]
        handing.world.desk.log.append(delegations)
        handing.work()
    assert handing.whole() == ["00000001-0-255", "00000002-255-256", "00000003-256-300"]
    bundles = [(p.parent.name[-3:], p.name) for p in sorted(handing.path.glob("*/entries-*"))]
    assert bundles == [("255", "entries-0"), ("256", "entries-0"), ("300", "entries-1")]
    data = (handing.path / "00000002-255-256" / "entries-0").read_bytes()
    assert len(decode_entries(data, width=256)) == 256


def test_many_batches_are_one_hand_over(handing, device):
    handing.more = {"every": "1m"}
    handing.begin()
    handing.work(0)
    for _ in range(5):
        handing.seal(device)
        handing.work(1)
    assert len(handing.whole()) == 1
    handing.work(60)
    assert handing.whole() == ["00000001-0-3", "00000002-3-8"]


def test_what_cannot_be_handed_over_gathers_in_few_hand_overs(handing, device):
    handing.work()
    handing.path.rename(handing.path.with_name("away"))
    for _ in range(5):
        handing.seal(device)
        assert handing.work() == "absent"
    assert len(handing.packages.all()) == 2  # the first lies there, as far as is known
    handing.path.with_name("away").rename(handing.path)
    assert handing.work() == ""
    assert handing.whole() == ["00000001-0-3", "00000002-3-8"]
    assert handing.folder.state.failing_since is None


def test_it_waits_a_while_for_the_cosigners_that_policies_demand(handing, device):
    handing.cosigned = False
    handing.work()
    handing.work(19)
    assert handing.whole() == []
    handing.work(1)
    assert len(handing.whole()) == 1
    handing.seal(device)
    handing.work()
    handing.cosigned = True
    handing.work(1)
    assert len(handing.whole()) == 2


def test_what_lies_there_unfetched_is_limited_and_fetching_it_lets_it_go_on(handing, device):
    handing.more = {"limit": "1 MiB"}
    handing.begin()
    handing.seal(device, os.urandom(700_000))
    assert handing.work() == ""
    handing.seal(device, os.urandom(700_000))
    assert handing.work() == "unfetched"
    assert len(list(handing.path.iterdir())) == 1
    (handing.path / handing.whole()[0]).rename(handing.path.with_name("fetched"))
    assert not handing.world.desk.visits.last.came
    assert handing.work() == ""
    assert handing.whole() == ["00000002-4-5"]
    assert handing.world.desk.visits.last.came


def test_one_that_is_larger_than_the_limit_is_handed_over_by_itself(handing, device):
    handing.more = {"limit": "1 MiB"}
    handing.begin()
    handing.seal(device, os.urandom(1_500_000))
    assert handing.work() == ""
    assert len(handing.whole()) == 1


class Cut(BaseException):
    """The process ends here."""


def cut_at(monkeypatch, step):
    """Have the process end at its so manieth change of the disk; returns the count so far."""
    count, own = [0], threading.get_ident()

    def counted(function):
        def change(*arguments, **more):
            if threading.get_ident() != own:  # the receiver's threads go on as they were
                return function(*arguments, **more)
            count[0] += 1
            if count[0] == step:
                raise Cut
            return function(*arguments, **more)

        return change

    for name in ("mkdir", "rename", "unlink"):
        monkeypatch.setattr(share.os, name, counted(getattr(os, name)))
    monkeypatch.setattr(share, "sync_open_file", counted(durable.sync_open_file))
    monkeypatch.setattr(share, "write_all", half(counted(durable.write_all)))
    monkeypatch.setattr(Packages, "keep", counted(Packages.keep))
    monkeypatch.setattr(Packages, "finish", counted(Packages.finish))
    return count


def half(write):
    """Half of the bytes are there when the process ends."""

    def change(file, data):
        durable.write_all(file, data[: len(data) // 2])
        write(file, data[len(data) // 2 :])

    return change


def test_ended_at_every_step_it_goes_on_and_the_hand_over_is_the_same(handing, device, monkeypatch):
    handing.seal(device)
    step, done = 0, False
    while not done:
        step += 1
        handing.packages.again(2)
        with monkeypatch.context() as cut:
            count = cut_at(cut, step)
            handing.begin()
            try:
                handing.work()
            except Cut:
                pass
            else:
                done = count[0] < step
        assert not any(name.endswith(".part") for name in handing.whole())
        handing.begin()
        assert handing.work() == "", step
        (name,) = handing.whole()
        assert [path.name for path in handing.path.iterdir()] == [name]
        subprocess.run(["sha256sum", "--quiet", "-c", "ready"], cwd=handing.path / name, check=True)
        assert [p.step for p in handing.packages.all()] == [Step.LYING]
        (handing.path / name).rename(handing.path.with_name(f"fetched-{step}"))
        handing.work()
    assert step > 20
    assert len({_bytes(p) for p in handing.path.parent.glob("fetched-*")}) == 1


def test_what_was_begun_grows_no_more_and_leaves_nothing_behind(handing, device, monkeypatch):
    handing.seal(device)
    with monkeypatch.context() as cut:
        cut.setattr(share, "write_all", half(lambda *_: (_ for _ in ()).throw(Cut)))
        with pytest.raises(Cut):
            handing.work()
    handing.seal(device)
    handing.begin()
    assert handing.work() == ""
    names = sorted(path.name for path in handing.path.iterdir())
    assert names == handing.whole() == ["00000001-0-4", "00000002-4-5"]


def _bytes(package):
    return tuple((p.name, p.read_bytes()) for p in sorted(package.iterdir()))


def test_what_is_planted_under_its_names_is_neither_followed_nor_overwritten(
    handing, device, tmp_path
):
    handing.seal(device)
    aside = tmp_path / "aside"
    aside.mkdir()
    (aside / "checkpoint").write_bytes(b"mine")
    (handing.path / "00000001-0-4.part").symlink_to(aside)
    assert handing.work() == "foreign"
    assert (aside / "checkpoint").read_bytes() == b"mine"
    (handing.path / "00000001-0-4.part").unlink()
    (handing.path / "00000001-0-4.part").mkdir()
    (handing.path / "00000001-0-4.part" / "checkpoint").symlink_to(aside / "checkpoint")
    (aside / "empty").touch()  # how any file begins
    (handing.path / "00000001-0-4.part" / "entries-0").hardlink_to(aside / "empty")
    (handing.path / "00000001-0-4.part" / "more").write_bytes(b"x")
    assert handing.work() == ""
    assert (aside / "checkpoint").read_bytes() == b"mine"
    assert (aside / "empty").read_bytes() == b""
    assert not (handing.path / "00000001-0-4" / "more").exists()
    assert not (handing.path / "00000001-0-4" / "checkpoint").is_symlink()


def test_another_folder_of_its_name_is_left_alone_until_somebody_removes_it(handing, device):
    other = handing.path / "00000001-0-3"
    other.mkdir()
    (other / "checkpoint").write_bytes(b"something else")
    assert handing.work() == "foreign"
    assert [(p.name, p.read_bytes()) for p in other.iterdir()] == [
        ("checkpoint", b"something else")
    ]
    (other / "checkpoint").unlink()
    other.rmdir()
    assert handing.work() == ""
    assert handing.whole() == ["00000001-0-3"]


@pytest.fixture
def small_disk(handing):
    """A file system of 1 MiB under the folder; needs the right to mount one."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(handing.path)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    yield handing
    subprocess.run(["umount", "-l", str(handing.path)], check=True)


def test_a_full_or_read_only_disk_is_told_and_gone_on_with(small_disk, device, monkeypatch):
    handing = small_disk
    handing.more = {"mounted": True}
    handing.begin()
    ballast = handing.path / "ballast"
    ballast.write_bytes(bytes(900_000))
    handing.seal(device, os.urandom(600_000))
    assert handing.work() == "full"
    assert [path.name for path in handing.path.iterdir()] == ["ballast"]
    monkeypatch.setattr(share.Share, "free", lambda _: 2**40)  # it fills up while it is written
    assert handing.work() == "full"
    assert handing.whole() == []
    subprocess.run(["mount", "-o", "remount,ro", str(handing.path)], check=True)
    assert handing.work() == "denied"
    subprocess.run(["mount", "-o", "remount,rw", str(handing.path)], check=True)
    ballast.unlink()
    assert handing.work() == ""
    assert len(handing.whole()) == 1


def test_a_folder_that_nothing_is_mounted_on_gets_nothing(handing, device):
    handing.more = {"mounted": True}
    handing.begin()
    assert handing.work() == "not-mounted"
    assert list(handing.path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.EACCES, "x"), "denied"),
        (OSError(errno.EDQUOT, "x"), "full"),
        (OSError(errno.ESTALE, "x"), "absent"),
        (OSError(errno.EIO, "x"), "failed"),
    ],
)
def test_what_is_in_the_way_has_a_code_and_no_path(error, code):
    assert module.reason_of(error) == code


def test_nothing_is_decided_on_while_the_log_may_not_be_the_newest(handing, device):
    handing.folder._log = SimpleNamespace(standing=SimpleNamespace(sealing=False))
    handing.work()
    assert handing.packages.all() == []


def test_an_administrator_sees_what_was_handed_over_and_begins_again(handing, device, capsys):
    handing.seal(device)
    handing.work()
    command = ["handover", "--data", str(handing.world.data)]
    assert main(command) == 0
    (name,) = handing.whole()
    assert "handed over: entries below 4\n" + name in capsys.readouterr().out
    assert main([*command, "--again", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == 3
    handing.work()
    assert handing.whole() == [name, "00000002-3-4"]
    assert main([*command, "--again", "5"]) == 2
    assert "the log has 4 entries" in capsys.readouterr().err


def test_a_hand_over_whose_batch_is_lost_here_has_the_rest(handing, device):
    upload = handing.seal(device)
    path = handing.world.layout.batch(upload.name)
    path.rename(handing.path.with_name("kept"))
    assert handing.work() == ""
    names = {p.name for p in (handing.path / handing.whole()[0]).iterdir()}
    assert f"{upload.name}.batch" not in names
    assert f"{upload.name}.keyring" in names
    handing.path.with_name("kept").rename(path)


@pytest.mark.parametrize("text", ['path = "share"', 'path = "/s"\nevery = 5', 'path = "/s"\nx = 1'])
def test_settings_that_cannot_be_meant_are_refused(tmp_path, text):
    (tmp_path / "settings.toml").write_text(f"[handover.folder]\n{text}\n")
    with pytest.raises(ConfigError):
        load(Layout(tmp_path))


def test_check_names_a_row_that_was_changed(handing, device):
    handing.work()
    packages = handing.packages
    with packages._changing() as change:
        (size,) = change.execute("SELECT size FROM handed").fetchone()
        change.execute("UPDATE handed SET size = 2")
    assert any("handed" in str(doubt) for doubt in check(handing.world.layout).doubts)
    with packages._changing() as change:
        change.execute("UPDATE handed SET size = ?", (size,))
