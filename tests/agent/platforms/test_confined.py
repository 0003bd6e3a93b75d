# SPDX-License-Identifier: EUPL-1.2
"""What a process that runs a program from the network has left."""

import os
import subprocess
import sys

import pytest

LEFT = """
import subprocess, sys
from lakzegel_agent.platforms import system
print(open(sys.argv[1]).read())
system.confine({"RLIMIT_CORE": 0})
told = open("/proc/self/status").read().splitlines()
rows = dict(row.split(":\\t", 1) for row in told if row.startswith("Cap"))
print({rows[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")})
try:
    print(open(sys.argv[1]).read())
except PermissionError:
    print("closed")
"""
SOMEBODY = ("--reuid=65534", "--regid=65534", "--clear-groups")
READING = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


@pytest.mark.real_start
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="root's, on Linux")
def test_a_process_that_is_confined_reads_no_home_any_more(tmp_path):
    closed = tmp_path / "closed"
    closed.write_text("mail")
    closed.chmod(0o600)
    done = subprocess.run(
        ["setpriv", *SOMEBODY, *READING, sys.executable, "-c", LEFT, closed],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert done.stdout.split("\n")[:3] == ["mail", "{''}", "closed"], done.stderr
