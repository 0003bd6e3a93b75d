# SPDX-License-Identifier: EUPL-1.2
"""The scripts for Windows are PowerShell by its grammar; there is none here that could run them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ORACLE = Path(sys.prefix) / "oracles/powershell"
SCRIPTS = sorted((ROOT / "mdm-profiles/intune/windows").glob("*.ps1"))
PARSE = """
import sys
import tree_sitter, tree_sitter_powershell
parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
print(int(parser.parse(sys.stdin.buffer.read()).root_node.has_error))
"""


@pytest.fixture(scope="module")
def is_broken():
    """Whether a script breaks the grammar, asked in a process of its own."""
    if not ORACLE.is_dir():
        pytest.skip("no grammar of PowerShell here: run sh tests/oracles/install.sh")

    def ask(script):
        done = subprocess.run(
            [sys.executable, "-c", PARSE],
            input=script,
            env={"PYTHONPATH": str(ORACLE)},
            capture_output=True,
            check=True,
        )
        return done.stdout.strip() == b"1"

    return ask


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_powershell(is_broken, path):
    assert not is_broken(path.read_bytes())


def test_the_grammar_finds_a_brace_that_is_missing(is_broken):
    text = (ROOT / "mdm-profiles/intune/windows/detect.ps1").read_bytes()
    assert is_broken(text.replace(b"}", b"", 1))
    assert is_broken(text.replace(b"(Test-Path", b"Test-Path", 1))
