# SPDX-License-Identifier: EUPL-1.2
"""The log, entry by entry: what custody accepts, and what only a mirror can know.

Core's replay decides what an entry may be. To it the office adds, from its own copy of the log:

- *seen*: the root that a header saw is the root that this log had at that size;
- *time*: a header did not close before the checkpoint that it saw was signed;
- *first change*: the keyring that it replaces is the header's.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from lakzegel_core.age import Recipient
from lakzegel_core.batch import Header, peek_header
from lakzegel_core.custody import Custody
from lakzegel_core.encoding import format_time
from lakzegel_core.enrolment import Enrolment
from lakzegel_core.entries import kind_of
from lakzegel_core.errors import ChainError, ForkError, LakzegelError
from lakzegel_core.finding import Finding
from lakzegel_core.followed import followed
from lakzegel_core.hold import Mark
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.merkle import EMPTY_ROOT, Frontier, leaf_hash
from lakzegel_core.policy import Policy
from lakzegel_core.quorum import Quorum
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.names import ItemId

SKEW: Final = timedelta(minutes=10)  # what an honest device's clock may be behind the log's
SEEN_CODE: Final = "seen-mismatch"
TIME_CODE: Final = "backdated"
POLICY_CODE: Final = "policy-unknown"  # core's warning; the office makes it a finding
TERM_CODE: Final = "after-term"  # likewise
CLOCK_WARNING: Final = "clock-back"

BatchPlace = tuple[str, int, int]  # device, epoch, number
SignedAt = Callable[[int], int | None]  # POSIX time before which no log of that size was signed


@dataclass(frozen=True, slots=True)
class HeaderRecord:
    """A header that custody accepted: its place in the log and its batch's name."""

    index: int
    batch_id: str
    header: Header

    @property
    def name(self) -> str:
        """How a message names the batch."""
        return f"{self.header.device}/{self.header.epoch}/{self.header.batch}"


@dataclass(frozen=True, slots=True)
class Change:
    """A keyring change that custody accepted, and its place in the log."""

    index: int
    change: KeyringChange

    def __str__(self) -> str:
        """Return how a person finds the certificate."""
        said = self.change.certificate
        name = said.hex() if said is not None else "none"
        return f"certificate {name}, entry {self.index} of {format_time(self.change.at)}"


@dataclass(frozen=True, slots=True)
class Problem:
    """An entry that does not fit; `record` where it is a header."""

    index: int
    code: str
    what: str
    record: HeaderRecord | None
    refused: bool = False  # by custody: the entry changes nothing

    def doubt(self, *, excepted: bool) -> Doubt:
        """Return it as `verify` prints it."""
        batch = self.record.name if self.record is not None else None
        return Doubt(
            f"mirror/log, entry {self.index}", self.what, self.code, batch, excepted=excepted
        )


class Replay:
    """The log so far."""

    def __init__(self, custody: Custody, signed_at: SignedAt) -> None:
        """Begin before the first entry; `signed_at` comes from the kept checkpoints."""
        self.custody = custody
        self.accepted: list[HeaderRecord] = []
        self.problems: list[Problem] = []
        self.findings: dict[bytes, list[tuple[int, Finding]]] = {}
        self.changes: list[Change] = []
        self.marks: list[tuple[int, Mark]] = []
        self.destroyed: dict[BatchPlace, dict[int, Change]] = {}  # by batch, of each item
        self._placed: dict[BatchPlace, HeaderRecord] = {}
        self.clock_back: Counter[str] = Counter()  # by device; told, no doubt: order is the chain's
        self.size = 0
        self._signed_at = signed_at
        self._frontier = Frontier()
        self._roots: list[bytes] = [EMPTY_ROOT]

    @classmethod
    def start(cls, config: Config, signed_at: SignedAt) -> "Replay":
        """Begin with the policy keys that are pinned."""
        custody = Custody.start(
            config.origin, pinned=config.policy_keys, threshold=config.threshold
        )
        return cls(custody, signed_at)

    def root(self, size: int) -> bytes:
        """Return the root that this log had at a size up to its own."""
        return self._roots[size]

    def feed(self, entry: bytes) -> None:
        """Take the next entry; what does not fit is noted in `problems`."""
        index = self.size
        record = _record(index, entry)
        self._frontier.append(leaf_hash(entry))
        self._roots.append(self._frontier.root())
        self.size += 1
        try:
            checked = self.custody.check(entry)
            self._require_replaced(checked.entry)
            self.custody.size = index
            self.custody.take(checked)
        except LakzegelError as error:
            self.problems.append(Problem(index, error.code, str(error), record, refused=True))
            return
        if record is not None:
            self._take_header(record, checked.warnings)
        else:
            self._take_other(index, checked.entry)

    def policies(self) -> list[Policy]:
        """Return every policy that the log holds, in its order."""
        return [entry.policy for entry in self.custody.policies.values()]

    def annex_key(self, device: str) -> Recipient | None:
        """Return the recipient of a device's annexes, or None where it is not enrolled."""
        state = self.custody.devices.get(device)
        return state.annex if state is not None else None

    def excepted_at(self, problem_header: str, code: str, item: int | None = None) -> int | None:
        """Return where the log's finding about this lies, or None where it has none."""
        for index, finding in self.findings.get(bytes.fromhex(problem_header), ()):
            if finding.code != code:
                continue
            if not finding.items or item in finding.items:
                return index
        return None

    def _require_replaced(self, entry: object) -> None:
        """Return when a keyring change is of a batch of this log, and follows its keyring.

        Raises:
            ChainError: the log holds no such batch, or that has no such items.
            ForkError: the first change replaces another keyring than the header's.
        """
        if not isinstance(entry, KeyringChange):
            return
        record = self._placed.get((entry.device, entry.epoch, entry.batch))
        name = f"keyring change of {entry.device}/{entry.epoch}/{entry.batch}"
        if record is None:
            raise ChainError(f"{name}: the log holds no such batch")
        if entry.destroyed and entry.destroyed[-1] >= record.header.items:
            raise ChainError(f"{name}: item {entry.destroyed[-1]} is beyond its last one")
        if entry.generation == 1 and entry.old != record.header.keyring:
            raise ForkError(f"{name}: replaces another keyring than the header's")

    def _take_other(self, index: int, entry: object) -> None:
        if isinstance(entry, Enrolment):
            self._check_seen(index, entry.seen_size, entry.seen_root, None)
        elif isinstance(entry, Finding):
            self.findings.setdefault(entry.header, []).append((index, entry))
        elif isinstance(entry, Mark):
            self.marks.append((index, entry))
        elif isinstance(entry, KeyringChange):
            change = Change(index, entry)
            self.changes.append(change)
            gone = self.destroyed.setdefault((entry.device, entry.epoch, entry.batch), {})
            for item in entry.destroyed:
                gone.setdefault(item, change)

    def _take_header(self, record: HeaderRecord, warnings: Sequence[str]) -> None:
        self.accepted.append(record)
        self._placed[place_of(record)] = record
        seen = record.header.seen
        self._check_seen(record.index, seen.size, seen.root, record)
        self._check_time(record)
        if POLICY_CODE in warnings:
            what = "sealed under a policy that this log does not hold for the device"
            self.problems.append(Problem(record.index, POLICY_CODE, what, record))
        if TERM_CODE in warnings:
            what = "sealed after the term of its custody was closed"
            self.problems.append(Problem(record.index, TERM_CODE, what, record))
        if CLOCK_WARNING in warnings:
            self.clock_back[record.header.device] += 1

    def _check_seen(self, index: int, size: int, root: bytes, record: HeaderRecord | None) -> None:
        if size > index:
            what = f"saw a log of {size} entries before there was one"
        elif root != self._roots[size]:
            what = f"saw another log of {size} entries than the mirror holds: two views"
        else:
            return
        self.problems.append(Problem(index, SEEN_CODE, what, record))

    def _check_time(self, record: HeaderRecord) -> None:
        signed = self._signed_at(record.header.seen.size)
        if signed is None:
            return
        earliest = datetime.fromtimestamp(signed, UTC) - SKEW
        if record.header.closed < earliest:
            what = f"closed at {record.header.closed:%Y-%m-%dT%H:%M:%SZ}, yet had seen a later log"
            self.problems.append(Problem(record.index, TIME_CODE, what, record))


def _record(index: int, entry: bytes) -> HeaderRecord | None:
    """Return what an entry says when it is a header; nothing is verified yet."""
    try:
        if kind_of(entry) != "batch":
            return None
        return HeaderRecord(index, hashlib.sha256(entry).hexdigest(), peek_header(entry))
    except LakzegelError:
        return None


def place_of(record: HeaderRecord) -> BatchPlace:
    """Return the device, epoch and number of a batch."""
    return record.header.device, record.header.epoch, record.header.batch


def destroyed_in(replay: Replay, record: HeaderRecord) -> frozenset[int]:
    """Return the items of a batch of which the log says that they were destroyed."""
    return frozenset(replay.destroyed.get(place_of(record), ()))


def gone(replay: Replay, item: ItemId) -> str:
    """Return by which certificate and entry of the log an item was destroyed, or that none is."""
    change = replay.destroyed.get((item.device, item.epoch, item.batch), {}).get(item.index)
    return str(change or "no entry of the log says so; run: lakzegel-office verify")


def keyring_of(replay: Replay, record: HeaderRecord) -> bytes:
    """Return the SHA-256 of a batch's keyring in force: the header's, or the last change's."""
    header = record.header
    changed = replay.custody.keyrings.get((header.device, header.epoch, header.batch))
    return changed[1] if changed is not None else header.keyring


def annexes_of(replay: Replay) -> list[str]:
    """Return the SHA-256 (hex) of every annex that a policy, a hold or a term in the log names."""
    digests = [raw.hex() for policy in replay.policies() for raw in policy.annexes.values()]
    digests += [mark.annex.hex() for _, mark in replay.marks if mark.annex is not None]
    return list(dict.fromkeys(digests))


def quorums_of(replay: Replay) -> Iterator[Quorum]:
    """Yield the quorum of each policy that a device of this log is under."""
    entries = followed(replay.custody).values()
    for entry in {entry.id: entry for entry in entries}.values():
        yield entry.policy.quorum
