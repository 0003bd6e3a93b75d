# SPDX-License-Identifier: EUPL-1.2
"""Every console script explains itself, and every subcommand says what it does."""

import re
import subprocess
import sys

import pytest

PROGRAMS = ["lakzegel_demo", "lakzegel_agent", "lakzegel_server", "lakzegel_office"]
EXPECTED = {
    "lakzegel_demo": {"demo"},
    "lakzegel_agent": {"enrol", "run", "once", "status"},
    "lakzegel_server": {"init", "serve", "publish", "account", "link", "check"},
    "lakzegel_office": {
        *("init", "admit", "policy", "pull", "verify"),
        *("list", "show", "open", "restore", "prove", "report", "witness"),
    },
}
ROW = re.compile(r"^ {4}([a-z]+)(?:\s|$)", re.MULTILINE)


def run(module, *arguments):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False
    )


def test_every_console_script_is_one_of_these(project):
    modules = {entry.split(".")[0] for entry in project["project"]["scripts"].values()}
    assert modules == {*PROGRAMS, "lakzegel_verify"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_command_has_a_help_that_says_more_than_its_name(program):
    done = run(program, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    commands = set(ROW.findall(done.stdout))
    assert commands >= EXPECTED[program]
    for command in sorted(commands):
        shown = run(program, command, "--help")
        assert shown.returncode == 0, command
        described = re.split(r"\n(?:positional arguments|options):", shown.stdout)[0]
        sentence = described.partition("\n\n")[2].strip()
        assert len(sentence.split()) >= 3, f"{program} {command}: {sentence!r}"


def test_the_judges_verifier_explains_its_exit_codes():
    done = run("lakzegel_verify", "--help")
    assert done.returncode == 0
    assert "0 proven" in done.stdout


@pytest.mark.real_start
@pytest.mark.parametrize("program", [*PROGRAMS, "lakzegel_verify"])
def test_an_unknown_word_is_a_usage_error(program):
    assert run(program, "--no-such-thing").returncode == 2
