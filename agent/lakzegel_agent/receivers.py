# SPDX-License-Identifier: EUPL-1.2
"""The receiver that a device's settings name, and the way to it."""

from __future__ import annotations

from functools import partial

from lakzegel_agent.bounded import fetch
from lakzegel_agent.pac import MAX_PAC, Pac
from lakzegel_agent.proxies import Routes
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.transport import HttpReceiver


def receiver_of(config: Config) -> HttpReceiver:
    """The receiver, over the proxy that the settings, a PAC file or the system name."""
    verify = True if config.ca_file is None else str(config.ca_file)
    get = partial(fetch, limit=MAX_PAC, verify=verify)
    pac = None if config.pac is None else Pac(config.pac, get)
    routes = Routes(config.server, proxy=config.proxy, pac=pac)
    return HttpReceiver(config.server, ca_file=config.ca_file, routes=routes)
