# SPDX-License-Identifier: EUPL-1.2
"""`office.toml`: the public parts of the office's keys, and whom it trusts.

org = "records.example"
threshold = 2                                  policy keys that must sign
log_keys = ["log.example/lakzegel+…", "…"]     Ed25519 and ML-DSA-44
server = "https://receiver.example"            optional, as are ca_file and account
[recipients]
records = "age1pq1…"
escrow = "age1pq1…"
[keys]
policy-records = "records.example/policy-records+…"
…
[[period]]                                     every pair of recipients there was, oldest first
…
[[person]]                                     who works here, or did
…

`[recipients]` shows those that policies name now. docs/spec/office-keys.md
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lakzegel_core.age import Recipient
from lakzegel_core.checkpoint import LogKeys
from lakzegel_core.errors import LakzegelError
from lakzegel_core.itemjudge import JudgeKeys
from lakzegel_core.keys import Algorithm, VerifierKey
from lakzegel_core.quorum import Quorum
from lakzegel_office.errors import UsageError
from lakzegel_office.keys.people import People, Person
from lakzegel_office.keys.periods import ROLES, Period, Periods, first_period

RECIPIENTS: Final = ROLES
POLICY_KEYS: Final = ("policy-records", "policy-privacy")  # in the pinned order
APPROVAL_KEYS: Final = ("approval-1", "approval-2")
SIGNERS: Final[Mapping[str, Algorithm]] = {
    "policy-records": Algorithm.ED25519,
    "policy-privacy": Algorithm.ED25519,
    "enrolment": Algorithm.ED25519,
    "approval-1": Algorithm.ED25519,
    "approval-2": Algorithm.ED25519,
    "witness": Algorithm.ED25519_COSIGNATURE,
    "mirror": Algorithm.ED25519_COSIGNATURE,
    "held": Algorithm.ED25519,
}  # one key, one role: the file's name is the role and the end of the key's name
DUE: Final[Mapping[str, int]] = {
    "period": 366,
    "enrolment": 731,
    "approval": 731,
    "sample": 92,
    "trail-check": 92,
}  # days after which each is done anew; `[due]` of office.toml has others
MAX_CONFIG: Final = 1 << 20  # bytes
_TABLES: Final = ("recipients", "keys", "period", "person", "due")
_OPTIONAL: Final = ("server", "ca_file", "account")


@dataclass(frozen=True, slots=True)
class Config:
    """One office, as everybody may know it."""

    org: str
    threshold: int
    log: LogKeys
    periods: Periods
    keys: Mapping[str, VerifierKey]
    server: str | None = None
    ca_file: str | None = None
    account: str | None = None
    people: People = field(default_factory=People)
    due: Mapping[str, int] = field(default_factory=lambda: DUE)

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.log.origin

    @property
    def recipients(self) -> Mapping[str, Recipient]:
        """The recipients of the period that policies name now."""
        return self.periods.default.recipients

    @property
    def policy_keys(self) -> tuple[VerifierKey, ...]:
        """The pinned policy keys, in their order."""
        return tuple(self.keys[name] for name in POLICY_KEYS)

    def to_toml(self) -> str:
        """Return the file's text."""
        lines = [f"org = {_quoted(self.org)}", f"threshold = {self.threshold}"]
        texts = (self.log.ed25519.to_text(), self.log.mldsa.to_text())
        lines.append(f"log_keys = [{', '.join(_quoted(text) for text in texts)}]")
        for name in _OPTIONAL:
            value = getattr(self, name)
            if value is not None:
                lines.append(f"{name} = {_quoted(value)}")
        lines += ["", "[recipients]"]
        lines += [f"{name} = {_quoted(self.recipients[name].to_text())}" for name in RECIPIENTS]
        lines += ["", "[keys]"]
        lines += [f"{name} = {_quoted(self.keys[name].to_text())}" for name in SIGNERS]
        if other := {name: days for name, days in self.due.items() if days != DUE[name]}:
            lines += ["", "[due]", *(f"{name} = {days}" for name, days in other.items())]
        for period in self.periods.all:
            lines += ["", *period.to_toml()]
        for person in self.people.all:
            lines += ["", *person.to_toml()]
        return "\n".join(lines) + "\n"


def judge_keys(config: Config) -> JudgeKeys:
    """Return what `lakzegel-verify --keys` needs, as an outsider may have it."""
    cosigners = Quorum((config.keys["witness"], config.keys["mirror"]), 0)  # named, not demanded
    return JudgeKeys(config.log, config.policy_keys, config.threshold, cosigners)


def read_config(path: Path) -> Config:
    """Return the office that `office.toml` describes.

    Raises:
        UsageError: it cannot be read, or something in it is missing, unknown or not a key.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG)
        table = tomllib.loads(data.decode("utf-8"))
        return _config(table)
    except (OSError, ValueError, KeyError, TypeError, LakzegelError) as error:
        raise UsageError(f"{path}: not a usable office.toml: {error!r}") from error


def _config(table: dict[str, object]) -> Config:
    known = {
        "org",
        "threshold",
        "log_keys",
        "recipients",
        "keys",
        "period",
        "person",
        "due",
        *_OPTIONAL,
    }
    if unknown := sorted(set(table) - known):
        raise ValueError(f"unknown key {unknown[0]}")
    recipients = _strings(table["recipients"])
    keys = _strings(table["keys"])
    if set(recipients) != set(RECIPIENTS) or set(keys) != set(SIGNERS):
        raise ValueError("[recipients] or [keys] does not hold exactly the keys that init makes")
    threshold = table["threshold"]
    log_keys = table["log_keys"]
    if not isinstance(threshold, int) or not isinstance(log_keys, list):
        raise TypeError("threshold is a number and log_keys a list")
    verifiers = {name: VerifierKey.from_text(keys[name]) for name in SIGNERS}
    for name, algorithm in SIGNERS.items():
        if verifiers[name].algorithm != algorithm:
            raise ValueError(f"keys.{name} is of another type than this role has")
    return Config(
        org=_text(table["org"]),
        threshold=threshold,
        log=LogKeys.from_texts([_text(text) for text in log_keys]),
        periods=_periods(recipients, table.get("period")),
        people=_people(table.get("person", [])),
        due=_due(table.get("due", {})),
        keys=verifiers,
        **{name: _text(table[name]) for name in _OPTIONAL if name in table},
    )


def _periods(shown: Mapping[str, str], tables: Any) -> Periods:  # noqa: ANN401 - read from a file
    """Return all periods; the one of an office of before there were several has no table."""
    recipients = {name: Recipient.from_text(shown[name]) for name in RECIPIENTS}
    if tables is None:
        return first_period(recipients)
    periods = Periods(tuple(Period.from_table(table) for table in tables))
    if periods.default.recipients != recipients:
        raise ValueError("[recipients] does not show those of the period that is open")
    return periods


def _people(tables: Any) -> People:  # noqa: ANN401 - read from a file
    return People(tuple(Person.from_table(table) for table in tables))


def _due(table: Any) -> Mapping[str, int]:  # noqa: ANN401 - read from a file
    for name, days in table.items():
        if name not in DUE or type(days) is not int or days < 1:
            raise ValueError(f"due.{name}: not one of {', '.join(DUE)}, in days")
    return {**DUE, **table}


def _strings(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError("expected a table of texts")
    return {name: _text(text) for name, text in value.items()}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {type(value).__name__}")
    return value


def _quoted(text: str) -> str:
    """Return a TOML basic string; JSON's escapes below U+10000 are TOML's too."""
    return json.dumps(text, ensure_ascii=False)
