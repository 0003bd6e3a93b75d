# SPDX-License-Identifier: EUPL-1.2
"""An office whose disk is full, or cannot be written to: told in a line, and nothing is lost."""

import os
import shutil
import subprocess
from contextlib import suppress

import pytest

from lakzegel_office.__main__ import explain
from lakzegel_office.commands.common import Office
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import Class
from tests.office.disposing import NOW
from tests.office.mails import letter

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="mounts a disk"),
]
UNIT = "a" * 26


@pytest.fixture
def small(tmp_path):
    """A disk of 4 MiB."""
    folder = tmp_path / "klein"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder):
    with suppress(OSError), (folder / "vol").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return (folder / "vol").unlink


def forbid(folder):
    remount = ["mount", "-o", "remount,ro", str(folder)]
    subprocess.run(remount, check=True)
    return lambda: subprocess.run([*remount[:2], "remount,rw", str(folder)], check=True)


@pytest.mark.parametrize(
    ("spoil", "code", "why"),
    [(fill, 4, "make room"), (forbid, 2, "must be writable")],
)
def test_what_cannot_be_written_is_said_and_goes_on_afterwards(
    founded, small, capsys, spoil, code, why
):
    world = founded(small)
    device = world.enrol()
    device.send_as("maildir", {f"cur/{n}": [letter(n, "eerst " * 50)] for n in range(20)})
    world.pull()
    assert world.run("search", "eerst", "--quiet") == 0
    book = Book.open(world.home, Office(world.home, world.config, world.vault).journal_key)
    device.send_as("maildir", {f"cur/{n}": [letter(n, "later " * 900)] for n in range(100, 140)})
    mend = spoil(small)

    def decide():
        book.decide([UNIT], Class.PRIVATE, actor="a", now=NOW, reason="")

    for act in (world.pull, decide):
        with pytest.raises(OSError, match=r"space|Read-only") as refused:
            act()
        text, exit_code = explain(refused.value)
        assert exit_code == code
        assert why in text
    capsys.readouterr()
    assert world.run("search", "eerst", "--quiet") == code
    assert why in capsys.readouterr().err
    assert world.run("verify", "--quiet") == 0
    mend()
    decide()
    assert book.standing(UNIT).class_ is Class.PRIVATE
    assert world.pull().clean
    assert world.run("verify", "--open", "--quiet") == 0
    assert world.run("search", "later", "--quiet") == 0
