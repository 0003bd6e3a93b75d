# SPDX-License-Identifier: EUPL-1.2
"""Which of the mirrored tokens go with a proof (docs/spec/proof.md §1, timestamps.md §6).

Of each authority one: the oldest that bounds the item and still does, else the oldest. With it what
renews it, one after the other.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from lakzegel_core.errors import LakzegelError
from lakzegel_core.itemproof import MAX_RENEWALS, MAX_STAMPS, Anchor, Renewal, Stamp
from lakzegel_core.timenames import Name
from lakzegel_core.timerenewal import MAX_LIST, parse_list
from lakzegel_core.timetoken import Token, fingerprint
from lakzegel_office.config import Config
from lakzegel_office.errors import DoubtError
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.replay import Replay
from lakzegel_office.timestamps import Judge, limit_of, names_in, roots_in

MOST_TRIED: Final = 64  # tokens of an authority, where the first do not bound it any more
Consistency = Callable[[int], list[bytes]]


class Stamps:
    """The tokens of one mirror."""

    def __init__(self, mirror: Mirror, config: Config, replay: Replay, now: datetime) -> None:
        """Look which there are; what renews which is read from the lists."""
        self._mirror = mirror
        self._judge = Judge(mirror, config, replay)
        self._roots = roots_in(mirror)
        self._now = int(now.timestamp())
        self._over: defaultdict[str, list[Name]] = defaultdict(list)  # by authority
        self._renewing: defaultdict[str, list[Name]] = defaultdict(list)  # by what is renewed
        for name in names_in(mirror):
            if name.renewal:
                self._learn(name)
            else:
                self._over[name.authority].append(name)

    def of(
        self, entry: int, consistency: Consistency
    ) -> tuple[tuple[Stamp, ...], tuple[bytes, ...]]:
        """Return the stamps that bound an entry of the log, and the roots that they lead to."""
        stamps: list[Stamp] = []
        roots: dict[str, Certificate] = {}
        for authority in sorted(self._over)[:MAX_STAMPS]:
            chosen = self._choose([n for n in self._over[authority] if entry < n.number])
            if chosen is None:
                continue
            (first, _), *more = chosen
            anchor = Anchor(self._read(first.stamped), tuple(consistency(first.number)))
            files = [(self._read(name.stamped), self._read(name.answer)) for name, _ in more]
            renewals = tuple(Renewal(renewed, token) for renewed, token in files)
            stamps.append(Stamp(anchor, self._read(first.answer), renewals))
            roots |= {fingerprint(token.root): token.root for _, token in chosen}
        ders = (roots[digest].public_bytes(Encoding.DER) for digest in sorted(roots))
        return tuple(stamps), tuple(ders)

    def _choose(self, names: list[Name]) -> list[tuple[Name, Token]] | None:
        """Return the first chain that holds now, else the first that held."""
        oldest = None
        for name in islice(names, MOST_TRIED):
            chain = self._chain(name)
            if chain and self._holds(chain):
                return chain
            oldest = oldest or chain
        return oldest

    def _chain(self, name: Name) -> list[tuple[Name, Token]] | None:
        """Return a token and what renews it, each by the last one that came in time."""
        token = self._open(name)
        if token is None:
            return None
        chain = [(name, token)]
        while len(chain) <= MAX_RENEWALS:
            after, before = None, chain[-1]
            for renewing in self._renewing[str(before[0])]:
                found = self._open(renewing)
                if found is not None and before[1].at <= found.at < before[1].expires:
                    after = renewing, found
            if after is None:
                break
            chain.append(after)
        return chain[: MAX_RENEWALS + 1]

    def _holds(self, chain: list[tuple[Name, Token]]) -> bool:
        return chain[-1][1].expires > self._now

    def _open(self, name: Name) -> Token | None:
        """Return the token, None where it does not hold; `verify` says why."""
        try:
            stamped, answer = self._read(name.stamped), self._read(name.answer)
            return self._judge.judge(name, stamped, answer, self._roots) if self._roots else None
        except (LakzegelError, DoubtError, FileNotFoundError):
            return None

    def _learn(self, name: Name) -> None:
        try:
            _, renewed = parse_list(read_limited(self._mirror.timestamp(name.stamped), MAX_LIST))
        except (LakzegelError, DoubtError, FileNotFoundError):
            return
        for one in renewed:
            self._renewing[one.name].append(name)

    def _read(self, file: str) -> bytes:
        return read_limited(self._mirror.timestamp(file), limit_of(file))
