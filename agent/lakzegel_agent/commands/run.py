# SPDX-License-Identifier: EUPL-1.2
"""`run`: the daemon."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lakzegel_agent.commands.common import Commands, command, said, say

if TYPE_CHECKING:  # status must start fast
    from lakzegel_agent.services.base import Life
    from lakzegel_agent.settingsconfig import Config

_MORE = """\
Captures changes as they appear and everything every 15 minutes, ships at the policy's cadence and
lets go what the policy's release allows. `status` shows how it fares. SIGHUP: it looks at
everything now. It ends on SIGTERM or Ctrl-C; a second one ends it at once, and loses nothing.
Where it weighs too much it pauses, and ends where that does not help, to be started anew. Under
systemd (Type=notify, WatchdogSec) it says when it is ready, feeds the watchdog while it makes
progress, and logs to stderr as well.

A device that is not enrolled enrols itself where its settings have token_file or token, and waits
for a receiver that is away, or for leave that has not come yet; `status` says what it waits for.

exit: 0 ended as told; 1 the log could not be trusted, or this device may not go on
      2 configuration; not enrolled; another agent is at work here
      5 this version does not work here, by its self-check, or a later one was here: nothing was
        changed; have the version before it, or the later one, installed again

example: lakzegel-agent run --config /etc/lakzegel/agent.toml
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "capture and ship until told to end: the daemon"
    command(commands, "run", run, text=text, more=_MORE)


def run(arguments: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C."""
    from lakzegel_agent.services import manager  # noqa: PLC0415 - status must start fast

    return manager().serve(partial(_work, arguments.config))


def _work(path: Path, life: Life) -> int:
    """One life of the daemon; a service manager hears of it even where the settings are wrong."""
    from lakzegel_agent.running import run as run_daemon  # noqa: PLC0415 - see above
    from lakzegel_agent.settingsapart import load_config_apart  # noqa: PLC0415
    from lakzegel_agent.settingsconfig import service_manager  # noqa: PLC0415
    from lakzegel_agent.updates import begin, counted  # noqa: PLC0415

    with counted():
        config = load_config_apart(path)
        served = service_manager() is not None  # then stderr is the log's
        told = _silent if served else _say
        trial = begin(config, stopped=life.stop.is_set)  # before anything opens the home
        if config.has_token():
            config = _enrolled(config, told, life)
        if life.stop.is_set():
            return 0
        return run_daemon(config, say=told, life=life, trial=trial)


def _enrolled(config: Config, told: Callable[[str], None], life: Life) -> Config:
    """The settings once this device enrolled itself, or was told to end."""
    from lakzegel_agent.notify import notifying  # noqa: PLC0415 - see above
    from lakzegel_agent.selfenrol import enrol_first  # noqa: PLC0415
    from lakzegel_agent.settingsapart import load_config_apart  # noqa: PLC0415
    from lakzegel_agent.settingsconfig import service_manager  # noqa: PLC0415

    with nullcontext(life.pulse) if life.pulse else notifying(service_manager()) as pulse:
        return enrol_first(
            config,
            say=told,
            stop=life.stop,
            reload=lambda: load_config_apart(config.path),
            pulse=pulse,
        )


def _say(text: str) -> None:
    say(f"lakzegel-agent: {said(text)}")


def _silent(text: str) -> None:
    del text
