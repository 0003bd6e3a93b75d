# SPDX-License-Identifier: EUPL-1.2
"""One pull: mirror, verify, open, find, cosign, state what is held.

1. The log, and that it only grew (logsync).
2. Every new entry through custody; `seen` and times against the mirror (replay).
3. Annexes, batches and keyrings that the log names (fetching).
4. Every new item opened once (opening), every capture's pieces looked up (references).
5. What does not fit, as findings in the log; then the log again, and tokens over it (timefetch).
6. Cosignatures, and the held statement for all that is held, opened or excepted.

A step that finds something goes on with what is not concerned; whatever is not done yet is done
by the next pull.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from lakzegel_core import tiles
from lakzegel_core.finding import sign_finding
from lakzegel_office import durable, memory
from lakzegel_office.backlog import Backlog
from lakzegel_office.bringing import Bringing, Progress
from lakzegel_office.checkpoints import Checkpoints
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError, RefusedError
from lakzegel_office.fetching import Fetcher
from lakzegel_office.holding import Misfit
from lakzegel_office.home import Home
from lakzegel_office.index import IndexStore
from lakzegel_office.logsync import LogSync
from lakzegel_office.memory import PULLED, Memory, Sealed, pulled_context
from lakzegel_office.mirror import Mirror, read_bundle
from lakzegel_office.places import KEPT, Places
from lakzegel_office.publishing import Publisher
from lakzegel_office.replay import Replay
from lakzegel_office.timefetch import TimeFetcher
from lakzegel_office.transport import Receiver
from lakzegel_office.vault import INDEX, Vault
from lakzegel_office.witness.parties import office_state

STRIDE: Final = 64  # bundles between two lines of progress
ROUNDS: Final = 8  # times that findings of this pull may make the log grow before it stops


@dataclass(slots=True)
class PullReport:
    """What one pull did and found."""

    size: int = 0
    held: int = 0
    batches: int = 0
    fetched: int = 0
    opened: int = 0
    doubts: list[Doubt] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was found that was not known."""
        return not self.doubts


class Puller:
    """Pulls into one home; keeps the replayed log between pulls."""

    def __init__(
        self,
        home: Home,
        config: Config,
        vault: Vault,
        receiver: Receiver,
        identities: Callable[[], list[str]],
        progress: Progress,
        *,
        whole: bool = False,
    ) -> None:
        """Keep the parties; `identities` are the recipients' secrets for the workers, as of now.

        `whole`: begin with the first entry and look at every file, whatever was remembered.
        """
        self._home = home
        self._config = config
        self._vault = vault
        self._receiver = receiver
        self._read_identities = identities
        self._identities = identities()
        self._progress = progress
        self._mirror = Mirror(home.mirror)
        self._index_key = vault.load(INDEX)
        self._store = IndexStore(home.state, self._index_key)
        self._checkpoints: Checkpoints | None = None
        cover = Sealed(self._index_key, pulled_context(config))
        self._memory = Memory(home, config, PULLED, cover)
        self._remembered = None if whole else self._memory.read()
        self._saved = 0  # the size that a later process would go on from
        self._entries = 0  # how many entries that takes
        self._replay = Replay.start(config, self._mirror, self._signed_at)
        self._bringing = self._bring(Backlog())
        self._places: Places | None = None
        self._times = TimeFetcher(home, config, receiver)
        self._told: set[tuple[str, str]] = set()  # findings that this pull sent: batch, code

    def run(self) -> PullReport:
        """Carry out one pull.

        Raises:
            DoubtError: a rollback or a fork; nothing of the mirror was changed by it.
            UnreachableError: the receiver does not answer; what was brought in stays.
        """
        report = PullReport()
        self._identities = self._read_identities()  # a period may have begun since
        self._home.fresh_incoming()
        self._store.make_folders()
        self._told.clear()  # what the log does not hold by now is a doubt again, and sent again
        sync = LogSync(self._home, self._config, self._receiver)
        sync.tidy()
        self._begin()
        self._follow_others(sync)
        fetcher = Fetcher(self._home, self._receiver)
        for _ in range(ROUNDS):
            signed = sync.advance()
            self._follow_log(signed.checkpoint.size, signed.checkpoint.root)
            report.opened += self._bringing.run(fetcher, self._identities)
            if not self._send_findings(report):
                break
        report.doubts += [p.doubt(excepted=False) for p in self._replay.problems if not p.record]
        report.doubts += self._bringing.missing.values()
        report.doubts += self._times.run(self._replay)
        state = office_state(self._home, self._config)
        publisher = Publisher(self._config, self._vault, self._receiver, self._mirror, state)
        backlog = self._bringing.backlog
        report.held = publisher.publish(
            signed,
            self._replay,
            sorted(backlog.waiting),
            list(backlog.misfits(self._replay)),
            report.doubts,
        )
        report.size = signed.checkpoint.size
        report.batches = len(self._replay.accepted)
        report.fetched = fetcher.fetched.batches
        self._remember(report.held)
        return report

    @property
    def replay(self) -> Replay:
        """The log as it was pulled."""
        return self._replay

    def _follow_others(self, sync: LogSync) -> None:
        """Let go of what this process read of batches, where another one pulled meanwhile."""
        mirrored = sync.newest()
        if mirrored is not None and mirrored.checkpoint.size != self._replay.size:
            self._bringing.look_again()

    def _bring(self, backlog: Backlog) -> Bringing:
        return Bringing(
            self._mirror, self._home.state, self._index_key, self._replay, backlog, self._progress
        )

    def _begin(self) -> None:
        """Before the first pull: go on from where an earlier process came, if it did."""
        if self._replay.size or self._places is not None:
            return
        self._places = Places.kept(self._home.state / KEPT)
        known, self._remembered = self._remembered, None
        replay = None
        if known is not None and self._mirror.checkpoint.exists():
            self._checkpoints = Checkpoints.load(self._mirror, self._config)
            replay = self._memory.resume(known, self._signed_at, self._places)
        if known is None or replay is None:
            self._replay = Replay.start(self._config, self._mirror, self._signed_at, self._places)
            self._bringing = self._bring(Backlog())
            return
        self._replay, self._saved, self._entries = replay, known.size, known.entries
        self._bringing = self._bring(Backlog.from_json(known.says["backlog"], known.size))

    def _remember(self, held: int) -> None:
        """Have a later process go on from here, where enough is new; all of it is durable first."""
        new = self._replay.size - self._saved
        if new < max(memory.EVERY, self._entries // memory.SHARE):
            return
        self._replay.places.settle()
        durable.sync_disk()
        backlog = self._bringing.backlog
        backlog.take(self._replay)
        self._entries = self._memory.write(
            self._replay, {"backlog": backlog.to_json(self._replay, held)}
        )
        self._saved = self._replay.size

    def _signed_at(self, size: int) -> int | None:
        return self._checkpoints.signed_at(size) if self._checkpoints is not None else None

    def _follow_log(self, size: int, root: bytes) -> None:
        """Replay the entries that are new, from the mirror, and compare the root once more."""
        self._checkpoints = Checkpoints.load(self._mirror, self._config)
        replay = self._replay
        replay.roots.anchor(size, root)
        while replay.size < size:
            bundle, start = divmod(replay.size, tiles.WIDTH)
            for entry in read_bundle(self._mirror, bundle, size)[start:]:
                replay.feed(entry)
            if bundle % STRIDE == STRIDE - 1:
                self._progress(f"replayed {replay.size}/{size} entries")
                self._remember(0)
        if replay.root(size) != root:
            raise DoubtError("mirror/log: not the log that was signed; run: lakzegel-office verify")

    def _send_findings(self, report: PullReport) -> bool:
        """Step 5; tell whether the log grew by it."""
        grown = False
        for misfit in self._bringing.backlog.misfits(self._replay):
            if misfit.excepted_at(self._replay) is not None:
                continue
            grown |= self._send_finding(misfit, report)
        return grown

    def _send_finding(self, misfit: Misfit, report: PullReport) -> bool:
        case = (misfit.record.batch_id, misfit.code)
        if case in self._told:
            return False
        report.doubts.append(_as_doubt(misfit))
        now = datetime.now(UTC).replace(microsecond=0)
        finding = misfit.finding(self._config.origin, now)
        signed = sign_finding(finding, self._vault.signer("held", self._config.keys["held"]))
        try:
            self._receiver.send_note(signed)
        except RefusedError as error:
            what = f"the receiver refuses the finding: {error}"
            report.doubts.append(Doubt("finding", what, "refused", misfit.record.name))
            self._told.add(case)
            return False
        self._told.add(case)
        return True


def _as_doubt(misfit: Misfit) -> Doubt:
    record = misfit.record
    item = misfit.items[0] if misfit.items else None
    more = f" (and {len(misfit.items) - 1} more items)" if len(misfit.items) > 1 else ""
    name = f"batch {record.batch_id}"
    return Doubt(name, misfit.what + more, misfit.code, record.name, item)
