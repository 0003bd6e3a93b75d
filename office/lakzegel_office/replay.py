# SPDX-License-Identifier: EUPL-1.2
"""The log, entry by entry: what custody accepts, and what only a mirror can know.

Core's replay decides what an entry may be. To it the office adds, from its own copy of the log:

- *seen*: the root that a header saw is the root that this log had at that size;
- *time*: a header did not close before the checkpoint that it saw was signed;
- *first change*: the keyring that it replaces is the header's.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from lakzegel_core.age import Recipient
from lakzegel_core.custody import Custody
from lakzegel_core.enrolment import Enrolment
from lakzegel_core.errors import ChainError, ForkError, LakzegelError
from lakzegel_core.finding import Finding
from lakzegel_core.followed import followed
from lakzegel_core.hold import Mark
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.limits import MAX_TREE
from lakzegel_core.policy import Policy
from lakzegel_core.quorum import Quorum
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.headers import (
    Changes,
    Destroyed,
    HeaderRecord,
    Headers,
    place_of,
    record_of,
)
from lakzegel_office.logentries import Entries
from lakzegel_office.mirror import Mirror
from lakzegel_office.names import ItemId
from lakzegel_office.places import BatchPlace, Places
from lakzegel_office.roots import Roots

SKEW: Final = timedelta(minutes=10)  # what an honest device's clock may be behind the log's
SEEN_CODE: Final = "seen-mismatch"
TIME_CODE: Final = "backdated"
POLICY_CODE: Final = "policy-unknown"  # core's warning; the office makes it a finding
TERM_CODE: Final = "after-term"  # likewise
CLOCK_WARNING: Final = "clock-back"

SignedAt = Callable[[int], int | None]  # POSIX time before which no log of that size was signed


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

    def __init__(
        self, custody: Custody, mirror: Mirror, signed_at: SignedAt, places: Places | None = None
    ) -> None:
        """Begin before the first entry; `signed_at` comes from the kept checkpoints."""
        self.custody = custody
        self.places = Places.passing() if places is None else places
        self.roots = Roots(mirror)
        self.entries = Entries(mirror, self.roots.require_entry)
        self.accepted = Headers(self.entries, self.places, self._is_known)
        self.changes = Changes(self.entries)
        self.destroyed = Destroyed(custody, self.places, self.changes)
        self.problems: list[Problem] = []
        self.findings: dict[bytes, list[tuple[int, Finding]]] = {}
        self.marks: list[tuple[int, Mark]] = []
        self.clock_back: Counter[str] = Counter()  # by device; told, no doubt: order is the chain's
        self.items: Counter[tuple[str, int]] = Counter()  # sealed, by device and epoch
        self._signed_at = signed_at

    @classmethod
    def start(
        cls, config: Config, mirror: Mirror, signed_at: SignedAt, places: Places | None = None
    ) -> "Replay":
        """Begin with the policy keys that are pinned."""
        custody = Custody.start(
            config.origin, pinned=config.policy_keys, threshold=config.threshold
        )
        return cls(custody, mirror, signed_at, places)

    @property
    def size(self) -> int:
        """How many entries were taken."""
        return self.roots.size

    def root(self, size: int) -> bytes:
        """Return the root that this log had at a size up to its own."""
        return self.roots.at(size)

    def feed(self, entry: bytes) -> None:
        """Take the next entry; what does not fit is noted in `problems`."""
        index = self.size
        record = record_of(index, entry)
        self.roots.append(entry)
        self.entries.size = self.size
        try:
            checked = self.custody.check(entry)
            self._require_replaced(checked.entry)
            self.custody.size = index
            self.custody.take(checked)
        except LakzegelError as error:
            self.problems.append(Problem(index, error.code, str(error), record, refused=True))
            if record is not None:
                self.accepted.refused.add(index)
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

    def _is_known(self, place: BatchPlace) -> bool:
        """Tell whether custody accepted a batch's header: chains have no gaps."""
        device, number, batch = place
        state = self.custody.devices.get(device)
        epochs = () if state is None else (state.current, *state.closed_epochs)
        heads = (epoch.head for epoch in epochs if epoch.epoch == number)
        return any(head is not None and batch <= head.batch for head in heads)

    def _require_replaced(self, entry: object) -> None:
        """Return when a keyring change is of a batch of this log, and follows its keyring.

        Raises:
            ChainError: the log holds no such batch, or that has no such items.
            ForkError: the first change replaces another keyring than the header's.
        """
        if not isinstance(entry, KeyringChange):
            return
        record = self.accepted.find((entry.device, entry.epoch, entry.batch))
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
            self.changes.add(index)
            place = entry.device, entry.epoch, entry.batch
            self.places.add(place, entry.generation, index)

    def _take_header(self, record: HeaderRecord, warnings: Sequence[str]) -> None:
        self.accepted.add(record)
        self.items[record.header.device, record.header.epoch] += record.header.items
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
        elif root != self.roots.at(size):
            self.roots.require_proven(size)
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


def destroyed_in(replay: Replay, record: HeaderRecord) -> frozenset[int]:
    """Return the items of a batch of which the log says that they were destroyed."""
    return frozenset(replay.destroyed[place_of(record)])


def gone(replay: Replay, item: ItemId) -> str:
    """Return by which certificate and entry of the log an item was destroyed, or that none is."""
    change = replay.destroyed[item.device, item.epoch, item.batch].get(item.index)
    return str(change or "no entry of the log says so; run: lakzegel-office verify")


def keyring_of(replay: Replay, record: HeaderRecord) -> bytes:
    """Return the SHA-256 of a batch's keyring in force: the header's, or the last change's."""
    header = record.header
    changed = replay.custody.keyrings.get((header.device, header.epoch, header.batch))
    return changed[1] if changed is not None else header.keyring


def annexes_of(replay: Replay, since: int = 0, upto: int = MAX_TREE) -> list[str]:
    """Return the SHA-256 (hex) of every annex that a policy, a hold or a term in the log names.

    Of entries from `since` on, up to `upto`, alone.
    """
    policies = replay.custody.policies.values()
    entries = [entry for entry in policies if since <= entry.index < upto]
    digests = [raw.hex() for entry in entries for raw in entry.policy.annexes.values()]
    marks = [mark for index, mark in replay.marks if since <= index < upto]
    digests += [mark.annex.hex() for mark in marks if mark.annex is not None]
    return list(dict.fromkeys(digests))


def quorums_of(replay: Replay) -> Iterator[Quorum]:
    """Yield the quorum of each policy that a device of this log is under."""
    entries = followed(replay.custody).values()
    for entry in {entry.id: entry for entry in entries}.values():
        yield entry.policy.quorum
