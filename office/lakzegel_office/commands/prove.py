# SPDX-License-Identifier: EUPL-1.2
"""`prove`: one item's bytes and the proof of them, for somebody who trusts only keys."""

import argparse
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.itemjudge import judge_item
from lakzegel_core.itemtimes import judge_times
from lakzegel_office import durable
from lakzegel_office.batchfile import DestroyedError, open_batch
from lakzegel_office.checkpoints import Checkpoints
from lakzegel_office.commands.common import Commands, command, unlock
from lakzegel_office.commands.evidence import catalog_from, identities, trail_of
from lakzegel_office.commands.naming import add_item, item_of
from lakzegel_office.config import judge_keys
from lakzegel_office.errors import DoubtError, GoneError, UsageError
from lakzegel_office.keys.keychain import Keychain
from lakzegel_office.mirror import Mirror
from lakzegel_office.proving import Prover
from lakzegel_office.replaying import replay_home
from lakzegel_office.stamps import Stamps

DEFAULT_REASON: Final = "proof"


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "prove", run, "write one item and the proof of it")
    add_item(parser)
    parser.add_argument("out", metavar="OUT", type=Path, help="a new file; OUT.proof beside it")
    parser.add_argument("--hide-context", action="store_true", help="show path and times to nobody")
    parser.add_argument(
        "--without-timestamps", action="store_true", help="for a verifier from before proof/v2"
    )
    parser.add_argument("--reason", default=DEFAULT_REASON, metavar="TEXT", help="recorded")


def run(arguments: argparse.Namespace) -> int:
    """Write OUT and OUT.proof, the proof having been judged first."""
    office = unlock(arguments)
    out: Path = arguments.out
    proof_file = out.with_name(out.name + ".proof")
    for path in (out, proof_file):
        if path.exists():
            raise UsageError(f"{path}: exists; give a new file")
    item = item_of(office, arguments.item)
    mirror = Mirror(office.home.mirror)
    replay = replay_home(office)
    now = datetime.now(UTC)
    catalog = catalog_from(office, replay)
    record = catalog.find(item)
    name = record.batch_id
    try:
        keychain = Keychain(identities(office))
        with open_batch(mirror.batch(name), mirror.keyring(name), keychain) as batch:
            opened = batch.item(item.index)
            stamped = not arguments.without_timestamps
            stamps = Stamps(mirror, office.config, replay, now) if stamped else None
            prover = Prover(mirror, replay, Checkpoints.load(mirror, office.config), stamps)
            proof = prover.prove(
                record, batch, item.index, opened, context=not arguments.hide_context
            )
        proven = judge_item(
            proof,
            judge_keys(office.config),
            sha256=hashlib.sha256(opened.payload).digest(),
            size=len(opened.payload),
        )
        bounds = judge_times(proof, judge_keys(office.config), now=now)
    except DestroyedError as error:
        raise GoneError(f"{item}: destroyed; {catalog.certificate(item)}") from error
    except (LakzegelError, FileNotFoundError) as error:
        raise DoubtError(f"{item}: cannot be proven: {error}") from error
    trail_of(office).record("prove", {"item": str(item)}, reason=arguments.reason, now=now)
    durable.write_new(out, opened.payload)
    durable.write_new(proof_file, proof.to_bytes())
    print(f"{out}, {proof_file}: {proven.sentence()}")
    for bound in bounds:
        print(bound.sentence())
    return 0
