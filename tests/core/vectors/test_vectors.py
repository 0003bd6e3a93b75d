# SPDX-License-Identifier: EUPL-1.2
"""Every file below tests/vectors gives exactly what it expects."""

from __future__ import annotations

import subprocess
import sys

import pytest
from kit.case import OK, VECTORS, Case, load
from kit.openers import OPENERS

from lakzegel_core import errors
from lakzegel_core.errors import LakzegelError

CASES = [(name, case) for name in sorted(OPENERS) for case in load(name)]
MAKER = VECTORS / "make.py"
ONE_WORD = {"README.md", "kit", "make.py"}


def outcome(name: str, case: Case) -> str:
    try:
        OPENERS[name](case)
    except LakzegelError as error:
        return type(error).__name__
    return OK


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{n}/{c.name}" for n, c in CASES])
def test_the_core_gives_what_the_vector_expects(name, case):
    assert outcome(name, case) == case.expect, case.comment


@pytest.mark.parametrize("name", sorted(OPENERS))
def test_every_format_has_good_and_bad_vectors(name):
    cases = load(name)

    assert len(cases) >= 8
    assert any(case.expect == OK for case in cases)
    assert name == "padme" or any(case.expect != OK for case in cases)


def test_every_folder_is_a_format_that_is_run():
    found = {path.name for path in VECTORS.iterdir()} - {"__pycache__"}

    assert found - ONE_WORD == set(OPENERS)


@pytest.mark.parametrize("name", sorted(OPENERS))
def test_expectations_are_ok_or_the_name_of_an_error(name):
    for case in load(name):
        assert case.expect == OK or issubclass(getattr(errors, case.expect), LakzegelError)


@pytest.mark.parametrize("name", sorted(OPENERS))
def test_files_are_written_in_their_one_form(name):
    for case in load(name):
        assert (VECTORS / name / case.name).read_bytes() == case.to_bytes()
        assert case.comment


def test_the_maker_makes_these_very_files_and_examples():
    result = subprocess.run(
        [sys.executable, str(MAKER), "--check"], capture_output=True, text=True, check=False
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
