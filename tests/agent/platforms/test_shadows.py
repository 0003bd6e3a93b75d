# SPDX-License-Identifier: EUPL-1.2
"""Files that a program of Windows holds, read from a shadow copy (docs/spec/services.md §5)."""

import errno
import os
import uuid
from itertools import count
from pathlib import Path

import pytest

from lakzegel_agent.platforms import system
from lakzegel_agent.platforms.shadows import ABANDONED, FRESH, PAUSE, Shadow, Shadows
from lakzegel_agent.platforms.vss import Vss
from tests.agent.platforms.recorded import become_windows

STORE = "\\\\?\\C:\\Users\\jan\\jan.ost"
DEVICE = "\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy"


def identifier(number):
    return f"{{{uuid.UUID(int=number)}}}"


class Volumes:
    """Makes copies as the system does, and knows which there are."""

    def __init__(self):
        self.there = {}
        self.asked = 0
        self.fails = False
        self._numbers = count(1)

    def make(self, drive):
        self.asked += 1
        if self.fails:
            raise PermissionError
        made = Shadow(identifier(number := next(self._numbers)), f"{DEVICE}{number}")
        self.there[made.id] = drive
        return made

    def remove(self, id_):
        if self.fails:
            raise PermissionError
        self.there.pop(id_, None)


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def volumes():
    return Volumes()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def due():
    return []


@pytest.fixture
def shadows(volumes, clock, tmp_path, due):
    def later(seconds, what):
        due.append((seconds, what))

    return Shadows(volumes, tmp_path / "marks", now=clock, later=later)


def marks(tmp_path):
    return sorted(path.name for path in (tmp_path / "marks").iterdir())


def test_one_copy_serves_for_minutes_and_is_gone_at_the_end(shadows, volumes, clock, tmp_path):
    assert shadows.find(STORE) == f"{DEVICE}1\\Users\\jan\\jan.ost"
    assert shadows.find(STORE.lower()) == f"{DEVICE}1\\users\\jan\\jan.ost"
    assert marks(tmp_path) == list(volumes.there) == [identifier(1)]
    clock.now += FRESH
    assert shadows.find(STORE) == f"{DEVICE}2\\Users\\jan\\jan.ost"
    assert marks(tmp_path) == list(volumes.there) == [identifier(2)]
    shadows.close()
    assert (marks(tmp_path), volumes.there) == ([], {})


def test_a_copy_that_nobody_asks_for_again_is_removed_in_time(shadows, volumes, clock, due):
    shadows.find(STORE)
    clock.now += FRESH
    shadows.find(STORE)  # another one by now
    (seconds, first), (_, second) = due
    first()
    assert (seconds, list(volumes.there)) == (FRESH, [identifier(2)])
    second()
    assert volumes.there == {}


def test_a_clock_that_was_put_back_makes_no_copy_last(shadows, volumes, clock):
    shadows.find(STORE)
    clock.now -= 86_400
    assert shadows.find(STORE).startswith(f"{DEVICE}2")
    assert len(volumes.there) == 1


def test_a_volume_that_gives_none_is_left_alone_for_an_hour(shadows, volumes, clock):
    volumes.fails = True
    assert [shadows.find(STORE) for _ in range(5)] == [None] * 5
    assert volumes.asked == 1
    volumes.fails = False
    clock.now += PAUSE
    assert shadows.find(STORE) is not None


def test_another_drive_has_a_copy_of_its_own(shadows, volumes):
    shadows.find(STORE)
    assert shadows.find("\\\\?\\d:\\post\\a.pst") == f"{DEVICE}2\\post\\a.pst"
    assert sorted(volumes.there.values()) == ["C", "D"]


@pytest.mark.parametrize("path", ["\\\\?\\UNC\\server\\share\\a.pst", f"{DEVICE}1\\a", "C:\\a", ""])
def test_what_lies_on_no_drive_here_has_none(shadows, volumes, path):
    assert shadows.find(path) is None
    assert volumes.asked == 0


def test_what_a_killed_process_left_is_removed_and_what_another_uses_is_not(
    shadows, volumes, clock, tmp_path
):
    (tmp_path / "marks").mkdir()
    for number, age in ((7, ABANDONED + 1), (8, ABANDONED - 1)):
        volumes.there[identifier(number)] = "C"
        (tmp_path / "marks" / identifier(number)).touch()
        os.utime(tmp_path / "marks" / identifier(number), (clock.now - age,) * 2)
    (tmp_path / "marks" / "somebody's").touch()
    os.utime(tmp_path / "marks" / "somebody's", (0, 0))
    shadows.find(STORE)
    assert set(volumes.there) == {identifier(8), identifier(1)}
    assert marks(tmp_path) == sorted([identifier(1), identifier(8), "somebody's"])


def test_a_copy_that_cannot_be_marked_is_not_kept(shadows, volumes, monkeypatch):
    def refuse(_path, **_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "touch", refuse)
    assert shadows.find(STORE) is None
    assert (volumes.asked, volumes.there) == (1, {})


def test_marks_in_a_folder_of_somebody_elses_are_none(volumes, clock, tmp_path):
    def refuse(folder):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / identifier(9)).touch()
    os.utime(tmp_path / "marks" / identifier(9), (0, 0))
    volumes.there[identifier(9)] = "a backup of another program's"
    assert Shadows(volumes, tmp_path / "marks", now=clock, close=refuse).find(STORE) is None
    assert list(volumes.there) == [identifier(9)]


def test_where_no_mark_can_be_left_no_copy_is_made(volumes, clock, tmp_path):
    (tmp_path / "marks").write_text("a file")
    assert Shadows(volumes, tmp_path / "marks", now=clock).find(STORE) is None
    assert volumes.asked == 0


def test_a_held_file_is_read_from_its_copy(tmp_path, monkeypatch):
    (tmp_path / "copy").mkdir()
    (tmp_path / "jan.ost").write_bytes(b"now")
    (tmp_path / "copy" / "jan.ost").write_bytes(b"then")

    class Copies:
        def find(self, path):
            return path.replace("\\jan.ost", "\\copy\\jan.ost")

    kernel = become_windows(monkeypatch, Copies())
    kernel.held = {str(tmp_path / "jan.ost"): 1}
    for expected in (b"then", b"now"):
        descriptor = system.open_to_read(tmp_path / "jan.ost")
        assert system.pread(descriptor, 9, 0) == expected
        os.close(descriptor)
    with pytest.raises(FileNotFoundError):
        system.open_to_read(tmp_path / "gone")


def test_the_systems_program_is_asked_with_nothing_of_anybody_elses():
    asked = []

    def answering(text):
        asked.append(text)
        return f"{identifier(5)} {DEVICE}12\r\n".encode()

    vss = Vss(answering)
    assert vss.make("C") == Shadow(identifier(5), f"{DEVICE}12")
    assert "Volume='C:\\'" in asked[0]
    assert "@{Volume=" in asked[0]
    vss.remove(identifier(5))
    assert f"'ID=\"{identifier(5)}\"'" in asked[1]
    for wrong in ("", "c", "CC", "C';calc;'"):
        with pytest.raises(OSError, match="argument"):
            vss.make(wrong)
        with pytest.raises(OSError, match="argument"):
            vss.remove(wrong)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "said", [b"", b"x", b"{1} \\\\?\\C:\\", f"{identifier(5)} C:\\".encode(), b"\xff\xff a"]
)
def test_an_answer_that_is_none_is_no_copy(said):
    with pytest.raises(OSError, match="error"):
        Vss(lambda _: said).make("C")


def test_elsewhere_there_is_no_such_program():
    with pytest.raises(OSError, match="No such file"):
        Vss().make("C")
