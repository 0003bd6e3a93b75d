# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench.growing.officerun HOME COMMAND…`: one run of the office, and what it cost.

Processor and clock from when its modules are there; files that Python opened below HOME; memory
that the process had at most.
"""

import contextlib
import io
import json
import sys
import time

from bench.growing.starting import most_resident
from lakzegel_office.__main__ import main

_opened = [0]


def run() -> int:
    """Run the command; a line of JSON says what it took."""
    home = sys.argv[1]

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]).startswith(home):
            _opened[0] += 1

    sys.addaudithook(hear)
    said = io.StringIO()
    began, used = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(said):
        code = main([sys.argv[2], "--home", home, *sys.argv[3:]])
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    cost = {"cpu": round(cpu, 3), "seconds": round(wall, 3), "files": _opened[0]}
    cost["peak"] = most_resident() >> 20
    print(json.dumps({**cost, "code": code, "said": json.loads(said.getvalue())}))
    return 0


if __name__ == "__main__":
    sys.exit(run())
