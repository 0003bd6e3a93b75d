# SPDX-License-Identifier: EUPL-1.2
"""The demo's whole path, walked by the agent's own program in place of an interpreter."""

import subprocess
import sys

import pytest

WRAPPER = """
import subprocess, sys
class Popen(subprocess.Popen):
    def __init__(self, args, *more, **named):
        if list(args[:3]) == [sys.executable, "-m", "lakzegel_agent"]:
            args = [AGENT, *args[3:]]
        super().__init__(args, *more, **named)
AGENT, subprocess.Popen = sys.argv.pop(1), Popen
from lakzegel_demo.__main__ import main
sys.exit(main())
"""


@pytest.mark.soak
def test_the_whole_path_is_walked_with_the_agents_own_program(tree):
    done = subprocess.run(
        [sys.executable, "-c", WRAPPER, tree / "bin/lakzegel-agent", "demo"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["VERIFIED"]), done.stderr
