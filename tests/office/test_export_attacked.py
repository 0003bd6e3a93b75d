# SPDX-License-Identifier: EUPL-1.2
"""An export that is cut off, has no room, or is pointed at what it may not touch."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lakzegel_office import durable
from lakzegel_office.__main__ import INTERRUPTED
from lakzegel_office.errors import UsageError
from lakzegel_office.transfer.model import Role
from lakzegel_office.transfer.outfolder import MARK, FullError, out_folder

CREATED = ["--created", "2026-11-30T12:00:00Z"]


def mail(number, size=0):
    head = f"Message-ID: <{number}@x.example>\nFrom: a@x.example\nSubject: Stuk {number} \u00e9\n"
    body = os.urandom(size // 2).hex()
    return f"{head}Date: Mon, 11 Mar 2024 08:00:10 +0100\n\n{body}\n".encode()


@pytest.fixture(scope="module")
def filled(founded, tmp_path_factory):
    world = founded(tmp_path_factory.mktemp("kantoor"))
    device = world.enrol()
    device.send_as("maildir", {f"cur/{n}": [mail(n, 1 << 18)] for n in range(8)})
    chat = b"11-03-2024 08:02 - Anna: Ligt de begroting klaar?\n"
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [chat]}, source="chats")
    world.pull()
    assert world.run("index", "--quiet") == 0
    return world


def command(world, out, *more):
    home = ["--home", str(world.home.root), "--passphrase-file", str(world.passphrase_file)]
    run = [sys.executable, "-m", "lakzegel_office", "export", "--format", "mdto", *CREATED]
    return [*run, *home, *more, str(out)]


def registers(world, capsys):
    capsys.readouterr()
    assert world.run("export", "registers", "--json") == 0
    return [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(folder, path="a/b/c", data=b"x"):
    return folder.write(path, [data], title="", role=Role.ORIGINAL)


def test_nothing_is_written_through_a_link_or_into_what_is_not_ours(tmp_path):
    other = tmp_path / "anders"
    other.mkdir()
    (other / MARK).write_bytes(b"")
    for name, target in (("uit", other), ("weg", tmp_path / "er-niet")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(UsageError, match="exists"), out_folder(tmp_path / name):
            pass
    (tmp_path / "nieuw.part").symlink_to(other)
    with pytest.raises(UsageError, match="in the way"), out_folder(tmp_path / "nieuw"):
        pass
    assert names(other) == [MARK]


def test_a_link_that_appears_within_is_not_followed(tmp_path):
    victim = tmp_path / "slachtoffer"
    victim.write_text("heel")
    with out_folder(tmp_path / "heel") as folder:
        (folder.root / "a").symlink_to(victim)
        with pytest.raises(FileExistsError):
            write(folder, "a")
        (folder.root / "a").unlink()
    assert victim.read_text() == "heel"


def test_what_appears_under_its_name_meanwhile_stays(tmp_path):
    def made():
        with out_folder(tmp_path / "uit") as folder:
            write(folder)
            (tmp_path / "uit").mkdir()

    with pytest.raises(FileExistsError):
        made()
    assert names(tmp_path) == ["uit"]
    assert names(tmp_path / "uit") == []


def test_a_target_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    (tmp_path / "bestand").write_text("x")
    with (
        pytest.raises(UsageError, match="cannot be written to"),
        out_folder(tmp_path / "bestand/uit"),
    ):
        pass
    with pytest.raises(UsageError, match="no such folder"), out_folder(tmp_path / "weg/uit"):
        pass

    def full(*_arguments, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(FullError, match="no room"), out_folder(tmp_path / "uit"):
        pass


def test_modes_are_the_owners_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        with out_folder(tmp_path / "uit") as folder:
            write(folder)
    finally:
        os.umask(before)
    for path in (tmp_path / "uit", *(tmp_path / "uit").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_what_never_got_its_name_is_no_export(filled, tmp_path, monkeypatch, capsys):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(durable, "settle_tree", full)
        assert filled.run("export", "--format", "eml", "--quiet", str(tmp_path / "nooit")) == 4
    assert "no room" in capsys.readouterr().err
    assert names(tmp_path) == []
    assert registers(filled, capsys)[-2:] == ["export", "failed"]
    assert [line["result"] for line in filled.trail()][-1] == "failed"
    assert filled.run("export", "declare", "nooit", str(tmp_path / "verklaring")) == 2
    assert "no export is called so" in capsys.readouterr().err


@pytest.mark.soak
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
@pytest.mark.parametrize("when", ["proofs\n", "metadata\n", "check\n"])
def test_whatever_ends_it_leaves_nothing(filled, tmp_path, capsys, when, sign):
    with subprocess.Popen(
        command(filled, tmp_path / "uit"), stderr=subprocess.PIPE, text=True
    ) as started:
        assert any(line == when for line in started.stderr)
        started.send_signal(sign)
        said = started.stderr.read()
    assert started.returncode == INTERRUPTED
    assert said.splitlines()[-1] == "lakzegel-office: interrupted; run the same command again"
    assert names(tmp_path) == []
    assert registers(filled, capsys)[-2:] != ["export", "export"]


@pytest.fixture
def small(tmp_path):
    """A disk of some MiB, and how to have it read-only."""
    place = tmp_path / "schijf"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(place)]
    if os.getuid() or subprocess.run(mounted, check=False).returncode:
        pytest.skip("no leave to mount a disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.soak
def test_a_disk_that_is_full_or_read_only_is_named_and_nothing_is_left(filled, small):
    run = subprocess.run(
        command(filled, small / "uit"), check=False, capture_output=True, text=True
    )
    assert run.returncode == 4
    assert "no room for the delivery; nothing is left" in run.stderr.splitlines()[-1]
    assert names(small) == []
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    run = subprocess.run(
        command(filled, small / "uit"), check=False, capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "cannot be written to: Read-only file system" in run.stderr.splitlines()[-1]


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["mdto", "bagit", "eark", "mbox"])
def test_zone_locale_umask_and_hash_seed_change_no_byte(filled, tmp_path, kind):
    made = []
    for zone, locale, seed, umask in (
        ("Asia/Kathmandu", "C.UTF-8", "1", 0o077),
        ("America/St_Johns", "POSIX", "77", 0),
    ):
        out = tmp_path / zone.replace("/", "-") / "uit"
        out.parent.mkdir()
        env = {**os.environ, "TZ": zone, "LC_ALL": locale, "LANG": locale, "PYTHONHASHSEED": seed}
        more = ["--format", kind, "--renderings", "--quiet"]
        subprocess.run(command(filled, out, *more), check=True, env=env, umask=umask)
        made.append(
            {
                p.relative_to(out).as_posix(): (p.stat().st_mode, p.is_file() and p.read_bytes())
                for p in out.rglob("*")
            }
        )
    assert made[0] == made[1]
