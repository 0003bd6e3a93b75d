# SPDX-License-Identifier: EUPL-1.2
"""The longest tests go first, so that of two processes neither works on alone at the end.

Text for people is matched in English, by the programs that a test starts too; what is said in
Dutch has tests of its own (docs/adr/0018).
"""

import os
from itertools import groupby

os.environ["LANGUAGE"] = "en"
os.environ["TPM2TOOLS_TCTI"] = "device:/nowhere"  # no test uses this machine's own TPM

WHOLE_CUSTODIES = "tests/path/"


def pytest_collection_modifyitems(items):
    """Longest first, and dealt out by file: pytest-xdist gives each process one half to begin."""

    def later(item):
        slow = item.get_closest_marker("slow") is not None
        return not slow, not item.nodeid.startswith(WHOLE_CUSTODIES)

    items.sort(key=later)
    halves = [], []
    for number, (_, group) in enumerate(groupby(items, key=lambda item: (later(item), item.path))):
        halves[number % 2].extend(group)
    items[:] = [item for half in halves for item in half]
