# SPDX-License-Identifier: EUPL-1.2
"""One agent's home, opened and held: its keys, ledger, spool and problems."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from lakzegel_agent import durable
from lakzegel_agent.courier import Parts
from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.ending import require_open
from lakzegel_agent.gate import Gate, local_now
from lakzegel_agent.givenup import keep_given_up
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerupgrade import upgrade
from lakzegel_agent.liaison import Liaison
from lakzegel_agent.link import Link
from lakzegel_agent.outlet import Agreed
from lakzegel_agent.pace import Bucket
from lakzegel_agent.power import OwnSurroundings
from lakzegel_agent.problems import Problems
from lakzegel_agent.receivers import receiver_of
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.settingspolicy import Tuner
from lakzegel_agent.ship import Shipper
from lakzegel_agent.spool import Spool


def wall_clock() -> datetime:
    """Now, in UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Station:
    """What one agent works with."""

    config: Config
    home: Home
    keys: KeyStore
    ledger: Ledger
    ledger_key: bytes
    spool: Spool
    problems: Problems
    tuner: Tuner

    def open_ledger(self) -> Ledger:
        """Return the ledger for another thread, which closes it."""
        return Ledger.open(self.home.ledger, self.ledger_key)

    def liaison(self, ledger: Ledger) -> Liaison:
        """Dealings with the receiver over a session of their own, for the ledger's thread."""
        link = Link(
            receiver_of(self.config),
            pins=self.config.pins,
            ledger=ledger,
            evidence=self.home.evidence,
            clock=wall_clock,
            random=os.urandom,
        )
        return Liaison(
            link,
            ledger,
            self.spool,
            self.keys,
            self.problems,
            wall_clock,
            os.urandom,
            self.tuner,
        )

    def sweep(self) -> None:
        """Remove from the spool what the ledger does not name; no batch may be in the making.

        Raises:
            UnwritableError, OSError: the disk does not take it; the next time it may.
        """
        self.ledger.files.settle()
        self.spool.tidy(self.ledger.spooled())

    def parts(self, stopped: Callable[[], bool]) -> Parts:
        """What the courier's thread works with; called in that thread."""
        ledger = Ledger.open(self.home.ledger, self.ledger_key)
        liaison = self.liaison(ledger)
        bucket = Bucket()
        gate = Gate(OwnSurroundings(), wall=local_now)
        shipper = Shipper(
            liaison.link,
            ledger=ledger,
            spool=self.spool,
            problems=self.problems,
            clock=wall_clock,
            stopped=stopped,
            pace=bucket.pace,
        )

        def close() -> None:
            liaison.link.close()
            ledger.close()

        outlet = Agreed(gate, bucket, ledger, self.spool, wall_clock)
        return Parts(liaison, shipper, close, outlet)


@contextmanager
def station(config: Config) -> Iterator[Station]:
    """The opened home, held for one agent.

    Raises:
        UsageError: another agent is at work there, or its term of office ended.
        LedgerDamagedError: its state cannot be read.
        NewerLedgerError: a later version of this agent made it; nothing was changed.
    """
    home = Home(config.home)
    with home.exclusive():
        require_open(home)
        upgrade(home.ledger)
        keys = KeyStore(home.keys)
        keys.settle(config.keystore, random=os.urandom)
        key = keys.ledger_key(random=os.urandom)
        with Ledger.open(home.ledger, key) as ledger:
            spool = Spool.open(home.spool)
            problems = Problems(wall_clock)
            problems.load(ledger)
            keep_given_up(ledger, spool, problems)
            spool.tidy(ledger.spooled())
            yield Station(config, home, keys, ledger, key, spool, problems, Tuner(config))


def chance() -> float:
    """A number from 0 to 1, for jitter."""
    return secrets.randbelow(2**30) / 2**30


def set_aside(config: Config) -> None:
    """Put a state that cannot be read out of the way, whole: nothing of it is deleted."""
    home = Home(config.home)
    with home.exclusive():
        place = home.root / f"lost-{wall_clock():%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        place.mkdir(mode=0o700)
        names = ("keys", "spool", *(p.name for p in home.root.glob("ledger.sqlite*")))
        for name in names:
            (home.root / name).rename(place / name)
        durable.sync_folder(place)
        durable.sync_folder(home.root)
