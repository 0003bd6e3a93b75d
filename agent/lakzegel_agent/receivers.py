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
    routes = Routes(config.server, proxy=config.proxy, pac=pac_of(config))
    return HttpReceiver(config.server, ca_file=config.ca_file, routes=routes)


def pac_of(config: Config) -> Pac | None:
    """The PAC file that the settings name."""
    if config.pac is None:
        return None
    verify = True if config.ca_file is None else str(config.ca_file)
    return Pac(config.pac, partial(fetch, limit=MAX_PAC, verify=verify))
