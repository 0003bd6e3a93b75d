# SPDX-License-Identifier: EUPL-1.2
"""Only a readable word that a term of office ended is an end: an end destroys what is left."""

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
