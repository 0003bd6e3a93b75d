# SPDX-License-Identifier: EUPL-1.2
"""A device enrols itself by what its profile holds, and waits for who is not there yet.

    settings have a token -> ask, introduce, begin -> the token is let go
          |  ^
          v  | back-off by cause; `status` says what it waits for
        receiver away, "again later", no admission yet, used up, expired

docs/spec/settings.md §8
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from lakzegel_agent import durable, journal, updates
from lakzegel_agent.backoff import NETWORK, Backoff, Cause
from lakzegel_agent.causes import cause_of
from lakzegel_agent.ending import is_asked, is_ended, read_ended
from lakzegel_agent.enrol import Enroller
from lakzegel_agent.errors import AgentError, RefusedError, UnwritableError, UsageError
from lakzegel_agent.handedon import note_token, require_same_custody
from lakzegel_agent.home import Home
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.notify import Pulse, Quiet
from lakzegel_agent.platforms import system
from lakzegel_agent.serials import hardware_serial
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.standing import Say, keep_status
from lakzegel_agent.station import Station, chance, station, wall_clock
from lakzegel_agent.status import NOT_ENROLLED
from lakzegel_agent.tokens import Token, read_token_file, token_of
from lakzegel_agent.transport import LaterError
from lakzegel_core.errors import AdmissionError, LakzegelError

Reload = Callable[[], Config]
OVER: Final = (
    "no use for the token: a term of office ended in this home; give who has it now his own"
)
SETTING: Final = "setting token"


def enrol_first(
    config: Config,
    *,
    say: Say,
    stop: threading.Event,
    tries: int | None = None,
    reload: Reload | None = None,
    pulse: Pulse | None = None,
    backoff: Backoff | None = None,
) -> Config:
    """The settings without the token, once this device is enrolled, or was told to end.

    Nothing happens where the settings have no token, or a term of office ended here. ``tries``:
    failures after which the last one is raised; None for never. ``reload`` reads the settings
    anew: whoever manages the device may have mended them.

    Raises:
        UsageError, AgentError, LakzegelError: why it is not enrolled, after so many tries.
    """
    if not config.has_token():
        return config
    if read_ended(Home(config.home)) is not None:
        say(OVER)
        return config.without_token()
    with station(config) as opened:
        if introduction_in_force(opened.ledger, opened.keys) is None:
            updates.made(config)
            waits = backoff or Backoff(chance)
            config = _Waiting(opened, say, stop, tries, reload, pulse or Quiet(), waits).enrol()
        else:
            _look_at(opened, config, stop)
    if not stop.is_set():
        let_go(config)
    return config.without_token()


def token_in(config: Config) -> Token:
    """The token that the settings hold or name, for this machine.

    Raises:
        UsageError: there is none, or it is none.
    """
    if config.token is not None:
        data, place = config.token.encode(), SETTING
    elif config.token_file is not None:
        data, place = read_token_file(config.token_file), str(config.token_file)
    else:
        raise UsageError("settings: no token, and no token_file")

    def serial() -> str | None:
        return config.serial or hardware_serial()

    return token_of(data, place=place, origin=config.pins.origin, serial=serial, random=os.urandom)


def _look_at(opened: Station, config: Config, stop: threading.Event) -> None:
    """Return unless the token, which this device has no use for, is somebody else's.

    Raises:
        UsageError: it is.
    """
    if is_ended(opened.ledger) or is_asked(opened.home):
        return  # it only leaves, and has to be let
    try:
        token = token_in(config)
    except UsageError:
        return  # no use for it, so no harm
    require_same_custody(opened, token, stop)


def let_go(config: Config) -> bool:
    """Remove the token's file where it is this agent's own; whether it was.

    MDM's own file and a credential of the service manager are not: they are others' to remove.
    """
    path = config.token_file
    if path is None:
        return False
    try:
        status, folder = path.lstat(), path.parent.lstat()
        if {status.st_uid, folder.st_uid} != {system.me()}:
            return False
        path.unlink()
        durable.sync_folder(path.parent)
    except OSError:
        return False
    return True


@dataclass(slots=True)
class _Waiting:
    """One device's tries."""

    opened: Station
    say: Say
    stop: threading.Event
    tries: int | None
    reload: Reload | None
    pulse: Pulse
    backoff: Backoff
    said: str = ""

    def enrol(self) -> Config:
        """The settings by which it was enrolled, or those of when it was told to end.

        Raises: what went wrong, after so many tries.
        """
        while not self.stop.is_set():
            try:
                self._try()
            except (AgentError, LakzegelError) as error:
                wait = self._failed(error)
                if self._has_enough(error):
                    raise
                self.pulse.ready()
                self.stop.wait(wait)
                self._read_anew()
            else:
                break
        return self.opened.config

    def _has_enough(self, error: AgentError | LakzegelError) -> bool:
        """Whether whoever waits for the end of this gets it: no leave soon comes by itself."""
        if self.tries is None:
            return False
        return self.backoff.failures >= self.tries or _cause_of(error) is Cause.REFUSED

    def _try(self) -> None:
        opened = self.opened
        liaison = opened.liaison(opened.ledger)
        enroller = Enroller(liaison.link, opened.ledger, opened.keys, wall_clock, os.urandom)
        token = token_in(opened.config)
        try:
            found = enroller.enrol(token, None)
        finally:
            liaison.link.close()
        note_token(opened, token)
        opened.problems.clear(opened.ledger, NOT_ENROLLED, *NETWORK)
        numbers: dict[journal.Number, int] = {"epoch": found.enrolment.epoch}
        with journal.open_log(opened.home.log):
            journal.note("enrol", "device", actor="system", numbers=numbers)

    def _failed(self, error: AgentError | LakzegelError) -> float:
        """State what it waits for; seconds until the next try."""
        opened, cause = self.opened, _cause_of(error)
        with suppress(UnwritableError):
            opened.problems.clear(opened.ledger, *(set(NETWORK) - {cause.code}))
            opened.problems.add(opened.ledger, NOT_ENROLLED, f"waits to enrol: {error}")
            if cause.code in NETWORK:
                opened.problems.add(opened.ledger, cause.code, str(error))
        keep_status(opened, None, None)
        text = f"not enrolled yet: {error}"
        self.pulse.status(f"not enrolled yet: {cause.code}")
        if text != self.said:
            self.said = text
            self.say(text)
        after = error.after if isinstance(error, LaterError) else None
        return self.backoff.failed(cause, after=after)

    def _read_anew(self) -> None:
        """Take up the settings as they are now, where they can be used and still have a token."""
        if self.reload is None or self.stop.is_set():
            return
        config = self.opened.config
        try:
            found = self.reload()
        except UsageError:
            return
        if (found.home, found.pins) == (config.home, config.pins) and found.has_token():
            self.opened = replace(self.opened, config=found)  # another proxy, another token


def _cause_of(error: AgentError | LakzegelError) -> Cause:
    """What the wait is for; leave that was refused may come yet, or be given anew."""
    if isinstance(error, RefusedError | AdmissionError | UsageError):
        return Cause.REFUSED
    return cause_of(error)
