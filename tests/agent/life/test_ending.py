# SPDX-License-Identifier: EUPL-1.2
"""Only a readable word that a term of office ended is an end: an end destroys what is left."""

import sys

import pytest

from lakzegel_agent import ending
from lakzegel_agent.errors import UsageError
from lakzegel_agent.home import Home


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    made.keys.mkdir(parents=True)
    (made.keys / "header-0").write_bytes(b"a key")
    return made


def test_a_home_without_that_word_has_not_ended(home):
    assert ending.read_ended(home) is None
    ending.require_open(home)


def test_a_word_that_cannot_be_read_ends_nothing(home):
    home.ended.mkdir()  # as a disk's error would be: no file that can be read, and not absent
    for ask in (ending.read_ended, ending.require_open):
        with pytest.raises(UsageError, match="cannot be read"):
            ask(home)
    assert (home.keys / "header-0").read_bytes() == b"a key"


@pytest.mark.parametrize("word", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_damaged_word_ends_nothing(home, word):
    home.ended.write_bytes(word)
    for ask in (ending.read_ended, ending.require_open):
        with pytest.raises(UsageError, match="nothing was removed"):
            ask(home)
    assert (home.keys / "header-0").read_bytes() == b"a key"


def test_what_a_crash_left_of_an_ended_home_goes_when_it_is_asked_again(home):
    home.ended.write_bytes(b'{"at":"2026-11-30T12:00:00Z"}')
    with pytest.raises(UsageError, match="its term of office ended"):
        ending.require_open(home)
    assert not home.keys.exists()


CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "open"}
steps = {"left": None}


class KilledError(BaseException):
    """As a kill: nothing tidies up after it."""


def killing(event, arguments):
    if steps["left"] is None or event not in CHANGES:
        return
    if event == "open" and isinstance(arguments[0], int):
        return
    steps["left"] -= 1
    if steps["left"] < 0:
        steps["left"] = None
        raise KilledError


def test_killed_anywhere_it_is_ended_or_whole_and_nothing_that_was_given_up_is_lost(tmp_path):
    sys.addaudithook(killing)
    for step in range(99):
        home = Home(tmp_path / str(step))
        home.create()
        (home.keys / "header-0").write_bytes(b"a key")
        home.decommission.touch()
        for kind in ("head", "body", "keyring"):
            (home.spool / f"0-3.{kind}").write_bytes(b"sealed")
        steps["left"] = step
        try:
            ending.leave(home, {"at": "", "how": "decommissioned", "left": 1})
        except KilledError:
            killed = True
        else:
            killed = False
        finally:
            steps["left"] = None
        if not home.ended.exists():
            assert (home.keys / "header-0").exists()
            assert (home.spool / "0-3.head").exists()
            continue
        with pytest.raises(UsageError, match="taken out of use"):
            ending.require_open(home)
        assert not home.keys.exists()
        assert not home.decommission.exists()
        kept = {path.suffix for path in (home.root / "given-up").iterdir()}
        assert kept == {".head", ".body", ".keyring"}, step
        if not killed:
            break
    assert step > 15
