# SPDX-License-Identifier: EUPL-1.2
"""Locks and problems: what keeps two agents apart, and what one says of itself."""

import pytest

from lakzegel_agent.errors import UsageError
from lakzegel_agent.home import Home
from lakzegel_agent.problems import Problems


def test_a_home_is_held_by_one(tmp_path):
    home = Home(tmp_path / "home")
    assert not home.is_locked()
    with home.exclusive():
        assert home.is_locked()
        with pytest.raises(UsageError, match="another agent is at work here"), home.exclusive():
            pass
    assert not home.is_locked()
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_what_others_could_open_is_found(tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    (home.keys / "header-0").write_bytes(b"x")
    (home.keys / "header-0").chmod(0o640)
    assert home.open_to_others() == [home.keys / "header-0"]


def test_a_problem_keeps_when_it_began_and_is_kept(device):
    problems = device.problems
    assert problems.add(device.ledger, "polling", "1 of 2")
    began = problems.listed()[0].since
    assert not problems.add(device.ledger, "polling", "2 of 2\n")
    again = Problems(device.clock)
    again.load(device.ledger)
    (found,) = again.listed()
    assert (found.code, found.since, found.detail) == ("polling", began, "2 of 2?")
    again.clear(device.ledger, "polling")
    assert again.listed() == []
