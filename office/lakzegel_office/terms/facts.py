# SPDX-License-Identifier: EUPL-1.2
"""What a verified mirror knows of one custody: devices, counts, read-outs, findings, gaps.

docs/spec/terms.md §4 and §5. What devices say is their statement; what is compared with it is what
lies here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from lakzegel_core.custody_state import DeviceState
from lakzegel_core.encoding import format_time, parse_time
from lakzegel_core.errors import FormatError
from lakzegel_office.catalog import Catalog
from lakzegel_office.collection.opening import custody_of
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import catalog_from
from lakzegel_office.coverage import Coverage
from lakzegel_office.coveragefound import coverage_of
from lakzegel_office.errors import UsageError
from lakzegel_office.holding import read_held
from lakzegel_office.index import IndexedItem
from lakzegel_office.mirror import Mirror
from lakzegel_office.proven import DeviceProof, proven_devices
from lakzegel_office.replay import Replay
from lakzegel_office.replaying import replay_home
from lakzegel_office.verification import Progress, Verification, Verifier

STATEMENTS: Final = ("attestation", "term-ended", "decommissioned")
OUTCOMES: Final = ("sealed", "excluded", "failed")
_TEXT: Final = 255  # characters of what a device says that are kept


@dataclass(slots=True)
class SourceFacts:
    """One source: the counts of the device's last statement, and the captures that are here."""

    label: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    stated: int = 0  # how many versions the device says that it found
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)
    captures: int = 0

    @property
    def found(self) -> int:
        """How many versions were found: always the sum of what became of them."""
        return sum(self.counts.values())

    def to_json(self) -> dict[str, Any]:
        """Return what the certificate says of it."""
        own = {"captures": self.captures, "found": self.found, "source": self.label}
        return {**own, **self.counts, "reasons": self.reasons}


@dataclass(slots=True)
class DeviceFacts:
    """One device, as far as it is of the custody; `whole` where all of it is."""

    name: str
    state: DeviceState
    whole: bool
    proof: DeviceProof | None
    coverage: Coverage | None
    sources: dict[str, SourceFacts] = field(default_factory=dict)
    readouts: list[dict[str, Any]] = field(default_factory=list)
    overdue: set[str] = field(default_factory=set)  # sources of which a read-out was stated to be
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def destroyed(self) -> int:
        """How many of its items the log says were destroyed; captures are among them."""
        return 0 if self.proof is None or not self.whole else self.proof.disposals.destroyed

    def source(self, label: str) -> SourceFacts:
        """Return the facts of one source."""
        return self.sources.setdefault(label, SourceFacts(label))

    def to_json(self) -> dict[str, Any]:
        """Return what the certificate says of it."""
        epochs = () if self.proof is None or not self.whole else self.proof.epochs
        return {
            "coverage": None if self.coverage is None else _covered(self.coverage),
            "destroyed": self.destroyed,
            "device": self.name,
            "epochs": [
                {
                    "batches": one.batches,
                    "closed": None if one.closed is None else format_time(one.closed),
                    "epoch": one.epoch,
                    "head": one.head,
                    "items": one.items,
                }
                for one in epochs
            ],
            "final": self.state.final,
            "findings": self.findings,
            "not_proven": list(self.proof.gaps) if self.proof is not None and self.whole else [],
            "readouts": self.readouts,
            "revoked": self.state.revoked,
            "sources": [one.to_json() for _, one in sorted(self.sources.items())],
            "whole": self.whole,
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything of one custody."""

    custody: str
    verified: Verification
    replay: Replay
    devices: tuple[DeviceFacts, ...]
    held: int

    def counts(self) -> dict[str, int]:
        """Return the sums over all sources: found = sealed + excluded + failed."""
        rows = [one for device in self.devices for one in device.sources.values()]
        sums = {name: sum(row.counts[name] for row in rows) for name in OUTCOMES}
        return {"found": sum(sums.values()), **sums}

    def batches(self) -> int:
        """Return how many batches the devices closed that are wholly of the custody."""
        names = {device.name for device in self.devices if device.whole}
        return sum(1 for record in self.replay.accepted if record.header.device in names)

    def phones(self) -> list[timedelta]:
        """Return how often each of the custody's phones was to be read out, by the newest policy.

        Empty where no policy ever said so.
        """
        wanted = (
            [
                timedelta(seconds=readout.every)
                for readout in policy.readouts
                for source in policy.sources
                if source.name == readout.source and source.custody == self.custody
            ]
            for policy in self.replay.policies()[::-1]
        )
        return next(filter(None, wanted), [])


def _covered(coverage: Coverage) -> dict[str, Any]:
    """Return it with hours as text: canonical JSON has no fractions."""
    return {**coverage.to_json(), "hours_not_covered": f"{coverage.hours:.1f}"}


def _owner(whose: Callable[[str, str], str], device: str, custody: str) -> Callable[[str], bool]:
    """Return what says of a source of a device whether it is of the custody."""
    return lambda label: whose(device, label) == custody


def mirrored(office: Office) -> Replay:
    """Return the mirror's log, replayed.

    Raises:
        UsageError: there is none yet.
    """
    mirror = Mirror(office.home.mirror)
    if not mirror.checkpoint.exists():
        raise UsageError(f"{office.home.root}: no mirror yet; run: lakzegel-office pull")
    return replay_home(office)


def facts_of(office: Office, custody: str, progress: Progress) -> Facts:
    """Return what the mirror, verified anew, knows of a custody.

    Raises:
        UsageError: there is no mirror, or its log cannot be replayed.
    """
    mirror = Mirror(office.home.mirror)
    with office.home.steady():
        found = Verifier(mirror, office.config, progress).run()
    replay = found.replay
    if replay is None:
        raise UsageError("the mirrored log does not hold; run: lakzegel-office verify")
    catalog = catalog_from(office, replay)
    proofs = {proof.device: proof for proof in proven_devices(found)}
    covered = coverage_of(found, catalog)
    whose = custody_of(replay)
    devices = []
    for name, state in sorted(replay.custody.devices.items()):
        whole = state.custody == custody
        made = DeviceFacts(name, state, whole, proofs.get(name), covered.get(name))
        _read(made, catalog, _owner(whose, name, custody))
        made.coverage = made.coverage if whole else None
        if whole or made.sources or made.readouts:
            made.findings = list(_findings(replay, name)) if whole else []
            devices.append(made)
    held = read_held(mirror, office.config)
    return Facts(custody, found, replay, tuple(devices), 0 if held is None else held.size)


def plain(value: Any) -> Any:  # noqa: ANN401 - what a device says
    """Return what a device says as it may be printed: each text in one line, and not too long."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else "?" for c in value)[:_TEXT]
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def moment_of(value: object) -> datetime | None:
    """Return a moment that a device states, None where it is none."""
    try:
        return parse_time(value, what="time") if isinstance(value, str) else None
    except FormatError:
        return None


def is_final(state: DeviceState) -> bool:
    """Return whether nothing more comes of a device."""
    return state.final or state.revoked


def _read(made: DeviceFacts, catalog: Catalog, own: Callable[[str], bool]) -> None:
    """Read a device's items in the order of its chain."""
    captures: Counter[str] = Counter()
    for record in catalog.headers(made.name):
        for line in catalog.batch_items(record):
            if line.kind == "capture" and own(line.source):
                captures[str(plain(line.source))] += 1
            elif line.kind == "observation" and isinstance(line.payload, Mapping):
                _take(made, line, line.payload, own)
    for label, many in captures.items():
        made.source(label).captures = many


def _take(
    made: DeviceFacts, line: IndexedItem, said: Mapping[str, Any], own: Callable[[str], bool]
) -> None:
    if said.get("type") in STATEMENTS:
        _take_counts(made, said, own)
    elif own(line.source) and said.get("type") == "readout":
        made.readouts.append({**plain(dict(said)), "source": plain(line.source)})
        if said.get("complete") is True:
            made.overdue.discard(str(plain(line.source)))
    elif own(line.source) and said.get("type") == "readout-overdue":
        made.overdue.add(str(plain(line.source)))


def _take_counts(made: DeviceFacts, said: Mapping[str, Any], own: Callable[[str], bool]) -> None:
    """Take the counts of a statement: each replaces the ones before it."""
    rows = said.get("sources")
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or not isinstance(row.get("source"), str):
            continue
        if not own(row["source"]):
            continue
        one = made.source(str(plain(row["source"])))
        one.counts = {name: _count(row.get(name)) for name in OUTCOMES}
        one.stated = _count(row.get("found"))
        reasons = row.get("reasons")
        one.reasons = {
            outcome: {str(plain(why)): _count(many) for why, many in whys.items()}
            for outcome, whys in (reasons.items() if isinstance(reasons, dict) else ())
            if outcome in OUTCOMES and isinstance(whys, dict)
        }


def _count(value: object) -> int:
    return value if type(value) is int and value >= 0 else 0


def _findings(replay: Replay, device: str) -> Iterator[dict[str, Any]]:
    for rows in replay.findings.values():
        for index, one in rows:
            if one.device == device:
                batch = f"{one.epoch}/{one.batch}"
                items = list(one.items) if one.items else None
                yield {"batch": batch, "code": one.code, "entry": index, "items": items}
