# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench.growing.starting DATA NOW`: opens a receiver's log and says what that took."""

import json
import resource
import sys
import time
from pathlib import Path

from lakzegel_core.custody import Custody
from lakzegel_server.layout import Layout, load_signer
from lakzegel_server.logstate import LogState


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
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 10**6
    print(json.dumps({"wall": wall, "cpu": cpu, "checked": count, "resident_mb": resident}))
    state.close()


if __name__ == "__main__":
    main()
