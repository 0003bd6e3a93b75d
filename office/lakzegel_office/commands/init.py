# SPDX-License-Identifier: EUPL-1.2
"""`init`: every key of the office, each with its role, and the note that delegates them."""

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_core.age import Identity, Recipient
from lakzegel_core.checkpoint import LogKeys
from lakzegel_core.delegation import Delegation, sign_delegation
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import SigningKey, VerifierKey, check_name
from lakzegel_office import durable, settings
from lakzegel_office.commands.common import Commands, command
from lakzegel_office.config import (
    APPROVAL_KEYS,
    POLICY_KEYS,
    RECIPIENTS,
    SIGNERS,
    Config,
    judge_keys,
)
from lakzegel_office.errors import UsageError
from lakzegel_office.home import Home
from lakzegel_office.keys.periods import first_period
from lakzegel_office.vault import ACCOUNT, INDEX, WORK_FACTOR, Vault

DEFAULT_ORG: Final = "records"
FIRST_SERIAL: Final = 1
SEED: Final = 32  # bytes
MAX_LOG_KEYS: Final = 16_384  # bytes of the receiver's log.keys


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "init", run, "make the office's home and all its keys")
    parser.add_argument(
        "--log-keys", type=Path, required=True, metavar="FILE", help="the receiver's log.keys"
    )
    parser.add_argument("--org", default=DEFAULT_ORG, metavar="NAME", help="begins all key names")
    parser.add_argument("--server", metavar="URL", help="the receiver's address")
    parser.add_argument("--ca-file", type=Path, metavar="F", help="trust this authority for TLS")
    parser.add_argument(
        "--account-file", type=Path, metavar="F", help="the bearer token; kept encrypted"
    )
    parser.add_argument(
        "--work-factor",
        type=int,
        default=WORK_FACTOR,
        metavar="N",
        help=f"log2 of scrypt's cost for the passphrase (default {WORK_FACTOR})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make keys, `office.toml` and `notes/delegation.note`; refuse where there is an office."""
    home = Home(arguments.home)
    if home.config.exists():
        raise UsageError(f"{home.config}: there is an office here already; it stays")
    log = read_log_keys(arguments.log_keys)
    token = _token(arguments.account_file)
    for folder in (home.root, home.notes, home.mirror, home.state):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    vault = Vault.create(
        home.keys, settings.passphrase(arguments.passphrase_file), arguments.work_factor
    )
    if token is not None:
        vault.store(ACCOUNT, token.encode())
    vault.store(INDEX, os.urandom(SEED))
    signers = _make_signers(vault, check_name(arguments.org))
    config = Config(
        org=arguments.org,
        threshold=len(POLICY_KEYS),
        log=log,
        periods=first_period(_make_recipients(vault), datetime.now(UTC).replace(microsecond=0)),
        keys={name: key.verifier for name, key in signers.items()},
        server=arguments.server,
        ca_file=str(arguments.ca_file.absolute()) if arguments.ca_file else None,
        account=token.partition(".")[0] if token is not None else None,
    )
    durable.write_file(home.notes / "delegation.note", _delegation(config, signers))
    durable.write_file(home.notes / "judge.keys", judge_keys(config).to_text().encode())
    durable.write_file(home.config, config.to_toml().encode())
    _tell(home, config)
    return 0


def read_log_keys(path: Path) -> LogKeys:
    """Return the log's two keys from the receiver's `log.keys`.

    Raises:
        UsageError: the file is not that.
    """
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_LOG_KEYS).decode("ascii").splitlines()
        return LogKeys.from_texts([line for line in lines if line])
    except (OSError, UnicodeDecodeError, LakzegelError) as error:
        raise UsageError(f"{path}: not the receiver's log.keys: {error}") from error


def _token(path: Path | None) -> str | None:
    return settings.secret_line(path, what="account's token") if path is not None else None


def _make_signers(vault: Vault, org: str) -> dict[str, SigningKey]:
    signers = {}
    for name, algorithm in SIGNERS.items():
        signers[name] = SigningKey.from_seed(f"{org}/{name}", algorithm, os.urandom(SEED))
        vault.store(name, signers[name].to_text().encode())
    return signers


def _make_recipients(vault: Vault) -> Mapping[str, Recipient]:
    recipients = {}
    for name in RECIPIENTS:
        identity = Identity.from_seed(os.urandom(SEED))
        vault.store(name, identity.to_text().encode())
        recipients[name] = identity.recipient
    return recipients


def _delegation(config: Config, signers: Mapping[str, SigningKey]) -> bytes:
    def verifiers(*names: str) -> tuple[VerifierKey, ...]:
        return tuple(config.keys[name] for name in names)

    delegation = Delegation(
        origin=config.origin,
        serial=FIRST_SERIAL,
        policy=config.policy_keys,
        threshold=config.threshold,
        enrolment=verifiers("enrolment"),
        approval=verifiers(*APPROVAL_KEYS),
        witness=config.keys["witness"],
        mirror=config.keys["mirror"],
        held=config.keys["held"],
        issued=datetime.now(UTC).replace(microsecond=0),
    )
    return sign_delegation(delegation, [signers[name] for name in POLICY_KEYS])


def _tell(home: Home, config: Config) -> None:
    print(f"office {config.org} for log {config.origin} at {home.root}")
    for name in RECIPIENTS:
        print(f"recipient {name} {config.recipients[name].to_text()}")
    for name in SIGNERS:
        print(f"key {name} {config.keys[name].to_text()}")
    print(f"next: have the receiver publish {home.notes / 'delegation.note'}")
