# SPDX-License-Identifier: EUPL-1.2
"""Waiting for what another process does, which nothing tells of."""

import json
import time
import urllib.request


def phase(world):
    """Where the receiver stands: asking, sealing, …"""
    with urllib.request.urlopen(f"{world.server.url}/v1/health", timeout=10) as answer:
        return json.load(answer)["phase"]


def await_phase(world, wanted):
    """Return once the receiver stands there."""
    await_that(lambda: phase(world) == wanted, f"not {wanted}")


def await_that(condition, what):
    """Return once it holds; fail when it does not within a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)
