# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench.growing.starting DATA NOW`: opens a receiver's log and says what that took."""

import json
import sys
import time
from pathlib import Path

from lakzegel_core.custody import Custody
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_signer
from lakzegel_server.logstate import LogState


def most_resident() -> int:
    """Bytes that this program had in memory at most; not what started it, as getrusage says."""
    text = Path("/proc/self/status").read_text()
    (line,) = [one for one in text.splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def main() -> None:
    """Start, and stop."""
    layout, now = Layout(Path(sys.argv[1])), float(sys.argv[2])
    count = 0
    check_one = Custody.check

    def counted(self: Custody, data: bytes):  # noqa: ANN202 - as it is
        nonlocal count
        count += 1
        return check_one(self, data)

    Custody.check = counted  # type: ignore[method-assign]
    began, used = time.perf_counter(), time.process_time()
    state = LogState.open(layout, load_signer(layout), clock=lambda: now)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    resident = most_resident() / 10**6
    print(json.dumps({"wall": wall, "cpu": cpu, "checked": count, "resident_mb": resident}))
    state.close()


if __name__ == "__main__":
    main()
